//! Whose call an INVITE is: by certificate, by the Contact we registered, by address.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use offhook_core::config::SipConfig;
use offhook_core::directory::{Destination, Directory, Office, Trunk, TrunkInbound, TrunkMode};
use offhook_core::sip::endpoint::{FlowId, Path, SipTransport};
use offhook_core::sip::message::{Message, Request};
use offhook_core::{IdSource, TrunkId};

use crate::alarm;
use crate::call::Origin;
use crate::defence::Guard;
use crate::edge::admission::Admission;
use crate::edge::login::Login;
use crate::edge::stats::Counters;

/// Three trunks that take every number: one by address, one by certificate, one registered.
fn trunks() -> [Trunk; 3] {
    let mut ids = IdSource::seeded(5);
    let mut trunk = |name: &str| Trunk {
        inbound: TrunkInbound {
            default_destination: Some(Destination::Echo),
            ..TrunkInbound::default()
        },
        ..Trunk::new(TrunkId::new(&mut ids), name)
    };
    let mut near = trunk("near");
    near.trusted = vec!["198.51.100.0/24".parse().unwrap()];
    let mut named = trunk("named");
    named.inbound.tls_names = vec!["sbc.carrier.example".to_owned()];
    let mut registered = trunk("registered");
    registered.mode = TrunkMode::Register;
    registered.host = Some("carrier.example".to_owned());
    [near, named, registered]
}

fn invite(user: &str) -> Request {
    let text = format!(
        "INVITE sip:{user}@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/TLS 198.51.100.9;branch=z9hG4bK1\r\n\
         From: <sip:+49301@carrier.example>;tag=1\r\nTo: <sip:+49302@x>\r\n\
         Call-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"
    );
    match Message::parse(&Bytes::from(text)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    }
}

/// Whose call it is, and the number that is called; or the status it is refused with.
fn asks(
    trunks: &[Trunk],
    user: &str,
    from: &str,
    names: Option<&str>,
) -> Result<(Origin, String), u16> {
    let directory = Directory::new(Office {
        trunks: trunks.to_vec(),
        ..Office::default()
    });
    let now = alarm::now();
    let config = SipConfig::default();
    let mut login = Login::new(now, &config, Guard::new(&config.defence));
    let peer: SocketAddr = format!("{from}:5061").parse().unwrap();
    let path = Path {
        flow: FlowId(1),
        transport: SipTransport::Tls,
        local: "192.0.2.1:5061".parse().unwrap(),
        peer,
    };
    let mut admission = Admission {
        login: &mut login,
        directory: &directory,
        counters: &Counters::default(),
        now,
        path,
        countries: None,
        names: names.map(|name| Arc::from([name.to_owned()])),
    };
    let admitted = admission.invite(&invite(user));
    admitted
        .map(|admitted| (admitted.origin, admitted.dialled))
        .map_err(|refusal| refusal.status)
}

const NEAR: &str = "198.51.100.9";
const FAR: &str = "203.0.113.9";

/// RFC 5922 section 7.
#[test]
fn the_name_in_a_certificate_counts_more_than_the_address() {
    let all = trunks();
    let number = "+49302".to_owned();
    let of = |at: usize| Ok((Origin::Trunk(all[at].id), number.clone()));
    assert_eq!(asks(&all, "+49302", NEAR, None), of(0));
    let name = Some("SBC.Carrier.example");
    assert_eq!(asks(&all, "+49302", NEAR, name), of(1));
    assert_eq!(asks(&all, "+49302", FAR, name), of(1));
    let other = Some("sbc.other.example");
    assert_eq!(asks(&all, "+49302", NEAR, other), of(0));
    assert_eq!(asks(&all, "+49302", FAR, other), Err(401));
}

#[test]
fn whoever_calls_the_contact_we_registered_is_the_carrier() {
    let mut all = trunks();
    let contact = all[2].contact_user();
    let expected = Ok((Origin::Trunk(all[2].id), "+49302".to_owned()));
    assert_eq!(asks(&all, &contact, FAR, None), expected);
    assert_eq!(asks(&all, &contact, NEAR, None), expected);
    // Contacts of trunks that do not register are nobody's.
    all[2].mode = TrunkMode::Peer;
    assert_eq!(asks(&all, &contact, FAR, None), Err(401));
    all[2].mode = TrunkMode::Register;
    all[2].enabled = false;
    assert_eq!(asks(&all, &contact, FAR, None), Err(401));
    assert_eq!(asks(&all, "trunk_nobody", FAR, None), Err(401));
}

#[test]
fn a_disabled_trunk_lets_nobody_in() {
    let mut all = trunks();
    for trunk in &mut all {
        trunk.enabled = false;
    }
    let name = Some("sbc.carrier.example");
    assert_eq!(asks(&all, "+49302", NEAR, name), Err(401));
}
