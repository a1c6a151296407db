//! Connections that lie about what they will send, or send nothing.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::server::{Server, ServerSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{a_call_works, memory};

const HEAD: &str = "OPTIONS sip:offhook.local SIP/2.0\r\n\
    Via: SIP/2.0/TCP 127.0.0.2:5060;branch=z9hG4bKlong\r\n\
    From: <sip:stranger@127.0.0.2>;tag=1\r\n\
    To: <sip:offhook.local>\r\n\
    Call-ID: long\r\n\
    CSeq: 1 OPTIONS\r\n\
    Max-Forwards: 70\r\n";

async fn impatient() -> Result<Server> {
    let config = "[sip.limits]\nmessage_timeout = \"500ms\"\nmax_connections = 20\n";
    let spec = ServerSpec {
        config: Some(config.to_owned()),
        ..ServerSpec::default()
    };
    Server::start_with(spec).await
}

async fn opens(address: SocketAddr, text: &str) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(text.as_bytes()).await?;
    Ok(stream)
}

/// Reads until the server closes the connection.
async fn is_closed(stream: &mut TcpStream) -> Result<String> {
    let mut answer = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    // A reset closes it as well.
    closed.context("the connection stays open")?.ok();
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test]
async fn a_body_that_is_promised_and_too_long_or_never_comes_ends_the_connection() -> Result<()> {
    let server = impatient().await?;
    let tcp = server.sip_over_tcp()?;
    let before = memory(&server).await?;
    for length in [
        "100000",
        "4294967296",
        "99999999999999999999999999",
        "-1",
        "many",
    ] {
        let text = format!("{HEAD}Content-Length: {length}\r\n\r\n");
        let mut stream = opens(tcp, &text).await?;
        let answer = is_closed(&mut stream)
            .await
            .with_context(|| length.to_owned())?;
        ensure!(!answer.contains(" 200 "), "{length}: {answer}");
    }
    let mut patient = opens(tcp, &format!("{HEAD}Content-Length: 10\r\n\r\nhalf")).await?;
    is_closed(&mut patient).await.context("half a body")?;
    let mut patient = opens(tcp, "OPTIONS sip:offhook").await?;
    is_closed(&mut patient).await.context("half a head")?;
    let mut endless = opens(tcp, "OPTIONS sip:offhook.local SIP/2.0\r\n").await?;
    let line = format!("X-Long: {}\r\n", "x".repeat(1000));
    // The write fails as soon as the server has had enough.
    for _ in 0..1000 {
        if endless.write_all(line.as_bytes()).await.is_err() {
            break;
        }
    }
    is_closed(&mut endless)
        .await
        .context("a head without end")?;
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server.has_not_panicked()
}

#[tokio::test]
async fn more_connections_than_allowed_are_closed_and_phones_on_udp_do_not_notice() -> Result<()> {
    let server = impatient().await?;
    let tcp = server.sip_over_tcp()?;
    let mut held = Vec::new();
    for _ in 0..60 {
        held.push(TcpStream::connect(tcp).await?);
    }
    server
        .figure_reaches("offhook_sip_connections_refused_total", 40.0)
        .await?;
    ensure!(server.figure("offhook_sip_connections").await? <= 20.0);
    a_call_works(&server).await?;
    drop(held);
    let connections = ["offhook_sip_connections"];
    server
        .figures_vanish(&connections, Duration::from_secs(10))
        .await?;
    let text = format!("{HEAD}Content-Length: 0\r\n\r\n");
    let mut stream = opens(tcp, &text).await?;
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await??;
    ensure!(answer == *b"SIP/2.0 200 ", "there is room again");
    Ok(())
}
