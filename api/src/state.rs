//! What handlers can reach.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use jiff::Timestamp;
use offhook_actors::agent::AgentView;
use offhook_actors::call::{Answering, DialsAs};
use offhook_actors::defence::Guard;
use offhook_actors::edge::{EdgeStats, SipTraffic};
use offhook_actors::library::Library;
use offhook_actors::live::Live;
use offhook_actors::registrar::Registered;
use offhook_actors::store::{Store, StoreError};
use offhook_actors::subscribe::Subscriptions;
use offhook_actors::trunk::TrunkStatus;
use offhook_core::config::Config;
use offhook_core::directory::AgentState;
use offhook_core::sip::trace::CallTrace;
use offhook_core::{AgentId, CallId, Directory, EventKind, ExtensionId, LegId, TrunkId};
use tokio::sync::{Mutex, MutexGuard, Semaphore};

use crate::auth::FailureLimiter;
use crate::dto::route_trace::WayDto;
use crate::error::{ApiError, FieldError};
use crate::recording_file::Indices;

/// What handlers can reach. Clones share it.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Shared>);

/// What an [`AppState`] is made of.
#[derive(Debug)]
pub struct Parts {
    /// The database: the office, users, tokens and records.
    pub store: Store,
    /// What goes on, and what happens.
    pub live: Live,
    /// Calls and agents, to be told something.
    pub floor: Arc<dyn Floor>,
    /// The configuration.
    pub config: Config,
    /// Where phones register, host and port, as it is shown to people.
    pub sip_address: String,
    /// When the server started.
    pub started: Timestamp,
}

#[derive(Debug)]
struct Shared {
    parts: Parts,
    failures: FailureLimiter,
    streams: Arc<Semaphore>,
    /// Held while the office is changed, so that no two changes are checked against the same past.
    editing: Mutex<()>,
    indices: Arc<Indices>,
}

/// What is asked about the trunks that take a number.
#[derive(Debug, Clone)]
pub struct WayQuestion {
    /// The number, as it is dialled.
    pub number: String,
    /// Who dials it.
    pub from: Option<ExtensionId>,
    /// When.
    pub at: Timestamp,
    /// Whether names are looked up.
    pub resolve: bool,
}

