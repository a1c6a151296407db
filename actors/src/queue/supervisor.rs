//! Keeps one actor per queue alive.
//!
//! A queue that fell is started again at once with its ledger and its undelivered mail, and its
//! callers' calls are told to rejoin. One that falls too often is started again after a pause; its
//! callers hear music meanwhile.

use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use offhook_core::Directory;
use offhook_core::directory::Queue;
use offhook_core::event::EventKind;
use offhook_core::id::QueueId;
use ractor::concurrency::JoinHandle;
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr,
    SupervisionEvent,
};

use super::actor::QueueActor;
use super::handle::Queues;
use super::line::Line;
use super::message::QueueInput;
use super::port::QueuePorts;
use crate::agent::QueuesPort;
use crate::alarm;
use crate::restart::{Falls, RestartLimit, Verdict};

/// Falls of one queue that are mended at once.
const LIMIT: RestartLimit = RestartLimit {
    falls: 5,
    within: Duration::from_secs(10),
};
/// How long a queue that falls more often stays down.
const PAUSE: Duration = Duration::from_secs(5);

/// What the supervisor understands.
#[derive(Debug)]
pub(super) enum QueuesMsg {
    Reconfigure(Arc<Directory>, RpcReplyPort<()>),
    Revive(QueueId),
}

struct QueuesActor;

struct Supervisor {
    queues: Queues,
    ports: QueuePorts,
    falls: AHashMap<QueueId, Falls>,
    actors: AHashMap<ActorId, QueueId>,
}

pub(super) async fn start(
    queues: Queues,
    ports: QueuePorts,
    directory: Arc<Directory>,
    above: Option<ActorCell>,
) -> Result<(ActorCell, JoinHandle<()>), SpawnErr> {
    let arguments = (queues, ports, directory);
    let (actor, ended) = match above {
        Some(above) => Actor::spawn_linked(None, QueuesActor, arguments, above).await?,
        None => Actor::spawn(None, QueuesActor, arguments).await?,
    };
    Ok((actor.get_cell(), ended))
}

impl Actor for QueuesActor {
    type Msg = QueuesMsg;
    type State = Supervisor;
    type Arguments = (Queues, QueuePorts, Arc<Directory>);

    async fn pre_start(
        &self,
        me: ActorRef<QueuesMsg>,
        (queues, ports, directory): Self::Arguments,
    ) -> Result<Supervisor, ActorProcessingErr> {
        queues.0.supervisor.store(Some(Arc::new(me.clone())));
        let mut supervisor = Supervisor {
            queues,
            ports,
            falls: AHashMap::new(),
            actors: AHashMap::new(),
        };
        // Lines that are here already were left by a supervisor that fell, their actors with it.
        let left: Vec<_> = supervisor
            .queues
            .0
            .roster
            .load()
            .values()
            .cloned()
            .collect();
        for line in left {
            supervisor.spawn(&me, &line).await;
            supervisor.say_restarted(line.id);
        }
        supervisor.take_over(&me, &directory).await;
        Ok(supervisor)
    }

    async fn handle(
        &self,
        me: ActorRef<QueuesMsg>,
        message: QueuesMsg,
        state: &mut Supervisor,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            QueuesMsg::Reconfigure(directory, done) => {
                state.take_over(&me, &directory).await;
                done.send(()).ok();
            }
            QueuesMsg::Revive(queue) => state.revive(&me, queue).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<QueuesMsg>,
        event: SupervisionEvent,
        state: &mut Supervisor,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(child, error) => {
                let Some(queue) = state.actors.remove(&child.get_id()) else {
                    return Ok(());
                };
                tracing::error!(%queue, %error, "a queue actor fell");
                let falls = state.falls.entry(queue);
                let falls = falls.or_insert_with(|| Falls::new(LIMIT));
                match falls.record(alarm::now()) {
                    Verdict::Restart => state.revive(&me, queue).await,
                    Verdict::GiveUp => {
                        me.send_after(PAUSE, move || QueuesMsg::Revive(queue));
                    }
                }
            }
            SupervisionEvent::ActorTerminated(child, _, _) => {
                if let Some(queue) = state.actors.remove(&child.get_id()) {
                    state.remove(queue);
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl Supervisor {
    async fn take_over(&mut self, me: &ActorRef<QueuesMsg>, directory: &Directory) {
        let known = self.queues.0.roster.load_full();
        for line in known.values() {
            if directory.queue(line.id).is_none() {
                line.close();
            }
        }
        for queue in &directory.office().queues {
            if let Some(line) = known.get(&queue.id) {
                *line.rules.lock() = queue.clone();
                line.deliver(QueueInput::Reconfigure(Box::new(queue.clone())));
            } else {
                self.add(me, queue).await;
            }
        }
    }

    async fn add(&mut self, me: &ActorRef<QueuesMsg>, queue: &Queue) {
        let line = Arc::new(Line::new(queue.clone()));
        let added = Arc::clone(&line);
        // In the roster first: the agents answer the new queue's first words.
        self.change_roster(move |roster| {
            roster.insert(added.id, Arc::clone(&added));
        });
        self.spawn(me, &line).await;
    }

    async fn spawn(&mut self, me: &ActorRef<QueuesMsg>, line: &Arc<Line>) {
        let arguments = (Arc::clone(line), self.ports.clone());
        match Actor::spawn_linked(None, QueueActor, arguments, me.get_cell()).await {
            Ok((actor, _)) => {
                self.actors.insert(actor.get_id(), line.id);
                if line.is_closed() {
                    line.close();
                }
            }
            Err(error) => {
                let queue = line.id;
                tracing::error!(%queue, %error, "a queue actor did not start");
                me.send_after(PAUSE, move || QueuesMsg::Revive(queue));
            }
        }
    }

    async fn revive(&mut self, me: &ActorRef<QueuesMsg>, queue: QueueId) {
        let line = self.queues.0.roster.load().get(&queue).cloned();
        if let Some(line) = line {
            self.spawn(me, &line).await;
            self.say_restarted(queue);
        }
    }

    /// A closed queue has ended. Whoever spoke to it meanwhile is answered as if it were not there.
    fn remove(&mut self, queue: QueueId) {
        self.falls.remove(&queue);
        let Some(line) = self.queues.0.roster.load().get(&queue).cloned() else {
            return;
        };
        self.change_roster(|roster| {
            roster.remove(&queue);
        });
        while let Some(input) = line.inbox.take() {
            match input {
                QueueInput::FromCall(message) => self.queues.tell(queue, message),
                QueueInput::FromAgent(message) => {
                    QueuesPort::tell(&self.queues, queue, message);
                }
                QueueInput::Reconfigure(_) | QueueInput::Close => {}
            }
        }
    }

    fn say_restarted(&self, queue: QueueId) {
        self.ports
            .events
            .publish(EventKind::QueueRecovered { queue });
        self.ports.calls.queue_restarted(queue);
    }

    fn change_roster(&self, change: impl Fn(&mut AHashMap<QueueId, Arc<Line>>)) {
        self.queues.0.roster.rcu(|roster| {
            let mut roster = AHashMap::clone(roster);
            change(&mut roster);
            roster
        });
    }
}
