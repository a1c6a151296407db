//! The SIP endpoint: bytes in, transactions and checked requests out.
//!
//! ```text
//!   handle_message ─▶ parse ─▶ match a transaction ─▶ check (RFC 3261 section 8.2) ─▶ poll_event
//!   respond, request, cancel ─▶ the four machines of section 17 ─▶ poll_transmit
//!   handle_timeout ◀─ poll_timeout
//! ```
//!
//! It answers by itself what needs no user: retransmissions, CANCEL, `OPTIONS` outside dialogs,
//! 100 Trying, and every refusal of section 8.2. Refusals are stateless (section 8.2.7): they cost
//! no memory, and a request that comes again is refused again with the same tag.
//!
//! Memory is bounded by transactions: those of peers by
//! [`EndpointConfig::max_server_transactions`], our own by what its user asks for, who must not ask
//! without limit because a peer says so. Every transaction ends by a timer.

pub(crate) mod body;
mod check;
mod client;
mod event;
mod path;
mod recourse;
mod refuse;
mod repeats;
mod server;
#[cfg(test)]
mod tests;
mod via;

use std::collections::{HashMap, VecDeque};
use std::time::Instant;

use ahash::RandomState;
use bytes::Bytes;

use super::HeaderName;
use super::message::{Message, Request, Response};
use super::transaction::table::{Id, Table};
use super::transaction::timer::earliest;
use crate::id::IdSource;

pub use check::ALLOW;
pub use event::{ClientTxn, EndpointEvent, Heard, ServerTxn, Transmit, TxnFailure, TxnGone};
pub use path::{FlowId, Path, SipTransport};
pub use recourse::ResponsePeer;
pub use repeats::Repeats;

use client::ClientSlot;
use server::ServerSlot;

/// What an endpoint says about itself, and its limits.
#[derive(Debug, Clone)]
pub struct EndpointConfig {
    /// The product name in `Server`.
    pub product: String,
    /// The option tags of `Supported`: what a peer may `Require`.
    pub supported: Vec<String>,
    /// The shortest session timer a peer may ask for, in seconds: a shorter one gets 422 (RFC 4028
    /// section 8.1). None: session timers are not understood.
    pub min_se: Option<u32>,
    /// How many requests of peers may be remembered at once. A call over UDP counts twice for half
    /// a minute after its end. Above this, new calls get 503 and other requests silence.
    pub max_server_transactions: usize,
    /// The `Retry-After` of a 503, in seconds.
    pub retry_after: u32,
}

impl Default for EndpointConfig {
    fn default() -> Self {
        Self {
            product: "Offhook".to_owned(),
            supported: ["100rel", "timer", "replaces", "norefersub"]
                .map(str::to_owned)
                .to_vec(),
            min_se: Some(90),
            max_server_transactions: 400_000,
            retry_after: 5,
        }
    }
}

/// A user agent's transaction layer. See the [module](self) for what it does by itself.
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    ids: IdSource,
    /// Keyed with random bits: tags of stateless answers follow from it.
    hasher: RandomState,
    servers: Table<ServerSlot>,
    clients: Table<ClientSlot>,
    /// Requests without a To tag by From tag, Call-ID and CSeq: a second one that came another way
    /// is a merged request (section 8.2.2.2).
    initial: HashMap<u64, Id, RandomState>,
    overloaded: bool,
    repeats: Repeats,
    transmits: VecDeque<Transmit>,
    events: VecDeque<EndpointEvent>,
}

impl Endpoint {
    /// An endpoint without transactions. Branches and tags come from `ids`.
    #[must_use]
    pub fn new(config: EndpointConfig, mut ids: IdSource) -> Self {
        let hasher = RandomState::with_seeds(ids.bits(), ids.bits(), ids.bits(), ids.bits());
        // Somebody may still hold a name that a predecessor gave.
        let (servers, clients) = (Table::named_from(&mut ids), Table::named_from(&mut ids));
        Self {
            config,
            ids,
            hasher,
            servers,
            clients,
            initial: HashMap::default(),
            overloaded: false,
            repeats: Repeats::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// A datagram or stream frame arrived. If it was almost a request, it is refused all the same.
    pub fn handle_message(&mut self, now: Instant, path: Path, data: &Bytes) -> Heard {
        match Message::parse(data) {
            Ok(Message::Request(request)) => {
                self.handle_request(now, path, request);
                Heard::Understood
            }
            Ok(Message::Response(response)) => self.handle_response(now, path, response),
            Err(error) => {
                if let Some(request) = error.request() {
                    self.refuse_unparsed(path, request, error.status(), error.reason());
                }
                Heard::Broken
            }
        }
    }

    /// A stream connection is gone: every transaction on it ends now, and unfinished ones say so.
    /// INVITEs that are [trusted](Self::trust) want another connection instead.
    pub fn handle_flow_closed(&mut self, flow: FlowId) {
        for id in self.servers.on_flow(flow) {
            if !self.seek_connection(id) {
                self.lose_server(id);
            }
        }
        for id in self.clients.on_flow(flow) {
            self.lose_client(id);
        }
    }

    /// Lets every timer fire that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(id) = self.servers.first_due(now) {
            self.server_timeout(now, id);
        }
        while let Some(id) = self.clients.first_due(now) {
            self.client_timeout(now, id);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        earliest(self.servers.next_due(), self.clients.next_due())
    }

    /// The next bytes to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<EndpointEvent> {
        self.events.pop_front()
    }

    /// While overloaded, INVITEs that would start a call are refused with 503 and `Retry-After`;
    /// everything else goes on.
    pub fn set_overloaded(&mut self, overloaded: bool) {
        self.overloaded = overloaded;
    }

    /// How often something was sent again.
    #[must_use]
    pub fn repeats(&self) -> Repeats {
        self.repeats
    }

    /// How many transactions there are, of either side.
    #[must_use]
    pub fn transactions(&self) -> usize {
        self.servers.len() + self.clients.len()
    }

    /// True when nothing is remembered and nothing is to be sent or told.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.servers.is_clean()
            && self.clients.is_clean()
            && self.initial.is_empty()
            && self.transmits.is_empty()
            && self.events.is_empty()
    }

    fn transmit(&mut self, path: Path, data: Bytes) {
        self.transmits.push_back(Transmit { path, data });
    }

    /// Adds what every response of ours has.
    fn sign(&self, response: &mut Response) {
        if !response.headers.has(&HeaderName::Server) {
            let product = Bytes::copy_from_slice(self.config.product.as_bytes());
            response.headers.push(HeaderName::Server, product);
        }
    }

    /// Sends a request that no transaction remembers: the ACK for a 2xx. `Via` is added.
    pub fn send_ack(&mut self, path: Path, mut request: Request) {
        self.push_via(path, &mut request);
        self.transmit(path, request.write());
    }
}
