//! Our requests and what peers answer.

use super::super::TxnFailure;
use super::*;
use crate::sip::Method;

fn our(method: Method) -> Request {
    let cseq = format!("7 {method}");
    let mut request = Request::new(method, "sip:bob@198.51.100.7");
    let headers = &mut request.headers;
    headers.push(HeaderName::MaxForwards, "70");
    headers.push(HeaderName::Route, "<sip:one.example;lr>");
    headers.push(HeaderName::Route, "<sip:two.example;lr>");
    headers.push(HeaderName::From, "<sip:us@192.0.2.1>;tag=us");
    headers.push(HeaderName::To, "<sip:bob@example.com>");
    headers.push(HeaderName::CallId, "ours");
    headers.push(HeaderName::CSeq, cseq);
    headers.push(HeaderName::Contact, "<sip:us@192.0.2.1>");
    request
}

/// Asks, and returns what went out.
fn asked(bench: &mut Bench, method: Method) -> (ClientTxn, Request) {
    let txn = bench.asks(our(method));
    match bench.sent().remove(0).1 {
        Message::Request(request) => (txn, request),
        Message::Response(response) => panic!("{response:?}"),
    }
}

fn statuses(bench: &mut Bench) -> Vec<u16> {
    let status = |event| {
        let EndpointEvent::Response { response, .. } = event else {
            panic!("{event:?}");
        };
        response.status
    };
    bench.events().into_iter().map(status).collect()
}

/// RFC 3581 section 3.
#[test]
fn a_request_gets_a_via_of_its_own_that_asks_for_rport() {
    let mut bench = Bench::tcp();
    let (_, request) = asked(&mut bench, Method::Options);
    request.check().unwrap();
    let via = request.headers.top_via().unwrap();
    assert_eq!((&via.transport[..], via.port), (&b"TCP"[..], Some(5060)));
    assert!(via.unique_branch().is_some() && via.params.has("rport"));
    let (_, other) = asked(&mut bench, Method::Options);
    assert_ne!(other.headers.top_via().unwrap().branch(), via.branch());
}

#[test]
fn a_request_is_repeated_until_it_is_answered_and_handed_up_once() {
    let mut bench = Bench::udp();
    let (_, request) = asked(&mut bench, Method::Bye);
    bench.pass(Duration::from_secs(4));
    assert_eq!(bench.summary(), ["BYE"; 3]);
    bench.peer_answers(&request, 200, "x");
    bench.peer_answers(&request, 200, "x");
    assert_eq!(statuses(&mut bench), [200]);
    bench.pass(Duration::from_secs(5));
    assert_eq!(bench.sent(), []);
    assert!(bench.endpoint.is_idle());
}

#[test]
fn a_failed_invite_is_acknowledged_on_its_own_way() {
    let mut bench = Bench::udp();
    let (_, invite) = asked(&mut bench, Method::Invite);
    bench.peer_answers(&invite, 180, "x");
    bench.peer_answers(&invite, 486, "x");
    bench.peer_answers(&invite, 486, "x");
    assert_eq!(statuses(&mut bench), [180, 486]);
    let sent = bench.sent();
    assert_eq!(sent.len(), 2);
    for (_, message) in sent {
        let Message::Request(ack) = message else {
            panic!("{message:?}");
        };
        assert_eq!((&ack.method, &ack.uri), (&Method::Ack, &invite.uri));
        let same = [HeaderName::Via, HeaderName::From, HeaderName::CallId];
        for name in same {
            assert_eq!(ack.headers.get(&name), invite.headers.get(&name));
        }
        assert_eq!(ack.headers.list(&HeaderName::Route).count(), 2);
        assert_eq!(ack.headers.to_tag().unwrap(), "x");
        assert_eq!(ack.headers.get(&HeaderName::CSeq).unwrap(), "7 ACK");
    }
    bench.pass(Duration::from_secs(32));
    assert!(bench.endpoint.is_idle());
}

#[test]
fn every_2xx_to_an_invite_is_handed_up_until_timer_m() {
    let mut bench = Bench::udp();
    let (_, invite) = asked(&mut bench, Method::Invite);
    for tag in ["one", "two", "one"] {
        bench.peer_answers(&invite, 200, tag);
    }
    assert_eq!(statuses(&mut bench), [200; 3]);
    bench.pass(Duration::from_secs(32));
    bench.peer_answers(&invite, 200, "one");
    assert_eq!(bench.events(), []);
    assert!(bench.endpoint.is_idle());
}

