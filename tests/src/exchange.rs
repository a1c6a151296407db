//! A carrier's exchange: a registrar and a peer that answers OPTIONS, as strict, slow or broken as a
//! story wants it. Calls are taken by a [`Phone`](crate::phone::Phone) beside it.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use data_encoding::HEXLOWER;
use md5::{Digest, Md5};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::PATIENCE;
use crate::phone::SipText;

/// What the exchange answers.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The only user and password it registers; none: anybody, without being asked.
    pub account: Option<(String, String)>,
    /// How long it registers somebody at most, in seconds.
    pub expires: u32,
    /// The least it registers somebody for; less gets 423.
    pub min_expires: u32,
    /// Answers every REGISTER with this status instead.
    pub register: Option<u16>,
    /// Answers OPTIONS with this status; none: not at all.
    pub options: Option<u16>,
    /// The Service-Route it hands out.
    pub service_route: Option<String>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            account: None,
            expires: 3600,
            min_expires: 0,
            register: None,
            options: Some(200),
            service_route: None,
        }
    }
}

/// The exchange. It ends when this is dropped.
#[derive(Debug)]
pub struct Exchange {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    heard: tokio::sync::Mutex<mpsc::UnboundedReceiver<SipText>>,
    task: AbortHandle,
}

#[derive(Debug)]
struct State {
    policy: Policy,
    /// Contacts by address-of-record.
    bindings: HashMap<String, String>,
    nonces: u32,
    /// What is answered, for the story to look at.
    heard: mpsc::UnboundedSender<SipText>,
}

impl Drop for Exchange {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Exchange {
    /// An exchange that speaks UDP.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn udp(policy: Policy) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = socket.local_addr()?;
        let (state, heard) = state(policy);
        let task = tokio::spawn(datagrams(socket, Arc::clone(&state)));
        Ok(Self::running(address, state, heard, task.abort_handle()))
    }

