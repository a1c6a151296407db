//! How long connections last: those that are needed, and those whose peer is gone.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use offhook_core::sip::Method;
use offhook_core::sip::endpoint::{SipTransport, TxnFailure};
use offhook_core::sip::message::Response;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{ClientRequestBuilder, Message as WebMessage};

use super::calls::key;
use super::fixture::{Edge, soon};
use super::large::{Answer, asks_at, from_stream};
use super::phone::Phone;

/// How far time jumps at once.
const STEP: u64 = 5;

/// An office, and somebody who lets time pass there.
struct Clock(Phone);

impl Clock {
    async fn of(edge: &Edge) -> Self {
        Self(Phone::udp([127, 0, 0, 2], edge.udp, "1002").await)
    }

    /// Time passes, and what is due is done: after each step the server answers a request, and by
    /// then it has read what came before.
    async fn passes(&mut self, seconds: u64) {
        for _ in 0..=seconds / STEP {
            assert_eq!(self.0.options().await.status, 200);
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(STEP)).await;
            tokio::time::resume();
        }
        assert_eq!(self.0.options().await.status, 200);
    }
}

async fn silent_peer() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.3:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, format!("sip:peer@{address};transport=tcp"))
}

async fn accepted(listener: &TcpListener) -> TcpStream {
    soon(listener.accept()).await.unwrap().0
}

async fn comes_to(answer: Answer) -> Result<u16, TxnFailure> {
    soon(answer)
        .await
        .unwrap()
        .map(|response: Response| response.status)
}

/// RFC 3261 section 7.5: line breaks before a message are to be ignored.
#[tokio::test]
async fn a_lone_line_break_is_no_unfinished_message() {
    let edge = Edge::open().await;
    let mut clock = Clock::of(&edge).await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    for breaks in ["\r\n", "\r", "\n\n"] {
        phone.write(breaks.as_bytes()).await;
        clock.passes(15).await;
        assert_eq!(phone.options().await.status, 200, "{breaks:?}");
    }
}

#[tokio::test]
async fn who_we_connected_to_may_think_for_longer_than_a_message_takes() {
    let edge = Edge::open().await;
    let mut clock = Clock::of(&edge).await;
    let (listener, uri) = silent_peer().await;
    let answer = asks_at(&edge, &uri, 10);
    let mut stream = accepted(&listener).await;
    let heard = from_stream(&mut stream).await;
    clock.passes(20).await;
    let granted = Response::to(&heard, 200, "OK").write();
    stream.write_all(&granted).await.unwrap();
    assert_eq!(comes_to(answer).await, Ok(200));
}

#[tokio::test]
async fn a_registered_phone_may_be_silent_for_as_long_as_it_is_registered() {
    let edge = Edge::open().await;
    let mut clock = Clock::of(&edge).await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let request = phone.register(3600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
    clock.passes(1800).await;
    assert_eq!(edge.registrar.phones("1000").len(), 1);
    assert_eq!(phone.options().await.status, 200);
    clock.passes(1850).await;
    assert!(edge.registrar.phones("1000").is_empty());
    assert!(phone.read().await.is_empty(), "it is hung up on");
    assert_eq!(edge.core.stats().connections, 0);
}

#[tokio::test]
async fn a_connection_lasts_as_long_as_the_call_that_came_by_it() {
    let mut edge = Edge::open().await;
    let mut clock = Clock::of(&edge).await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let invite = phone.invite("300");
    let invite = phone.signed(invite).await;
    phone.send(invite).await;
    let (leg, call) = edge.call().await;
    edge.core.bind(leg, key(&call, "ours"));
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(phone.response().await.status, 200);
    clock.passes(1500).await;
    assert_eq!(phone.options().await.status, 200);
    edge.core.close(leg);
    clock.passes(610).await;
    assert!(phone.read().await.is_empty(), "nobody needs it any more");
}

/// A firewall that forgot our connection tells nobody.
#[tokio::test]
async fn a_connection_on_which_nothing_is_heard_is_not_asked_a_second_time() {
    let edge = Edge::open().await;
    let mut clock = Clock::of(&edge).await;
    let (listener, uri) = silent_peer().await;
    let first = asks_at(&edge, &uri, 10);
    let mut dead = accepted(&listener).await;
    from_stream(&mut dead).await;
    clock.passes(10).await;
    let waiting = asks_at(&edge, &uri, 11);
    from_stream(&mut dead).await;
    clock.passes(25).await;
    assert_eq!(comes_to(first).await, Err(TxnFailure::TimedOut));
    assert_eq!(comes_to(waiting).await, Err(TxnFailure::Transport));
    let mut rest = Vec::new();
    soon(dead.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty(), "it is closed");
    let second = asks_at(&edge, &uri, 12);
    let mut alive = accepted(&listener).await;
    let heard = from_stream(&mut alive).await;
    let granted = Response::to(&heard, 200, "OK").write();
    alive.write_all(&granted).await.unwrap();
    assert_eq!(comes_to(second).await, Ok(200));
}

#[tokio::test]
async fn a_connection_on_which_anything_is_heard_is_kept() {
    let edge = Edge::open().await;
    let mut clock = Clock::of(&edge).await;
    let (listener, uri) = silent_peer().await;
    let first = asks_at(&edge, &uri, 10);
    let mut stream = accepted(&listener).await;
    from_stream(&mut stream).await;
    clock.passes(15).await;
    stream.write_all(b"\r\n\r\n").await.unwrap();
    clock.passes(25).await;
    assert_eq!(comes_to(first).await, Err(TxnFailure::TimedOut));
    let second = asks_at(&edge, &uri, 12);
    let heard = from_stream(&mut stream).await;
    let granted = Response::to(&heard, 200, "OK").write();
    stream.write_all(&granted).await.unwrap();
    assert_eq!(comes_to(second).await, Ok(200));
}

/// The kind of timer that the system has for the server's end of a connection; 2 is that of its
/// keep-alives.
#[cfg(target_os = "linux")]
fn timer(server: SocketAddr, peer: SocketAddr) -> String {
    let hexed = |at: SocketAddr| {
        let std::net::IpAddr::V4(ip) = at.ip() else {
            panic!("not IPv4")
        };
        let bits = u32::from_le_bytes(ip.octets());
        format!("{bits:08X}:{:04X}", at.port())
    };
    let (server, peer) = (hexed(server), hexed(peer));
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let row = table.lines().find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        (columns[1] == server && columns[2] == peer).then(|| columns[5].to_owned())
    });
    row.expect("the connection stands")
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_system_looks_whether_the_peers_of_silent_connections_are_there() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    assert!(timer(edge.tcp, phone.local).starts_with("02:"), "theirs");
    let (listener, uri) = silent_peer().await;
    let answer = asks_at(&edge, &uri, 10);
    let mut stream = accepted(&listener).await;
    let heard = from_stream(&mut stream).await;
    let granted = Response::to(&heard, 200, "OK").write();
    stream.write_all(&granted).await.unwrap();
    assert_eq!(comes_to(answer).await, Ok(200));
    let (ours, peer) = (stream.peer_addr().unwrap(), stream.local_addr().unwrap());
    assert!(timer(ours, peer).starts_with("02:"), "ours");
}

