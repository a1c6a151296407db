//! Any bytes on the SIP ports: the right error or silence, and the next call works.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::{SinkExt, StreamExt};
use offhook_tests::PATIENCE;
use offhook_tests::phone::{Bytes, Carrier, encrypt, upgrade};
use offhook_tests::server::{Server, ServerSpec};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{a_call_works, memory};

/// Somebody else on this machine, so that nobody mistakes them for a phone of the test.
const STRANGER: &str = "127.0.0.2:0";

fn corpus() -> Result<Vec<Vec<u8>>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
    let mut files: Vec<PathBuf> = Vec::new();
    for name in ["rfc4475", "sip_message", "sip_stream"] {
        for entry in fs::read_dir(folder.join(name))? {
            files.push(entry?.path());
        }
    }
    files.sort();
    ensure!(files.len() > 49, "the corpus is not there");
    files.iter().map(|file| Ok(fs::read(file)?)).collect()
}

/// A message of the corpus with some bytes changed, cut or doubled, or no message at all.
fn mangled(random: &mut SmallRng, corpus: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = corpus[random.random_range(0..corpus.len())].clone();
    bytes.truncate(8000);
    match random.random_range(0..4) {
        0 => {
            bytes = (0..random.random_range(0..600))
                .map(|_| random.random())
                .collect();
        }
        1 => bytes.truncate(random.random_range(0..=bytes.len())),
        2 => bytes.extend_from_within(random.random_range(0..=bytes.len())..),
        _ => {
            for _ in 0..random.random_range(1..20) {
                if let Some(last) = bytes.len().checked_sub(1) {
                    bytes[random.random_range(0..=last)] = random.random();
                }
            }
        }
    }
    bytes
}

/// Sends datagrams no faster than they are worked on, so that all of them are looked at.
async fn send(server: &Server, datagrams: impl Iterator<Item = Vec<u8>>) -> Result<()> {
    let stranger = UdpSocket::bind(STRANGER).await?;
    for (number, bytes) in datagrams.enumerate() {
        stranger.send_to(&bytes, server.sip()).await?;
        if number % 100 == 0 {
            server_answers(&stranger, server.sip(), number).await?;
        }
    }
    server_answers(&stranger, server.sip(), usize::MAX).await
}

/// Asks for a sign of life, which comes after everything that was sent before.
async fn server_answers(stranger: &UdpSocket, sip: SocketAddr, number: usize) -> Result<()> {
    let (own, branch) = (stranger.local_addr()?, format!("z9hG4bKalive{number}"));
    let question = format!(
        "OPTIONS sip:{sip} SIP/2.0\r\nVia: SIP/2.0/UDP {own};branch={branch}\r\n\
         From: <sip:stranger@{own}>;tag=1\r\nTo: <sip:{sip}>\r\nCall-ID: alive{number}\r\n\
         CSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    stranger.send_to(question.as_bytes(), sip).await?;
    let mut buffer = vec![0; 65_536];
    let answered = async {
        loop {
            let length = stranger.recv(&mut buffer).await?;
            let text = String::from_utf8_lossy(&buffer[..length]);
            if text.starts_with("SIP/2.0 200 ") && text.contains(&branch) {
                return Ok(());
            }
        }
    };
    timeout(PATIENCE, answered)
        .await
        .context("the server is silent")?
}

#[tokio::test]
async fn any_datagrams_leave_the_server_as_it_was() -> Result<()> {
    let server = Server::start().await?;
    let corpus = corpus()?;
    let mut random = SmallRng::seed_from_u64(4475);
    send(&server, corpus.iter().cloned()).await?;
    a_call_works(&server).await.context("after the corpus")?;
    let few: Vec<_> = (0..1000).map(|_| mangled(&mut random, &corpus)).collect();
    send(&server, few.into_iter()).await?;
    let before = memory(&server).await?;
    let many: Vec<_> = (0..4000).map(|_| mangled(&mut random, &corpus)).collect();
    send(&server, many.into_iter()).await?;
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server.has_not_panicked()
}

/// Writes bytes to a new connection and reads until the server closes it, or has nothing to say
/// although nothing more will come.
async fn converse(server: SocketAddr, bytes: &[u8]) -> Result<Vec<u8>> {
    say_on(TcpStream::connect(server).await?, bytes).await
}

async fn say_on(mut stream: impl Bytes, bytes: &[u8]) -> Result<Vec<u8>> {
    // It may hang up on the first bytes.
    stream.write_all(bytes).await.ok();
    stream.shutdown().await.ok();
    let mut answer = Vec::new();
    let read = timeout(Duration::from_secs(5), stream.read_to_end(&mut answer));
    match read.await {
        // A reset is an answer as well.
        Ok(Ok(_) | Err(_)) => Ok(answer),
        Err(_) => anyhow::bail!("the connection stays open"),
    }
}

#[tokio::test]
async fn any_bytes_on_a_connection_leave_the_server_as_it_was() -> Result<()> {
    let server = Server::start().await?;
    // UDP and TCP have ports of their own.
    let tcp = server.sip_over_tcp()?;
    let corpus = corpus()?;
    let mut random = SmallRng::seed_from_u64(3261);
    for message in &corpus {
        converse(tcp, message).await?;
    }
    let before = memory(&server).await?;
    for _ in 0..300 {
        converse(tcp, &mangled(&mut random, &corpus)).await?;
    }
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server
        .figures_vanish(&["offhook_sip_connections"], Duration::from_secs(5))
        .await?;
    server.has_not_panicked()
}

/// The same in one frame of a WebSocket, which is closed by us at the latest.
async fn say_in_a_frame(stream: impl Bytes, server: SocketAddr, bytes: &[u8]) -> Result<()> {
    let mut socket = upgrade(stream, server).await?;
    socket.send(Message::binary(bytes.to_vec())).await.ok();
    socket.close(None).await.ok();
    let rest = async { while let Some(Ok(_)) = socket.next().await {} };
    let closed = timeout(PATIENCE, rest).await;
    closed.context("the socket stays open")
}

#[tokio::test]
async fn any_bytes_inside_tls_or_a_websocket_leave_the_server_as_it_was() -> Result<()> {
    let config =
        "[sip]\ntls = [\"127.0.0.1:0\"]\nws = [\"127.0.0.1:0\"]\nwss = [\"127.0.0.1:0\"]\n";
    let server = Server::start_with(ServerSpec::configured(config)).await?;
    let corpus = corpus()?;
    let mut random = SmallRng::seed_from_u64(7118);
    let (tls, ws) = (
        server.sip_over(Carrier::Tls)?,
        server.sip_over(Carrier::Ws)?,
    );
    let wss = server.sip_over(Carrier::Wss)?;
    let mangled: Vec<_> = (0..100).map(|_| mangled(&mut random, &corpus)).collect();
    let before = memory(&server).await?;
    for bytes in corpus.iter().chain(&mangled) {
        let stream = encrypt(TcpStream::connect(tls).await?, None).await?;
        say_on(stream, bytes).await?;
        say_in_a_frame(TcpStream::connect(ws).await?, ws, bytes).await?;
        let stream = encrypt(TcpStream::connect(wss).await?, None).await?;
        say_in_a_frame(stream, wss, bytes).await?;
    }
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 24.0, "memory grew by {grown} MB");
    server
        .figures_vanish(&["offhook_sip_connections"], Duration::from_secs(5))
        .await?;
    server.has_not_panicked()
}
