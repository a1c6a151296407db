//! Queue and agent actors together, on a paused clock: what a fall costs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::Directory;
use offhook_core::directory::{Agent, AgentState, Office, Queue, Strategy};
use offhook_core::event::{EventKind, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, IdSource, QueueId};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::fixture::rules;
use crate::agent::{AgentCommand, AgentPorts, Agents, SetStateError};
use crate::alarm;
use crate::queue::{
    AskError, CallToQueue, CallsPort, Departure, Publish, QueuePorts, QueueToCall, Queues,
};

/// The calls, as far as queues can tell: those that wait rejoin, those that are told to ring do.
#[derive(Default)]
struct Calls {
    waiting: Mutex<BTreeMap<CallId, Instant>>,
    queues: Mutex<Option<Queues>>,
    heard: Mutex<Option<mpsc::UnboundedSender<(CallId, QueueToCall)>>>,
}

impl CallsPort for Calls {
    fn tell(&self, call: CallId, message: QueueToCall) {
        if matches!(message, QueueToCall::Exit { .. }) {
            self.waiting.lock().remove(&call);
        }
        if let Some(heard) = &*self.heard.lock() {
            heard.send((call, message)).ok();
        }
    }

    fn queue_restarted(&self, queue: QueueId) {
        let queues = self.queues.lock().clone().unwrap();
        // In no particular order, as mailboxes are.
        for (&call, &since) in self.waiting.lock().iter() {
            let attempts = Vec::new();
            queues.tell(
                queue,
                CallToQueue::Rejoin {
                    call,
                    since,
                    attempts,
                },
            );
        }
    }
}

#[derive(Default)]
struct Log(Mutex<Vec<EventKind>>);

impl Publish for Log {
    fn publish(&self, kind: EventKind) {
        self.0.lock().push(kind);
    }
}

struct Center {
    queues: Queues,
    agents: Agents,
    calls: Arc<Calls>,
    log: Arc<Log>,
    heard: mpsc::UnboundedReceiver<(CallId, QueueToCall)>,
    office: Office,
    ids: IdSource,
}

impl Center {
    /// A center with so many agents, all with a phone, each in both queues.
    async fn open(agents: usize) -> Self {
        let mut ids = IdSource::seeded(3);
        let support = rules(&mut ids, Strategy::LongestIdle, agents);
        let mut sales = rules(&mut ids, Strategy::LongestIdle, 0);
        sales.agents.clone_from(&support.agents);
        let people = support.agents.iter().map(|seat| Agent {
            id: seat.agent,
            name: String::new(),
            extension: ExtensionId::new(&mut ids),
            user: None,
            max_missed: 0,
        });
        let office = Office {
            agents: people.collect(),
            queues: vec![support, sales],
            ..Office::default()
        };
        let (sender, heard) = mpsc::unbounded_channel();
        let calls = Arc::new(Calls::default());
        *calls.heard.lock() = Some(sender);
        let center = Self {
            queues: Queues::default(),
            agents: Agents::default(),
            calls,
            log: Arc::new(Log::default()),
            heard,
            office,
            ids,
        };
        *center.calls.queues.lock() = Some(center.queues.clone());
        center.start().await;
        center
    }

    async fn start(&self) {
        let directory = Arc::new(Directory::new(self.office.clone()));
        let ports = AgentPorts {
            queues: Arc::new(self.queues.clone()),
            events: self.log.clone(),
        };
        self.agents
            .start(ports, directory.clone(), None)
            .await
            .unwrap();
        let ports = QueuePorts {
            calls: self.calls.clone(),
            agents: Arc::new(self.agents.clone()),
            events: self.log.clone(),
        };
        self.queues.start(ports, directory, None).await.unwrap();
        for agent in &self.office.agents {
            self.agents.phone_reachable(agent.extension);
        }
    }

    fn queue(&self, index: usize) -> QueueId {
        self.office.queues[index].id
    }

    fn agent(&self, index: usize) -> AgentId {
        self.office.agents[index].id
    }

    fn enqueue(&mut self, index: usize) -> CallId {
        let call = CallId::new(&mut self.ids);
        let since = alarm::now();
        self.calls.waiting.lock().insert(call, since);
        self.queues
            .tell(self.queue(index), CallToQueue::Enqueue { call, since });
        call
    }

    async fn ready(&self, index: usize) {
        let agent = self.agent(index);
        self.agents
            .set_state(agent, AgentCommand::Ready)
            .await
            .unwrap();
    }

    /// The next thing a call is told that is not an announcement.
    async fn next(&mut self) -> (CallId, QueueToCall) {
        let next = tokio::time::timeout(Duration::from_secs(60), self.heard.recv());
        next.await.expect("a call hears something").unwrap()
    }

