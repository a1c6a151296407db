//! RFC 3261 section 18.2.2: responses whose connection is gone.

use std::net::SocketAddr;

use super::super::ResponsePeer;
use super::*;

/// A trusted INVITE over this transport whose connection is gone now.
fn stranded(transport: SipTransport) -> (Bench, ServerTxn, Request) {
    let mut bench = Bench::new(transport);
    bench.receives(&invite());
    let (txn, request) = bench.request();
    bench.endpoint.trust(txn, &request);
    bench.responds(txn, &request, 180);
    bench.sent();
    bench.endpoint.handle_flow_closed(FlowId(1));
    (bench, txn, request)
}

fn wanted(txn: ServerTxn, transport: SipTransport) -> EndpointEvent {
    EndpointEvent::ConnectionWanted {
        txn,
        peer: ResponsePeer {
            transport,
            // The address it came from, at the port sent-by names.
            address: SocketAddr::from(([198, 51, 100, 7], 5070)),
            host: "198.51.100.7".to_owned(),
        },
    }
}

fn new_path(flow: u64) -> Path {
    Path {
        flow: FlowId(flow),
        peer: SocketAddr::from(([198, 51, 100, 7], 5070)),
        ..path(SipTransport::Tcp)
    }
}

/// RFC 3261 section 18.2.2.
#[test]
fn the_answer_goes_by_a_new_connection_when_its_own_is_gone() {
    let (mut bench, txn, request) = stranded(SipTransport::Tcp);
    assert_eq!(bench.events(), [wanted(txn, SipTransport::Tcp)]);
    bench.endpoint.handle_connection(txn, Some(new_path(9)));
    assert_eq!(bench.summary(), ["180 INVITE"], "it may have been lost");
    bench.responds(txn, &request, 200);
    let sent = bench.sent();
    assert_eq!(sent.len(), 1);
    assert_eq!(sent[0].0.port(), 5070);
    bench.responds(txn, &request, 200);
    assert_eq!(bench.summary(), ["200 INVITE"], "its user repeats it");
    bench.pass(Duration::from_secs(40));
    assert!(bench.endpoint.is_idle());
}

/// RFC 3261 section 18.2.2.
#[test]
fn what_is_answered_meanwhile_waits_for_the_connection() {
    for (status, said) in [(200, "200 INVITE"), (486, "486 INVITE")] {
        let (mut bench, txn, request) = stranded(SipTransport::Tls);
        assert_eq!(bench.events(), [wanted(txn, SipTransport::Tls)]);
        bench.responds(txn, &request, status);
        bench.receives(&invite());
        assert_eq!(bench.sent(), [], "there is no way yet");
        bench.endpoint.handle_connection(txn, Some(new_path(9)));
        assert_eq!(bench.summary(), [said]);
        bench.endpoint.handle_connection(txn, Some(new_path(10)));
        assert_eq!(bench.sent(), [], "nobody asked for a second one");
        bench.pass(Duration::from_secs(40));
        assert!(bench.endpoint.is_idle());
    }
}

#[test]
fn without_a_new_connection_the_request_is_over() {
    let (mut bench, txn, request) = stranded(SipTransport::Tcp);
    bench.events();
    bench.endpoint.handle_connection(txn, None);
    assert_eq!(bench.events(), [EndpointEvent::ServerFlowLost { txn }]);
    let late = Response::to(&request, 200, "OK");
    assert!(bench.endpoint.respond(bench.now, txn, late).is_err());
    assert!(bench.endpoint.is_idle());
}

#[test]
fn connections_that_end_again_are_replaced_three_times() {
    let (mut bench, txn, _) = stranded(SipTransport::Tcp);
    for flow in 10..12 {
        assert_eq!(bench.events(), [wanted(txn, SipTransport::Tcp)]);
        bench.endpoint.handle_connection(txn, Some(new_path(flow)));
        bench.endpoint.handle_flow_closed(FlowId(flow));
    }
    assert_eq!(bench.events(), [wanted(txn, SipTransport::Tcp)]);
    bench.endpoint.handle_connection(txn, Some(new_path(12)));
    bench.endpoint.handle_flow_closed(FlowId(12));
    assert_eq!(bench.events(), [EndpointEvent::ServerFlowLost { txn }]);
    bench.sent();
    assert!(bench.endpoint.is_idle());
}

/// Nobody has vouched for a stranger, and a browser cannot be connected to.
#[test]
fn strangers_and_browsers_are_not_connected_to() {
    let mut bench = Bench::tcp();
    bench.receives(&invite());
    let (txn, _) = bench.request();
    bench.endpoint.handle_flow_closed(FlowId(1));
    assert_eq!(bench.events(), [EndpointEvent::ServerFlowLost { txn }]);
    for transport in [SipTransport::Ws, SipTransport::Wss] {
        let (mut bench, txn, _) = stranded(transport);
        assert_eq!(bench.events(), [EndpointEvent::ServerFlowLost { txn }]);
    }
}

#[test]
fn an_invite_that_was_refused_and_acknowledged_needs_no_connection() {
    let mut bench = Bench::tcp();
    bench.receives(&invite());
    let (txn, request) = bench.request();
    bench.endpoint.trust(txn, &request);
    bench.responds(txn, &request, 486);
    bench.receives(&super::request("ACK", "z9hG4bK1", ""));
    bench.endpoint.handle_flow_closed(FlowId(1));
    assert_eq!(bench.events(), []);
    bench.sent();
    assert!(bench.endpoint.is_idle());
}

/// RFC 3261 section 18.2.2: the usual port stands in for one that is not written.
#[test]
fn a_sent_by_without_a_port_means_the_usual_one() {
    for (transport, port) in [(SipTransport::Tcp, 5060), (SipTransport::Tls, 5061)] {
        let mut bench = Bench::new(transport);
        bench.receives(&invite().replace("198.51.100.7:5070;branch", "[2001:DB8::1];branch"));
        let (txn, request) = bench.request();
        bench.endpoint.trust(txn, &request);
        bench.endpoint.handle_flow_closed(FlowId(1));
        let [EndpointEvent::ConnectionWanted { peer, .. }] = &bench.events()[..] else {
            panic!("no connection is wanted")
        };
        assert_eq!(peer.address.port(), port);
        assert_eq!(peer.address.ip(), bench.path.peer.ip(), "not where it says");
        assert_eq!(peer.host, "2001:db8::1");
    }
}
