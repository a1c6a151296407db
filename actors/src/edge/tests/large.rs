//! Requests that are too large for a datagram.

use std::net::SocketAddr;

use offhook_core::sip::endpoint::TxnFailure;
use offhook_core::sip::header::Via;
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::message::{Message, Request, Response};
use offhook_core::sip::stream::{Frame, StreamParser};
use offhook_core::sip::{HeaderName, Method};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::oneshot;

use super::fixture::{Edge, soon};
use crate::edge::Reply;

pub(super) type Answer = oneshot::Receiver<Result<Response, TxnFailure>>;

/// Asks the peer at `to` something of at least this size.
fn asks(edge: &Edge, to: SocketAddr, size: usize) -> Answer {
    asks_at(edge, &format!("sip:peer@{to}"), size)
}

/// Asks whoever this URI leads to something of at least this size.
pub(super) fn asks_at(edge: &Edge, uri: &str, size: usize) -> Answer {
    let mut request = Request::new(Method::Message, uri.to_owned());
    let headers = &mut request.headers;
    headers.push(HeaderName::From, "<sip:us@offhook.local>;tag=1");
    headers.push(HeaderName::To, format!("<{uri}>"));
    headers.push(HeaderName::CallId, format!("large-{size}"));
    headers.push(HeaderName::CSeq, "1 MESSAGE");
    headers.push(HeaderName::MaxForwards, "70");
    request.body = vec![b'x'; size].into();
    let next_hop = NextHop {
        uri: request.uri.clone(),
        flow: None,
        address: None,
    };
    let (told, answer) = oneshot::channel();
    let reply = Reply::new(move |answer| {
        told.send(answer).ok();
    });
    edge.core.ask(request, next_hop, reply);
    answer
}

/// One address for datagrams, and for streams if it takes them.
async fn peer(streams: bool) -> (UdpSocket, Option<TcpListener>) {
    loop {
        let udp = UdpSocket::bind("127.0.0.3:0").await.unwrap();
        let tcp = TcpListener::bind(udp.local_addr().unwrap()).await;
        match (tcp, streams) {
            (Ok(tcp), true) => return (udp, Some(tcp)),
            (Ok(_), false) => return (udp, None),
            (Err(_), _) => {}
        }
    }
}

pub(super) async fn from_stream(stream: &mut (impl AsyncRead + Unpin)) -> Request {
    let mut parser = StreamParser::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(Frame::Message(data)) = parser.poll_frame().unwrap() {
            return request(&data);
        }
        let length = soon(stream.read(&mut buffer)).await.unwrap();
        assert_ne!(length, 0);
        parser.push(&buffer[..length]);
    }
}

async fn from_datagram(socket: &UdpSocket) -> (Request, SocketAddr) {
    let mut buffer = vec![0; 65_535];
    let (length, from) = soon(socket.recv_from(&mut buffer)).await.unwrap();
    (request(&buffer[..length]), from)
}

fn request(data: &[u8]) -> Request {
    match Message::parse(&data.to_vec().into()) {
        Ok(Message::Request(request)) => request,
        other => panic!("no request: {other:?}"),
    }
}

pub(super) fn transport(request: &Request) -> Vec<u8> {
    let via: Via = request.headers.top_via().unwrap();
    via.transport.to_vec()
}

/// RFC 3261 section 18.1.1.
#[tokio::test]
async fn what_is_too_large_for_a_datagram_goes_by_tcp() {
    let edge = Edge::open().await;
    let (udp, tcp) = peer(true).await;
    let (at, tcp) = (udp.local_addr().unwrap(), tcp.unwrap());
    let small = asks(&edge, at, 100);
    let (heard, from) = from_datagram(&udp).await;
    assert_eq!(transport(&heard), b"UDP");
    let granted = Response::to(&heard, 200, "OK").write();
    udp.send_to(&granted, from).await.unwrap();
    assert_eq!(soon(small).await.unwrap().unwrap().status, 200);

    let large = asks(&edge, at, 1400);
    let (mut stream, _) = soon(tcp.accept()).await.unwrap();
    let heard = from_stream(&mut stream).await;
    assert_eq!(transport(&heard), b"TCP");
    assert_eq!(heard.body.len(), 1400);
    let granted = Response::to(&heard, 200, "OK").write();
    stream.write_all(&granted).await.unwrap();
    assert_eq!(soon(large).await.unwrap().unwrap().status, 200);

    // The connection is used again.
    let again = asks(&edge, at, 2000);
    let heard = from_stream(&mut stream).await;
    let granted = Response::to(&heard, 200, "OK").write();
    stream.write_all(&granted).await.unwrap();
    assert_eq!(soon(again).await.unwrap().unwrap().status, 200);
}

/// RFC 3261 section 18.1.1: a peer of old knows no TCP.
#[tokio::test]
async fn a_peer_that_takes_no_tcp_gets_a_large_datagram() {
    let edge = Edge::open().await;
    let (udp, _) = peer(false).await;
    let at = udp.local_addr().unwrap();
    for size in [1400, 1500] {
        let answer = asks(&edge, at, size);
        let (heard, from) = from_datagram(&udp).await;
        assert_eq!(transport(&heard), b"UDP");
        assert_eq!(heard.body.len(), size);
        let granted = Response::to(&heard, 200, "OK").write();
        udp.send_to(&granted, from).await.unwrap();
        assert_eq!(soon(answer).await.unwrap().unwrap().status, 200);
    }
    assert_eq!(edge.core.stats().connections, 0);
}
