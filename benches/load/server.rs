//! The server under load, and its REST API.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use tokio::runtime::{self, Runtime};

use offhook_benches::clock::{self, MS, Nanos, SECOND};
use offhook_benches::process::Usage;

/// How long a server may take to get ready.
const START: Nanos = 30 * SECOND;
/// How long it may take to end.
const END: Nanos = 10 * SECOND;

/// More than any run needs; the default is what the default RTP ports carry.
const CONFIGURATION: &str = "[limits]\ncalls = 10000\ndrain_timeout = \"1s\"\n";

/// Below the kernel's own choices.
const RTP_PORTS: &str = "10000-31999";

/// What we need of `demo-credentials.json`.
#[derive(Debug, Deserialize)]
struct Credentials {
    http: String,
    sip: SocketAddr,
    admin: Login,
}

#[derive(Debug, Deserialize)]
struct Login {
    token: String,
}

/// A running demo office.
#[derive(Debug)]
pub(crate) struct Server {
    pid: u32,
    /// When it is ours to end.
    own: Option<(Child, TempDir)>,
    credentials: Credentials,
    started_in: Nanos,
    runtime: Runtime,
    client: Client,
}

impl Server {
    /// Starts one on free ports and data of its own.
    pub(crate) fn spawn(binary: Option<&Path>, config: Option<&Path>) -> Result<Self> {
        let data = TempDir::with_prefix("offhook-load-")?;
        Self::start(binary, config, data)
    }

    /// Starts one on this data.
    pub(crate) fn start(
        binary: Option<&Path>,
        config: Option<&Path>,
        data: TempDir,
    ) -> Result<Self> {
        let mut text = CONFIGURATION.to_owned();
        if let Some(config) = config {
            text = fs::read_to_string(config)?;
        }
        let path = data.path().join("load.toml");
        fs::write(&path, text)?;
        let old = data.path().join("demo-credentials.json");
        let known = fs::read(&old).ok();
        let log = File::create(data.path().join("server.log"))?;
        let mut command = Command::new(binary.map_or_else(beside, |path| Ok(path.to_owned()))?);
        command.args([
            "serve",
            "--demo",
            "--sip",
            "127.0.0.1:0",
            "--http",
            "127.0.0.1:0",
        ]);
        command.args(["--rtp-ports", RTP_PORTS]);
        command
            .arg("--data")
            .arg(data.path())
            .arg("--config")
            .arg(path);
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        let began = clock::now();
        let child = command.spawn().context("start offhook")?;
        let pid = child.id();
        let (runtime, client) = web()?;
        let mut server = Self {
            pid,
            own: Some((child, data)),
            credentials: Credentials {
                http: String::new(),
                sip: SocketAddr::from(([127, 0, 0, 1], 0)),
                admin: Login {
                    token: String::new(),
                },
            },
            started_in: 0,
            runtime,
            client,
        };
        server.wait_until_ready(began, known.as_deref())?;
        Ok(server)
    }

    /// A demo office somebody else started.
    pub(crate) fn attach(pid: u32, data: &Path) -> Result<Self> {
        Usage::of(pid).context("there is no such process")?;
        let path = data.join("demo-credentials.json");
        let text = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
        let (runtime, client) = web()?;
        Ok(Self {
            pid,
            own: None,
            credentials: serde_json::from_slice(&text)?,
            started_in: 0,
            runtime,
            client,
        })
    }

    /// Ports are new with each start, so a file from before says nothing.
    fn wait_until_ready(&mut self, began: Nanos, before: Option<&[u8]>) -> Result<()> {
        let data = self.data()?.to_owned();
        let file = data.join("demo-credentials.json");
        while clock::now() < began + START {
            if let Some((child, _)) = &mut self.own
                && let Some(status) = child.try_wait()?
            {
                let log = fs::read_to_string(data.join("server.log")).unwrap_or_default();
                bail!("offhook ended with {status}:\n{log}");
            }
            if let Ok(text) = fs::read(&file)
                && before != Some(text.as_slice())
                && let Ok(credentials) = serde_json::from_slice(&text)
            {
                self.credentials = credentials;
                if self.is_ready() {
                    self.started_in = clock::now() - began;
                    return Ok(());
                }
            }
            clock::pause(MS);
        }
        bail!("offhook does not get ready")
    }

