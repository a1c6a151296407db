//! WebSockets that break the rules of RFC 6455 and RFC 7118, frame by frame.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::phone::{Bytes, Carrier, encrypt};
use offhook_tests::server::{Server, ServerSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::{a_call_works, memory};

const OPTIONS: &str = "OPTIONS sip:offhook.local SIP/2.0\r\n\
    Via: SIP/2.0/WS df7jal23ls0d.invalid;branch=z9hG4bKws\r\n\
    From: <sip:stranger@df7jal23ls0d.invalid>;tag=1\r\n\
    To: <sip:offhook.local>\r\n\
    Call-ID: ws\r\n\
    CSeq: 1 OPTIONS\r\n\
    Max-Forwards: 70\r\n\r\n";

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;
const LAST: u8 = 0x80;
const COMPRESSED: u8 = 0x40;

async fn server(more: &str) -> Result<Server> {
    let config = format!("[sip]\nws = [\"127.0.0.1:0\"]\nwss = [\"127.0.0.1:0\"]\n{more}");
    Server::start_with(ServerSpec::configured(&config)).await
}

/// A socket whose frames the test makes itself.
struct Raw(Box<dyn Bytes>);

impl Raw {
    /// Asks for a WebSocket with these headers; answers what the server says to that.
    async fn asks(address: SocketAddr, headers: &str) -> Result<(Self, String)> {
        let stream = TcpStream::connect(address).await?;
        Self::asks_over(Box::new(stream), address, headers).await
    }

    async fn asks_over(
        mut stream: Box<dyn Bytes>,
        address: SocketAddr,
        headers: &str,
    ) -> Result<(Self, String)> {
        let request = format!(
            "GET /sip HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\n\
             Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{headers}\r\n"
        );
        stream.write_all(request.as_bytes()).await?;
        let mut said = Vec::new();
        while !said.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, stream.read_u8())
                .await
                .context("no answer")?;
            let Ok(byte) = byte else { break };
            said.push(byte);
        }
        Ok((Self(stream), String::from_utf8_lossy(&said).into_owned()))
    }

    async fn opens(server: &Server, carrier: Carrier) -> Result<Self> {
        let address = server.sip_over(carrier)?;
        let protocols = "Sec-WebSocket-Protocol: chat, sip\r\n";
        let stream = TcpStream::connect(address).await?;
        let stream: Box<dyn Bytes> = match carrier {
            Carrier::Wss => Box::new(encrypt(stream, None).await?),
            Carrier::Udp | Carrier::Tcp | Carrier::Tls | Carrier::Ws => Box::new(stream),
        };
        let (raw, said) = Self::asks_over(stream, address, protocols).await?;
        ensure!(said.starts_with("HTTP/1.1 101 "), "{said}");
        let said = said.to_ascii_lowercase();
        ensure!(said.contains("sec-websocket-protocol: sip\r\n"), "{said}");
        // RFC 6455 section 1.3, the example's key.
        ensure!(said.contains("s3pplmbitxaq9kygzzhzrbk+xoo="), "{said}");
        Ok(raw)
    }

    /// Sends a frame; the mask is of zeros, which is one.
    async fn sends(&mut self, first: u8, payload: &[u8]) -> Result<()> {
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length)?),
            length => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&u64::try_from(length)?.to_be_bytes());
            }
        }
        frame.extend_from_slice(&[0; 4]);
        frame.extend_from_slice(payload);
        self.0.write_all(&frame).await?;
        Ok(self.0.flush().await?)
    }

    /// The next frame: its kind and what it carries.
    async fn hears(&mut self) -> Result<(u8, Vec<u8>)> {
        let frame = async {
            let kind = self.0.read_u8().await?;
            let length = match self.0.read_u8().await? {
                126 => usize::from(self.0.read_u16().await?),
                127 => usize::try_from(self.0.read_u64().await?)?,
                short => usize::from(short),
            };
            let mut payload = vec![0; length];
            self.0.read_exact(&mut payload).await?;
            anyhow::Ok((kind & 0x0f, payload))
        };
        timeout(PATIENCE, frame).await.context("no frame")?
    }

    /// Waits until the socket is closed with this code.
    async fn is_closed_with(&mut self, code: u16) -> Result<()> {
        loop {
            let (kind, payload) = self.hears().await?;
            if kind != CLOSE {
                continue;
            }
            let said = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
            ensure!(said == Some(code), "closed with {said:?}");
            return Ok(());
        }
    }

    async fn is_answered(&mut self) -> Result<()> {
        let (kind, payload) = self.hears().await?;
        let text = String::from_utf8_lossy(&payload);
        ensure!(
            kind == TEXT && text.starts_with("SIP/2.0 200 "),
            "{kind}: {text}"
        );
        Ok(())
    }
}

