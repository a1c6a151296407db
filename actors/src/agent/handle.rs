//! The agents as their neighbours see them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ahash::{AHashMap, AHashSet};
use arc_swap::{ArcSwap, ArcSwapOption};
use offhook_core::Directory;
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, QueueId};
use parking_lot::Mutex;
use ractor::concurrency::JoinHandle;
use ractor::rpc::CallResult;
use ractor::{ActorCell, ActorRef, SpawnErr};

use super::actor::AgentMsg;
use super::desk::{AgentView, Desk};
use super::message::{AgentCommand, AgentInput};
use super::port::AgentPorts;
use super::supervisor::{self, AgentsMsg};
use crate::queue::{AgentToQueue, AgentsPort, QueueToAgent, Refusal};

/// How long a change of state or of the directory may take.
const ANSWER: Duration = Duration::from_secs(2);

/// All agents: a cheap clone. May be handed out before [`start`](Self::start); until then no agent
/// exists.
#[derive(Debug, Clone, Default)]
pub struct Agents(pub(super) Arc<Shared>);

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) roster: ArcSwap<Roster>,
    /// Extensions with a registered phone, also those of nobody who is an agent yet.
    pub(super) reachable: Mutex<AHashSet<ExtensionId>>,
    pub(super) supervisor: ArcSwapOption<ActorRef<AgentsMsg>>,
    pub(super) ports: OnceLock<AgentPorts>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Roster {
    pub(super) desks: AHashMap<AgentId, Arc<Desk>>,
    pub(super) at: AHashMap<ExtensionId, AgentId>,
}

/// Why an agent's state was not set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetStateError {
    /// There is no such agent.
    #[error("there is no such agent")]
    NoSuchAgent,
    /// The agent's actor is being restarted, or too busy.
    #[error("the agent's state could not be set in time")]
    NoAnswer,
}

impl Agents {
    /// Starts the supervisor and one actor per agent of the directory. Called again after the
    /// supervisor fell, every agent goes on in the last good state. Started before the queues.
    ///
    /// # Errors
    /// When the actors cannot be spawned.
    pub async fn start(
        &self,
        ports: AgentPorts,
        directory: Arc<Directory>,
        above: Option<ActorCell>,
    ) -> Result<(ActorCell, JoinHandle<()>), SpawnErr> {
        let ports = self.0.ports.get_or_init(|| ports).clone();
        supervisor::start(self.clone(), ports, directory, above).await
    }

    /// Takes over the agents of a new directory: new ones start logged out, removed ones are logged
    /// out, during a call after it. Returns when that is under way.
    pub async fn reconfigure(&self, directory: Arc<Directory>) {
        let Some(supervisor) = self.0.supervisor.load_full() else {
            return;
        };
        let told = supervisor.call(|done| AgentsMsg::Reconfigure(directory, done), Some(ANSWER));
        if !matches!(told.await, Ok(CallResult::Success(()))) {
            tracing::error!("the agents did not take over the new directory in time");
        }
    }

    /// Sets an agent's state: at once, but during a call after it (see [`AgentView::next`]). Answers
    /// with the agent as it then is.
    ///
    /// # Errors
    /// When there is no such agent, or the actor does not answer within two seconds; the state may
    /// then still change.
    pub async fn set_state(
        &self,
        agent: AgentId,
        command: AgentCommand,
    ) -> Result<AgentView, SetStateError> {
        let desk = self.desk(agent).ok_or(SetStateError::NoSuchAgent)?;
        let actor = desk.inbox.actor().ok_or(SetStateError::NoAnswer)?;
        let answer = actor.call(|reply| AgentMsg::SetState(command, reply), Some(ANSWER));
        match answer.await {
            Ok(CallResult::Success(view)) => Ok(view),
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => {
                Err(SetStateError::NoAnswer)
            }
        }
    }

    /// The agent at this moment.
    #[must_use]
    pub fn view(&self, agent: AgentId) -> Option<AgentView> {
        Some(self.desk(agent)?.view())
    }

