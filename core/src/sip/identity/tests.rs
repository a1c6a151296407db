use bytes::Bytes;

use super::*;
use crate::directory::{
    CallerIdMethod, DidSource, ForeignCallers, HiddenCallers, IdentityHeader, NumberDisplay,
    NumberFormat, Trunk, TrunkMode,
};
use crate::id::{IdSource, TrunkId};
use crate::sip::{HeaderName, Message, Request};

fn trunk(method: CallerIdMethod) -> Trunk {
    let id = TrunkId::new(&mut IdSource::seeded(1));
    let mut trunk = Trunk::new(id, "carrier");
    trunk.caller.method = method;
    trunk.caller_id = Some("+4930100".to_owned());
    trunk
}

fn anna() -> Calling<'static> {
    Calling {
        number: "1000",
        name: Some("Anna"),
        privacy: Privacy::Shown,
        asserted: None,
        origin: CallerOrigin::Inside(Some("+493010023")),
    }
}

/// From, then the other headers, one a line.
fn shown(calling: &Calling<'_>, trunk: &Trunk) -> Vec<String> {
    let presented = present(calling, trunk, "office.example");
    let text = |value: &Bytes| String::from_utf8_lossy(value).into_owned();
    let headers = presented.headers.iter();
    let headers = headers.map(|(name, value)| format!("{name}: {}", text(value)));
    std::iter::once(text(&presented.from))
        .chain(headers)
        .collect()
}

const MAIN: &str = "\"Anna\" <sip:+4930100@office.example>";
const OWN: &str = "\"Anna\" <sip:+493010023@office.example>";
const NOBODY: &str = "\"Anonymous\" <sip:anonymous@anonymous.invalid>";

#[test]
fn a_static_caller_id_is_all_the_carrier_is_told() {
    assert_eq!(shown(&anna(), &trunk(CallerIdMethod::Static)), [MAIN]);
}

/// RFC 3325 section 9.1.
#[test]
fn an_asserted_identity_stands_beside_the_trunks_own_number() {
    let mut trunk = trunk(CallerIdMethod::Asserted);
    let asserted = format!("P-Asserted-Identity: {OWN}");
    assert_eq!(shown(&anna(), &trunk), [MAIN, &asserted]);
    trunk.caller.header = IdentityHeader::Preferred;
    let preferred = format!("P-Preferred-Identity: {OWN}");
    assert_eq!(shown(&anna(), &trunk), [MAIN, &preferred]);
}

/// draft-ietf-sip-privacy-04 section 5.
#[test]
fn a_remote_party_stands_beside_the_trunks_own_number() {
    let trunk = trunk(CallerIdMethod::RemotePartyId);
    let party = format!("Remote-Party-ID: {OWN};party=calling;screen=yes;privacy=off");
    assert_eq!(shown(&anna(), &trunk), [MAIN, &party]);
}

#[test]
fn from_tells_who_really_calls() {
    assert_eq!(shown(&anna(), &trunk(CallerIdMethod::From)), [OWN]);
    let both = shown(&anna(), &trunk(CallerIdMethod::FromAndAsserted));
    assert_eq!(both, [OWN, &format!("P-Asserted-Identity: {OWN}")]);
}

#[test]
fn an_extension_without_a_public_number_is_shown_as_the_trunk_or_else_as_itself() {
    let calling = Calling {
        origin: CallerOrigin::Inside(None),
        ..anna()
    };
    let mut trunk = trunk(CallerIdMethod::From);
    assert_eq!(shown(&calling, &trunk), [MAIN]);
    trunk.caller_id = None;
    assert_eq!(
        shown(&calling, &trunk),
        ["\"Anna\" <sip:1000@office.example>"]
    );
    trunk.caller.method = CallerIdMethod::Static;
    trunk.username = Some("account".to_owned());
    trunk.mode = TrunkMode::Register;
    assert_eq!(
        shown(&calling, &trunk),
        ["\"Anna\" <sip:account@office.example>"]
    );
}

