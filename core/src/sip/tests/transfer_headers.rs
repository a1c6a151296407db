//! `Refer-To`, `Replaces`, `Diversion` and `History-Info`.

use bytes::Bytes;

use crate::sip::header::{
    Diversion, DiversionReason, HistoryInfo, ReferTo, ReferToError, Replaced, Replaces,
};

fn refer_to(text: &'static str) -> Result<ReferTo, ReferToError> {
    ReferTo::parse(&Bytes::from_static(text.as_bytes()))
}

/// RFC 3515 section 2.1.
#[test]
fn refer_to_names_whom_to_call() {
    for (text, number) in [
        ("<sip:300@example.com>", Some("300")),
        ("sip:300@example.com", Some("300")),
        (
            "\"Sales\" <sips:300@example.com;transport=tls>",
            Some("300"),
        ),
        ("<tel:+4934512345>", Some("+4934512345")),
        ("<sip:%2A97@example.com;method=INVITE>", Some("*97")),
        ("<sip:example.com>", None),
    ] {
        let target = refer_to(text).unwrap();
        assert_eq!(target.number().as_deref(), number, "{text}");
        assert_eq!(target.replaces, None, "{text}");
    }
}

/// RFC 3515 section 2.4.2, RFC 3261 section 21.4.14.
#[test]
fn a_refer_to_that_leads_nowhere_says_how() {
    for (text, error) in [
        ("", ReferToError::Syntax),
        ("<sip:300@example.com", ReferToError::Syntax),
        ("<mailto:a@example.com>", ReferToError::Scheme),
        ("<http://example.com/>", ReferToError::Scheme),
        (
            "<sip:300@example.com;method=SUBSCRIBE>",
            ReferToError::Method,
        ),
        ("<sip:300@h?Replaces=1>", ReferToError::Replaces),
        ("<sip:300@h?Replaces=>", ReferToError::Replaces),
        (
            "<sip:300@h?Replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3&replaces=1%3Bto-tag%3D2%3Bfrom-tag%3D3>",
            ReferToError::Replaces,
        ),
    ] {
        assert_eq!(refer_to(text), Err(error), "{text}");
    }
}

/// RFC 3891 section 6.1, as it stands escaped in a URI (RFC 5589 section 7).
#[test]
fn the_dialog_to_replace_is_read_out_of_the_uri() {
    let target = refer_to(
        "<sip:bob@192.0.2.4?Subject=x&Replaces=90%40host%3Bto-tag%3Da1%3Bfrom-tag%3Db2%3Bearly-only>",
    )
    .unwrap();
    assert_eq!(target.uri, "sip:bob@192.0.2.4");
    let replaces = target.replaces.unwrap();
    assert_eq!(replaces.call_id, "90@host");
    assert_eq!(
        (&replaces.to_tag[..], &replaces.from_tag[..]),
        (&b"a1"[..], &b"b2"[..])
    );
    assert_eq!(replaces.replaced, Replaced::Early);
    assert_eq!(Replaces::parse(&replaces.write()), Ok(replaces));
}

/// RFC 3891 section 6.1: exactly one of each tag.
#[test]
fn replaces_needs_each_tag_once() {
    let parse = |text: &'static str| Replaces::parse(&Bytes::from_static(text.as_bytes()));
    let good = parse("1@h ; from-tag=b;to-tag=a").unwrap();
    assert_eq!(good.replaced, Replaced::Any);
    for bad in [
        "",
        ";to-tag=a;from-tag=b",
        "1@h",
        "1@h;to-tag=a",
        "1@h;from-tag=a",
        "1@h;to-tag=a;to-tag=c;from-tag=b",
        "1@h;to-tag=;from-tag=b",
        "1 2;to-tag=a;from-tag=b",
    ] {
        assert!(parse(bad).is_err(), "{bad}");
    }
}

/// RFC 3891 section 3: a tag of `0` matches a dialog without one.
#[test]
fn a_peer_without_a_tag_is_written_as_zero() {
    let replaces = Replaces::parse(&"1@h;to-tag=a;from-tag=0".into()).unwrap();
    assert!(replaces.is_with(None));
    assert!(replaces.is_with(Some(&"0".into())));
    assert!(!replaces.is_with(Some(&"b".into())));
}

/// RFC 5806 section 4.
#[test]
fn a_diversion_says_who_and_why() {
    let read = Diversion::parse(
        &"\"Front desk\" <sip:+4934511@carrier.example;user=phone>;privacy=off;reason=\"user-busy\";counter=1"
            .into(),
    )
    .unwrap();
    assert_eq!(read.number().unwrap(), "+4934511");
    assert_eq!(read.reason, DiversionReason::UserBusy);
    let odd = Diversion::parse(&"<sip:1@h>;reason=follow-me".into()).unwrap();
    assert_eq!(odd.reason, DiversionReason::Unknown);
    let written = Diversion {
        uri: "sip:300@h".into(),
        reason: DiversionReason::NoAnswer,
    };
    assert_eq!(written.write(), "<sip:300@h>;reason=no-answer");
}

/// RFC 7044 section 5.
#[test]
fn history_grows_by_one_step_per_transfer() {
    let first = HistoryInfo::first("sip:100@h".into());
    let second = first.then("sip:200@h".into());
    assert_eq!(first.write(), "<sip:100@h>;index=1");
    assert_eq!(second.write(), "<sip:200@h>;index=1.1;mp=1");
    for step in [first, second] {
        assert_eq!(HistoryInfo::parse(&step.write()), Ok(step));
    }
    let deep = format!("<sip:1@h>;index=1{}", ".1".repeat(40));
    assert!(HistoryInfo::parse(&deep.into()).is_err());
    assert!(HistoryInfo::parse(&"<sip:1@h>;index=1..2".into()).is_err());
    let number = HistoryInfo::parse(&"<sip:+4934511@h?Reason=SIP%3Bcause%3D302>;index=1".into());
    assert_eq!(number.unwrap().number().as_deref(), Some("+4934511"));
}
