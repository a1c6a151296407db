mod routes;

use std::time::Duration;

use jiff::Timestamp;

use super::*;
use crate::directory::{Did, Extension, ExtensionKind, Office, Permission, Trunk};
use crate::id::{DidId, ExtensionId, IdSource, IvrMenuId, TrunkId};
use crate::pii::Secret;

fn extension(ids: &mut IdSource, number: &str, enabled: bool) -> Extension {
    Extension {
        id: ExtensionId::new(ids),
        number: number.into(),
        name: String::new(),
        user: None,
        kind: ExtensionKind::Standard,
        enabled,
        password: Secret::new("x".into()),
        ring_timeout: Duration::from_secs(60),
        incoming_limit: 0,
        permissions: Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: false,
        record_style: crate::recording::OwnStyle::default(),
    }
}

fn trunk(ids: &mut IdSource, prefix: Option<&str>, trusted: &str) -> Trunk {
    Trunk {
        host: Some("192.0.2.1".into()),
        trusted: vec![trusted.parse().unwrap()],
        outbound_prefix: prefix.map(Into::into),
        ..Trunk::new(TrunkId::new(ids), "carrier")
    }
}

fn office() -> (Directory, ExtensionId, IvrMenuId) {
    let mut ids = IdSource::seeded(1);
    let menu = IvrMenuId::new(&mut ids);
    let on = extension(&mut ids, "1000", true);
    let id = on.id;
    let trunks = vec![
        trunk(&mut ids, Some("00"), "192.0.2.0/24"),
        trunk(&mut ids, Some("0049"), "192.0.2.7/32"),
    ];
    let did = Did {
        id: DidId::new(&mut ids),
        number: "+4934556643378".into(),
        name: "main".into(),
        trunk: Some(trunks[0].id),
        destination: Destination::IvrMenu(menu),
    };
    let extensions = vec![on, extension(&mut ids, "1001", false)];
    (
        Directory::new(Office {
            extensions,
            trunks,
            dids: vec![did],
            ..Office::default()
        }),
        id,
        menu,
    )
}

fn inside(directory: &Directory, number: &str) -> Result<Destination, RouteError> {
    let dialled = Dialled {
        number,
        caller: directory.office().extensions.first(),
        at: Timestamp::UNIX_EPOCH,
    };
    from_inside(directory, dialled, &mut Notes::unread())
}

fn outbound_trunk<'a>(directory: &'a Directory, number: &str) -> Option<&'a Trunk> {
    let notes = &mut Notes::unread();
    let found = outbound(directory, None, number, Timestamp::UNIX_EPOCH, notes);
    found.ok().map(|found| found.trunks[0])
}

#[test]
fn an_extension_reaches_extensions_codes_and_our_own_public_numbers() {
    let (directory, id, menu) = office();
    assert_eq!(inside(&directory, "1000"), Ok(Destination::Extension(id)));
    assert_eq!(inside(&directory, "*45"), Ok(Destination::AgentLogin));
    assert_eq!(
        inside(&directory, "+4934556643378"),
        Ok(Destination::IvrMenu(menu))
    );
    assert_eq!(inside(&directory, "1001"), Err(RouteError::Disabled));
    assert_eq!(inside(&directory, "4711"), Err(RouteError::Unallocated));
}

#[test]
fn the_longest_outbound_prefix_wins() {
    let (directory, ..) = office();
    assert_eq!(
        outbound_trunk(&directory, "00491").map(|t| t.id),
        Some(directory.office().trunks[1].id)
    );
    assert_eq!(
        outbound_trunk(&directory, "0043").map(|t| t.id),
        Some(directory.office().trunks[0].id)
    );
    assert_eq!(outbound_trunk(&directory, "43"), None);
}

#[test]
fn a_did_is_found_in_every_form_but_only_from_its_own_trunk() {
    let (directory, ..) = office();
    let [own, other] = &directory.office().trunks[..] else {
        panic!("two trunks")
    };
    for form in ["+4934556643378", "004934556643378", "4934556643378"] {
        assert!(from_trunk(&directory, own, form).is_ok(), "{form}");
        assert_eq!(
            from_trunk(&directory, other, form),
            Err(RouteError::Unallocated)
        );
    }
    assert_eq!(
        from_trunk(&directory, own, "1000"),
        Err(RouteError::Unallocated)
    );
}

#[test]
fn the_narrowest_trusted_network_names_the_trunk() {
    let (directory, ..) = office();
    let trunk = directory
        .trunk_trusting("192.0.2.7".parse().unwrap())
        .unwrap();
    assert_eq!(trunk.id, directory.office().trunks[1].id);
    assert!(
        directory
            .trunk_trusting("198.51.100.1".parse().unwrap())
            .is_none()
    );
}

#[test]
fn digits_could_go_on_as_long_as_a_longer_extension_begins_with_them() {
    let mut ids = IdSource::seeded(1);
    let extensions = ["2", "1000", "100", "10-a"].map(|number| extension(&mut ids, number, true));
    let directory = Directory::new(Office {
        extensions: extensions.to_vec(),
        ..Office::default()
    });
    for digits in ["", "1", "10", "100"] {
        assert!(directory.could_become_extension(digits), "{digits}");
    }
    for digits in ["1000", "101", "2", "3", "10-a"] {
        assert!(!directory.could_become_extension(digits), "{digits}");
    }
    assert!(!Directory::default().could_become_extension(""));
}

#[test]
fn a_number_no_did_has_goes_to_the_trunks_default_destination() {
    let (directory, ..) = office();
    let mut trunk = directory.office().trunks[0].clone();
    let unknown = "+4930999";
    assert_eq!(
        inbound(&directory, &trunk, unknown),
        Err(RouteError::Unallocated)
    );
    trunk.inbound.default_destination = Some(Destination::Echo);
    let found = inbound(&directory, &trunk, unknown).unwrap();
    assert_eq!((found.did, found.destination), (None, &Destination::Echo));
    let found = inbound(&directory, &trunk, "004934556643378").unwrap();
    assert_eq!(
        found.did.map(|did| did.number.as_str()),
        Some("+4934556643378")
    );
}

#[test]
fn a_carrier_that_writes_national_numbers_reaches_our_dids() {
    let (directory, ..) = office();
    let mut trunk = directory.office().trunks[0].clone();
    assert!(from_trunk(&directory, &trunk, "034556643378").is_err());
    trunk.numbers.country_code = Some("49".to_owned());
    assert!(from_trunk(&directory, &trunk, "034556643378").is_ok());
    assert!(from_trunk(&directory, &trunk, "34556643378").is_ok());
}
