//! A hostile internet, and what operators see of signalling.

mod bans;
mod dialogs;
mod observed;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Phone, PhoneSpec};
use offhook_tests::server::{Server, ServerSpec};
use serde_json::{Value, json};
use tokio::net::UdpSocket;

/// Somebody else on this machine.
const STRANGER: &str = "127.0.0.2:0";

async fn server_with(config: &str) -> Result<Server> {
    Server::start_with(ServerSpec {
        config: Some(config.to_owned()),
        ..ServerSpec::default()
    })
    .await
}

/// The trunk of the demo office lets in this machine under any of its addresses. From now on it
/// lets in one of them, and the others are strangers.
async fn trusts_only_a_carrier(server: &Server) -> Result<()> {
    let path = "/api/v1/sip/trunks";
    let trunk = server.find(path, "name", "demo").await?;
    let id = trunk["id"].as_str().context("an id")?;
    let change = json!({ "trusted": ["127.0.0.9/32"] });
    server.patch(&format!("{path}/{id}"), change).await?;
    Ok(())
}

/// A phone with a wrong password tries to register.
async fn guesses(server: &Server, number: &str) -> Result<u16> {
    let mut spec = PhoneSpec::new(number, Some(server.sip()));
    spec.password = Some("a wrong guess".to_owned());
    Phone::new(spec).await?.registers_for(600).await
}

async fn bans(server: &Server) -> Result<Vec<Value>> {
    server.list("/api/v1/bans").await
}

/// Sends what is no SIP, as fast as it can.
async fn floods(server: &Server, count: usize) -> Result<()> {
    let socket = UdpSocket::bind(STRANGER).await?;
    for number in 0..count {
        let junk = format!("{number} is no SIP");
        socket.send_to(junk.as_bytes(), server.sip()).await?;
    }
    Ok(())
}

/// One request a scanner begins with.
fn probe(agent: &str, from: &str) -> String {
    format!(
        "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bKprobe;rport\r\n\
         From: <sip:100@127.0.0.1>;tag=1\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: probe\r\n\
         CSeq: 1 REGISTER\r\nMax-Forwards: 70\r\nUser-Agent: {agent}\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Two registered phones, one of which has called the other.
async fn a_call(server: &Server) -> Result<()> {
    let caller = Phone::extension(server, "1000").await?;
    let callee = Phone::extension(server, "1001").await?;
    let dialling = caller.calls("1001").await?;
    let answered = callee.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    ensure!(talk.hangs_up().await? == 200);
    answered.is_hung_up().await?;
    caller.unregisters().await?;
    callee.unregisters().await?;
    server.has_nothing_left().await
}