/// RFC 7118 section 4: text, binary, in pieces, without a length, with line breaks in front.
#[tokio::test]
async fn a_message_may_come_as_text_or_bytes_whole_or_in_pieces() -> Result<()> {
    let server = server("").await?;
    for (carrier, kind) in [Carrier::Ws, Carrier::Wss]
        .into_iter()
        .flat_map(|carrier| [(carrier, TEXT), (carrier, BINARY)])
    {
        let mut raw = Raw::opens(&server, carrier).await?;
        raw.sends(LAST | kind, OPTIONS.as_bytes()).await?;
        raw.is_answered().await?;
        let pieces: Vec<_> = OPTIONS.as_bytes().chunks(50).collect();
        for (number, piece) in pieces.iter().enumerate() {
            let kind = if number == 0 { kind } else { 0 };
            let last = if number + 1 == pieces.len() { LAST } else { 0 };
            raw.sends(last | kind, piece).await?;
            // Whoever is asked in between answers in between.
            raw.sends(LAST | PING, b"in between").await?;
            let (heard, payload) = raw.hears().await?;
            if last == 0 {
                ensure!(heard == PONG && payload == b"in between");
            }
        }
        // The answer and the last pong came in either order.
        raw.hears().await?;
        raw.sends(LAST | kind, format!("\r\n\r\n{OPTIONS}").as_bytes())
            .await?;
        raw.is_answered().await?;
    }
    Ok(())
}

/// RFC 5626 section 4.4.1 inside of RFC 7118.
#[tokio::test]
async fn keep_alives_of_both_kinds_are_answered() -> Result<()> {
    let server = server("").await?;
    let mut raw = Raw::opens(&server, Carrier::Ws).await?;
    raw.sends(LAST | TEXT, b"\r\n\r\n").await?;
    ensure!(raw.hears().await? == (TEXT, b"\r\n".to_vec()));
    raw.sends(LAST | PING, b"there?").await?;
    ensure!(raw.hears().await? == (PONG, b"there?".to_vec()));
    raw.sends(LAST | TEXT, b"\r\n").await?;
    raw.sends(LAST | TEXT, OPTIONS.as_bytes()).await?;
    raw.is_answered().await
}

#[tokio::test]
async fn a_silent_browser_is_asked_whether_it_is_there() -> Result<()> {
    let server = server("[sip.limits]\nidle_timeout = \"2s\"\n").await?;
    let mut raw = Raw::opens(&server, Carrier::Ws).await?;
    raw.sends(LAST | TEXT, OPTIONS.as_bytes()).await?;
    raw.is_answered().await?;
    for _ in 0..3 {
        let (kind, payload) = raw.hears().await?;
        ensure!(kind == PING, "{kind}");
        raw.sends(LAST | PONG, &payload).await?;
    }
    raw.is_closed_with(1001).await.context("once it is silent")
}

/// RFC 6455 sections 5.1, 5.2 and 7.4.1.
#[tokio::test]
async fn frames_that_break_the_rules_close_the_socket_with_the_reason() -> Result<()> {
    let server = server("").await?;
    let before = memory(&server).await?;
    for carrier in [Carrier::Ws, Carrier::Wss] {
        rules_are_held(&server, carrier)
            .await
            .with_context(|| format!("{carrier:?}"))?;
    }
    a_call_works(&server).await?;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    server.has_not_panicked()
}

async fn rules_are_held(server: &Server, carrier: Carrier) -> Result<()> {
    let mut unmasked = Raw::opens(server, carrier).await?;
    unmasked.0.write_all(&[LAST | TEXT, 2, b'h', b'i']).await?;
    unmasked.0.flush().await?;
    unmasked.is_closed_with(1002).await.context("unmasked")?;
    let mut compressed = Raw::opens(server, carrier).await?;
    compressed.sends(LAST | COMPRESSED | TEXT, b"hello").await?;
    compressed
        .is_closed_with(1002)
        .await
        .context("compressed")?;
    let mut unknown = Raw::opens(server, carrier).await?;
    unknown.sends(LAST | 0x0b, b"hello").await?;
    unknown.is_closed_with(1002).await.context("unknown")?;
    let mut no_text = Raw::opens(server, carrier).await?;
    no_text.sends(LAST | TEXT, &[0xff, 0xfe, 0xfd]).await?;
    no_text.is_closed_with(1007).await.context("no text")?;

    // Ten megabytes are refused when they are announced.
    let mut huge = Raw::opens(server, carrier).await?;
    let mut header = vec![LAST | BINARY, 0x80 | 127];
    header.extend_from_slice(&(10_u64 << 20).to_be_bytes());
    header.extend_from_slice(&[0; 4]);
    huge.0.write_all(&header).await?;
    huge.0.flush().await?;
    huge.is_closed_with(1009).await.context("huge")?;
    let mut endless = Raw::opens(server, carrier).await?;
    for number in 0..5 {
        let kind = if number == 0 { TEXT } else { 0 };
        endless.sends(kind, &[b'x'; 20_000]).await?;
    }
    endless.is_closed_with(1009).await.context("endless")
}