/// RFC 3323 section 4.1.1.3 and RFC 3325 section 9.3.
#[test]
fn a_hidden_caller_is_anonymous_to_all_but_the_carrier() {
    let calling = Calling {
        privacy: Privacy::Hidden,
        ..anna()
    };
    let nameless = "<sip:+493010023@office.example>";
    assert_eq!(
        shown(&calling, &trunk(CallerIdMethod::FromAndAsserted)),
        [
            NOBODY,
            &format!("P-Asserted-Identity: {nameless}"),
            "Privacy: id"
        ]
    );
    let party = format!("Remote-Party-ID: {nameless};party=calling;screen=yes;privacy=full");
    assert_eq!(
        shown(&calling, &trunk(CallerIdMethod::RemotePartyId)),
        [NOBODY, &party, "Privacy: id"]
    );
    let mut blocking = trunk(CallerIdMethod::Static);
    blocking.caller.display = NumberDisplay::Block;
    assert_eq!(shown(&anna(), &blocking), [NOBODY, "Privacy: id"]);
}

#[test]
fn a_caller_from_outside_is_shown_as_ours_unless_the_carrier_takes_foreign_numbers() {
    let calling = Calling {
        number: "+4917012345",
        name: None,
        privacy: Privacy::Shown,
        asserted: None,
        origin: CallerOrigin::Outside,
    };
    let mut trunk = trunk(CallerIdMethod::From);
    assert_eq!(shown(&calling, &trunk), ["<sip:+4930100@office.example>"]);
    trunk.caller.foreign = ForeignCallers::AsTheyAre;
    assert_eq!(
        shown(&calling, &trunk),
        ["<sip:+4917012345@office.example>"]
    );
    let unknown = Calling {
        number: ANONYMOUS,
        privacy: Privacy::Hidden,
        ..calling
    };
    assert_eq!(shown(&unknown, &trunk), [NOBODY, "Privacy: id"]);
    trunk.caller.method = CallerIdMethod::Asserted;
    let ours = "P-Asserted-Identity: <sip:+4930100@office.example>";
    assert_eq!(shown(&unknown, &trunk), [NOBODY, ours, "Privacy: id"]);
}

/// RFC 3324 and RFC 3325 sections 5 and 7: within one trust domain the number goes on, with the wish
/// that nobody else is told it.
#[test]
fn what_a_carrier_asserted_of_a_hidden_caller_is_told_to_trusted_carriers_alone() {
    let heard = incoming(
        &invite("Privacy: id\r\nP-Asserted-Identity: <tel:+4917012345>\r\n"),
        &trunk(CallerIdMethod::Static),
    );
    let calling = Calling {
        number: &heard.number,
        name: heard.name.as_deref(),
        privacy: heard.privacy,
        asserted: heard.asserted.as_ref().map(|number| number.0.as_str()),
        origin: CallerOrigin::Outside,
    };
    let mut trunk = trunk(CallerIdMethod::FromAndAsserted);
    let ours = "P-Asserted-Identity: <sip:+4930100@office.example>";
    let theirs = "P-Asserted-Identity: <sip:+4917012345@office.example>";
    let mut told = |hidden, foreign| {
        trunk.caller.hidden = hidden;
        trunk.caller.foreign = foreign;
        shown(&calling, &trunk)
    };
    use ForeignCallers::{AsOurs, AsTheyAre};
    assert_eq!(
        told(HiddenCallers::All, AsTheyAre),
        [NOBODY, theirs, "Privacy: id"]
    );
    for (hidden, foreign) in [
        (HiddenCallers::All, AsOurs),
        (HiddenCallers::Own, AsTheyAre),
        (HiddenCallers::Own, AsOurs),
    ] {
        assert_eq!(told(hidden, foreign), [NOBODY, ours, "Privacy: id"]);
    }
    assert_eq!(
        told(HiddenCallers::None, AsTheyAre),
        [NOBODY, "Privacy: id"]
    );
}