/// Calls and agents, as far as somebody outside can tell them what to do. Each question is answered
/// within seconds.
pub trait Floor: fmt::Debug + Send + Sync {
    /// Rings the extension and then calls `to` for it.
    fn originate(
        &self,
        from: ExtensionId,
        to: String,
        answering: Answering,
    ) -> BoxFuture<'_, Result<CallId, Refusal>>;
    /// Sends a party, the one that called if it is not said, to `to`, dialled as this party.
    fn transfer(
        &self,
        call: CallId,
        to: String,
        leg: Option<LegId>,
        dials_as: DialsAs,
    ) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Ends the call.
    fn hang_up(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Puts the party that called on hold.
    fn hold(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Ends the hold.
    fn unhold(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Begins a recording, if none is in progress: of both parties, or of this leg alone.
    fn record(&self, call: CallId, leg: Option<LegId>) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Ends the recording in progress, if there is one.
    fn stop_recording(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Leaves out of the recording in progress what is said, until it is resumed.
    fn pause_recording(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Lets be heard again what is said.
    fn resume_recording(&self, call: CallId) -> BoxFuture<'_, Result<(), Refusal>>;
    /// Changes an agent's state to ready, on break or logged out.
    fn set_agent_state(
        &self,
        agent: AgentId,
        state: AgentState,
        reason: Option<String>,
    ) -> BoxFuture<'_, Result<(), Refusal>>;
    /// The agent at this moment, from the agent itself; none if there is no such agent.
    fn agent(&self, agent: AgentId) -> Option<AgentView>;
    /// Every registered phone, by extension and contact.
    fn registrations(&self) -> Vec<Registered>;
    /// What phones watch, and text messages.
    fn subscriptions(&self) -> &Subscriptions;
    /// How a trunk does.
    fn trunk(&self, trunk: TrunkId) -> TrunkStatus;
    /// The trunks a number outside would be tried by, in order, with what each would be sent.
    fn ways_out(&self, asked: WayQuestion) -> BoxFuture<'_, Vec<WayDto>>;
    /// The office's own sounds.
    fn library(&self) -> &Library;
    /// Who is kept out.
    fn guard(&self) -> &Guard;
    /// The SIP messages of a call, if any are kept.
    fn sip_trace(&self, call: CallId) -> Option<CallTrace>;
    /// What was counted of signalling.
    fn sip_figures(&self) -> (SipTraffic, EdgeStats);
    /// Why no calls can be taken, one sentence a reason; empty when they can.
    fn troubles(&self) -> Vec<String>;
    /// Figures for `/metrics` that no event tells.
    fn gauges(&self) -> Vec<Gauge>;
}

/// Why something was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no such call (any more) or agent.
    #[error("there is no such {0} (any more)")]
    Gone(&'static str),
    /// Not possible as things are; the sentence says why.
    #[error("{0}")]
    NotNow(String),
    /// The number leads nowhere.
    #[error("{0}")]
    NoSuchNumber(String),
    /// No new calls are taken: a limit is reached or the server is about to stop.
    #[error("{0}")]
    Full(&'static str),
    /// No answer in time.
    #[error("the call center did not answer in time")]
    NoAnswer,
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Gone(what) => Self::NotFound(what),
            Refusal::NotNow(why) => Self::Conflict(why),
            Refusal::NoSuchNumber(why) => Self::invalid("to", why),
            Refusal::Full(why) => Self::Busy(why),
            Refusal::NoAnswer => Self::Unavailable(refusal.to_string()),
        }
    }
}

/// One figure for `/metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct Gauge {
    /// Its name, without the `offhook_` before it: `rtp_ports_in_use`.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Whether it only grows.
    pub counter: bool,
    /// Label and value; none for a plain figure.
    pub label: Option<(&'static str, String)>,
    /// Its value now.
    pub value: u64,
}

impl AppState {
    /// From its parts.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let http = &parts.config.http;
        Self(Arc::new(Shared {
            failures: FailureLimiter::new(http.max_failed_logins, Duration::from_secs(60)),
            streams: Arc::new(Semaphore::new(http.max_streams)),
            editing: Mutex::new(()),
            indices: Arc::default(),
            parts,
        }))
    }

    /// The database.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.0.parts.store
    }

    /// What goes on, and what happens.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.0.parts.live
    }

    /// Calls and agents, to be told something.
    #[must_use]
    pub fn floor(&self) -> &dyn Floor {
        &*self.0.parts.floor
    }

    /// Where the chunks of recordings lie that were heard lately.
    pub(crate) fn indices(&self) -> &Arc<Indices> {
        &self.0.indices
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &Config {
        &self.0.parts.config
    }

    /// Where phones register, host and port.
    #[must_use]
    pub fn sip_address(&self) -> &str {
        &self.0.parts.sip_address
    }

    /// When the server started.
    #[must_use]
    pub fn started(&self) -> Timestamp {
        self.0.parts.started
    }

    /// The office as it is now.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        self.0.parts.store.directory().load()
    }

    /// Failed authentications, per source.
    #[must_use]
    pub fn failures(&self) -> &FailureLimiter {
        &self.0.failures
    }

    /// Room for open event streams.
    #[must_use]
    pub fn streams(&self) -> Arc<Semaphore> {
        Arc::clone(&self.0.streams)
    }

    /// The right to change the office, for as long as the guard lives.
    pub async fn edit(&self) -> MutexGuard<'_, ()> {
        self.0.editing.lock().await
    }

    /// Tells everybody who follows events that the office was changed.
    pub fn changed(&self, resource: &str, id: &impl ToString) {
        self.live().publish(EventKind::DirectoryChanged {
            resource: resource.to_owned(),
            id: id.to_string(),
        });
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what } => Self::NotFound(what),
            StoreError::Conflict { field } => Self::duplicate(field, "is taken"),
            StoreError::InUse { by } => Self::Conflict(format!("in use by {by}")),
            StoreError::Invalid {
                field: "cursor",
                reason,
            } => Self::BadQuery(vec![FieldError::new("cursor", reason)]),
            StoreError::Invalid { field, reason } => Self::invalid(field, reason),
            StoreError::ReadOnly
            | StoreError::DiskFull
            | StoreError::Unavailable { .. }
            | StoreError::Corrupt { .. }
            | _ => {
                tracing::warn!(%error, "the store did not do what it was asked");
                Self::Unavailable(error.to_string())
            }
        }
    }
}