    fn is_ready(&self) -> bool {
        let url = format!("{}/readyz", self.credentials.http);
        let answer = self.runtime.block_on(self.client.get(url).send());
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    fn data(&self) -> Result<&Path> {
        let own = self.own.as_ref().context("the server is not ours")?;
        Ok(own.1.path())
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Where SIP is served.
    pub(crate) fn sip(&self) -> SocketAddr {
        self.credentials.sip
    }

    /// From starting the process until `/readyz` said yes.
    pub(crate) fn started_in(&self) -> Nanos {
        self.started_in
    }

    /// What it has used so far.
    pub(crate) fn usage(&self) -> Result<Usage> {
        Usage::of(self.pid)
    }

    /// `GET /api/v1/PATH`.
    pub(crate) fn get(&self, path: &str) -> Result<Value> {
        self.ask(Method::GET, path, None)
    }

    /// `POST /api/v1/PATH`.
    pub(crate) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::POST, path, Some(body))
    }

    /// `PUT /api/v1/PATH`.
    pub(crate) fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::PUT, path, Some(body))
    }

    /// `PATCH /api/v1/PATH`.
    pub(crate) fn patch(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(Method::PATCH, path, Some(body))
    }

    fn ask(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let url = format!("{}/api/v1/{path}", self.credentials.http);
        let request = self.client.request(method, &url);
        let request = request.bearer_auth(&self.credentials.admin.token);
        let request = match body {
            Some(body) => request.json(body),
            None => request,
        };
        self.runtime.block_on(async {
            let answer = request.send().await?;
            let status = answer.status();
            let text = answer.text().await?;
            ensure!(status.is_success(), "{url}: {status} {text}");
            Ok(serde_json::from_str(&text).unwrap_or(Value::Null))
        })
    }

    /// Every figure of `/metrics` that has no labels.
    pub(crate) fn metrics(&self) -> Result<BTreeMap<String, f64>> {
        let url = format!("{}/metrics", self.credentials.http);
        let request = self
            .client
            .get(url)
            .bearer_auth(&self.credentials.admin.token);
        let text = self.runtime.block_on(async {
            let answer = request.send().await?.error_for_status()?;
            anyhow::Ok(answer.text().await?)
        })?;
        let figure = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        Ok(text.lines().filter_map(figure).collect())
    }

    /// How many calls it knows of now, as far as one page goes.
    pub(crate) fn calls(&self) -> Result<usize> {
        let page = self.get("calls?limit=500")?;
        let items = page["items"].as_array();
        Ok(items.context("a list without items")?.len())
    }

    /// Ends a server of ours and hands back its data.
    pub(crate) fn end(mut self) -> Result<TempDir> {
        let (mut child, data) = self.own.take().context("the server is not ours")?;
        terminate(&mut child)?;
        Ok(data)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.own
            && let Err(error) = terminate(child)
        {
            eprintln!("load: process {}: {error}", child.id());
        }
    }
}

/// SIGTERM, and SIGKILL to one that does not listen.
fn terminate(child: &mut Child) -> Result<()> {
    kill(Pid::from_raw(i32::try_from(child.id())?), Signal::SIGTERM)?;
    let until = clock::now() + END;
    while clock::now() < until {
        if child.try_wait()?.is_some() {
            return Ok(());
        }
        clock::pause(10 * MS);
    }
    child.kill()?;
    child.wait()?;
    bail!("it did not end on SIGTERM and was killed")
}

fn beside() -> Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name("offhook");
    ensure!(
        path.exists(),
        "{} is not built: cargo build --release --bin offhook",
        path.display()
    );
    Ok(path)
}

fn web() -> Result<(Runtime, Client)> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    Ok((runtime, Client::new()))
}
