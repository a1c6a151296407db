//! Messages within messages, thousands of hops, numbers out of bounds: on every carrier.

use anyhow::{Context, Result, ensure};
use futures::{SinkExt, StreamExt};
use offhook_tests::PATIENCE;
use offhook_tests::phone::{Bytes, Carrier, encrypt, upgrade};
use offhook_tests::server::{Server, ServerSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use super::{a_call_works, memory};

const CARRIERS: [Carrier; 5] = [
    Carrier::Udp,
    Carrier::Tcp,
    Carrier::Tls,
    Carrier::Ws,
    Carrier::Wss,
];

async fn server() -> Result<Server> {
    let config =
        "[sip]\ntls = [\"127.0.0.1:0\"]\nws = [\"127.0.0.1:0\"]\nwss = [\"127.0.0.1:0\"]\n";
    Server::start_with(ServerSpec::configured(config)).await
}

/// What comes back for this one message; empty when the connection is closed instead.
async fn answer(server: &Server, carrier: Carrier, message: &str) -> Result<String> {
    let to = server.sip_over(carrier)?;
    let answered = async {
        match carrier {
            Carrier::Udp => {
                let socket = UdpSocket::bind("127.0.0.1:0").await?;
                socket.send_to(message.as_bytes(), to).await?;
                let mut buffer = vec![0; 65_535];
                let (length, _) = socket.recv_from(&mut buffer).await?;
                buffer.truncate(length);
                anyhow::Ok(buffer)
            }
            Carrier::Tcp => exchange(TcpStream::connect(to).await?, message).await,
            Carrier::Tls => {
                let stream = TcpStream::connect(to).await?;
                exchange(encrypt(stream, None).await?, message).await
            }
            Carrier::Ws => {
                let stream = TcpStream::connect(to).await?;
                exchange_frame(upgrade(stream, to).await?, message).await
            }
            Carrier::Wss => {
                let stream = encrypt(TcpStream::connect(to).await?, None).await?;
                exchange_frame(upgrade(stream, to).await?, message).await
            }
        }
    };
    let bytes = timeout(PATIENCE, answered).await.context("no answer")??;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

async fn exchange(mut stream: impl Bytes, message: &str) -> Result<Vec<u8>> {
    // The server may hang up before the end.
    stream.write_all(message.as_bytes()).await.ok();
    stream.flush().await.ok();
    let mut buffer = vec![0; 65_535];
    let length = stream.read(&mut buffer).await.unwrap_or(0);
    buffer.truncate(length);
    Ok(buffer)
}

async fn exchange_frame<S: Bytes>(
    mut socket: tokio_tungstenite::WebSocketStream<S>,
    message: &str,
) -> Result<Vec<u8>> {
    socket.send(Message::text(message)).await.ok();
    Ok(match socket.next().await {
        Some(Ok(Message::Text(text))) => text.as_bytes().to_vec(),
        _ => Vec::new(),
    })
}

fn options(carrier: Carrier, cseq: u64, more: &str, body: &str) -> String {
    let name = format!("{carrier:?}").to_ascii_uppercase();
    let branch: u32 = rand::random();
    format!(
        "OPTIONS sip:offhook.local SIP/2.0\r\n\
         Via: SIP/2.0/{name} 127.0.0.1:9;rport;branch=z9hG4bK{branch:x}\r\n{more}\
         From: <sip:stranger@127.0.0.1>;tag=1\r\n\
         To: <sip:offhook.local>\r\n\
         Call-ID: {branch}\r\n\
         CSeq: {cseq} OPTIONS\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// RFC 3261 section 8.1.1.5: a sequence number is below 2^31.
#[tokio::test]
async fn a_sequence_number_of_two_to_the_31_is_refused_everywhere() -> Result<()> {
    let server = server().await?;
    for carrier in CARRIERS {
        let largest = options(carrier, (1 << 31) - 1, "", "");
        let said = answer(&server, carrier, &largest).await?;
        ensure!(said.starts_with("SIP/2.0 200 "), "{carrier:?}: {said}");
        for cseq in [1 << 31, 1 << 32, u64::MAX] {
            let said = answer(&server, carrier, &options(carrier, cseq, "", "")).await?;
            ensure!(
                said.starts_with("SIP/2.0 400 Malformed CSeq"),
                "{carrier:?}: {said}"
            );
        }
    }
    server.has_not_panicked()
}

/// RFC 4475 section 3.1.1.1 and its opposite.
#[tokio::test]
async fn ten_thousand_hops_are_refused_in_no_time() -> Result<()> {
    let server = server().await?;
    let before = memory(&server).await?;
    for carrier in CARRIERS {
        let rows = "v: SIP/2.0/UDP a\r\n".repeat(300);
        let said = answer(&server, carrier, &options(carrier, 1, &rows, "")).await?;
        ensure!(said.starts_with("SIP/2.0 513 "), "{carrier:?}: {said}");
        let list = format!("v: a{}\r\n", ",SIP/2.0/UDP a".repeat(10_000));
        let said = answer(&server, carrier, &options(carrier, 1, &list, "")).await;
        // As one datagram it cannot even be sent.
        if carrier != Carrier::Udp {
            let said = said?;
            let refused = said.starts_with("SIP/2.0 513 ") || !said.contains(" 200 ");
            ensure!(refused, "{carrier:?}: {said}");
        }
        let rows = "v: SIP/2.0/UDP a\r\n".repeat(10_000);
        let said = answer(&server, carrier, &options(carrier, 1, &rows, "")).await;
        ensure!(!said.unwrap_or_default().contains(" 200 "), "{carrier:?}");
    }
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server.has_not_panicked()
}

/// RFC 3261 section 18.3: what is inside a body is no message.
#[tokio::test]
async fn a_message_inside_a_message_is_not_answered() -> Result<()> {
    let server = server().await?;
    for carrier in CARRIERS {
        let inner = options(carrier, 7, "", "");
        let kind = "Content-Type: message/sip\r\n";
        let outer = options(carrier, 1, kind, &inner);
        let said = answer(&server, carrier, &outer).await?;
        ensure!(said.starts_with("SIP/2.0 200 "), "{carrier:?}: {said}");
        ensure!(
            said.matches("SIP/2.0 200 ").count() == 1,
            "{carrier:?}: {said}"
        );
        ensure!(said.contains("CSeq: 1 OPTIONS"), "{carrier:?}: {said}");
    }
    a_call_works(&server).await?;
    server.has_not_panicked()
}

/// RFC 7118 section 4: a frame is a message, whatever its length header says of more to come; and one
/// that says less says where the body ends. What is not a length is refused.
#[tokio::test]
async fn a_length_that_lies_inside_a_frame_gets_no_answer_but_400() -> Result<()> {
    let server = server().await?;
    for carrier in [Carrier::Ws, Carrier::Wss] {
        for length in ["1000", "18446744073709551616", "-1", "many"] {
            let lie = format!("Content-Length: {length}");
            let message = options(carrier, 1, "", "").replace("Content-Length: 0", &lie);
            let said = answer(&server, carrier, &message).await?;
            ensure!(
                said.starts_with("SIP/2.0 400 "),
                "{carrier:?} {length}: {said}"
            );
        }
        let short = options(carrier, 1, "", "more than that");
        let short = short.replace("Content-Length: 14", "Content-Length: 4");
        let said = answer(&server, carrier, &short).await?;
        ensure!(said.starts_with("SIP/2.0 200 "), "{carrier:?}: {said}");
    }
    a_call_works(&server).await?;
    server.has_not_panicked()
}

/// A stream inside TLS is cut like a plain one.
#[tokio::test]
async fn a_head_without_end_is_cut_off_on_every_stream() -> Result<()> {
    let server = server().await?;
    let before = memory(&server).await?;
    for carrier in [Carrier::Tcp, Carrier::Tls] {
        let endless = format!("X-Long: {}\r\n", "x".repeat(1000)).repeat(1000);
        let message = options(carrier, 1, &endless, "");
        let said = answer(&server, carrier, &message).await?;
        ensure!(!said.contains(" 200 "), "{carrier:?}: {said}");
    }
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server.has_not_panicked()
}
