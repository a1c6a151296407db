//! Requests of peers and where our responses go.

use super::*;

fn via(text: &str, via: &str) -> String {
    text.replace("198.51.100.7:5070;branch=z9hG4bK1", via)
}

/// RFC 3261 section 18.2.2, RFC 3581 section 4.
#[test]
fn a_response_goes_to_the_source_at_the_port_of_sent_by() {
    for (hop, port, stamped) in [
        (
            "198.51.100.7:5070;branch=z9hG4bK1",
            5070,
            "SIP/2.0/UDP 198.51.100.7:5070;branch=z9hG4bK1",
        ),
        (
            "198.51.100.7;branch=z9hG4bK1",
            5060,
            "SIP/2.0/UDP 198.51.100.7;branch=z9hG4bK1",
        ),
        (
            "10.0.0.9:5070;branch=z9hG4bK1",
            5070,
            "SIP/2.0/UDP 10.0.0.9:5070;branch=z9hG4bK1;received=198.51.100.7",
        ),
        (
            "phone.example:5070;branch=z9hG4bK1;received=1.2.3.4",
            5070,
            "SIP/2.0/UDP phone.example:5070;branch=z9hG4bK1;received=198.51.100.7",
        ),
        (
            "10.0.0.9:5070;rport;branch=z9hG4bK1",
            40_000,
            "SIP/2.0/UDP 10.0.0.9:5070;rport=40000;branch=z9hG4bK1;received=198.51.100.7",
        ),
        (
            "10.0.0.9:5070;maddr=203.0.113.1;branch=z9hG4bK1",
            5070,
            "SIP/2.0/UDP 10.0.0.9:5070;maddr=203.0.113.1;branch=z9hG4bK1;received=198.51.100.7",
        ),
    ] {
        let mut bench = Bench::udp();
        bench.receives(&via(&invite(), hop));
        let (txn, asked) = bench.request();
        bench.responds(txn, &asked, 486);
        let sent = bench.sent();
        assert_eq!(sent[0].0, SocketAddr::from(([198, 51, 100, 7], port)));
        let top = sent[0].1.headers().get(&HeaderName::Via).unwrap();
        assert_eq!(String::from_utf8_lossy(top), stamped);
        // A refusal goes the same way.
        bench.receives(&via(&request("PUBLISH", "z9hG4bK1", ""), hop));
        assert_eq!(bench.sent()[0].0, sent[0].0);
    }
}

#[test]
fn over_a_stream_a_response_goes_back_on_it() {
    let mut bench = Bench::tcp();
    bench.receives(&invite());
    let (txn, request) = bench.request();
    bench.responds(txn, &request, 486);
    assert_eq!(bench.sent()[0].0, bench.path.peer);
}

#[test]
fn the_users_answer_is_repeated_and_gets_what_it_lacks() {
    let mut bench = Bench::udp();
    bench.receives(&request("REGISTER", "z9hG4bK1", ""));
    let (txn, request) = bench.request();
    bench.receives(&super::request("REGISTER", "z9hG4bK1", ""));
    assert_eq!(bench.sent(), []);
    bench.responds(txn, &request, 401);
    let first = bench.answer();
    assert!(first.headers.to_tag().is_some());
    assert!(first.headers.has(&HeaderName::Server));
    bench.receives(&super::request("REGISTER", "z9hG4bK1", ""));
    assert_eq!(bench.answer(), first);
    let late = Response::to(&request, 200, "OK");
    assert!(bench.endpoint.respond(bench.now, txn, late).is_err());
    bench.pass(Duration::from_secs(32));
    assert!(bench.endpoint.is_idle());
}

#[test]
fn a_failed_invite_is_absorbed_with_its_ack() {
    let mut bench = Bench::udp();
    bench.receives(&invite());
    let (txn, request) = bench.request();
    bench.pass(Duration::from_millis(300));
    assert_eq!(bench.summary(), ["100 INVITE"]);
    bench.responds(txn, &request, 180);
    bench.receives(&invite());
    assert_eq!(bench.summary(), ["180 INVITE", "180 INVITE"]);
    bench.responds(txn, &request, 486);
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.summary().len(), 3);
    bench.receives(&super::request("ACK", "z9hG4bK1", ""));
    bench.receives(&super::request("ACK", "z9hG4bK1", ""));
    bench.pass(Duration::from_secs(6));
    assert_eq!(bench.sent(), []);
    assert_eq!(bench.events(), []);
    assert!(bench.endpoint.is_idle());
}

#[test]
fn a_2xx_is_the_users_to_repeat_and_its_ack_is_handed_up() {
    let mut bench = Bench::udp();
    bench.receives(&invite());
    let (txn, request) = bench.request();
    bench.responds(txn, &request, 200);
    bench.receives(&invite());
    assert_eq!(bench.summary(), ["200 INVITE"]);
    bench.responds(txn, &request, 200);
    assert_eq!(bench.summary(), ["200 INVITE"]);
    bench.receives(&super::request("ACK", "z9hG4bK9", ""));
    let events = bench.events();
    assert!(matches!(events[..], [EndpointEvent::Ack { .. }]));
    bench.pass(Duration::from_secs(32));
    assert!(bench.endpoint.is_idle());
}

