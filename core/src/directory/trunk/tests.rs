use super::*;
use crate::directory::{Directory, Office};
use crate::id::IdSource;

fn berlin(format: NumberFormat) -> NumberPlan {
    NumberPlan {
        format,
        country_code: Some("49".to_owned()),
        area_code: Some("30".to_owned()),
        ..NumberPlan::default()
    }
}

#[test]
fn a_called_number_is_written_as_the_carrier_wants_it() {
    let cases = [
        ("+4930123456", "+4930123456", "4930123456", "030123456"),
        ("004930123456", "+4930123456", "4930123456", "030123456"),
        ("030 123456", "+4930123456", "4930123456", "030123456"),
        ("123456", "+4930123456", "4930123456", "030123456"),
        ("0044 20 7946", "+44207946", "44207946", "0044207946"),
        ("110", "110", "110", "110"),
        ("116116", "116116", "116116", "116116"),
        ("*31#0301", "*31#0301", "*31#0301", "*31#0301"),
    ];
    for (dialled, e164, digits, national) in cases {
        let called = |format| berlin(format).called(dialled);
        assert_eq!(called(NumberFormat::AsDialled), dialled);
        assert_eq!(called(NumberFormat::E164), e164, "{dialled}");
        assert_eq!(called(NumberFormat::E164WithoutPlus), digits, "{dialled}");
        assert_eq!(called(NumberFormat::National), national, "{dialled}");
    }
}

#[test]
fn without_a_country_national_numbers_are_left_alone() {
    let plan = NumberPlan {
        format: NumberFormat::E164,
        ..NumberPlan::default()
    };
    assert_eq!(plan.called("030123456"), "030123456");
    assert_eq!(plan.called("004930123456"), "+4930123456");
}

/// Country, area, international and national prefix.
fn plan(format: NumberFormat, codes: [&str; 4]) -> NumberPlan {
    let [country, area, international, national] = codes.map(str::to_owned);
    NumberPlan {
        format,
        country_code: Some(country),
        area_code: Some(area).filter(|area| !area.is_empty()),
        international_prefix: international,
        national_prefix: national,
    }
}

#[test]
fn in_north_america_a_number_is_known_by_its_length_whatever_the_prefix() {
    for prefix in ["", "1"] {
        let home = ["1", "423", "011", prefix];
        for (dialled, e164) in [
            ("4235550000", "+14235550000"),
            ("14235550000", "+14235550000"),
            ("1 (212) 555-0000", "+12125550000"),
            ("5550000", "+14235550000"),
            ("0114930123456", "+4930123456"),
            ("+4930123456", "+4930123456"),
            ("911", "911"),
            ("1000", "1000"),
            ("4930123456789", "4930123456789"),
        ] {
            let called = plan(NumberFormat::E164, home).called(dialled);
            assert_eq!(called, e164, "{dialled}, prefix {prefix:?}");
        }
        let bare = plan(NumberFormat::E164WithoutPlus, home);
        assert_eq!(bare.called("5550000"), "14235550000");
        for shown in ["14235550000", "4235550000", "+14235550000"] {
            assert_eq!(bare.shown(shown), "+14235550000", "{shown}");
        }
        assert_eq!(bare.shown("1000"), "1000");
        let national = plan(NumberFormat::National, home);
        assert_eq!(national.called("5550000"), format!("{prefix}4235550000"));
        assert_eq!(national.called("+4930123456"), "0114930123456");
        assert_eq!(
            national.calling("+14235550000"),
            format!("{prefix}4235550000")
        );
        assert!(
            national
                .meanings("14235550000")
                .contains(&"+14235550000".to_owned())
        );
    }
    let nowhere = plan(NumberFormat::E164, ["1", "", "011", ""]);
    assert_eq!(nowhere.called("5550000"), "5550000");
}

#[test]
fn where_national_numbers_have_no_prefix_all_but_short_ones_are_whole() {
    let danish = plan(NumberFormat::E164, ["45", "", "00", ""]);
    assert_eq!(danish.called("45123456"), "+4545123456");
    assert_eq!(danish.called("1000"), "1000");
    assert_eq!(danish.shown("33123456"), "+4533123456");
    let bare = plan(NumberFormat::E164WithoutPlus, ["45", "", "00", ""]);
    assert_eq!(bare.shown("4533123456"), "+4533123456");
    assert_eq!(bare.shown("45123456"), "+4545123456");
    let roman = plan(NumberFormat::E164, ["39", "06", "00", ""]);
    assert_eq!(roman.called("0669812345"), "+390669812345");
    assert_eq!(roman.called("390669812345"), "+390669812345");
    assert_eq!(roman.called("3912345678"), "+393912345678");
    assert_eq!(roman.called("698123"), "+3906698123");
}

