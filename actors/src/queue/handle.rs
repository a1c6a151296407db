//! The queues as their neighbours see them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ahash::AHashMap;
use arc_swap::{ArcSwap, ArcSwapOption};
use offhook_core::Directory;
use offhook_core::event::{AttemptOutcome, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, QueueId};
use ractor::concurrency::JoinHandle;
use ractor::rpc::CallResult;
use ractor::{ActorCell, ActorRef, RpcReplyPort, SpawnErr};

use super::actor::QueueMsg;
use super::line::Line;
use super::message::{AgentToQueue, CallToQueue, Departure, QueueInput, QueueToAgent, QueueToCall};
use super::port::QueuePorts;
use super::supervisor::{self, QueuesMsg};
use super::view::{SeatView, WaitingCaller};
use crate::agent::QueuesPort;

/// How long a question may take to be answered.
const ANSWER: Duration = Duration::from_secs(2);

/// All queues: a cheap clone. May be handed out before [`start`](Self::start); until then no queue
/// exists.
#[derive(Debug, Clone, Default)]
pub struct Queues(pub(super) Arc<Shared>);

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) roster: ArcSwap<AHashMap<QueueId, Arc<Line>>>,
    pub(super) supervisor: ArcSwapOption<ActorRef<QueuesMsg>>,
    pub(super) ports: OnceLock<QueuePorts>,
}

/// Why a question about a queue has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AskError {
    /// There is no such queue.
    #[error("there is no such queue")]
    NoSuchQueue,
    /// The queue is being restarted, or too busy.
    #[error("the queue did not answer in time")]
    NoAnswer,
}

impl Queues {
    /// Starts the supervisor and one actor per queue of the directory. Called again after the
    /// supervisor fell, it goes on with every queue's open callers and undelivered mail. The agents
    /// are started before.
    ///
    /// # Errors
    /// When the actors cannot be spawned.
    pub async fn start(
        &self,
        ports: QueuePorts,
        directory: Arc<Directory>,
        above: Option<ActorCell>,
    ) -> Result<(ActorCell, JoinHandle<()>), SpawnErr> {
        let ports = self.0.ports.get_or_init(|| ports).clone();
        supervisor::start(self.clone(), ports, directory, above).await
    }

    /// A call speaks to a queue. If there is no such queue, a caller who wants in gets `Exit` with
    /// [`QueueExit::NoAgents`].
    pub fn tell(&self, queue: QueueId, message: CallToQueue) {
        if let Some(line) = self.line(queue) {
            line.deliver(QueueInput::FromCall(message));
            return;
        }
        if let CallToQueue::Enqueue { call, .. } | CallToQueue::Rejoin { call, .. } = message
            && let Some(ports) = self.0.ports.get()
        {
            let exit = QueueToCall::Exit {
                queue,
                exit: QueueExit::NoAgents,
                overflow: None,
            };
            ports.calls.tell(call, exit);
        }
    }

    /// A call is gone without having said good-bye: it leaves every queue.
    pub fn call_gone(&self, call: CallId) {
        for line in self.0.roster.load().values() {
            line.deliver(QueueInput::FromCall(CallToQueue::Leave {
                call,
                departure: Departure::HungUp,
            }));
        }
    }

    /// Takes over the queues of a new directory: new ones start, changed ones change while they
    /// run, and callers of a removed one leave it with [`QueueExit::NoAgents`]. The agents take over
    /// the directory first. Returns when every queue has been told.
    pub async fn reconfigure(&self, directory: Arc<Directory>) {
        let Some(supervisor) = self.0.supervisor.load_full() else {
            return;
        };
        let told = supervisor.call(|done| QueuesMsg::Reconfigure(directory, done), Some(ANSWER));
        if !matches!(told.await, Ok(CallResult::Success(()))) {
            tracing::error!("the queues did not take over the new directory in time");
        }
    }

    /// Who waits, in the order in which they are served.
    ///
    /// # Errors
    /// When there is no such queue, or it does not answer within two seconds.
    pub async fn callers(&self, queue: QueueId) -> Result<Vec<WaitingCaller>, AskError> {
        self.ask(queue, QueueMsg::Callers).await
    }

    /// Who serves, by tier and place.
    ///
    /// # Errors
    /// When there is no such queue, or it does not answer within two seconds.
    pub async fn agents(&self, queue: QueueId) -> Result<Vec<SeatView>, AskError> {
        self.ask(queue, QueueMsg::Agents).await
    }

    /// Mail that waits to be handled, over all queues: a measure of load.
    #[must_use]
    pub fn backlog(&self) -> usize {
        let roster = self.0.roster.load();
        roster.values().map(|line| line.inbox.len()).sum()
    }

    /// Makes a queue's actor panic, for tests of what a fall costs.
    #[doc(hidden)]
    pub fn crash(&self, queue: QueueId) {
        if let Some(line) = self.line(queue) {
            line.inbox.send(QueueMsg::Panic);
        }
    }

    fn line(&self, queue: QueueId) -> Option<Arc<Line>> {
        self.0.roster.load().get(&queue).cloned()
    }

    async fn ask<T: Send + 'static>(
        &self,
        queue: QueueId,
        question: impl FnOnce(RpcReplyPort<T>) -> QueueMsg,
    ) -> Result<T, AskError> {
        let line = self.line(queue).ok_or(AskError::NoSuchQueue)?;
        let actor = line.inbox.actor().ok_or(AskError::NoAnswer)?;
        match actor.call(question, Some(ANSWER)).await {
            Ok(CallResult::Success(answer)) => Ok(answer),
            Ok(CallResult::Timeout | CallResult::SenderError) | Err(_) => Err(AskError::NoAnswer),
        }
    }

    /// Lets an agent go whose queue does not exist.
    fn release(&self, agent: AgentId, attempt: AttemptId) {
        if let Some(ports) = self.0.ports.get() {
            let message = QueueToAgent::Release {
                attempt,
                outcome: AttemptOutcome::Withdrawn,
            };
            ports.agents.tell(agent, message);
        }
    }
}

impl QueuesPort for Queues {
    fn tell(&self, queue: QueueId, message: AgentToQueue) {
        if let Some(line) = self.line(queue) {
            line.deliver(QueueInput::FromAgent(message));
            return;
        }
        match message {
            AgentToQueue::Granted { attempt, agent, .. }
            | AgentToQueue::Withdraw { attempt, agent }
            | AgentToQueue::StillHeld { attempt, agent } => self.release(agent, attempt),
            AgentToQueue::Refused { .. } | AgentToQueue::Availability { .. } => {}
        }
    }
}
