//! Finding an agent among a thousand: the pick alone, and a caller's whole way through the queue's
//! rules.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::Criterion;

use offhook_actors::queue::strategy::{Candidate, picker};
use offhook_actors::queue::{
    AgentToQueue, Availability, CallToQueue, Ledger, QueueEffect, QueueInput, QueueMachine,
    QueueToAgent, QueueToCall,
};
use offhook_benches::start;
use offhook_core::IdSource;
use offhook_core::directory::{Queue, QueueAgent, Strategy};
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, QueueId};

const AGENTS: u32 = 1000;

/// Those who ask one agent after the other.
const ONE_BY_ONE: [Strategy; 3] = [
    Strategy::LongestIdle,
    Strategy::RoundRobin,
    Strategy::TopDown,
];

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    for strategy in Strategy::ALL {
        pick(&mut criterion, *strategy);
    }
    for strategy in ONE_BY_ONE {
        let mut floor = Floor::new(strategy);
        floor.serve().ok_or("a caller with agents free is served")?;
        criterion.bench_function(&format!("queue/caller served, {strategy}"), |bencher| {
            bencher.iter(|| black_box(floor.serve()));
        });
    }
    criterion.final_summary();
    Ok(())
}

/// One is picked, asked, busy, and free again.
fn pick(criterion: &mut Criterion, strategy: Strategy) {
    let mut ids = IdSource::seeded(1);
    let mut now = start();
    let mut picker = picker(strategy);
    let seats = seats(&mut ids);
    for seat in &seats {
        now += Duration::from_millis(1);
        picker.insert(Candidate {
            seat: *seat,
            idle_since: now,
        });
    }
    let by_agent: HashMap<AgentId, QueueAgent> =
        seats.iter().map(|seat| (seat.agent, *seat)).collect();
    criterion.bench_function(&format!("queue/pick, {strategy}"), |bencher| {
        bencher.iter(|| {
            now += Duration::from_millis(1);
            let (agent, _) = picker.pick()?;
            picker.asked(agent);
            picker.remove(agent);
            picker.insert(Candidate {
                seat: *by_agent.get(&agent)?,
                idle_since: now,
            });
            Some(agent)
        });
    });
}

fn seats(ids: &mut IdSource) -> Vec<QueueAgent> {
    let seat = |place| QueueAgent {
        agent: AgentId::new(ids),
        level: 1,
        position: place,
    };
    (0..AGENTS).map(seat).collect()
}

/// A queue, and everybody it talks to.
struct Floor {
    machine: QueueMachine,
    ids: IdSource,
    now: Instant,
}

impl Floor {
    fn new(strategy: Strategy) -> Self {
        let mut ids = IdSource::seeded(1);
        let agents = seats(&mut ids);
        let queue = Queue {
            id: QueueId::new(&mut ids),
            name: "Support".to_owned(),
            extension: None,
            strategy,
            max_wait: Duration::from_secs(600),
            max_length: 0,
            max_wait_no_agent: Duration::from_secs(60),
            overflow: None,
            ring_timeout: Duration::from_secs(20),
            retry_delay: Duration::from_secs(5),
            wrap_up: Duration::ZERO,
            announce_position: true,
            announce_interval: Duration::from_secs(30),
            hold_music: "default".to_owned(),
            record: false,
            record_style: offhook_core::recording::OwnStyle::default(),
            record_keep: None,
            agents: agents.clone(),
        };
        let now = start();
        let machine = QueueMachine::new(now, queue, IdSource::seeded(2), &Ledger::default());
        let mut floor = Self { machine, ids, now };
        for seat in &agents {
            floor.now += Duration::from_millis(1);
            floor.is_free(seat.agent);
        }
        floor
    }

    /// A caller comes, is answered and goes. `None` if the queue does not do its part.
    fn serve(&mut self) -> Option<()> {
        self.now += Duration::from_millis(1);
        let (call, since) = (CallId::new(&mut self.ids), self.now);
        self.call_says(CallToQueue::Enqueue { call, since });
        let (agent, attempt) = self.reserved()?;
        let extension = ExtensionId::new(&mut self.ids);
        self.agent_says(AgentToQueue::Granted {
            attempt,
            agent,
            extension,
        });
        self.agent_says(AgentToQueue::Availability {
            agent,
            availability: Availability::Unavailable,
        });
        self.told(|message| matches!(message, QueueToCall::RingAgent { .. }))?;
        self.call_says(CallToQueue::AttemptRinging { call, attempt });
        self.call_says(CallToQueue::AttemptAnswered { call, attempt });
        self.told(|message| matches!(message, QueueToCall::Exit { .. }))?;
        self.is_free(agent);
        self.machine.handle_timeout(self.now);
        Some(())
    }

    fn is_free(&mut self, agent: AgentId) {
        let availability = Availability::Available { since: self.now };
        self.agent_says(AgentToQueue::Availability {
            agent,
            availability,
        });
        while self.machine.poll_effect().is_some() {}
    }

    fn call_says(&mut self, message: CallToQueue) {
        self.machine.handle(self.now, QueueInput::FromCall(message));
    }

    fn agent_says(&mut self, message: AgentToQueue) {
        self.machine
            .handle(self.now, QueueInput::FromAgent(message));
    }

    /// Who is asked to serve.
    fn reserved(&mut self) -> Option<(AgentId, AttemptId)> {
        let mut effects = std::iter::from_fn(|| self.machine.poll_effect());
        effects.find_map(|effect| {
            let QueueEffect::TellAgent { agent, message } = effect else {
                return None;
            };
            let QueueToAgent::Reserve { attempt, .. } = message else {
                return None;
            };
            Some((agent, attempt))
        })
    }

    fn told(&mut self, wanted: impl Fn(&QueueToCall) -> bool) -> Option<()> {
        let mut effects = std::iter::from_fn(|| self.machine.poll_effect());
        let told = effects.any(|effect| match effect {
            QueueEffect::TellCall { message, .. } => wanted(&message),
            QueueEffect::TellAgent { .. } | QueueEffect::Publish(_) => false,
        });
        told.then_some(())
    }
}
