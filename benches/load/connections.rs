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
use crate::clock::{self, SECOND};
use crate::process::resident_kb;
use crate::report::Report;
use crate::server::Server;
use crate::tls;

/// Connections that are made at the same time.
const TOGETHER: usize = 32;

/// What a phone says to keep its connection (RFC 5626 section 4.4.1).
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";

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
                line.write_all(KEEP_ALIVE).await?;
                let mut answer = [0; 2];
                line.read_exact(&mut answer).await.context("keep-alive")?;
                ensure!(answer == *b"\r\n", "the keep-alive was not answered");
                Ok(line)
            }
            Self::Ws | Self::Wss => upgraded(line, to).await,
        }
    }
}

/// Speaks WebSocket over a stream, and says something.
async fn upgraded(line: Held, to: SocketAddr) -> Result<Held> {
    let mut request = format!("ws://{to}/").into_client_request()?;
    let protocol = HeaderValue::from_static("sip");
    request
        .headers_mut()
        .insert("Sec-WebSocket-Protocol", protocol);
    let (mut socket, _) = client_async(request, line).await.context("upgrade")?;
    let keep_alive = std::str::from_utf8(KEEP_ALIVE)?.into();
    futures::SinkExt::send(&mut socket, keep_alive).await?;
    let Some(_) = futures::StreamExt::next(&mut socket).await else {
        bail!("the keep-alive was not answered");
    };
    Ok(socket.into_inner())
}