#[test]
fn an_rfc_2543_peer_without_branches_is_understood() {
    let old = |method: &str| request(method, "1", CONTACT).replace(";branch=1", "");
    let mut bench = Bench::udp();
    bench.receives(&old("INVITE"));
    let (txn, asked) = bench.request();
    bench.receives(&old("INVITE"));
    assert_eq!(bench.events(), []);
    bench.receives(&old("CANCEL"));
    let events = bench.events();
    assert!(matches!(events[..], [EndpointEvent::Cancelled { .. }]));
    bench.responds(txn, &asked, 487);
    assert_eq!(bench.summary(), ["200 CANCEL", "487 INVITE"]);
    bench.receives(&old("ACK"));
    bench.pass(Duration::from_secs(33));
    assert_eq!(bench.sent(), [], "the ACK found its INVITE");
    assert!(bench.endpoint.is_idle());
}

/// RFC 3261 section 9.2, RFC 3326.
#[test]
fn a_cancel_is_answered_at_once_and_its_reason_handed_up() {
    let mut bench = Bench::udp();
    bench.receives(&invite());
    let (txn, request) = bench.request();
    let cancel = super::request(
        "CANCEL",
        "z9hG4bK1",
        "Reason: SIP;cause=200;text=\"Call completed elsewhere\"\n",
    );
    bench.receives(&cancel);
    bench.receives(&cancel);
    assert_eq!(bench.summary(), ["200 CANCEL", "200 CANCEL"]);
    let cause = Some(crate::HangupCause::AnsweredElsewhere);
    assert_eq!(bench.events(), [EndpointEvent::Cancelled { txn, cause }]);
    bench.responds(txn, &request, 487);
    bench.receives(&cancel.replace("z9hG4bK1", "z9hG4bK2"));
    assert_eq!(bench.summary(), ["487 INVITE", "481 CANCEL"]);
    bench.pass(Duration::from_secs(40));
    bench.sent();
    assert!(bench.endpoint.is_idle());
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let mut bench = Bench::udp();
    bench.receives(&invite());
    let (txn, request) = bench.request();
    bench.responds(txn, &request, 200);
    bench.receives(&super::request("CANCEL", "z9hG4bK1", ""));
    assert_eq!(bench.summary(), ["200 INVITE", "200 CANCEL"]);
    assert_eq!(bench.events(), []);
}

#[test]
fn a_connection_that_ends_takes_its_requests_along() {
    let mut bench = Bench::tcp();
    bench.receives(&invite());
    let (txn, _) = bench.request();
    bench.receives(&request("REGISTER", "z9hG4bK2", ""));
    let (answered, request) = bench.request();
    bench.responds(answered, &request, 200);
    bench.sent();
    bench.endpoint.handle_flow_closed(FlowId(2));
    assert_eq!(bench.events(), []);
    bench.endpoint.handle_flow_closed(FlowId(1));
    assert_eq!(bench.events(), [EndpointEvent::ServerFlowLost { txn }]);
    assert!(bench.endpoint.is_idle());
}

#[test]
fn requests_beyond_the_limit_cost_nothing() {
    let config = EndpointConfig {
        max_server_transactions: 2,
        ..EndpointConfig::default()
    };
    let mut bench = Bench::with(SipTransport::Udp, config);
    for call in ["c1", "c2"] {
        let text = invite().replace("Call-ID: c1", &format!("Call-ID: {call}"));
        bench.receives(&text.replace("z9hG4bK1", &format!("z9hG4bK{call}")));
        bench.request();
    }
    bench.receives(
        &invite()
            .replace("c1", "c3")
            .replace("z9hG4bK1", "z9hG4bKc3"),
    );
    assert_eq!(bench.answer().status, 503);
    bench.receives(&request("REGISTER", "z9hG4bK4", "").replace("c1", "c4"));
    assert_eq!(bench.sent(), []);
    bench.receives(&request("CANCEL", "z9hG4bKc1", ""));
    assert_eq!(bench.summary(), ["200 CANCEL"]);
    assert_eq!(bench.endpoint.transactions(), 2);
}

#[test]
fn thousands_of_requests_are_forgotten_after_their_timers() {
    let mut bench = Bench::udp();
    for number in 0..5_000 {
        let text = request("REGISTER", &format!("z9hG4bK{number}"), "");
        bench.receives(&text.replace("CSeq: 1", &format!("CSeq: {number}")));
        let (txn, request) = bench.request();
        bench.responds(txn, &request, 200);
        bench.pass(Duration::from_millis(1));
    }
    assert_eq!(bench.sent().len(), 5_000);
    assert_eq!(bench.endpoint.transactions(), 5_000);
    bench.pass(Duration::from_secs(32));
    assert!(bench.endpoint.is_idle());
}