async fn browser(edge: &Edge) -> WebSocketStream<TcpStream> {
    let listening = edge.core.listening();
    let at = listening.iter().find(|port| port.0 == SipTransport::Ws);
    let at = at.unwrap().1;
    let request = ClientRequestBuilder::new(format!("ws://{at}/").parse().unwrap());
    let request = request.with_sub_protocol("sip");
    let stream = soon(TcpStream::connect(at)).await.unwrap();
    let opened = soon(tokio_tungstenite::client_async(request, stream)).await;
    opened.unwrap().0
}

/// RFC 6455 section 5.5.2: a ping is answered as soon as is practical.
#[tokio::test]
async fn a_browser_that_answers_no_ping_is_gone() {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let edge = Edge::open_with(|config| config.ws = vec![any]).await;
    let mut clock = Clock::of(&edge).await;
    let mut socket = browser(&edge).await;
    let mut phone = Phone::udp([127, 0, 0, 4], edge.udp, "1000").await;
    let mut request = phone.request(Method::Options, "sip:offhook.local");
    let via = "SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKweb";
    request
        .headers
        .push_front(offhook_core::sip::HeaderName::Via, via);
    let text = String::from_utf8(request.write().to_vec()).unwrap();
    socket.send(WebMessage::text(text)).await.unwrap();
    let answer = soon(socket.next()).await.unwrap().unwrap();
    assert!(answer.to_text().unwrap().starts_with("SIP/2.0 200 "));
    clock.passes(20).await;
    assert_eq!(edge.core.stats().connections, 1);
    clock.passes(65).await;
    // What it would have read: two pings, and the farewell with 1001.
    let mut said = Vec::new();
    soon(socket.into_inner().read_to_end(&mut said))
        .await
        .unwrap();
    assert_eq!(said, [0x89, 0, 0x89, 0, 0x88, 2, 0x03, 0xe9]);
    assert_eq!(edge.core.stats().connections, 0);
}

/// RFC 5626 section 5.3: what was registered by a connection goes with it.
#[tokio::test]
async fn a_phone_that_registers_and_is_gone_in_one_moment_is_not_registered() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
    let told = soon(edge.reachable.recv()).await.unwrap();
    assert_eq!(told, ("1000".to_owned(), true));
    let again = phone.register(600);
    let again = phone.sign(again);
    phone.send(again).await;
    drop(phone);
    let told = soon(edge.reachable.recv()).await.unwrap();
    assert_eq!(told, ("1000".to_owned(), false));
    let mut other = Phone::tcp(edge.tcp, "1001").await;
    let request = other.register(600);
    assert_eq!(other.ask_signed(request).await.status, 200);
    let told = soon(edge.reachable.recv()).await.unwrap();
    assert_eq!(told, ("1001".to_owned(), true));
    assert_eq!(edge.registrar.list().len(), 1);
}
