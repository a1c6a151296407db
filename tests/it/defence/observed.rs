//! The messages of calls: kept, drawn, copied and counted.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::server::Server;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::{a_call, server_with};

/// The path of the messages of the one call there was.
async fn trace_path(server: &Server) -> Result<String> {
    let record = server.the_record().await?;
    let id = record["id"].as_str().context("a record without id")?;
    Ok(format!("/api/v1/calls/{id}/sip"))
}

#[tokio::test]
async fn the_messages_of_a_call_are_kept_without_its_credentials() -> Result<()> {
    let server = Server::start().await?;
    a_call(&server).await?;
    let path = trace_path(&server).await?;
    let trace = server.get(&path).await?;
    let messages = trace["messages"].as_array().context("messages")?;
    let first_line = |message: &Value| message["first_line"].as_str().unwrap_or("").to_owned();
    let lines: Vec<String> = messages.iter().map(first_line).collect();
    let count = |start: &str| lines.iter().filter(|line| line.starts_with(start)).count();
    ensure!(
        count("INVITE ") == 3,
        "asked, with a password, and to the other: {lines:?}"
    );
    ensure!(count("SIP/2.0 401") == 1, "{lines:?}");
    ensure!(count("SIP/2.0 180") == 2, "{lines:?}");
    ensure!(count("ACK ") == 3, "{lines:?}");
    ensure!(count("BYE ") == 2, "{lines:?}");
    ensure!(count("REGISTER ") == 0, "{lines:?}");
    ensure!(messages[0]["direction"] == "received", "{trace}");
    ensure!(messages[0]["transport"] == "udp", "{trace}");
    ensure!(messages[0]["local"] == server.sip().to_string(), "{trace}");
    let texts: Vec<&str> = messages
        .iter()
        .filter_map(|one| one["text"].as_str())
        .collect();
    let whole = texts.concat();
    ensure!(
        whole.contains("Digest username=\"1000\", (hidden)"),
        "{whole}"
    );
    ensure!(!whole.contains("response="), "{whole}");
    Ok(())
}

#[tokio::test]
async fn the_messages_of_a_call_are_drawn_as_a_ladder() -> Result<()> {
    let server = Server::start().await?;
    a_call(&server).await?;
    let path = trace_path(&server).await?;
    let drawn = server.fetch(&path, &[("accept", "text/plain")]).await?;
    let kind = drawn.headers()["content-type"].to_str()?.to_owned();
    ensure!(kind.starts_with("text/plain"), "{kind}");
    let drawn = drawn.text().await?;
    let same = server.fetch(&format!("{path}?format=ladder"), &[]).await?;
    ensure!(same.text().await? == drawn);
    ensure!(
        drawn
            .lines()
            .next()
            .is_some_and(|line| line.contains("Offhook")),
        "{drawn}"
    );
    for words in [
        "INVITE SDP --",
        "100 Trying",
        "180 Ringing",
        "200 OK SDP",
        "BYE --",
    ] {
        ensure!(drawn.contains(words), "no {words}:\n{drawn}");
    }
    let json = server
        .fetch(&format!("{path}?format=json"), &[("accept", "text/plain")])
        .await?;
    ensure!(json.headers()["content-type"] == "application/json");
    Ok(())
}

#[tokio::test]
async fn only_supervisors_read_the_messages_of_a_call() -> Result<()> {
    let server = Server::start().await?;
    a_call(&server).await?;
    let path = trace_path(&server).await?;
    let made = server
        .post("/api/v1/tokens", json!({ "name": "desk", "role": "agent" }))
        .await?;
    let agent = made["token"].as_str().context("a token")?.to_owned();
    let supervisor = server.credentials().supervisor.token.clone();
    let tokens = [(supervisor, 200), (agent, 403), (String::new(), 401)];
    for path in [&path, "/api/v1/sip/stats"] {
        for (token, wanted) in &tokens {
            let (status, answer) = server.request(Method::GET, path, None, token).await?;
            ensure!(status == *wanted, "{path}: {status} {answer}");
        }
    }
    ensure!(server.log().contains("the SIP messages of a call are read"));
    let admin = server.credentials().admin.token.clone();
    let unknown = "/api/v1/calls/call_1f0vj2dhkq6jl0n1o2ml5d6ng4/sip";
    let (status, _) = server.request(Method::GET, unknown, None, &admin).await?;
    ensure!(status == 404, "{status}");
    Ok(())
}

