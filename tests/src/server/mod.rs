//! The real `offhook` binary, on ports and in a data folder of its own.

use std::ffi::OsString;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::ops::Range;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, interval};

mod events;
mod office;
mod ports;
mod process;
mod web;

pub use events::Events;
pub use process::{Program, binary};

use crate::PATIENCE;
use crate::ears::Wav;
use crate::place;

/// How long the server may take to start, on a machine that is busy building.
const START: Duration = Duration::from_secs(30);

/// `DATA/demo-credentials.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct DemoCredentials {
    /// Where HTTP is served, as a URL.
    pub http: String,
    /// Where SIP is served, UDP and TCP.
    pub sip: SocketAddr,
    /// Somebody who may do everything.
    pub admin: DemoUser,
    /// Somebody who may watch and steer.
    pub supervisor: DemoUser,
    /// The phones.
    pub extensions: Vec<DemoExtension>,
    /// The public number of the office.
    pub did: String,
}

/// A user of the API.
#[derive(Debug, Clone, Deserialize)]
pub struct DemoUser {
    /// The user name.
    pub user: String,
    /// The password in clear.
    pub password: String,
    /// A bearer token.
    pub token: String,
}

/// A phone of the office.
#[derive(Debug, Clone, Deserialize)]
pub struct DemoExtension {
    /// The number.
    pub extension: String,
    /// The SIP password in clear.
    pub password: String,
}

/// How a server is started.
#[derive(Debug, Clone, Default)]
pub struct ServerSpec {
    /// The text of a configuration file.
    pub config: Option<String>,
    /// More arguments.
    pub arguments: Vec<OsString>,
    /// More environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What SIP is served by.
    pub ip: IpVersion,
}

/// A version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IpVersion {
    /// 127.0.0.1.
    #[default]
    V4,
    /// ::1.
    V6,
}

impl IpVersion {
    fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }
}

impl ServerSpec {
    /// The demo office with this configuration file.
    #[must_use]
    pub fn configured(config: &str) -> Self {
        Self {
            config: Some(config.to_owned()),
            ..Self::default()
        }
    }
}

/// A running server. It is killed when dropped, and its data is deleted.
#[derive(Debug)]
pub struct Server {
    spec: ServerSpec,
    child: Child,
    data: Arc<TempDir>,
    credentials: DemoCredentials,
    client: Client,
    rtp_ports: (u16, u16),
}

impl Drop for Server {
    /// Shows what it has said to whoever reads why a test failed.
    fn drop(&mut self) {
        eprintln!("the server's last words:\n{}", self.log_tail());
    }
}

impl Server {
    /// Starts the demo office.
    ///
    /// # Errors
    /// When the binary is not built, or does not get ready; the error ends with its last lines.
    pub async fn start() -> Result<Self> {
        Self::start_with(ServerSpec::default()).await
    }