    /// An exchange that speaks TCP.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn tcp(policy: Policy) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (state, heard) = state(policy);
        let all = Arc::clone(&state);
        let task = tokio::spawn(async move {
            // Connections end with the exchange.
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(stream_messages(stream, Arc::clone(&all)));
            }
        });
        Ok(Self::running(address, state, heard, task.abort_handle()))
    }

    fn running(
        address: SocketAddr,
        state: Arc<Mutex<State>>,
        heard: mpsc::UnboundedReceiver<SipText>,
        task: AbortHandle,
    ) -> Self {
        Self {
            address,
            state,
            heard: tokio::sync::Mutex::new(heard),
            task,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URI over UDP.
    #[must_use]
    pub fn uri(&self) -> String {
        format!("sip:{}", self.address)
    }

    /// From now on it answers like this.
    pub fn changes(&self, change: impl FnOnce(&mut Policy)) {
        change(&mut lock(&self.state).policy);
    }

    /// Where this address-of-record is registered.
    #[must_use]
    pub fn binding(&self, aor: &str) -> Option<String> {
        lock(&self.state).bindings.get(aor).cloned()
    }

    /// How many addresses are registered.
    #[must_use]
    pub fn bindings(&self) -> usize {
        lock(&self.state).bindings.len()
    }

    /// Waits for the next request of this method, passing over others.
    ///
    /// # Errors
    /// When none comes.
    pub async fn hears(&self, method: &str) -> Result<SipText> {
        self.hears_such(method, |_| true).await
    }

    /// Waits for the next request of this method that is as wanted.
    ///
    /// # Errors
    /// When none comes.
    pub async fn hears_such(
        &self,
        method: &str,
        wanted: impl Fn(&SipText) -> bool,
    ) -> Result<SipText> {
        let mut heard = self.heard.lock().await;
        let next = async {
            loop {
                let request = heard.recv().await.context("the exchange is gone")?;
                if request.method() == method && wanted(&request) {
                    return Ok(request);
                }
            }
        };
        timeout(PATIENCE, next)
            .await
            .with_context(|| format!("the exchange hears no such {method}"))?
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn state(policy: Policy) -> (Arc<Mutex<State>>, mpsc::UnboundedReceiver<SipText>) {
    let (heard, hears) = mpsc::unbounded_channel();
    let state = State {
        policy,
        bindings: HashMap::new(),
        nonces: 0,
        heard,
    };
    (Arc::new(Mutex::new(state)), hears)
}

async fn datagrams(socket: UdpSocket, state: Arc<Mutex<State>>) {
    let mut buffer = vec![0; 65_536];
    while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
        let Some(request) = SipText::parse(&buffer[..length]) else {
            continue;
        };
        let answer = lock(&state).answer(&request);
        if let Some(answer) = answer {
            socket.send_to(&answer.write(), from).await.ok();
        }
    }
}

async fn stream_messages(mut stream: TcpStream, state: Arc<Mutex<State>>) {
    let mut buffer = Vec::new();
    let mut piece = vec![0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut piece).await {
        buffer.extend_from_slice(&piece[..length]);
        // None of the requests an exchange gets has a body.
        while let Some(end) = buffer.windows(4).position(|four| four == b"\r\n\r\n") {
            let message: Vec<u8> = buffer.drain(..end + 4).collect();
            let request = SipText::parse(&message);
            let answer = request.and_then(|request| lock(&state).answer(&request));
            if let Some(answer) = answer
                && stream.write_all(&answer.write()).await.is_err()
            {
                return;
            }
        }
    }
}

impl State {
    fn answer(&mut self, request: &SipText) -> Option<SipText> {
        if request.status().is_some() {
            return None;
        }
        let answer = match request.method() {
            "REGISTER" => Some(self.register(request)),
            "OPTIONS" => {
                let status = self.policy.options;
                status.map(|status| SipText::response_to(request, status, "exchange"))
            }
            "ACK" => None,
            _ => Some(SipText::response_to(request, 501, "exchange")),
        };
        self.heard.send(request.clone()).ok();
        answer
    }

    fn register(&mut self, request: &SipText) -> SipText {
        let respond = |status| SipText::response_to(request, status, "exchange");
        if let Some(status) = self.policy.register {
            return respond(status);
        }
        if let Some((user, password)) = &self.policy.account
            && !proves(request, user, password)
        {
            self.nonces += 1;
            let challenge = format!(
                "Digest realm=\"exchange\", nonce=\"n{}\", qop=\"auth\", algorithm=MD5",
                self.nonces
            );
            return respond(401).with("WWW-Authenticate", challenge);
        }
        let asked: u32 = request.header("Expires").parse().unwrap_or(3600);
        if asked > 0 && asked < self.policy.min_expires {
            return respond(423).with("Min-Expires", self.policy.min_expires.to_string());
        }
        let granted = asked.min(self.policy.expires);
        let aor = request.header("To").trim_matches(['<', '>']).to_owned();
        let contact = request.header("Contact").to_owned();
        let mut response = respond(200);
        if granted == 0 {
            self.bindings.remove(&aor);
            return response;
        }
        response.push("Contact", format!("{contact};expires={granted}"));
        if let Some(route) = &self.policy.service_route {
            response.push("Service-Route", route);
        }
        self.bindings.insert(aor, contact);
        response
    }
}

/// Whether a REGISTER is signed with this password.
fn proves(request: &SipText, user: &str, password: &str) -> bool {
    let header = request.header("Authorization");
    let field = |name: &str| {
        let list = header.strip_prefix("Digest ")?;
        list.split(',').find_map(|part| {
            let (key, value) = part.trim().split_once('=')?;
            (key == name).then(|| value.trim_matches('"').to_owned())
        })
    };
    let hash = |text: String| HEXLOWER.encode(&Md5::digest(text));
    let wanted = || {
        let (nonce, uri) = (field("nonce")?, field("uri")?);
        let (nc, cnonce) = (field("nc")?, field("cnonce")?);
        let one = hash(format!("{user}:exchange:{password}"));
        let two = hash(format!("REGISTER:{uri}"));
        Some(hash(format!("{one}:{nonce}:{nc}:{cnonce}:auth:{two}")))
    };
    field("username").as_deref() == Some(user) && field("response") == wanted()
}