/// RFC 6455 section 5.5.3: only the newest ping needs a pong.
#[tokio::test]
async fn pings_of_who_does_not_read_cost_no_memory() -> Result<()> {
    let server = server("").await?;
    let mut raw = Raw::opens(&server, Carrier::Ws).await?;
    raw.sends(LAST | TEXT, OPTIONS.as_bytes()).await?;
    raw.is_answered().await?;
    let before = memory(&server).await?;
    let mut ping = vec![LAST | PING, 0x80 | 125, 0, 0, 0, 0];
    ping.extend_from_slice(&[b'p'; 125]);
    let many = ping.repeat(1000);
    let sent = async {
        for _ in 0..350 {
            raw.0.write_all(&many).await?;
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, sent).await.context("nobody reads")??;
    let grown = memory(&server).await? - before;
    ensure!(grown < 16.0, "memory grew by {grown} MB");
    // Who reads again hears the last of them, and goes on.
    raw.sends(LAST | TEXT, OPTIONS.as_bytes()).await?;
    while raw.hears().await?.0 != TEXT {}
    a_call_works(&server).await?;
    server.has_not_panicked()
}

#[tokio::test]
async fn bytes_that_are_no_sip_are_ignored() -> Result<()> {
    let server = server("").await?;
    for carrier in [Carrier::Ws, Carrier::Wss] {
        let mut raw = Raw::opens(&server, carrier).await?;
        for garbage in [
            &[0_u8; 5000][..],
            b"",
            b"\x00\x01\x02",
            b"hello",
            &[0xff; 60_000],
        ] {
            raw.sends(LAST | BINARY, garbage).await?;
        }
        raw.sends(LAST | TEXT, OPTIONS.as_bytes()).await?;
        raw.is_answered().await?;
    }
    server.has_not_panicked()
}

/// RFC 7118 section 4.
#[tokio::test]
async fn a_socket_has_to_speak_sip_and_come_from_a_page_that_may() -> Result<()> {
    let server = server("[sip.websocket]\norigins = [\"https://phone.example\"]\n").await?;
    let address = server.sip_over(Carrier::Ws)?;
    let sip = "Sec-WebSocket-Protocol: sip\r\n";
    for wrong in ["", "Sec-WebSocket-Protocol: chat\r\n"] {
        let (mut raw, said) = Raw::asks(address, wrong).await?;
        ensure!(said.starts_with("HTTP/1.1 400 "), "{said}");
        let mut sentence = String::new();
        timeout(PATIENCE, raw.0.read_to_string(&mut sentence)).await??;
        ensure!(
            sentence == "The subprotocol \"sip\" is missing.\r\n",
            "{sentence}"
        );
    }
    let foreign = format!("{sip}Origin: https://evil.example\r\n");
    let (_, said) = Raw::asks(address, &foreign).await?;
    ensure!(said.starts_with("HTTP/1.1 403 "), "{said}");
    for good in ["", "Origin: https://phone.example\r\n"] {
        let (_, said) = Raw::asks(address, &format!("{sip}{good}")).await?;
        ensure!(said.starts_with("HTTP/1.1 101 "), "{said}");
    }
    server.has_not_panicked()
}

#[tokio::test]
async fn whoever_wants_no_socket_is_told_what_this_port_is_for() -> Result<()> {
    let server = server("").await?;
    let address = server.sip_over(Carrier::Ws)?;
    for request in ["GET / HTTP/1.1\r\nHost: a\r\n\r\n", OPTIONS] {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut said = String::new();
        let read = timeout(PATIENCE, stream.read_to_string(&mut said)).await;
        read.context("it stays open")?.ok();
        ensure!(said.starts_with("HTTP/1.1 400 "), "{said}");
        ensure!(
            said.contains("WebSockets with the subprotocol \"sip\""),
            "{said}"
        );
    }
    server.has_not_panicked()
}
