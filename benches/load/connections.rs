//! `load connections`: phones and browsers that stay connected and say nothing.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;

use crate::Common;
use crate::server::Server;
use crate::tls;
use offhook_benches::clock::{self, SECOND};
use offhook_benches::process::resident_kb;
use offhook_benches::report::Report;

/// Connections that are made at the same time.
const TOGETHER: usize = 32;

#[derive(Debug, clap::Args)]
pub(crate) struct Connections {
    /// What carries SIP.
    #[arg(long, value_enum, default_value_t = Transport::Tls)]
    transport: Transport,
    /// How many.
    #[arg(long, default_value_t = 5000, value_parser = clap::value_parser!(u32).range(1..=15_000))]
    count: u32,
    /// How long they are watched, in seconds.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=3600))]
    seconds: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Transport {
    Tcp,
    Tls,
    Ws,
    Wss,
}

/// One connection, kept open.
trait Line: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Line for T {}
type Held = Box<dyn Line>;

impl Connections {
    pub(crate) fn run(&self, common: &Common) -> Result<Report> {
        ensure!(
            common.server == "spawn" && common.config.is_none(),
            "connections needs a server of its own with settings of its own"
        );
        let (config, port) = self.config()?;
        let server = Server::spawn(common.binary.as_deref(), Some(config.path()))?;
        let address = match self.transport {
            Transport::Tcp => server.sip(),
            Transport::Tls | Transport::Ws | Transport::Wss => (Ipv4Addr::LOCALHOST, port).into(),
        };
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        // What is made once, at the first connection, is not counted.
        let first = self.open(&runtime, address, 8)?;
        clock::pause(SECOND);
        let memory = resident_kb(server.pid())?;
        let began = clock::now();
        let held = self.open(&runtime, address, self.count)?;
        let opened = clock::seconds(clock::now() - began);
        clock::pause(2 * SECOND);
        let grown = (resident_kb(server.pid())? - memory) / f64::from(self.count);
        let before = server.usage()?;
        clock::pause(self.seconds * SECOND);
        let used = server.usage()?.since(&before);
        let known = server.metrics()?.get("offhook_sip_connections").copied();
        let own = match self.transport {
            Transport::Tls | Transport::Wss => tls::server_state_kb()?,
            Transport::Tcp | Transport::Ws => 0.0,
        };

        let name = self.transport.name();
        let mut report = Report::new(format!("{} idle {name} connections", self.count));
        report.add("opened in", opened, "s");
        report.count("connections made", held.len());
        ensure!(
            known.is_some_and(|known| known >= f64::from(self.count)),
            "the server has hung up on some: it knows {known:?}"
        );
        report.add("connections known to the server", known, "");
        report.add("memory per connection", grown, "KB");
        report.add("of it rustls's own state", own, "KB");
        report.add("the rest", grown - own, "KB");
        report.goal(25.0);
        report.add("CPU while idle", used.percent(), "% of core");
        drop((held, first));
        Ok(report)
    }

    /// Settings with a listener for this transport, and its port.
    fn config(&self) -> Result<(NamedTempFile, u16)> {
        // Free now; nobody else on this machine is in a hurry to take it.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
            .local_addr()?
            .port();
        let file = NamedTempFile::with_suffix(".toml")?;
        let name = self.transport.name();
        let listener = match self.transport {
            // Where UDP listens, too.
            Transport::Tcp => String::new(),
            Transport::Tls | Transport::Ws | Transport::Wss => {
                format!("{name} = [\"127.0.0.1:{port}\"]")
            }
        };
        let text = format!(
            "[limits]\ndrain_timeout = \"1s\"\n[sip]\n{listener}\n\
             [sip.limits]\nmax_connections = 20000\nmax_connections_per_source = 20000\n\
             idle_timeout = \"1h\"\n[sip.defence]\nallow = [\"127.0.0.0/8\"]\n"
        );
        std::fs::write(file.path(), text)?;
        Ok((file, port))
    }

    fn open(&self, runtime: &Runtime, to: SocketAddr, count: u32) -> Result<Vec<Held>> {
        let connector = TlsConnector::from(Arc::new(tls::trusting_client()?));
        let transport = self.transport;
        runtime.block_on(async {
            let mut held = Vec::new();
            let mut making = JoinSet::new();
            let mut left = count;
            while left > 0 || !making.is_empty() {
                while left > 0 && making.len() < TOGETHER {
                    left -= 1;
                    making.spawn(transport.connect(to, connector.clone()));
                }
                if let Some(made) = making.join_next().await {
                    held.push(made??);
                }
            }
            Ok(held)
        })
    }
}

impl Transport {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Connects, says something whole and hears the answer.
    async fn connect(self, to: SocketAddr, connector: TlsConnector) -> Result<Held> {
        let tcp = TcpStream::connect(to).await.context("connect")?;
        let name = tls::server_name()?;
        let mut line: Held = match self {
            Self::Tcp | Self::Ws => Box::new(tcp),
            Self::Tls | Self::Wss => Box::new(connector.connect(name, tcp).await.context("TLS")?),
        };
        match self {
            Self::Tcp | Self::Tls => {
                line.write_all(options(self).as_bytes()).await?;
                answered(&mut line).await?;
                Ok(line)
            }
            Self::Ws | Self::Wss => upgraded(line, to, options(self)).await,
        }
    }
}

/// A question that anybody may ask: who never says anything whole is hung up on after seconds.
fn options(transport: Transport) -> String {
    let carrier = transport.name().to_uppercase();
    format!(
        "OPTIONS sip:idle@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/{carrier} 127.0.0.1;branch=z9hG4bKidle\r\n\
         Max-Forwards: 70\r\nFrom: <sip:idle@127.0.0.1>;tag=idle\r\nTo: <sip:idle@127.0.0.1>\r\n\
         Call-ID: idle\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
    )
}

/// Reads a response without a body.
async fn answered(line: &mut Held) -> Result<()> {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(line.read_u8().await.context("no answer")?);
    }
    ensure!(
        answer.starts_with(b"SIP/2.0 200"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    Ok(())
}

/// Speaks WebSocket over a stream, and says something.
async fn upgraded(line: Held, to: SocketAddr, question: String) -> Result<Held> {
    let mut request = format!("ws://{to}/").into_client_request()?;
    let protocol = HeaderValue::from_static("sip");
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocol);
    let (mut socket, _) = client_async(request, line).await.context("upgrade")?;
    futures::SinkExt::send(&mut socket, question.into()).await?;
    let Some(_) = futures::StreamExt::next(&mut socket).await else {
        bail!("no answer");
    };
    Ok(socket.into_inner())
}
