//! Text messages.

use std::time::Duration;

use anyhow::{Result, ensure};
use offhook_tests::phone::{Carrier, Phone, SipText};
use offhook_tests::server::Server;
use serde_json::json;

use super::three_phones;

/// RFC 3428 sections 5 and 7.
#[tokio::test]
async fn a_message_reaches_every_phone_of_an_extension_as_it_was_written() -> Result<()> {
    let (server, sender, first, _third) = three_phones().await?;
    let second = Phone::extension(&server, "1001").await?;
    let events = server.events().await?;
    let (one, two) = (first.reads(), second.reads());
    let answer = sender
        .writes("1001", "text/plain;x=1", "Grüße\r\n  <b>")
        .await?;
    ensure!(answer.status() == Some(202), "{}", answer.start);
    for mail in [one, two] {
        let message = mail.next().await?;
        ensure!(message.method() == "MESSAGE");
        ensure!(message.body == "Grüße\r\n  <b>", "{}", message.body);
        ensure!(message.header("Content-Type") == "text/plain;x=1");
        ensure!(message.header("From").contains("sip:1000@"));
        ensure!(
            message.header("Date").ends_with(" GMT"),
            "{}",
            message.header("Date")
        );
        ensure!(message.header("Max-Forwards") == "69");
    }
    let event = events
        .wait_for(|event| event["type"] == "message_received")
        .await?;
    ensure!(event["from"] == "1000" && event["to"] == "1001", "{event}");
    server.has_not_panicked()
}

/// RFC 3428 section 7: 404 for the unknown, 480 for the absent.
#[tokio::test]
async fn a_message_to_nobody_is_refused() -> Result<()> {
    let server = Server::start().await?;
    let sender = Phone::extension(&server, "1000").await?;
    ensure!(sender.writes("1001", "text/plain", "hello").await?.status() == Some(480));
    ensure!(sender.writes("7777", "text/plain", "hello").await?.status() == Some(404));
    // To oneself, with no other phone there.
    ensure!(sender.writes("1000", "text/plain", "hello").await?.status() == Some(480));
    Ok(())
}

/// RFC 3428 section 8: what is too large for a datagram goes over streams only.
#[tokio::test]
async fn a_long_message_needs_a_stream() -> Result<()> {
    let server = Server::start().await?;
    let sender = Phone::extension_over(&server, "1000", Carrier::Tcp).await?;
    let plain = Phone::extension(&server, "1001").await?;
    let text = "x".repeat(5_000);
    let refused = sender.writes("1001", "text/plain", &text).await?;
    ensure!(refused.status() == Some(413), "{}", refused.start);
    let stream = Phone::extension_over(&server, "1001", Carrier::Tcp).await?;
    let (short, long) = (plain.reads(), stream.reads());
    ensure!(sender.writes("1001", "text/plain", &text).await?.status() == Some(202));
    ensure!(long.next().await?.body == text);
    short.stays_empty_for(Duration::from_millis(300)).await
}

/// RFC 3428 section 11.1: only who proves who they are may write.
#[tokio::test]
async fn a_stranger_or_a_trunk_cannot_write() -> Result<()> {
    let (server, _first, second, _third) = three_phones().await?;
    let mail = second.reads();
    let trunk = Phone::trunk(&server).await?;
    let proxy = server.sip();
    let mut request = SipText::new(format!("MESSAGE sip:1001@{proxy} SIP/2.0"))
        .with(
            "Via",
            format!("SIP/2.0/UDP {};branch=z9hG4bKtrunk;rport", trunk.address()),
        )
        .with("Max-Forwards", "70")
        .with("From", "<sip:+4930123@carrier>;tag=t")
        .with("To", format!("<sip:1001@{proxy}>"))
        .with("Call-ID", "from-a-trunk")
        .with("CSeq", "1 MESSAGE");
    request.body = "spam".to_owned();
    let answer = trunk.asks(&mut request, proxy).await?;
    ensure!(
        [Some(401), Some(403)].contains(&answer.status()),
        "{}",
        answer.start
    );
    mail.stays_empty_for(Duration::from_millis(300)).await
}

#[tokio::test]
async fn a_message_can_be_sent_over_rest() -> Result<()> {
    let server = Server::start().await?;
    let phone = Phone::extension(&server, "1001").await?;
    let mail = phone.reads();
    let message = json!({ "from": "1000", "to": "1001", "text": "Your taxi is here" });
    server.post("/api/v1/messages", message.clone()).await?;
    let told = mail.next().await?;
    ensure!(told.body == "Your taxi is here");
    ensure!(told.header("Content-Type").starts_with("text/plain"));
    phone.unregisters().await?;
    let error = server.post("/api/v1/messages", message).await.unwrap_err();
    ensure!(error.to_string().contains("no phone"), "{error}");
    let unknown = json!({ "from": "1000", "to": "7", "text": "" });
    let error = server.post("/api/v1/messages", unknown).await.unwrap_err();
    let error = error.to_string();
    ensure!(error.contains("to") && error.contains("text"), "{error}");
    Ok(())
}