    /// Starts the demo office with a configuration, arguments or environment of the test's own.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn start_with(spec: ServerSpec) -> Result<Self> {
        let data = Arc::new(TempDir::with_prefix("offhook-test-")?);
        let first = free_block()?;
        let sip = free_address(spec.ip, 32_000..32_400)?;
        let addresses = (sip, free_address(IpVersion::V4, 32_400..32_768)?);
        Self::launch(spec, data, addresses, (first, first + 219)).await
    }

    async fn launch(
        spec: ServerSpec,
        data: Arc<TempDir>,
        (sip, http): (SocketAddr, SocketAddr),
        rtp_ports: (u16, u16),
    ) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(data.path().join("server.log"))?;
        let mut command = Command::new(binary()?);
        command
            .arg("serve")
            .arg("--demo")
            .arg("--data")
            .arg(data.path());
        command.args(["--sip", &sip.to_string(), "--http", &http.to_string()]);
        command.args(["--rtp-ports", &format!("{}-{}", rtp_ports.0, rtp_ports.1)]);
        if let Some(config) = &spec.config {
            let path = data.path().join("offhook.toml");
            fs::write(&path, config)?;
            command.arg("--config").arg(path);
        }
        command.args(&spec.arguments).envs(spec.environment.clone());
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let child = command
            .kill_on_drop(true)
            .spawn()
            .context("start offhook")?;
        let mut server = Self {
            spec,
            child,
            data,
            credentials: unknown_credentials(),
            client: Client::new(),
            rtp_ports,
        };
        server.credentials = server.wait_until_ready().await?;
        Ok(server)
    }

    async fn wait_until_ready(&mut self) -> Result<DemoCredentials> {
        let path = self.data.path().join("demo-credentials.json");
        let deadline = Instant::now() + START;
        let mut look = interval(Duration::from_millis(20));
        while Instant::now() < deadline {
            look.tick().await;
            if let Some(status) = self.child.try_wait()? {
                bail!("offhook ended with {status}:\n{}", self.log_tail());
            }
            let Ok(text) = fs::read_to_string(&path) else {
                continue;
            };
            let Ok(credentials) = serde_json::from_str::<DemoCredentials>(&text) else {
                continue;
            };
            let ready = self
                .client
                .get(format!("{}/readyz", credentials.http))
                .send()
                .await;
            if ready.is_ok_and(|ready| ready.status().is_success()) {
                return Ok(credentials);
            }
        }
        bail!("offhook did not get ready:\n{}", self.log_tail())
    }

    /// Where SIP is served.
    #[must_use]
    pub fn sip(&self) -> SocketAddr {
        self.credentials.sip
    }

    /// What the demo office told.
    #[must_use]
    pub fn credentials(&self) -> &DemoCredentials {
        &self.credentials
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The SIP password of an extension.
    ///
    /// # Errors
    /// When the demo office has no such extension.
    pub fn sip_password(&self, extension: &str) -> Result<String> {
        let mut all = self.credentials.extensions.iter();
        let found = all.find(|known| known.extension == extension);
        Ok(found
            .with_context(|| format!("no extension {extension}"))?
            .password
            .clone())
    }

    /// Follows the event stream from now on.
    ///
    /// # Errors
    /// When the WebSocket is refused.
    pub async fn events(&self) -> Result<Events> {
        Events::follow(&self.credentials.http, &self.credentials.admin.token).await
    }

    /// `GET path` as admin; the answer as JSON.
    ///
    /// # Errors
    /// When the status is no success; the error quotes the body.
    pub async fn get(&self, path: &str) -> Result<Value> {
        self.succeed(Method::GET, path, None).await
    }

    /// `POST path` as admin.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn post(&self, path: &str, body: Value) -> Result<Value> {
        self.succeed(Method::POST, path, Some(body)).await
    }

    /// `PUT path` as admin.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn put(&self, path: &str, body: Value) -> Result<Value> {
        self.succeed(Method::PUT, path, Some(body)).await
    }

    /// `DELETE path` as admin.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete(&self, path: &str) -> Result<Value> {
        self.succeed(Method::DELETE, path, None).await
    }

    async fn succeed(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value> {
        let token = self.credentials.admin.token.clone();
        let asked = format!("{method} {path}");
        let (status, answer) = self.request(method, path, body, &token).await?;
        ensure!((200..300).contains(&status), "{asked}: {status} {answer}");
        Ok(answer)
    }

    /// Any request with any token; the status and the body, as JSON if it is JSON, else as text.
    ///
    /// # Errors
    /// When no answer comes.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
        token: &str,
    ) -> Result<(u16, Value)> {
        let mut request = self
            .client
            .request(method, self.url(path))
            .bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.timeout(PATIENCE).send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        let value = serde_json::from_str(&text).unwrap_or(Value::String(text));
        Ok((status, value))
    }

    /// The items of a list, all pages together.
    ///
    /// # Errors
    /// As [`get`](Self::get), and when it is no list.
    pub async fn list(&self, path: &str) -> Result<Vec<Value>> {
        let mut items = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let joint = if path.contains('?') { '&' } else { '?' };
            let page = match &cursor {
                Some(cursor) => self.get(&format!("{path}{joint}cursor={cursor}")).await?,
                None => self.get(path).await?,
            };
            let some = page.get("items").and_then(Value::as_array);
            items.extend(
                some.with_context(|| format!("{path} is no list"))?
                    .iter()
                    .cloned(),
            );
            let next = page.get("next_cursor").and_then(Value::as_str);
            if next.is_none() || next == cursor.as_deref() {
                return Ok(items);
            }
            cursor = next.map(str::to_owned);
        }
    }

    /// The one item of a list whose `field` is `value`.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, path: &str, field: &str, value: &str) -> Result<Value> {
        let items = self.list(path).await?;
        let found = items.into_iter().find(|item| item[field] == value);
        found.with_context(|| format!("no {path} with {field} {value}"))
    }

    /// Asks again and again until the answer is as wanted: for what has no event.
    ///
    /// # Errors
    /// When it never is; the error quotes the last answer.
    pub async fn get_until(&self, path: &str, wanted: impl Fn(&Value) -> bool) -> Result<Value> {
        let deadline = Instant::now() + PATIENCE;
        let mut look = interval(Duration::from_millis(50));
        loop {
            look.tick().await;
            let answer = self.get(path).await?;
            if wanted(&answer) {
                return Ok(answer);
            }
            ensure!(Instant::now() < deadline, "{path} stays {answer}");
        }
    }

    /// Sets the state of the agent at this extension: `ready`, `on_break` or `logged_out`.
    ///
    /// # Errors
    /// When there is no such agent, or the state is refused.
    pub async fn sets_agent(&self, extension: &str, state: &str) -> Result<Value> {
        let agent = self.agent(extension).await?;
        let id = agent["id"].as_str().context("an agent without id")?;
        let body = serde_json::json!({ "state": state });
        self.put(&format!("/api/v1/agents/{id}/state"), body).await
    }

    /// The agent at this extension.
    ///
    /// # Errors
    /// When there is none.
    pub async fn agent(&self, extension: &str) -> Result<Value> {
        self.find("/api/v1/agents", "extension", extension).await
    }

    /// Waits until the agent at this extension is in this state.
    ///
    /// # Errors
    /// When that does not happen.
    pub async fn agent_becomes(&self, extension: &str, state: &str) -> Result<Value> {
        let id = self.agent(extension).await?["id"]
            .as_str()
            .unwrap_or("")
            .to_owned();
        let path = format!("/api/v1/agents/{id}");
        self.get_until(&path, |agent| agent["state"] == state).await
    }

    /// The audio of a recording.
    ///
    /// # Errors
    /// When there is none, or it is no WAV.
    pub async fn recording(&self, id: &str) -> Result<Wav> {
        let url = self.url(&format!("/api/v1/recordings/{id}/audio"));
        let request = self
            .client
            .get(url)
            .bearer_auth(&self.credentials.admin.token);
        let response = request.timeout(PATIENCE).send().await?.error_for_status()?;
        let kind = response.headers().get("content-type").cloned();
        ensure!(kind.is_some_and(|kind| kind == "audio/wav"), "no audio/wav");
        Wav::parse(&response.bytes().await?)
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.credentials.http)
    }
}