/// RFC 3325 section 7: who is not trusted is told nothing that identifies a hidden caller.
#[test]
fn a_carrier_that_is_not_trusted_is_told_of_no_hidden_caller() {
    let hidden = Calling {
        privacy: Privacy::Hidden,
        ..anna()
    };
    for method in CallerIdMethod::ALL {
        let mut trunk = trunk(*method);
        trunk.caller.hidden = HiddenCallers::None;
        assert_eq!(shown(&hidden, &trunk), [NOBODY, "Privacy: id"]);
        let open = shown(&anna(), &trunk);
        assert!(
            open[0].contains("Anna"),
            "who does not hide is shown: {open:?}"
        );
    }
}

#[test]
fn a_caller_from_outside_is_nobody_where_there_is_no_number_of_ours() {
    let calling = Calling {
        number: "+4917012345",
        name: Some("Anna"),
        privacy: Privacy::Shown,
        asserted: None,
        origin: CallerOrigin::Outside,
    };
    let mut trunk = trunk(CallerIdMethod::FromAndAsserted);
    trunk.caller_id = None;
    assert_eq!(shown(&calling, &trunk), [NOBODY]);
    trunk.caller.foreign = ForeignCallers::AsTheyAre;
    trunk.caller.method = CallerIdMethod::From;
    let own = "\"Anna\" <sip:+4917012345@office.example>";
    assert_eq!(shown(&calling, &trunk), [own]);
}

#[test]
fn numbers_are_written_as_the_carrier_wants_them() {
    let mut trunk = trunk(CallerIdMethod::Asserted);
    trunk.numbers.format = NumberFormat::E164WithoutPlus;
    let asserted = "P-Asserted-Identity: \"Anna\" <sip:493010023@office.example>";
    assert_eq!(
        shown(&anna(), &trunk),
        ["\"Anna\" <sip:4930100@office.example>", asserted]
    );
}

#[test]
fn an_internal_number_stays_as_it_is_whatever_it_looks_like() {
    let mut trunk = trunk(CallerIdMethod::FromAndAsserted);
    trunk.caller_id = None;
    trunk.numbers.format = NumberFormat::E164;
    for (country, prefix, number) in [("1", "", "1000"), ("49", "0", "0123"), ("45", "", "100000")]
    {
        trunk.numbers.country_code = Some(country.to_owned());
        trunk.numbers.national_prefix = prefix.to_owned();
        let calling = Calling {
            number,
            origin: CallerOrigin::Inside(None),
            ..anna()
        };
        let internal = format!("\"Anna\" <sip:{number}@office.example>");
        let asserted = format!("P-Asserted-Identity: {internal}");
        assert_eq!(shown(&calling, &trunk), [internal, asserted]);
        trunk.caller.method = CallerIdMethod::Asserted;
        let public = Calling {
            origin: CallerOrigin::Inside(Some("+493010023")),
            ..calling
        };
        assert_eq!(
            shown(&public, &trunk)[0],
            format!("\"Anna\" <sip:{number}@office.example>")
        );
        trunk.caller.method = CallerIdMethod::FromAndAsserted;
    }
}

#[test]
fn a_name_cannot_break_out_of_its_header() {
    let calling = Calling {
        name: Some("An\"na> <sip:evil@x"),
        ..anna()
    };
    let presented = present(&calling, &trunk(CallerIdMethod::Static), "office.example");
    let from = crate::sip::header::NameAddr::parse(&presented.from, &HeaderName::From).unwrap();
    assert_eq!(from.uri, "sip:+4930100@office.example");
    assert_eq!(from.display_name().unwrap(), "An\"na> <sip:evil@x");
}

fn invite(headers: &str) -> Request {
    let text = format!(
        "INVITE sip:4934556643378@192.0.2.1 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\r\n\
         From: \"Anna\" <sip:0301234@carrier.example>;tag=1\r\n\
         To: <sip:+4930200@office.example>\r\n\
         Call-ID: 1\r\nCSeq: 1 INVITE\r\n{headers}\r\n"
    );
    match Message::parse(&Bytes::from(text)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    }
}

