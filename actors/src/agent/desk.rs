//! What of an agent outlives the agent's actor: the last good state and the mail.

use std::sync::Arc;

use jiff::Timestamp;
use offhook_core::directory::{Agent, AgentState};
use offhook_core::id::{AgentId, CallId};
use parking_lot::Mutex;

use super::actor::AgentMsg;
use super::machine::AgentMachine;
use super::message::{AgentCommand, AgentInput};
use crate::alarm;
use crate::inbox::Inbox;

/// Shared by the handle, the supervisor and the actor of one agent.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) id: AgentId,
    pub(super) inbox: Inbox<AgentMsg, AgentInput>,
    state: Mutex<(AgentMachine, Timestamp)>,
}

/// An agent at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentView {
    /// The agent.
    pub agent: AgentId,
    /// What the agent is doing.
    pub state: AgentState,
    /// Since when.
    pub since: Timestamp,
    /// The reason of a break.
    pub reason: Option<String>,
    /// The queue's call this state belongs to.
    pub call: Option<CallId>,
    /// What follows the present call, if that was asked for during it.
    pub next: Option<AgentCommand>,
    /// Whether a phone of the agent's is registered. One who is ready without a phone gets no calls.
    pub reachable: bool,
    /// Attempts missed in a row.
    pub missed: u32,
}

impl Desk {
    pub(super) fn new(agent: Arc<Agent>, reachable: bool) -> Self {
        let id = agent.id;
        let machine = AgentMachine::new(agent, reachable, alarm::now());
        Self {
            id,
            inbox: Inbox::default(),
            state: Mutex::new((machine, alarm::wall())),
        }
    }

    pub(super) fn deliver(&self, input: AgentInput) {
        self.inbox.deliver(input, || AgentMsg::Mail);
    }

    /// The last good state.
    pub(super) fn machine(&self) -> AgentMachine {
        self.state.lock().0.clone()
    }

    /// Keeps `machine` as the last good state.
    pub(super) fn keep(&self, machine: &AgentMachine) {
        let mut kept = self.state.lock();
        if kept.0.since() != machine.since() {
            kept.1 = alarm::wall();
        }
        kept.0.clone_from(machine);
    }

    pub(super) fn view(&self) -> AgentView {
        let (machine, since) = &*self.state.lock();
        AgentView {
            agent: self.id,
            state: machine.state(),
            since: *since,
            reason: machine.reason().map(str::to_owned),
            call: machine.call(),
            next: machine.next().cloned(),
            reachable: machine.is_reachable(),
            missed: machine.missed(),
        }
    }
}