    /// Every agent at this moment, in the order of their ids.
    #[must_use]
    pub fn list(&self) -> Vec<AgentView> {
        let roster = self.0.roster.load();
        let mut views: Vec<_> = roster.desks.values().map(|desk| desk.view()).collect();
        views.sort_by_key(|view| view.agent);
        views
    }

    /// The agent who works at an extension.
    #[must_use]
    pub fn at(&self, extension: ExtensionId) -> Option<AgentId> {
        self.0.roster.load().at.get(&extension).copied()
    }

    /// The conversation of an answered attempt is over. Told by the call for each attempt it
    /// reported as answered.
    pub fn call_ended(&self, agent: AgentId, attempt: AttemptId) {
        self.deliver(agent, AgentInput::CallEnded { attempt });
    }

    /// The agent has picked up a call that rang for a queue at another agent's phone. The end of the
    /// conversation is told by [`call_ended`](Self::call_ended).
    pub fn picked_up(
        &self,
        agent: AgentId,
        call: CallId,
        (attempt, queue): (AttemptId, QueueId),
        wrap_up: Duration,
    ) {
        let input = AgentInput::PickedUp {
            attempt,
            queue,
            call,
            wrap_up,
        };
        self.deliver(agent, input);
    }

    /// A call is gone without having said who was in it: every agent in it is free.
    pub fn call_gone(&self, call: CallId) {
        for desk in self.0.roster.load().desks.values() {
            desk.deliver(AgentInput::CallGone { call });
        }
    }

    /// The phone of this extension is engaged in a call that is not from a queue: it placed one, or
    /// answered one. Nothing happens if no agent works there.
    pub fn direct_call_started(&self, extension: ExtensionId, call: CallId) {
        self.deliver_at(extension, AgentInput::DirectCallStarted { call });
    }

    /// That call is over for this phone.
    pub fn direct_call_ended(&self, extension: ExtensionId, call: CallId) {
        self.deliver_at(extension, AgentInput::DirectCallEnded { call });
    }

    /// A phone of this extension is registered. May be told before the extension has an agent.
    pub fn phone_reachable(&self, extension: ExtensionId) {
        if self.0.reachable.lock().insert(extension) {
            self.deliver_at(extension, AgentInput::PhoneReachable);
        }
    }

    /// No phone of this extension is registered any more.
    pub fn phone_gone(&self, extension: ExtensionId) {
        if self.0.reachable.lock().remove(&extension) {
            self.deliver_at(extension, AgentInput::PhoneGone);
        }
    }

    /// Makes an agent's actor panic, for tests of what a fall costs.
    #[doc(hidden)]
    pub fn crash(&self, agent: AgentId) {
        if let Some(desk) = self.desk(agent) {
            desk.inbox.send(AgentMsg::Panic);
        }
    }

    fn desk(&self, agent: AgentId) -> Option<Arc<Desk>> {
        self.0.roster.load().desks.get(&agent).cloned()
    }

    fn deliver(&self, agent: AgentId, input: AgentInput) {
        if let Some(desk) = self.desk(agent) {
            desk.deliver(input);
        }
    }

    fn deliver_at(&self, extension: ExtensionId, input: AgentInput) {
        if let Some(agent) = self.at(extension) {
            self.deliver(agent, input);
        }
    }
}

impl AgentsPort for Agents {
    fn tell(&self, agent: AgentId, message: QueueToAgent) {
        if let Some(desk) = self.desk(agent) {
            desk.deliver(AgentInput::FromQueue(message));
            return;
        }
        if let QueueToAgent::Reserve { attempt, queue, .. } = message
            && let Some(ports) = self.0.ports.get()
        {
            let refused = AgentToQueue::Refused {
                attempt,
                agent,
                refusal: Refusal::Unknown,
            };
            ports.queues.tell(queue, refused);
        }
    }
}