/// The first of 220 ports that nobody uses, above the kernel's own choices: phones, and servers
/// under load, have theirs below.
fn free_block() -> Result<u16> {
    let own = place::own(&(61_000..61_000 + 16 * 220)).start;
    let others = (0..50).map(|_| 61_000 + rand::random_range(0..20) * 220);
    let blocks = std::iter::once(own).chain(others);
    let mut free = blocks.filter(|first| {
        let mut ports = (*first..first + 220).step_by(2);
        ports.all(|port| UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
    });
    free.next().context("no block of RTP ports is free")
}

fn unknown_credentials() -> DemoCredentials {
    let nobody = DemoUser {
        user: String::new(),
        password: String::new(),
        token: String::new(),
    };
    DemoCredentials {
        http: String::new(),
        sip: ([127, 0, 0, 1], 0).into(),
        admin: nobody.clone(),
        supervisor: nobody,
        extensions: Vec::new(),
        did: String::new(),
    }
}

/// An address that is free for UDP and TCP, between the RTP ports and the kernel's own choices: a
/// server that is started again finds it free once more.
fn free_address(ip: IpVersion, ports: Range<u16>) -> Result<SocketAddr> {
    let ports = place::own(&ports);
    let addresses = (0..50).map(|_| {
        let port = rand::random_range(ports.clone());
        SocketAddr::from((ip.loopback(), port))
    });
    let mut free = addresses
        .filter(|address| UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok());
    free.next().context("no address is free")
}
