//! Dialogs as RFC 3261 section 12 makes them.

use super::*;
use crate::sip::Message;

fn request(text: &str) -> Request {
    match Message::parse(&text.replace('\n', "\r\n").into()).unwrap() {
        Message::Request(request) => request,
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn invite() -> Request {
    request(
        "INVITE sip:bob@example.com SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\n\
         Record-Route: <sip:p3.example;lr>, <sip:p2.example;lr>\n\
         Record-Route: <sip:p1.example;lr>\n\
         From: \"Alice\" <sip:alice@example.com>;tag=a\n\
         To: <sip:bob@example.com>\n\
         Call-ID: call-1\n\
         CSeq: 41 INVITE\n\
         Contact: <sip:alice@192.0.2.9>\n\n",
    )
}

fn ok(record_route: &'static str) -> Response {
    let mut response = Response::to(&invite(), 200, "OK");
    response.headers.add_to_tag("b");
    response
        .headers
        .push(HeaderName::Contact, "<sip:bob@192.0.2.3>");
    if !record_route.is_empty() {
        response.headers.push(HeaderName::RecordRoute, record_route);
    }
    response
}

fn routes(request: &Request) -> Vec<Bytes> {
    request.headers.all(&HeaderName::Route).cloned().collect()
}

fn in_dialog(cseq: u32, contact: &str) -> Request {
    request(&format!(
        "UPDATE sip:bob@192.0.2.3 SIP/2.0\n\
         From: <sip:alice@example.com>;tag=a\n\
         CSeq: {cseq} UPDATE\n\
         Contact: {contact}\n\n"
    ))
}

#[test]
fn the_side_that_was_called_keeps_the_recorded_order() {
    let mut dialog = Dialog::uas(&invite(), "b", 7).unwrap();
    let bye = dialog.request(Method::Bye);
    assert_eq!(bye.uri, "sip:alice@192.0.2.9");
    assert_eq!(
        routes(&bye),
        [
            "<sip:p3.example;lr>",
            "<sip:p2.example;lr>",
            "<sip:p1.example;lr>"
        ]
    );
    assert_eq!(dialog.next_hop(), "sip:p3.example;lr");
    let headers = &bye.headers;
    assert_eq!(
        headers.get(&HeaderName::From).unwrap(),
        "<sip:bob@example.com>;tag=b"
    );
    assert_eq!(
        headers.get(&HeaderName::To).unwrap(),
        "\"Alice\" <sip:alice@example.com>;tag=a"
    );
    assert_eq!(headers.get(&HeaderName::CSeq).unwrap(), "7 BYE");
    assert_eq!(
        dialog.request(Method::Info).headers.cseq().unwrap().number,
        8
    );
}

/// RFC 3261 section 12.1.2.
#[test]
fn the_side_that_called_turns_the_recorded_order_around() {
    let response = ok("<sip:p1.example;lr>, <sip:p2.example;lr>");
    let mut dialog = Dialog::uac(&invite(), &response).unwrap();
    let ack = dialog.ack(41);
    assert_eq!(ack.uri, "sip:bob@192.0.2.3");
    assert_eq!(routes(&ack), ["<sip:p2.example;lr>", "<sip:p1.example;lr>"]);
    assert_eq!(ack.headers.get(&HeaderName::CSeq).unwrap(), "41 ACK");
    assert_eq!(
        dialog.request(Method::Bye).headers.cseq().unwrap().number,
        42
    );
    assert_eq!(dialog.remote_tag().unwrap(), "b");
}

/// RFC 3261 section 12.2.1.1.
#[test]
fn a_strict_router_is_addressed_itself_and_the_target_comes_last() {
    for (recorded, uri, left) in [
        (
            "<sip:p1.example>",
            "sip:p1.example",
            vec!["<sip:bob@192.0.2.3>"],
        ),
        (
            "<sip:p1.example;lr>, <sip:p2.example;transport=tcp?a=b>",
            "sip:p2.example;transport=tcp",
            vec!["<sip:p1.example;lr>", "<sip:bob@192.0.2.3>"],
        ),
        (
            "<sip:p1.example;xlr=lr>",
            "sip:p1.example;xlr=lr",
            vec!["<sip:bob@192.0.2.3>"],
        ),
    ] {
        let mut dialog = Dialog::uac(&invite(), &ok(recorded)).unwrap();
        let bye = dialog.request(Method::Bye);
        assert_eq!(bye.uri, uri);
        assert_eq!(routes(&bye), left);
        assert!(dialog.next_hop().starts_with(uri.as_bytes()));
    }
    let loose = ok("<sip:p1.example;LR=on>");
    let mut dialog = Dialog::uac(&invite(), &loose).unwrap();
    assert_eq!(dialog.request(Method::Bye).uri, "sip:bob@192.0.2.3");
}

/// RFC 3261 section 12.2.2.
#[test]
fn numbers_must_rise_and_may_jump() {
    let mut dialog = Dialog::uas(&invite(), "b", 1).unwrap();
    let contact = "<sip:alice@192.0.2.9>";
    for (cseq, fine) in [
        (41, false),
        (42, true),
        (90, true),
        (89, false),
        (90, false),
    ] {
        let judged = dialog.handle_request(&in_dialog(cseq, contact));
        assert_eq!(judged.is_ok(), fine, "{cseq}");
    }
    // The side that called knows no number of the other's yet.
    let mut dialog = Dialog::uac(&invite(), &ok("")).unwrap();
    assert!(dialog.handle_request(&in_dialog(1, contact)).is_ok());
}

/// RFC 3261 section 12.2.1.2.
#[test]
fn a_new_contact_moves_the_target_and_a_bad_one_does_not() {
    let mut dialog = Dialog::uas(&invite(), "b", 1).unwrap();
    dialog.refresh_target(&in_dialog(42, "<sip:alice@198.51.100.1>").headers);
    assert_eq!(dialog.target(), "sip:alice@198.51.100.1");
    for bad in ["*", "<>", ""] {
        dialog.refresh_target(&in_dialog(42, bad).headers);
        assert_eq!(dialog.target(), "sip:alice@198.51.100.1");
    }
}

#[test]
fn a_peer_without_tag_or_contact_is_still_a_peer() {
    let mut old = invite();
    old.headers.set(HeaderName::From, "<sip:alice@example.com>");
    old.headers.remove(&HeaderName::Contact);
    let dialog = Dialog::uas(&old, "b", 1).unwrap();
    assert!(dialog.is_with(None));
    assert!(!dialog.is_with(Some(&"a".into())));
    assert_eq!(dialog.target(), "sip:alice@example.com");
    let mut response = ok("");
    response.headers.remove(&HeaderName::Contact);
    let dialog = Dialog::uac(&invite(), &response).unwrap();
    assert_eq!(dialog.target(), "sip:bob@example.com");
}

#[test]
fn what_a_dialog_is_made_of_must_be_there() {
    for (name, error) in [
        (HeaderName::CallId, DialogError::CallId),
        (HeaderName::From, DialogError::From),
        (HeaderName::To, DialogError::To),
        (HeaderName::CSeq, DialogError::CSeq),
    ] {
        let mut broken = invite();
        broken.headers.remove(&name);
        assert_eq!(Dialog::uas(&broken, "b", 1), Err(error));
    }
    let mut broken = ok("");
    broken.headers.remove(&HeaderName::To);
    assert_eq!(Dialog::uac(&invite(), &broken), Err(DialogError::To));
}

#[test]
fn a_request_finds_its_dialog_by_call_id_and_our_tag() {
    let dialog = Dialog::uas(&invite(), "b", 1).unwrap();
    let mut request = invite();
    assert_eq!(DialogKey::of_request(&request.headers), None);
    request.headers.add_to_tag("b");
    assert_eq!(
        DialogKey::of_request(&request.headers).as_ref(),
        Some(dialog.key())
    );
}
