//! Requests that wait for a connection.

use std::net::SocketAddr;

use offhook_core::IdSource;
use offhook_core::sip::Method;
use offhook_core::sip::endpoint::{FlowId, Path, SipTransport};
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::locate::Target;
use offhook_core::sip::message::Request;
use tokio::net::TcpListener;

use super::fixture::{Edge, soon};
use crate::alarm;
use crate::edge::connections::{FIRST_CONNECTION, Remote};
use crate::edge::outbox::{Outbox, Outgoing, Posted, Sender};
use crate::edge::route::Route;

/// An outbox beside that of the signalling task, so that what becomes of a connection is told when the
/// test says so.
fn outbox() -> Outbox {
    Outbox::new(IdSource::seeded(1))
}

fn outgoing(size: usize, targets: &[(SipTransport, SocketAddr)]) -> Outgoing {
    let target = |(transport, address): &(SipTransport, SocketAddr)| Target {
        transport: *transport,
        address: *address,
        host: "carrier.example".to_owned(),
    };
    let mut request = Request::new(Method::Message, "sip:carrier.example");
    request.body = vec![b'x'; size].into();
    let mut route = Route::begin(alarm::now());
    route.found(targets.iter().map(target).collect());
    Outgoing {
        sender: Sender::Unwanted,
        request,
        route,
    }
}

fn tcp_to(address: SocketAddr) -> Remote {
    Remote {
        transport: SipTransport::Tcp,
        address,
        name: None,
    }
}

/// Someone who has a backlog and never accepts.
async fn peer() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.3:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// RFC 3263 section 4.3.
#[tokio::test]
async fn a_connection_that_was_closed_before_it_was_used_leads_to_the_next_server() {
    let edge = Edge::open().await;
    let shared = &edge.core.shared;
    let (_listener, first) = peer().await;
    let second = SocketAddr::from(([127, 0, 0, 4], 5060));
    let targets = [(SipTransport::Tcp, first), (SipTransport::Udp, second)];
    let mut outbox = outbox();
    let now = alarm::now();
    let posted = outbox.forward(now, shared, outgoing(10, &targets));
    assert!(matches!(posted, Posted::Waiting));
    let closed = Path {
        flow: FlowId(FIRST_CONNECTION + 77),
        transport: SipTransport::Tcp,
        local: edge.tcp,
        peer: first,
    };
    let mut posted = outbox.connected(now, shared, &tcp_to(first), Some(closed));
    let Some(Posted::Ready(_, path)) = posted.pop() else {
        panic!("it goes nowhere: {posted:?}")
    };
    assert_eq!((path.transport, path.peer), (SipTransport::Udp, second));
}

/// RFC 3261 section 18.1.1: only what would fit into a datagram but for its size can be impatient.
#[tokio::test]
async fn who_joins_an_impatient_attempt_to_connect_has_an_own_one() {
    let edge = Edge::open().await;
    let shared = &edge.core.shared;
    let (listener, at) = peer().await;
    let mut outbox = outbox();
    let now = alarm::now();
    let next_hop = NextHop {
        uri: format!("sip:{at}").into(),
        flow: None,
        address: Some(at),
    };
    let large = outbox.post(now, shared, outgoing(1400, &[]), &next_hop, None);
    assert!(matches!(large, Posted::Waiting));
    let by_tcp = outgoing(10, &[(SipTransport::Tcp, at)]);
    assert!(matches!(
        outbox.forward(now, shared, by_tcp),
        Posted::Waiting
    ));
    // Half a second is over, and nothing stands.
    let posted = outbox.connected(now, shared, &tcp_to(at), None);
    let [Posted::Ready(large, path), Posted::Waiting] = &posted[..] else {
        panic!("both were given up: {posted:?}")
    };
    assert_eq!(large.request.body.len(), 1400);
    assert_eq!(path.transport, SipTransport::Udp);
    // The second attempt has all the time that a connection may take.
    for _ in 0..2 {
        soon(listener.accept()).await.unwrap();
    }
    let posted = outbox.connected(now, shared, &tcp_to(at), None);
    assert!(matches!(posted[..], [Posted::Unreachable(_)]), "{posted:?}");
}
