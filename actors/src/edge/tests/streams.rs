//! Stream connections and their limits.

use std::time::Duration;

use offhook_core::sip::Method;

use super::fixture::{Edge, soon};
use super::phone::Phone;

#[tokio::test]
async fn a_request_in_single_bytes_is_one_request() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let mut request = phone.request(Method::Options, "sip:offhook.local");
    let via = format!("SIP/2.0/TCP {};branch=z9hG4bKbytes", phone.local);
    request
        .headers
        .push_front(offhook_core::sip::HeaderName::Via, via);
    for byte in request.write() {
        phone.write(&[byte]).await;
    }
    assert_eq!(phone.response().await.status, 200);
}

#[tokio::test]
async fn several_requests_in_one_piece_are_all_answered() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let mut all = Vec::new();
    for number in 0..10 {
        let mut request = phone.request(Method::Options, "sip:offhook.local");
        let via = format!("SIP/2.0/TCP {};branch=z9hG4bK{number}", phone.local);
        request
            .headers
            .push_front(offhook_core::sip::HeaderName::Via, via);
        all.extend_from_slice(&request.write());
    }
    phone.write(&all).await;
    for _ in 0..10 {
        assert_eq!(phone.response().await.status, 200);
    }
}

#[tokio::test]
async fn a_keep_alive_is_answered() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    phone.write(b"\r\n\r\n").await;
    assert_eq!(phone.read().await, b"\r\n");
    assert_eq!(phone.options().await.status, 200);
}

#[tokio::test]
async fn a_stream_that_cannot_be_framed_is_closed() {
    let edge = Edge::open().await;
    let lengths = [
        "18446744073709551615",
        "4294967295",
        "99999999",
        "-1",
        "x",
        "1\r\nContent-Length: 2",
    ];
    for length in lengths {
        let mut phone = Phone::tcp(edge.tcp, "1000").await;
        let text = format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {length}\r\n\r\n");
        phone.write(text.as_bytes()).await;
        assert!(phone.read().await.is_empty(), "{length}");
    }
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    phone.write(&vec![b'a'; 200_000]).await;
    assert!(phone.read().await.is_empty());
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
}

#[tokio::test]
async fn a_message_above_the_configured_size_closes_the_connection() {
    let edge = Edge::open_with(|config| config.limits.max_message_size = 2000).await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let mut request = phone.request(Method::Options, "sip:offhook.local");
    request.body = vec![b'x'; 3000].into();
    phone.send(request).await;
    assert!(phone.next().await.is_none());
}

#[tokio::test]
async fn who_never_finishes_a_message_is_closed() {
    let edge =
        Edge::open_with(|config| config.limits.message_timeout = Duration::from_millis(200)).await;
    let mut silent = Phone::tcp(edge.tcp, "1000").await;
    let mut slow = Phone::tcp(edge.tcp, "1000").await;
    slow.write(b"OPTIONS sip:offhook.local SIP/2.0\r\nVia:")
        .await;
    assert!(slow.read().await.is_empty());
    assert!(silent.read().await.is_empty());
    // Once it has proved to speak SIP a connection may be silent for longer, but not in mid-sentence.
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    phone.write(b"OPTIONS").await;
    assert!(phone.read().await.is_empty());
}

#[tokio::test]
async fn keep_alives_alone_do_not_make_a_connection_last() {
    let edge =
        Edge::open_with(|config| config.limits.message_timeout = Duration::from_millis(200)).await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    phone.write(b"\r\n\r\n").await;
    assert_eq!(phone.read().await, b"\r\n");
    assert!(phone.read().await.is_empty());
}

#[tokio::test]
async fn a_silent_connection_is_closed_in_the_end() {
    let edge =
        Edge::open_with(|config| config.limits.idle_timeout = Duration::from_millis(200)).await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    assert!(phone.read().await.is_empty());
}

#[tokio::test]
async fn no_address_has_more_than_half_of_all_connections() {
    let edge = Edge::open_with(|config| config.limits.max_connections = 4).await;
    let mut one = Phone::tcp(edge.tcp, "1000").await;
    let mut two = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(one.options().await.status, 200);
    assert_eq!(two.options().await.status, 200);
    let mut three = Phone::tcp(edge.tcp, "1000").await;
    assert!(three.read().await.is_empty());
    assert_eq!(edge.core.stats().refused_connections, 1);
    assert_eq!(one.options().await.status, 200);
}

#[tokio::test]
async fn who_does_not_read_is_closed() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    let mut request = phone.request(Method::Options, "sip:offhook.local");
    let via = format!("SIP/2.0/TCP {};branch=z9hG4bKflood", phone.local);
    request
        .headers
        .push_front(offhook_core::sip::HeaderName::Via, via);
    let many = request.write().repeat(200);
    let mut rounds = 0;
    while phone.try_write(&many).await {
        rounds += 1;
        assert!(rounds < 10_000, "nothing stops it");
    }
    let mut other = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(other.options().await.status, 200);
}

#[tokio::test]
async fn a_connection_has_its_seat_until_its_socket_is_closed() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let mut request = phone.request(Method::Options, "sip:offhook.local");
    let via = format!("SIP/2.0/TCP {};branch=z9hG4bKseat", phone.local);
    request
        .headers
        .push_front(offhook_core::sip::HeaderName::Via, via);
    let some = request.write().repeat(50);
    let mut other = Phone::udp([127, 0, 0, 2], edge.udp, "1001").await;
    // In the end nothing is sent to it any more, while what was sent before still waits to be read.
    while edge.core.stats().unsent == 0 {
        assert!(phone.try_write(&some).await);
        assert_eq!(other.options().await.status, 200);
    }
    assert_eq!(edge.core.stats().connections, 1);
    drop(phone);
    let gone = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while edge.core.stats().connections > 0 {
            look.tick().await;
        }
    };
    soon(gone).await;
}
