//! One queue machine with agents who do as the test says.

use std::time::{Duration, Instant};

use offhook_core::directory::{Destination, Queue, QueueAgent, Strategy};
use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, IdSource, IvrMenuId, QueueId};

use crate::alarm;
use crate::queue::{
    AgentToQueue, Availability, CallToQueue, Departure, Ledger, LiveAttempt, QueueEffect,
    QueueInput, QueueMachine, QueueToAgent, QueueToCall, Refusal,
};

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Rules with short limits: 20 s of ringing, 5 s until an agent is asked again, no end to waiting.
pub(super) fn rules(ids: &mut IdSource, strategy: Strategy, agents: usize) -> Queue {
    let agents = (0..agents).map(|index| QueueAgent {
        agent: AgentId::new(ids),
        level: 1,
        position: u32::try_from(index).unwrap(),
    });
    let agents = agents.collect();
    Queue {
        id: QueueId::new(ids),
        name: "Support".to_owned(),
        extension: Some("301".to_owned()),
        strategy,
        max_wait: Duration::ZERO,
        max_length: 0,
        max_wait_no_agent: Duration::ZERO,
        overflow: Some(Destination::IvrMenu(IvrMenuId::new(ids))),
        ring_timeout: seconds(20),
        retry_delay: seconds(5),
        wrap_up: seconds(10),
        announce_position: false,
        announce_interval: seconds(30),
        hold_music: "default".to_owned(),
        record: false,
        record_style: offhook_core::recording::OwnStyle::default(),
        record_keep: None,
        agents,
    }
}

pub(super) struct Fixture {
    pub(super) machine: QueueMachine,
    pub(super) ledger: Ledger,
    pub(super) now: Instant,
    pub(super) ids: IdSource,
    /// The agents in the order of their places.
    pub(super) agents: Vec<AgentId>,
    /// Everything the machine asked for since it was last looked at.
    effects: Vec<QueueEffect>,
}

impl Fixture {
    pub(super) fn new(strategy: Strategy, agents: usize) -> Self {
        Self::with(strategy, agents, |_| {})
    }

    pub(super) fn with(strategy: Strategy, agents: usize, change: impl FnOnce(&mut Queue)) -> Self {
        let mut ids = IdSource::seeded(7);
        let mut queue = rules(&mut ids, strategy, agents);
        change(&mut queue);
        let now = alarm::now();
        let agents = queue.agents.iter().map(|seat| seat.agent).collect();
        let ledger = Ledger::default();
        let mut fixture = Self {
            machine: QueueMachine::new(now, queue, IdSource::seeded(8), &ledger),
            ledger,
            now,
            ids,
            agents,
            effects: Vec::new(),
        };
        fixture.collect();
        fixture
    }

    /// All agents are available, the first has been idle for the longest time.
    pub(super) fn staffed(strategy: Strategy, agents: usize) -> Self {
        let mut fixture = Self::new(strategy, agents);
        for index in 0..agents {
            fixture.pass(seconds(1));
            fixture.available(index);
        }
        fixture.effects.clear();
        fixture
    }

    /// The queue's actor falls and is started again with its ledger.
    pub(super) fn fall(&mut self) {
        let queue = self.machine.queue().clone();
        let ids = IdSource::seeded(self.ids.bits());
        self.machine = QueueMachine::new(self.now, queue, ids, &self.ledger);
        self.effects.clear();
        self.collect();
    }

    pub(super) fn input(&mut self, input: QueueInput) {
        self.ledger.note_input(&input);
        self.machine.handle(self.now, input);
        self.collect();
    }

    pub(super) fn call_says(&mut self, message: CallToQueue) {
        self.input(QueueInput::FromCall(message));
    }

    pub(super) fn agent_says(&mut self, message: AgentToQueue) {
        self.input(QueueInput::FromAgent(message));
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.machine.handle_timeout(self.now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            self.ledger.note_effect(&effect);
            self.effects.push(effect);
        }
    }

    // --- what happens ----------------------------------------------------------------------

    pub(super) fn available(&mut self, index: usize) {
        let availability = Availability::Available { since: self.now };
        self.says_availability(index, availability);
    }

    pub(super) fn says_availability(&mut self, index: usize, availability: Availability) {
        let agent = self.agents[index];
        self.agent_says(AgentToQueue::Availability {
            agent,
            availability,
        });
    }

    pub(super) fn enqueue(&mut self) -> CallId {
        let call = CallId::new(&mut self.ids);
        let since = self.now;
        self.call_says(CallToQueue::Enqueue { call, since });
        call
    }

    pub(super) fn rejoin(&mut self, call: CallId, since: Instant, attempts: Vec<LiveAttempt>) {
        self.call_says(CallToQueue::Rejoin {
            call,
            since,
            attempts,
        });
    }