#[test]
fn an_internal_number_is_no_local_number() {
    assert_eq!(berlin(NumberFormat::E164).calling("1000"), "1000");
    assert_eq!(berlin(NumberFormat::National).calling("+4930100"), "030100");
}

#[test]
fn callers_from_outside_are_shown_in_e164_where_that_is_certain() {
    let plan = berlin(NumberFormat::National);
    assert_eq!(plan.shown("030123456"), "+4930123456");
    assert_eq!(plan.shown("0044207946"), "+44207946");
    assert_eq!(plan.shown("anonymous"), "anonymous");
    assert_eq!(
        berlin(NumberFormat::E164WithoutPlus).shown("4930123456"),
        "+4930123456"
    );
    assert_eq!(NumberPlan::default().shown("030123456"), "030123456");
}

#[test]
fn a_carrier_may_leave_out_the_plus_the_country_or_the_place() {
    let plan = berlin(NumberFormat::AsDialled);
    for written in [
        "+4930123456",
        "4930123456",
        "004930123456",
        "030123456",
        "30123456",
        "123456",
    ] {
        let meanings = plan.meanings(written);
        assert!(
            meanings.contains(&"+4930123456".to_owned()),
            "{written}: {meanings:?}"
        );
    }
    assert!(plan.meanings("anonymous").is_empty());
}

#[test]
fn the_place_of_the_number_survives_its_text_form() {
    for text in ["request_uri", "to", "header:P-Called-Party-ID"] {
        let source: DidSource = text.parse().unwrap();
        assert_eq!(source.to_string(), text);
    }
    for bad in ["", "from", "header:", "header:a b", "header:X\r\nY"] {
        assert_eq!(bad.parse::<DidSource>(), Err(DidSourceError), "{bad}");
    }
}

#[test]
fn methods_have_the_numbers_of_carriers_forms() {
    for method in CallerIdMethod::ALL {
        assert_eq!(CallerIdMethod::from_number(method.number()), Some(*method));
    }
    assert_eq!(CallerIdMethod::from_number(4), None);
    assert_eq!(CallerIdMethod::from_number(6), None);
}

#[test]
fn settings_of_yesterday_get_todays_defaults() {
    let qualify: TrunkQualify = serde_json::from_str("{}").unwrap();
    assert_eq!(qualify, TrunkQualify::default());
    let plan: NumberPlan = serde_json::from_str(r#"{"country_code":"49"}"#).unwrap();
    assert_eq!(plan.international_prefix, "00");
    let inbound: TrunkInbound = serde_json::from_str(r#"{"did_source":"to"}"#).unwrap();
    assert_eq!(inbound.did_source, DidSource::To);
}

#[test]
fn only_who_knows_a_trunks_password_knows_its_contact() {
    let mut ids = IdSource::seeded(1);
    let mut trunk = Trunk::new(TrunkId::new(&mut ids), "carrier");
    trunk.mode = TrunkMode::Register;
    trunk.password = Some(Secret::new("secret".to_owned()));
    let contact = trunk.contact_user();
    assert!(!contact.contains(&trunk.id.to_string()), "{contact}");
    assert_eq!(trunk.clone().contact_user(), contact);
    let mut other = Trunk::new(TrunkId::new(&mut ids), "other");
    other.password.clone_from(&trunk.password);
    assert_ne!(other.contact_user(), contact);
    other.id = trunk.id;
    other.password = Some(Secret::new("another".to_owned()));
    assert_ne!(other.contact_user(), contact);
    let office = Office {
        trunks: vec![trunk.clone()],
        ..Office::default()
    };
    let directory = Directory::new(office);
    let found = directory.trunk_registered_as(&contact);
    assert_eq!(found.map(|found| found.id), Some(trunk.id));
    let by_id = directory.trunk_registered_as(&trunk.id.to_string());
    assert!(by_id.is_none(), "ids are shown over REST and in logs");
}