    async fn next_ring(&mut self) -> (CallId, AttemptId, AgentId) {
        match self.next().await {
            (call, QueueToCall::RingAgent { attempt, agent, .. }) => (call, attempt, agent),
            other => panic!("{other:?} instead of a ring"),
        }
    }

    async fn until<T>(&self, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
        for _ in 0..10_000 {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::task::yield_now().await;
        }
        panic!("it never happens");
    }

    async fn waiting(&self, index: usize) -> Vec<CallId> {
        let queue = self.queue(index);
        let callers = self.until(async || self.queues.callers(queue).await.ok());
        callers
            .await
            .into_iter()
            .map(|caller| caller.call)
            .collect()
    }

    fn count(&self, wanted: impl Fn(&EventKind) -> bool) -> usize {
        self.log.0.lock().iter().filter(|kind| wanted(kind)).count()
    }

    async fn recovered(&self, times: usize) {
        self.until(async || {
            let falls = self.count(|kind| matches!(kind, EventKind::QueueRecovered { .. }));
            (falls >= times).then_some(())
        })
        .await;
    }
}

#[tokio::test(start_paused = true)]
async fn callers_keep_their_place_when_the_queue_restarts() {
    let mut center = Center::open(1).await;
    let mut callers = Vec::new();
    for _ in 0..50 {
        callers.push(center.enqueue(0));
        tokio::time::advance(Duration::from_millis(10)).await;
    }
    assert_eq!(center.waiting(0).await, callers);
    center.queues.crash(center.queue(0));
    center.recovered(1).await;
    assert_eq!(center.waiting(0).await, callers);
    center.ready(0).await;
    let (served, ..) = center.next_ring().await;
    assert_eq!(served, callers[0]);
    assert_eq!(
        center.count(|kind| matches!(kind, EventKind::CallQueued { .. })),
        50
    );
    assert_eq!(
        center.count(|kind| matches!(kind, EventKind::CallDequeued { .. })),
        0
    );
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_hangs_up_while_the_queue_is_down_has_left_when_it_is_up() {
    let mut center = Center::open(1).await;
    let callers = [center.enqueue(0), center.enqueue(0)];
    assert_eq!(center.waiting(0).await.len(), 2);
    center.queues.crash(center.queue(0));
    let call = callers[0];
    center.calls.waiting.lock().remove(&call);
    let departure = Departure::HungUp;
    center
        .queues
        .tell(center.queue(0), CallToQueue::Leave { call, departure });
    center.recovered(1).await;
    assert_eq!(center.waiting(0).await, callers[1..]);
    assert_eq!(
        center.count(|kind| matches!(kind, EventKind::CallDequeued { .. })),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_queue_that_falls_again_and_again_pauses_and_keeps_its_callers() {
    let mut center = Center::open(1).await;
    let caller = center.enqueue(0);
    for fall in 1..=5 {
        center.waiting(0).await;
        center.queues.crash(center.queue(0));
        center.recovered(fall).await;
    }
    center.waiting(0).await;
    center.queues.crash(center.queue(0));
    let before = alarm::now();
    tokio::time::timeout(Duration::from_secs(60), async {
        while center.count(|kind| matches!(kind, EventKind::QueueRecovered { .. })) < 6 {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
    })
    .await
    .unwrap();
    assert!(alarm::now() - before >= Duration::from_secs(5));
    assert_eq!(center.waiting(0).await, [caller]);
}

#[tokio::test(start_paused = true)]
async fn an_agents_state_survives_the_fall_of_its_actor() {
    let mut center = Center::open(1).await;
    center.ready(0).await;
    let call = center.enqueue(0);
    let (_, attempt, agent) = center.next_ring().await;
    center.queues.tell(
        center.queue(0),
        CallToQueue::AttemptRinging { call, attempt },
    );
    center
        .until(async || {
            let state = center.agents.view(agent).unwrap().state;
            (state == AgentState::Ringing).then_some(())
        })
        .await;
    let before = center.agents.view(agent);
    center.agents.crash(agent);
    // Told while the actor is down: the mail waits.
    center.queues.tell(
        center.queue(0),
        CallToQueue::AttemptAnswered { call, attempt },
    );
    center
        .until(async || {
            let state = center.agents.view(agent).unwrap().state;
            (state == AgentState::OnCall).then_some(())
        })
        .await;
    assert_eq!(before.unwrap().call, Some(call));
    assert!(matches!(
        center.next().await,
        (
            _,
            QueueToCall::Exit {
                exit: QueueExit::Answered,
                ..
            }
        )
    ));
    center.agents.call_ended(agent, attempt);
    center
        .until(async || {
            let state = center.agents.view(agent).unwrap().state;
            (state == AgentState::WrapUp).then_some(())
        })
        .await;
    // The wrap-up ends by the clock alone.
    tokio::time::advance(Duration::from_secs(11)).await;
    center
        .until(async || {
            let state = center.agents.view(agent).unwrap().state;
            (state == AgentState::Ready).then_some(())
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn an_agent_whose_actor_keeps_falling_is_logged_out_and_can_log_in_again() {
    let center = Center::open(1).await;
    center.ready(0).await;
    let agent = center.agent(0);
    for _ in 0..4 {
        let ready = AgentCommand::OnBreak {
            reason: "tea".to_owned(),
        };
        center
            .until(async || center.agents.set_state(agent, ready.clone()).await.ok())
            .await;
        center.agents.crash(agent);
    }
    center
        .until(async || {
            let state = center.agents.view(agent).unwrap().state;
            (state == AgentState::LoggedOut).then_some(())
        })
        .await;
    center
        .until(async || {
            center
                .agents
                .set_state(agent, AgentCommand::Ready)
                .await
                .ok()
        })
        .await;
    assert_eq!(center.agents.view(agent).unwrap().state, AgentState::Ready);
}

#[tokio::test(start_paused = true)]
async fn two_queues_want_one_agent_and_one_gets_them() {
    let mut center = Center::open(1).await;
    let first = center.enqueue(0);
    let second = center.enqueue(1);
    center.waiting(0).await;
    center.waiting(1).await;
    center.ready(0).await;
    let (served, attempt, agent) = center.next_ring().await;
    let (winner, loser, other) = if served == first {
        (0, 1, second)
    } else {
        (1, 0, first)
    };
    assert_eq!(center.waiting(loser).await, [other]);
    assert_eq!(center.agents.view(agent).unwrap().call, Some(served));
    // The caller gives up: the other queue gets the agent at once.
    let departure = Departure::HungUp;
    center.queues.tell(
        center.queue(winner),
        CallToQueue::Leave {
            call: served,
            departure,
        },
    );
    let mut rung = BTreeSet::new();
    while !rung.contains(&other) {
        if let (call, QueueToCall::RingAgent { attempt: id, .. }) = center.next().await {
            assert_ne!(id, attempt);
            rung.insert(call);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_ring_timeout_of_an_hour_is_kept() {
    let mut center = Center::open(1).await;
    let mut queue: Queue = center.office.queues[0].clone();
    queue.ring_timeout = Duration::from_secs(3600);
    center.office.queues[0] = queue;
    center
        .queues
        .reconfigure(Arc::new(Directory::new(center.office.clone())))
        .await;
    center.ready(0).await;
    center.enqueue(0);
    let (_, attempt, _) = center.next_ring().await;
    let start = alarm::now();
    let cancelled = tokio::time::timeout(Duration::from_secs(7200), center.heard.recv()).await;
    assert!(matches!(
        cancelled.unwrap().unwrap().1,
        QueueToCall::CancelAttempt { attempt: id, .. } if id == attempt
    ));
    let rang = alarm::now() - start;
    assert!(
        rang >= Duration::from_secs(3599) && rang < Duration::from_secs(3601),
        "{rang:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_removed_queue_sends_its_callers_on_and_refuses_new_ones() {
    let mut center = Center::open(1).await;
    let caller = center.enqueue(1);
    let gone = center.queue(1);
    assert_eq!(center.waiting(1).await, [caller]);
    let mut office = center.office.clone();
    office.queues.truncate(1);
    center
        .queues
        .reconfigure(Arc::new(Directory::new(office)))
        .await;
    assert!(matches!(
        center.next().await,
        (call, QueueToCall::Exit { exit: QueueExit::NoAgents, .. }) if call == caller
    ));
    center
        .until(async || {
            let answer = center.queues.callers(gone).await;
            (answer == Err(AskError::NoSuchQueue)).then_some(())
        })
        .await;
    let late = center.enqueue(1);
    assert!(matches!(
        center.next().await,
        (call, QueueToCall::Exit { exit: QueueExit::NoAgents, .. }) if call == late
    ));
}

#[tokio::test(start_paused = true)]
async fn an_unknown_agent_cannot_be_set() {
    let center = Center::open(1).await;
    let nobody = AgentId::random();
    let answer = center.agents.set_state(nobody, AgentCommand::Ready).await;
    assert_eq!(answer, Err(SetStateError::NoSuchAgent));
}
