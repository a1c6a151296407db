//! Whoever speaks something else to a port that wants TLS.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::phone::{Carrier, encrypt};
use offhook_tests::server::{Server, ServerSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{a_call_works, memory};

const OPTIONS: &str = "OPTIONS sip:offhook.local SIP/2.0\r\n\
    Via: SIP/2.0/TLS 127.0.0.2:5061;branch=z9hG4bKtls\r\n\
    From: <sip:stranger@127.0.0.2>;tag=1\r\n\
    To: <sip:offhook.local>\r\n\
    Call-ID: tls\r\n\
    CSeq: 1 OPTIONS\r\n\
    Max-Forwards: 70\r\n\
    Content-Length: 0\r\n\r\n";

async fn impatient() -> Result<Server> {
    let config = "[sip]\ntls = [\"127.0.0.1:0\"]\nwss = [\"127.0.0.1:0\"]\n\
        [sip.limits]\nmessage_timeout = \"500ms\"\nmax_connections = 20\n";
    Server::start_with(ServerSpec::configured(config)).await
}

/// Sends this and waits until the server has closed the connection.
async fn is_closed_after(address: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    // The server may have enough before the end.
    stream.write_all(bytes).await.ok();
    let mut answer = Vec::new();
    let closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
    closed.context("the connection stays open")?.ok();
    Ok(answer)
}

/// RFC 3261 section 26.3.1: garbage, half a handshake, HTTP and plain SIP.
#[tokio::test]
async fn what_is_no_tls_is_hung_up_on() -> Result<()> {
    let server = impatient().await?;
    let before = memory(&server).await?;
    for carrier in [Carrier::Tls, Carrier::Wss] {
        let address = server.sip_over(carrier)?;
        let hello: &[u8] = &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3];
        let huge: &[u8] = &[0x16, 3, 3, 0xff, 0xff];
        let cases: [&[u8]; 7] = [
            b"",
            hello,
            huge,
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            OPTIONS.as_bytes(),
            &[0; 5000],
            &[0xff; 100_000],
        ];
        for bytes in cases {
            let answer = is_closed_after(address, bytes).await;
            let answer = answer.with_context(|| format!("{carrier:?}: {bytes:.20?}"))?;
            ensure!(!answer.starts_with(b"SIP/2.0"), "{carrier:?}");
        }
    }
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server.has_not_panicked()
}

#[tokio::test]
async fn handshakes_that_never_end_take_no_place_for_ever() -> Result<()> {
    let server = impatient().await?;
    let address = server.sip_over(Carrier::Tls)?;
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(TcpStream::connect(address).await?);
    }
    server
        .figure_reaches("offhook_sip_connections_refused_total", 10.0)
        .await?;
    let connections = ["offhook_sip_connections"];
    server
        .figures_vanish(&connections, Duration::from_secs(10))
        .await?;
    let stream = TcpStream::connect(address).await?;
    let mut stream = encrypt(stream, None).await?;
    stream.write_all(OPTIONS.as_bytes()).await?;
    let mut answer = [0; 12];
    timeout(PATIENCE, stream.read_exact(&mut answer)).await??;
    ensure!(answer == *b"SIP/2.0 200 ", "there is room again");
    drop(held);
    server.has_not_panicked()
}

#[tokio::test]
async fn a_length_that_lies_ends_an_encrypted_stream_as_well() -> Result<()> {
    let server = impatient().await?;
    let address = server.sip_over(Carrier::Tls)?;
    for length in ["18446744073709551615", "99999999", "-1", "1000"] {
        let stream = encrypt(TcpStream::connect(address).await?, None).await;
        let mut stream = stream.with_context(|| length.to_owned())?;
        let lie = OPTIONS.replace("Content-Length: 0", &format!("Content-Length: {length}"));
        stream.write_all(lie.as_bytes()).await?;
        let mut answer = Vec::new();
        let closed = timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
        closed.context("the connection stays open")?.ok();
        let answer = String::from_utf8_lossy(&answer);
        ensure!(!answer.contains(" 200 "), "{length}: {answer}");
    }
    a_call_works(&server).await?;
    server.has_not_panicked()
}