    pub(super) fn hang_up(&mut self, call: CallId) {
        let departure = Departure::HungUp;
        self.call_says(CallToQueue::Leave { call, departure });
    }

    pub(super) fn grant(&mut self, attempt: AttemptId, agent: AgentId) {
        let extension = ExtensionId::new(&mut self.ids);
        let availability = Availability::Unavailable;
        self.agent_says(AgentToQueue::Granted {
            attempt,
            agent,
            extension,
        });
        self.agent_says(AgentToQueue::Availability {
            agent,
            availability,
        });
    }

    pub(super) fn refuse(&mut self, attempt: AttemptId, agent: AgentId) {
        let refusal = Refusal::Busy;
        self.agent_says(AgentToQueue::Refused {
            attempt,
            agent,
            refusal,
        });
    }

    pub(super) fn rings(&mut self, call: CallId, attempt: AttemptId) {
        self.call_says(CallToQueue::AttemptRinging { call, attempt });
    }

    pub(super) fn answered(&mut self, call: CallId, attempt: AttemptId) {
        self.call_says(CallToQueue::AttemptAnswered { call, attempt });
    }

    pub(super) fn ended(&mut self, call: CallId, attempt: AttemptId, outcome: AttemptOutcome) {
        self.call_says(CallToQueue::AttemptEnded {
            call,
            attempt,
            outcome,
        });
    }

    /// A caller for whom agent `index` is being rung.
    pub(super) fn ringing(&mut self) -> (CallId, AttemptId, AgentId) {
        let call = self.enqueue();
        let (attempt, agent) = self.reserved(call)[0];
        self.grant(attempt, agent);
        self.rings(call, attempt);
        (call, attempt, agent)
    }

    // --- what was asked for ----------------------------------------------------------------

    pub(super) fn effects(&mut self) -> Vec<QueueEffect> {
        std::mem::take(&mut self.effects)
    }

    /// Who was asked to serve `call`, in order.
    pub(super) fn reserved(&self, for_call: CallId) -> Vec<(AttemptId, AgentId)> {
        let reserved = self.effects.iter().filter_map(|effect| match effect {
            QueueEffect::TellAgent {
                agent,
                message: QueueToAgent::Reserve { attempt, call, .. },
            } if *call == for_call => Some((*attempt, *agent)),
            _ => None,
        });
        reserved.collect()
    }

    /// The places of the agents who were asked since last time, for whichever call.
    pub(super) fn asked(&mut self) -> Vec<usize> {
        let effects = self.effects();
        let agents = effects.iter().filter_map(|effect| match effect {
            QueueEffect::TellAgent {
                agent,
                message: QueueToAgent::Reserve { .. },
            } => Some(*agent),
            _ => None,
        });
        let place = |agent| {
            self.agents
                .iter()
                .position(|known| *known == agent)
                .unwrap()
        };
        agents.map(place).collect()
    }

    pub(super) fn told(&self, to: CallId) -> Vec<QueueToCall> {
        let told = self.effects.iter().filter_map(|effect| match effect {
            QueueEffect::TellCall { call, message } if *call == to => Some(message.clone()),
            _ => None,
        });
        told.collect()
    }

    pub(super) fn exit_of(&self, call: CallId) -> Option<QueueExit> {
        let told = self.told(call);
        let mut exits = told.iter().filter_map(|message| match message {
            QueueToCall::Exit { exit, .. } => Some(*exit),
            _ => None,
        });
        let exit = exits.next();
        assert_eq!(exits.next(), None, "one exit per caller");
        exit
    }

    pub(super) fn told_agent(&self, to: AgentId) -> Vec<QueueToAgent> {
        let told = self.effects.iter().filter_map(|effect| match effect {
            QueueEffect::TellAgent { agent, message } if *agent == to => Some(message.clone()),
            _ => None,
        });
        told.collect()
    }

    pub(super) fn published(&self) -> Vec<EventKind> {
        let published = self.effects.iter().filter_map(|effect| match effect {
            QueueEffect::Publish(kind) => Some(kind.clone()),
            _ => None,
        });
        published.collect()
    }

    /// The outcome published for an attempt.
    pub(super) fn outcome_of(&self, id: AttemptId) -> Option<AttemptOutcome> {
        self.published().into_iter().find_map(|kind| match kind {
            EventKind::AttemptEnded {
                attempt, outcome, ..
            } if attempt == id => Some(outcome),
            _ => None,
        })
    }

    pub(super) fn released(&self, agent: AgentId, attempt: AttemptId) -> Option<AttemptOutcome> {
        let told = self.told_agent(agent);
        told.into_iter().find_map(|message| match message {
            QueueToAgent::Release {
                attempt: id,
                outcome,
            } if id == attempt => Some(outcome),
            _ => None,
        })
    }

    pub(super) fn waiting(&self) -> Vec<CallId> {
        let callers = self.machine.callers();
        callers.iter().map(|caller| caller.call).collect()
    }
}
