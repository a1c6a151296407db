use super::*;

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

#[test]
fn where_no_prefix_is_dialled_ten_digits_are_national() {
    let plan = NumberPlan {
        format: NumberFormat::E164,
        country_code: Some("1".to_owned()),
        international_prefix: "011".to_owned(),
        national_prefix: String::new(),
        ..NumberPlan::default()
    };
    assert_eq!(plan.called("4235550000"), "+14235550000");
    assert_eq!(plan.called("0114930123456"), "+4930123456");
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