/// RFC 3261 section 9.1.
#[test]
fn a_cancel_goes_out_after_a_provisional_response_and_concerns_nobody() {
    let mut bench = Bench::udp();
    let (txn, invite) = asked(&mut bench, Method::Invite);
    let reason = Some("Q.850;cause=16".to_owned());
    bench.endpoint.cancel(bench.now, txn, reason);
    assert_eq!(bench.sent(), []);
    bench.peer_answers(&invite, 100, "x");
    let Message::Request(cancel) = bench.sent().remove(0).1 else {
        panic!("no request");
    };
    assert_eq!(
        (&cancel.method, &cancel.uri),
        (&Method::Cancel, &invite.uri)
    );
    let same = [
        HeaderName::Via,
        HeaderName::From,
        HeaderName::To,
        HeaderName::CallId,
    ];
    for name in same {
        assert_eq!(cancel.headers.get(&name), invite.headers.get(&name));
    }
    assert_eq!(cancel.headers.get(&HeaderName::CSeq).unwrap(), "7 CANCEL");
    assert_eq!(
        cancel.headers.get(&HeaderName::Reason).unwrap(),
        "Q.850;cause=16"
    );
    assert_eq!(cancel.headers.list(&HeaderName::Route).count(), 2);
    bench.endpoint.cancel(bench.now, txn, None);
    assert_eq!(bench.sent(), [], "once");
    bench.peer_answers(&cancel, 200, "x");
    bench.peer_answers(&invite, 487, "x");
    assert_eq!(statuses(&mut bench), [100, 487]);
    bench.pass(Duration::from_secs(33));
    assert!(bench.events().is_empty());
    bench.sent();
    assert!(bench.endpoint.is_idle());
}

#[test]
fn a_cancelled_invite_without_a_final_response_fails_after_32_seconds() {
    let mut bench = Bench::udp();
    let (txn, invite) = asked(&mut bench, Method::Invite);
    bench.peer_answers(&invite, 180, "x");
    bench.pass(Duration::from_secs(100));
    bench.events();
    bench.endpoint.cancel(bench.now, txn, None);
    bench.pass(Duration::from_millis(31_999));
    assert_eq!(bench.events(), []);
    bench.pass(Duration::from_millis(1));
    let failure = TxnFailure::TimedOut;
    let path = bench.path;
    let failed = EndpointEvent::Failed { txn, path, failure };
    assert_eq!(bench.events(), [failed]);
    bench.sent();
    assert!(bench.endpoint.is_idle());
}

#[test]
fn a_final_response_makes_a_held_cancel_pointless() {
    let mut bench = Bench::udp();
    let (txn, invite) = asked(&mut bench, Method::Invite);
    bench.endpoint.cancel(bench.now, txn, None);
    bench.peer_answers(&invite, 200, "x");
    assert_eq!(bench.sent(), []);
    assert_eq!(statuses(&mut bench), [200]);
}

#[test]
fn a_lost_connection_fails_what_waits_on_it_at_once() {
    let mut bench = Bench::tcp();
    let (invite, _) = asked(&mut bench, Method::Invite);
    let (bye, _) = asked(&mut bench, Method::Bye);
    let (_, answered) = asked(&mut bench, Method::Invite);
    bench.peer_answers(&answered, 200, "x");
    bench.events();
    bench.endpoint.handle_flow_closed(FlowId(1));
    let failure = TxnFailure::Transport;
    let path = bench.path;
    let failed = |txn| EndpointEvent::Failed { txn, path, failure };
    assert_eq!(bench.events(), [failed(invite), failed(bye)]);
    assert!(bench.endpoint.is_idle());
}

#[test]
fn responses_that_are_not_ours_are_dropped() {
    let mut bench = Bench::udp();
    let (_, invite) = asked(&mut bench, Method::Invite);
    let response = Response::to(&invite, 200, "OK");
    let text = String::from_utf8(response.write().to_vec()).unwrap();
    for wrong in [
        text.replace("z9hG4bK", "z9hG4bKx"),
        text.replace("7 INVITE", "7 BYE"),
        text.replace("From:", "Frm:"),
        text.replacen(
            "Via: ",
            "Via: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bK1\r\nVia: ",
            1,
        ),
        text.replacen("From:", "Via: SIP/2.0/UDP 9.9.9.9\r\nFrom:", 1),
    ] {
        assert_ne!(wrong, text);
        bench
            .endpoint
            .handle_message(bench.now, bench.path, &wrong.into());
    }
    assert_eq!(bench.events(), []);
    bench
        .endpoint
        .handle_message(bench.now, bench.path, &text.into());
    assert_eq!(statuses(&mut bench), [200]);
}
