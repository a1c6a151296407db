//! Text messages.

use super::super::page::excerpt;
use super::*;

/// RFC 3428 section 8: a message is for reading, and each is kept in the records.
#[tokio::test(start_paused = true)]
async fn a_message_longer_than_allowed_is_refused() {
    let mut desk = Desk::open().await;
    let mut status = async |length: usize| {
        let text = format!(
            "MESSAGE sip:1001@offhook.local SIP/2.0\r\n\
             Via: SIP/2.0/TCP 127.0.0.1:5062;branch=z9hG4bK{length}\r\n\
             From: <sip:1000@offhook.local>;tag=w\r\nTo: <sip:1001@offhook.local>\r\n\
             Call-ID: m{length}\r\nCSeq: 1 MESSAGE\r\nContent-Type: text/plain\r\n\
             Content-Length: {length}\r\n\r\n{}",
            "x".repeat(length)
        );
        desk.asks(&text).await.status
    };
    let most = SipConfig::default().message_body;
    assert_eq!(status(most + 1).await, 413);
    assert_eq!(status(most).await, 480, "nobody is there to read it");
}

#[test]
fn of_a_long_message_the_beginning_is_remembered() {
    assert_eq!(excerpt("Grüße".as_bytes()), "Grüße");
    let long = "€".repeat(20_000);
    let kept = excerpt(long.as_bytes());
    assert_eq!(kept, "€".repeat(341), "three bytes each, and whole");
    // What is no UTF-8 grows when it is made readable.
    assert!(excerpt(&[0xff; 60_000]).len() <= 1024);
}
