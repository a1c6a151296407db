//! What an agent machine is told and what it wants done.

use std::sync::Arc;
use std::time::Duration;

use offhook_core::directory::{Agent, AgentState};
use offhook_core::event::EventKind;
use offhook_core::id::{AttemptId, CallId, QueueId};

use crate::queue::{AgentToQueue, QueueToAgent};

/// What an agent, or somebody on their behalf, asks for: over REST, from the web or by dialling a
/// code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentCommand {
    /// Serve callers.
    Ready,
    /// Stay logged in, serve nobody.
    OnBreak {
        /// Why, in the agent's or the office's own words.
        reason: String,
    },
    /// Stop working.
    LogOut,
}

impl AgentCommand {
    /// The state that is asked for.
    #[must_use]
    pub fn state(&self) -> AgentState {
        match self {
            Self::Ready => AgentState::Ready,
            Self::OnBreak { .. } => AgentState::OnBreak,
            Self::LogOut => AgentState::LoggedOut,
        }
    }
}

/// What an agent machine is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentInput {
    /// A queue speaks.
    FromQueue(QueueToAgent),
    /// Somebody sets the agent's state. Takes effect at once, but during a call after it.
    SetState(AgentCommand),
    /// The conversation of an answered attempt is over. Told by the call, for each attempt it
    /// reported as answered.
    CallEnded {
        /// The attempt.
        attempt: AttemptId,
    },
    /// The agent has picked up a call that rang for a queue at another agent's phone. Told by the
    /// call, before `CallEnded`.
    PickedUp {
        /// The attempt that rang.
        attempt: AttemptId,
        /// The queue.
        queue: QueueId,
        /// The call.
        call: CallId,
        /// How long to be left alone after it.
        wrap_up: Duration,
    },
    /// A call ended in a way that left it no time to tell who was in it.
    CallGone {
        /// The call.
        call: CallId,
    },
    /// The agent's phone is engaged in a call that is not from a queue: it placed one, or answered
    /// one.
    DirectCallStarted {
        /// The call.
        call: CallId,
    },
    /// That call is over, at least for this phone.
    DirectCallEnded {
        /// The call.
        call: CallId,
    },
    /// A phone of the agent's extension is registered.
    PhoneReachable,
    /// No phone of the agent's extension is registered any more.
    PhoneGone,
    /// The agent's entry in the directory changed.
    Reconfigure(Arc<Agent>),
    /// The agent is no more in the directory: log out for good.
    Retire,
}

/// What an agent machine wants done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentEffect {
    /// Tell a queue.
    TellQueue {
        /// The queue.
        queue: QueueId,
        /// What.
        message: AgentToQueue,
    },
    /// It happened.
    Publish(EventKind),
}