fn caller(headers: &str) -> Caller {
    incoming(&invite(headers), &trunk(CallerIdMethod::Static))
}

/// RFC 3325 section 5.
#[test]
fn what_the_carrier_asserts_counts_more_than_from() {
    let plain = caller("");
    assert_eq!(
        (plain.number.as_str(), plain.name.as_deref()),
        ("0301234", Some("Anna"))
    );
    let asserted = caller(
        "P-Asserted-Identity: \"Anna Berg\" <sip:+49301234@x>, <tel:+49301234>\r\n\
         Remote-Party-ID: <sip:+4999@x>\r\n",
    );
    assert_eq!(
        (asserted.number.as_str(), asserted.name.as_deref()),
        ("+49301234", Some("Anna Berg"))
    );
    assert_eq!(
        caller("P-Asserted-Identity: <tel:+49301234>\r\n").number,
        "+49301234"
    );
    let party = caller(
        "Remote-Party-ID: <sip:999@x>;party=called\r\n\
         Remote-Party-ID: <sip:+49301234@x>;party=calling;privacy=off\r\n",
    );
    assert_eq!(party.number, "+49301234");
}

#[test]
fn a_callers_number_is_shown_in_e164_where_the_country_is_known() {
    let mut trunk = trunk(CallerIdMethod::Static);
    trunk.numbers.country_code = Some("49".to_owned());
    assert_eq!(incoming(&invite(""), &trunk).number, "+49301234");
}

/// RFC 3323 section 4.2 and RFC 3325 section 9.3.
#[test]
fn a_caller_who_wants_to_stay_unknown_is() {
    let unknown = Caller {
        number: ANONYMOUS.to_owned(),
        name: None,
        privacy: Privacy::Hidden,
        asserted: None,
    };
    let asserted = "Privacy: id;critical\r\nP-Asserted-Identity: <sip:+49301234@x>\r\n";
    let known = Caller {
        asserted: Some("+49301234".to_owned().into()),
        ..unknown.clone()
    };
    assert_eq!(caller(asserted), known);
    for headers in [
        "Privacy: header, id\r\n",
        "Privacy: USER\r\n",
        "Remote-Party-ID: <sip:+49301234@x>;party=calling;privacy=full\r\n",
        "P-Asserted-Identity: <sip:anonymous@anonymous.invalid>\r\n",
    ] {
        assert_eq!(caller(headers), unknown, "{headers}");
    }
    for headers in ["Privacy: none\r\n", "Privacy: session\r\n"] {
        assert_eq!(caller(headers).privacy, Privacy::Shown, "{headers}");
    }
    assert_eq!(privacy_wish(&invite("Privacy: id\r\n")), Privacy::Hidden);
    assert_eq!(privacy_wish(&invite("")), Privacy::Shown);
}

#[test]
fn the_called_number_stands_where_the_trunk_writes_it() {
    let mut trunk = trunk(CallerIdMethod::Static);
    let request = invite("P-Called-Party-ID: <sip:+4930300@x>\r\nX-DID: 030400\r\n");
    let mut by = |source: &str| {
        trunk.inbound.did_source = source.parse().unwrap();
        called(&request, &trunk)
    };
    assert_eq!(by("request_uri").as_deref(), Some("4934556643378"));
    assert_eq!(by("to").as_deref(), Some("+4930200"));
    assert_eq!(by("header:P-Called-Party-ID").as_deref(), Some("+4930300"));
    assert_eq!(by("header:x-did").as_deref(), Some("030400"));
    assert_eq!(by("header:X-Other"), None);
}

#[test]
fn a_call_to_the_registered_contact_is_for_the_number_in_to() {
    let trunk = trunk(CallerIdMethod::Static);
    let mut request = invite("");
    request.uri = format!("sip:{}@192.0.2.1:5060", trunk.contact_user()).into();
    assert_eq!(trunk.inbound.did_source, DidSource::RequestUri);
    assert_eq!(called(&request, &trunk).as_deref(), Some("+4930200"));
}