#[tokio::test]
async fn switched_off_no_messages_are_kept() -> Result<()> {
    let server = server_with("[sip.trace]\nenabled = false\n").await?;
    a_call(&server).await?;
    let path = trace_path(&server).await?;
    let admin = server.credentials().admin.token.clone();
    let (status, _) = server.request(Method::GET, &path, None, &admin).await?;
    ensure!(status == 404, "{status}");
    Ok(())
}

/// The chunks of a HEP packet.
fn chunks(packet: &[u8]) -> Result<BTreeMap<u16, Vec<u8>>> {
    ensure!(packet.starts_with(b"HEP3"), "no HEP: {packet:?}");
    let word = |at: usize| u16::from_be_bytes([packet[at], packet[at + 1]]);
    ensure!(usize::from(word(4)) == packet.len(), "a wrong length");
    let (mut chunks, mut at) = (BTreeMap::new(), 6);
    while at < packet.len() {
        let length = usize::from(word(at + 4));
        chunks.insert(word(at + 2), packet[at + 6..at + length].to_vec());
        at += length;
    }
    Ok(chunks)
}

/// HEP 3.
#[tokio::test]
async fn a_capture_server_gets_a_copy_of_every_message() -> Result<()> {
    let capture = UdpSocket::bind("127.0.0.1:0").await?;
    let config = format!(
        "[sip.hep]\naddress = \"{}\"\ncapture_id = 77\npassword = \"shown\"\n",
        capture.local_addr()?
    );
    let server = server_with(&config).await?;
    a_call(&server).await?;
    let mut calls: BTreeMap<Vec<u8>, Vec<String>> = BTreeMap::new();
    let mut buffer = vec![0; 65_536];
    let ended = |calls: &BTreeMap<Vec<u8>, Vec<String>>| {
        let byes = calls
            .values()
            .flatten()
            .filter(|text| text.starts_with("BYE "));
        byes.count() == 2
    };
    while !ended(&calls) {
        let length = timeout(PATIENCE, capture.recv(&mut buffer)).await??;
        let chunks = chunks(&buffer[..length])?;
        ensure!(chunks[&1] == [2] && chunks[&2] == [17] && chunks[&11] == [1]);
        ensure!(chunks[&12] == 77_u32.to_be_bytes() && chunks[&14] == b"shown");
        let text = String::from_utf8(chunks[&15].clone())?;
        ensure!(!text.contains("response="), "{text}");
        ensure!(
            text.contains(&*String::from_utf8_lossy(&chunks[&17])),
            "{text}"
        );
        calls.entry(chunks[&17].clone()).or_default().push(text);
    }
    let invites = |texts: &&Vec<String>| texts.iter().any(|text| text.starts_with("INVITE "));
    ensure!(
        calls.values().filter(invites).count() == 2,
        "one Call-ID a leg"
    );
    Ok(())
}

#[tokio::test]
async fn messages_are_counted_by_method_class_and_transport() -> Result<()> {
    let server = Server::start().await?;
    a_call(&server).await?;
    let stats = server.get("/api/v1/sip/stats").await?;
    ensure!(stats["received"]["requests"]["INVITE"] == 2, "{stats}");
    ensure!(stats["sent"]["requests"]["INVITE"] == 1, "{stats}");
    ensure!(
        stats["received"]["requests"]["REGISTER"].as_u64() >= Some(4),
        "{stats}"
    );
    ensure!(
        stats["sent"]["responses"]["4xx"].as_u64() >= Some(3),
        "{stats}"
    );
    ensure!(stats["received"]["responses"]["2xx"] == 2, "{stats}");
    ensure!(stats["received"]["transports"]["tcp"] == 0, "{stats}");
    ensure!(
        stats["received"]["transports"]["udp"].as_u64() > Some(10),
        "{stats}"
    );
    let (_, text) = server.request(Method::GET, "/metrics", None, "").await?;
    let text = text.as_str().unwrap_or_default();
    for line in [
        "offhook_sip_requests_received_total{method=\"INVITE\"} 2",
        "offhook_sip_requests_sent_total{method=\"INVITE\"} 1",
        "offhook_sip_transport_received_total{transport=\"TCP\"} 0",
    ] {
        ensure!(text.contains(line), "no {line}");
    }
    Ok(())
}
