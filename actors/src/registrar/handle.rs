//! The registrar, as everybody else holds it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use offhook_core::config::RegistrarConfig;
use offhook_core::sip::endpoint::{FlowId, Path, ServerTxn, SipTransport};
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::registrar as core;
use parking_lot::RwLock;

use super::actor::RegistrarMessage;
use crate::alarm;
use crate::directory::DirectoryHandle;
use crate::edge::Reply;
use crate::inbox::Inbox;
use crate::live::Live;

/// REGISTERs that may wait for the actor; it needs microseconds for each.
const PENDING: usize = 10_000;

/// Who wants to know whether an extension can be reached. Called from the registrar's actor, so it
/// returns at once.
pub trait PhoneWatch: Send + Sync {
    /// The first phone of an extension registered, or the last one is gone. Told again for every
    /// extension with a phone when the registrar was restarted.
    fn reachable(&self, extension: &str, reachable: bool);
}

/// Where the registrar's answers go, and its questions.
pub trait Replies: Send + Sync {
    /// Answers a REGISTER.
    fn respond(&self, txn: ServerTxn, response: Response);

    /// Asks a phone whether it is there, with OPTIONS.
    fn ping(&self, ping: core::Ping, reply: Reply);
}

/// A REGISTER whose sender may do so.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) txn: ServerTxn,
    /// The way it came.
    pub(crate) path: Path,
    /// The extension it was proved to come from.
    pub(crate) extension: String,
    pub(crate) request: Request,
}

/// Mail for the actor.
#[derive(Debug)]
pub(crate) enum Mail {
    Register(Box<Registration>),
    FlowClosed(FlowId),
    /// Whether the phone with this number answered.
    Pong(u64, bool),
}

/// A phone that can be rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phone {
    /// The Request-URI it wants.
    pub uri: Bytes,
    /// The way its REGISTER came.
    pub path: Path,
    /// The proxies a request to it visits first (RFC 3327).
    pub routes: Vec<Bytes>,
    /// How much it wants to be rung, in thousandths (RFC 3261 section 20.10).
    pub q: u16,
}

/// A phone that may come back by another connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    extension: String,
    phone: core::PhoneName,
}

impl Home {
    /// The phone of an extension that is at this contact, whether it is registered or not.
    pub(crate) fn at(extension: String, contact: &NameAddr) -> Self {
        Self {
            extension,
            phone: core::PhoneName::at(contact),
        }
    }
}

/// A registered phone, for operators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registered {
    /// The extension's number.
    pub extension: String,
    /// The contact URI.
    pub contact: String,
    /// What the phone calls itself.
    pub user_agent: Option<String>,
    /// How it is connected.
    pub transport: SipTransport,
    /// Where its REGISTER came from.
    pub source: SocketAddr,
    /// When the registration runs out.
    pub expires_at: Timestamp,
    /// Whether it answers when it is asked.
    pub health: core::PhoneHealth,
}

/// The registrar: cheap to clone, and the same for as long as the process lives, however often its
/// actor falls.
#[derive(Debug, Clone)]
pub struct Registrar(pub(super) Arc<Shared>);

/// What outlives the actor.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) bindings: RwLock<core::Registrar<String>>,
    pub(super) inbox: Inbox<RegistrarMessage, Mail>,
}

/// What [`RegistrarActor`](super::RegistrarActor) is started with, the first time and again.
#[derive(Clone)]
pub struct RegistrarArguments {
    /// The registrar it serves.
    pub registrar: Registrar,
    /// Where answers go.
    pub replies: Arc<dyn Replies>,
    /// Where registrations and their ends are published.
    pub live: Live,
    /// Extensions that vanish from here lose their registrations.
    pub directory: DirectoryHandle,
    /// Who wants to know which extensions can be reached.
    pub watch: Arc<dyn PhoneWatch>,
}

impl Registrar {
    /// Without bindings and, until one is spawned, without an actor: REGISTERs wait.
    #[must_use]
    pub fn new(config: RegistrarConfig) -> Self {
        Self(Arc::new(Shared {
            bindings: RwLock::new(core::Registrar::new(config)),
            inbox: Inbox::default(),
        }))
    }

    /// The phones of the extension with this number: the most wanted first, of equal ones the
    /// latest.
    #[must_use]
    pub fn phones(&self, extension: &str) -> Vec<Phone> {
        let bindings = self.0.bindings.read();
        let found = bindings.lookup(alarm::now(), &extension.to_owned());
        let phone = |binding: &core::Binding| Phone {
            uri: binding.uri.clone(),
            path: binding.path,
            routes: binding.routes.clone(),
            q: binding.q,
        };
        found.into_iter().map(phone).collect()
    }

    /// Whether any phone of the extension is registered.
    #[must_use]
    pub fn is_reachable(&self, extension: &str) -> bool {
        !self
            .0
            .bindings
            .read()
            .lookup(alarm::now(), &extension.to_owned())
            .is_empty()
    }

    /// Every registered phone, by extension and contact.
    #[must_use]
    pub fn list(&self) -> Vec<Registered> {
        let bindings = self.0.bindings.read();
        let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
        let mut list: Vec<_> = bindings
            .iter()
            .map(|(extension, binding)| Registered {
                extension: extension.clone(),
                contact: text(&binding.uri),
                user_agent: binding.user_agent.as_ref().map(text),
                transport: binding.path.transport,
                source: binding.path.peer,
                expires_at: alarm::wall_at(binding.expires_at),
                health: bindings.health(binding),
            })
            .collect();
        drop(bindings);
        list.sort_by(|a, b| (&a.extension, &a.contact).cmp(&(&b.extension, &b.contact)));
        list
    }

    /// How many phones each extension with phones has.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (extension, _) in self.0.bindings.read().iter() {
            *counts.entry(extension.clone()).or_default() += 1;
        }
        counts
    }

    /// Takes in a REGISTER; false when too many wait.
    pub(crate) fn register(&self, registration: Registration) -> bool {
        if self.0.inbox.len() >= PENDING {
            return false;
        }
        let mail = Mail::Register(Box::new(registration));
        self.0.inbox.deliver(mail, || RegistrarMessage::Look);
        true
    }

    /// Which phone registered by this connection.
    pub(crate) fn home_of(&self, flow: FlowId) -> Option<Home> {
        let bindings = self.0.bindings.read();
        let (extension, phone) = bindings.on_flow(flow)?;
        Some(Home {
            extension: extension.clone(),
            phone,
        })
    }

    /// Until when a phone is registered by this connection; `None` when none is.
    pub(crate) fn bound_until(&self, flow: FlowId) -> Option<Instant> {
        self.0.bindings.read().bound_until(flow)
    }

    /// The way that phone has registered by now.
    pub(crate) fn way_to(&self, home: &Home) -> Option<Path> {
        let bindings = self.0.bindings.read();
        bindings.way_to(alarm::now(), &home.extension, &home.phone)
    }

    /// What became of a question.
    pub(super) fn pong(&self, id: u64, answered: bool) {
        let mail = Mail::Pong(id, answered);
        self.0.inbox.deliver(mail, || RegistrarMessage::Look);
    }

    /// A connection is gone, and with it every registration that was made over it.
    pub(crate) fn flow_closed(&self, flow: FlowId) {
        self.0
            .inbox
            .deliver(Mail::FlowClosed(flow), || RegistrarMessage::Look);
    }
}

impl std::fmt::Debug for RegistrarArguments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RegistrarArguments").finish_non_exhaustive()
    }
}
