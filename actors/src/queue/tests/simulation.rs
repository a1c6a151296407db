//! Queues, agents and calls in virtual time: random callers, hang-ups, answers, refusals, log-outs,
//! changes of the rules, falls of queue and agent actors, and messages that overtake each other
//! wherever they may. After every step the invariants 4 to 7 of ARCHITECTURE.md are checked.
//!
//! `OFFHOOK_SIMULATION_SEED` runs one seed, `OFFHOOK_SIMULATION_SEEDS` the seeds from 1 to that many,
//! `OFFHOOK_SIMULATION_STEPS` so many steps of each.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use offhook_core::HangupCause;
use offhook_core::directory::{Agent, AgentState, Queue, QueueAgent, Strategy};
use offhook_core::event::{AttemptOutcome, Direction, EndedBy, Event, EventKind, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, IdSource, LegId, QueueId};
use offhook_core::live::LiveView;

use crate::agent::{AgentCommand, AgentEffect, AgentInput, AgentMachine};
use crate::alarm;
use crate::queue::{
    AttemptPhase, Availability, CallToQueue, Departure, Ledger, LiveAttempt, QueueEffect,
    QueueInput, QueueMachine, QueueToCall,
};

const QUEUES: usize = 3;
const AGENTS: usize = 8;
const MOST_CALLS: usize = 14;
/// The leg of who answers at another phone.
const PICKER: u32 = 1_000_000;
/// How long a message may be under way.
const SLOWEST: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    Queue(QueueId),
    Agent(AgentId),
    Call(CallId),
}

#[derive(Debug, Clone)]
enum Letter {
    Queue(QueueInput),
    Agent(AgentInput),
    Call(QueueToCall),
}

/// The part of a call machine that queues and agents see.
#[derive(Debug)]
enum Stage {
    /// In the queue.
    Waiting {
        queue: QueueId,
        since: Instant,
    },
    /// An agent answered; the queue has not confirmed.
    Unconfirmed {
        queue: QueueId,
        since: Instant,
        attempt: AttemptId,
        who: Who,
    },
    Talking {
        attempt: AttemptId,
        who: Who,
    },
    /// Has left, and waits for the confirming `Exit`, then goes to another queue or ends.
    Leaving {
        queue: QueueId,
        then: Option<QueueId>,
    },
}

/// Who answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    /// The agent who was rung.
    Rung(AgentId),
    /// Somebody at another phone, and the agent they are if they are one.
    PickedUp(Option<AgentId>),
}

#[derive(Debug)]
struct Call {
    stage: Stage,
    legs: BTreeMap<AttemptId, Leg>,
}

#[derive(Debug, Clone, Copy)]
struct Leg {
    agent: AgentId,
    ringing: bool,
}

struct QueueNode {
    machine: QueueMachine,
    ledger: Ledger,
}

/// What the log of events must add up to, counted apart from the live view.
#[derive(Default)]
struct Books {
    waiting: BTreeMap<CallId, QueueId>,
    ringing: BTreeMap<AttemptId, AgentId>,
    queued: u64,
    /// By [`exit_code`].
    exits: BTreeMap<u8, u64>,
    answers: u64,
    /// Answers of others than those who were rung.
    picked_up: u64,
}

struct World {
    random: IdSource,
    now: Instant,
    start: Instant,
    queues: BTreeMap<QueueId, QueueNode>,
    agents: BTreeMap<AgentId, AgentMachine>,
    calls: BTreeMap<CallId, Call>,
    mail: BTreeMap<(Node, Node), VecDeque<(Instant, Letter)>>,
    /// Restarts the calls have not been told of.
    restarted: Vec<QueueId>,
    live: LiveView,
    seq: u64,
    books: Books,
    /// What happened last, printed when something is wrong.
    trace: VecDeque<String>,
    /// How often nothing was under way and everything was compared.
    quiet: u64,
}

fn exit_code(exit: QueueExit) -> u8 {
    match exit {
        QueueExit::Answered => 0,
        QueueExit::Abandoned => 1,
        QueueExit::TimedOut => 2,
        QueueExit::Full => 3,
        QueueExit::NoAgents => 4,
        QueueExit::Moved => 5,
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut random = IdSource::seeded(seed);
        let now = alarm::now();
        let agents: BTreeMap<_, _> = (0..AGENTS)
            .map(|_| {
                let id = AgentId::new(&mut random);
                let agent = Agent {
                    id,
                    name: String::new(),
                    extension: ExtensionId::new(&mut random),
                    user: None,
                    max_missed: 3,
                };
                (id, AgentMachine::new(Arc::new(agent), true, now))
            })
            .collect();
        let mut world = Self {
            random,
            now,
            start: now,
            queues: BTreeMap::new(),
            agents,
            calls: BTreeMap::new(),
            mail: BTreeMap::new(),
            restarted: Vec::new(),
            live: LiveView::new(),
            seq: 0,
            books: Books::default(),
            trace: VecDeque::new(),
            quiet: 0,
        };
        for _ in 0..QUEUES {
            let id = QueueId::new(&mut world.random);
            let queue = world.rules(id);
            world.start_queue(id, queue, Ledger::default());
        }
        world
    }

    fn roll(&mut self, sides: u64) -> u64 {
        self.random.below(sides)
    }

    fn chance(&mut self, in_thousand: u64) -> bool {
        self.roll(1000) < in_thousand
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> Option<T> {
        let index = self.roll(from.len() as u64);
        from.get(usize::try_from(index).unwrap()).copied()
    }

    fn note(&mut self, line: impl Into<String>) {
        if self.trace.len() == 400 {
            self.trace.pop_front();
        }
        let at = self.now - self.start;
        self.trace.push_back(format!("{at:?} {}", line.into()));
    }

    /// Random rules for a queue: two thirds of the agents, any strategy, short limits.
    fn rules(&mut self, id: QueueId) -> Queue {
        let strategy = self.pick(Strategy::ALL).unwrap();
        let everybody: Vec<_> = self.agents.keys().copied().collect();
        let mut agents = Vec::new();
        for (position, agent) in (0u32..).zip(everybody) {
            if self.chance(660) {
                let level = u32::try_from(self.roll(2)).unwrap();
                agents.push(QueueAgent {
                    agent,
                    level,
                    position,
                });
            }
        }
        let max_length = self.pick(&[0, 0, 6]).unwrap();
        let mut seconds = |options: &[u64]| Duration::from_secs(self.pick(options).unwrap());
        Queue {
            id,
            name: String::new(),
            extension: None,
            strategy,
            max_wait: seconds(&[0, 20, 60]),
            max_length,
            max_wait_no_agent: seconds(&[0, 10]),
            overflow: None,
            ring_timeout: seconds(&[8, 15]),
            retry_delay: seconds(&[0, 5]),
            wrap_up: seconds(&[0, 5]),
            announce_position: true,
            announce_interval: seconds(&[0, 10]),
            hold_music: String::new(),
            record: false,
            record_style: offhook_core::recording::OwnStyle::default(),
            record_keep: None,
            agents,
        }
    }

    fn start_queue(&mut self, id: QueueId, queue: Queue, ledger: Ledger) {
        let ids = IdSource::seeded(self.random.bits());
        let machine = QueueMachine::new(self.now, queue, ids, &ledger);
        self.queues.insert(id, QueueNode { machine, ledger });
        self.perform_queue(id);
    }

    /// The actor falls and is started again with the ledger; the calls hear of it in a while.
    fn fall(&mut self, id: QueueId) {
        self.note(format!("{id} FALLS"));
        let node = self.queues.remove(&id).unwrap();
        let queue = node.machine.queue().clone();
        self.start_queue(id, queue, node.ledger);
        self.restarted.push(id);
    }

    fn tell_restarted(&mut self) {
        for queue in std::mem::take(&mut self.restarted) {
            let everybody: Vec<_> = self.calls.keys().copied().collect();
            for call in everybody {
                let letter = Letter::Call(QueueToCall::QueueRestarted { queue });
                self.send(Node::Queue(queue), Node::Call(call), letter);
            }
        }
    }

    fn send(&mut self, from: Node, to: Node, letter: Letter) {
        let line = self.mail.entry((from, to)).or_default();
        line.push_back((self.now, letter));
    }

    // --- effects ---------------------------------------------------------------------------

    fn perform_queue(&mut self, id: QueueId) {
        loop {
            let node = self.queues.get_mut(&id).unwrap();
            let Some(effect) = node.machine.poll_effect() else {
                break;
            };
            node.ledger.note_effect(&effect);
            let from = Node::Queue(id);
            match effect {
                QueueEffect::TellCall { call, message } => {
                    self.send(from, Node::Call(call), Letter::Call(message));
                }
                QueueEffect::TellAgent { agent, message } => {
                    let letter = Letter::Agent(AgentInput::FromQueue(message));
                    self.send(from, Node::Agent(agent), letter);
                }
                QueueEffect::Publish(kind) => self.publish(kind),
            }
        }
    }

    fn perform_agent(&mut self, id: AgentId) {
        while let Some(effect) = self.agents.get_mut(&id).unwrap().poll_effect() {
            match effect {
                AgentEffect::TellQueue { queue, message } => {
                    let letter = Letter::Queue(QueueInput::FromAgent(message));
                    self.send(Node::Agent(id), Node::Queue(queue), letter);
                }
                AgentEffect::Publish(kind) => self.publish(kind),
            }
        }
    }

    fn publish(&mut self, kind: EventKind) {
        self.note(format!("EVENT {kind:?}"));
        self.count(&kind);
        self.seq += 1;
        let event = Event {
            seq: self.seq,
            at: Timestamp::from_millisecond(i64::try_from(self.seq).unwrap()).unwrap(),
            kind,
        };
        self.live.apply(&event);
    }

    /// Invariant 7, as it happens: nothing begins twice, nothing ends that has not begun.
    fn count(&mut self, kind: &EventKind) {
        if let EventKind::CallQueued { call, queue } = kind {
            let before = self.books.waiting.insert(*call, *queue);
            assert_eq!(before, None, "{call} queued twice");
            self.books.queued += 1;
        } else if let EventKind::CallDequeued { call, queue, exit } = kind {
            let before = self.books.waiting.remove(call);
            assert_eq!(
                before,
                Some(*queue),
                "{call} dequeued from where it was not"
            );
            *self.books.exits.entry(exit_code(*exit)).or_default() += 1;
        } else if let EventKind::AttemptStarted { attempt, agent, .. } = kind {
            let before = self.books.ringing.insert(*attempt, *agent);
            assert_eq!(before, None, "{attempt} started twice");
        } else if let EventKind::AttemptEnded {
            attempt,
            agent,
            outcome,
            ..
        } = kind
        {
            let before = self.books.ringing.remove(attempt);
            assert_eq!(before, Some(*agent), "{attempt} ended without a start");
            self.books.answers += u64::from(*outcome == AttemptOutcome::Answered);
        } else if let EventKind::CallPickedUp { .. } = kind {
            self.books.answers += 1;
            self.books.picked_up += 1;
        }
    }

    // --- delivery --------------------------------------------------------------------------

    /// Delivers the oldest letter of one line; the order between lines is random, but none is later
    /// than `SLOWEST`.
    fn deliver_one(&mut self) {
        let overdue = self.mail.iter().find(|(_, line)| {
            line.front()
                .is_some_and(|(sent, _)| self.now - *sent >= SLOWEST)
        });
        let line = if let Some((&line, _)) = overdue {
            line
        } else {
            let lines: Vec<_> = self.mail.keys().copied().collect();
            let Some(line) = self.pick(&lines) else {
                return;
            };
            line
        };
        let (_, letter) = self.mail.get(&line).unwrap().front().unwrap().clone();
        self.note(format!("{:?} -> {:?}: {letter:?}", line.0, line.1));
        if self.delivered(line.0, line.1, letter) {
            let waiting = self.mail.get_mut(&line).unwrap();
            waiting.pop_front();
            if waiting.is_empty() {
                self.mail.remove(&line);
            }
        }
    }

    /// False if the receiver fell over the letter and will take it again.
    fn delivered(&mut self, _: Node, to: Node, letter: Letter) -> bool {
        match (to, letter) {
            (Node::Queue(id), Letter::Queue(input)) => {
                let node = self.queues.get_mut(&id).unwrap();
                node.ledger.note_input(&input);
                if self.chance(3) {
                    self.fall(id);
                    return false;
                }
                let now = self.now;
                let node = self.queues.get_mut(&id).unwrap();
                node.machine.handle(now, input);
                self.perform_queue(id);
            }
            (Node::Agent(id), Letter::Agent(input)) => {
                if self.chance(3) {
                    // Restarted with the last good state: the machine as it is.
                    self.note(format!("{id} FALLS"));
                    return false;
                }
                self.agent_input(id, input);
            }
            (Node::Call(id), Letter::Call(message)) => self.call_hears(id, &message),
            (to, letter) => panic!("{letter:?} to {to:?}"),
        }
        true
    }

    fn agent_input(&mut self, id: AgentId, input: AgentInput) {
        self.agents.get_mut(&id).unwrap().handle(self.now, input);
        self.perform_agent(id);
    }

    fn tell_queue(&mut self, call: CallId, queue: QueueId, message: CallToQueue) {
        let letter = Letter::Queue(QueueInput::FromCall(message));
        self.send(Node::Call(call), Node::Queue(queue), letter);
    }

    // --- calls -----------------------------------------------------------------------------

    fn new_call(&mut self) {
        let call = CallId::new(&mut self.random);
        self.publish(EventKind::CallStarted {
            call,
            direction: Direction::Inbound,
            from: String::new(),
            from_name: None,
            privacy: offhook_core::sip::identity::Privacy::Shown,
            to: String::new(),
            did: None,
            trunk: None,
            sip_call_id: String::new(),
        });
        let queues: Vec<_> = self.queues.keys().copied().collect();
        let queue = self.pick(&queues).unwrap();
        self.enter_queue(call, queue);
    }

    fn enter_queue(&mut self, call: CallId, queue: QueueId) {
        let since = self.now;
        let stage = Stage::Waiting { queue, since };
        let legs = BTreeMap::new();
        self.calls.insert(call, Call { stage, legs });
        self.tell_queue(call, queue, CallToQueue::Enqueue { call, since });
    }

    fn call_hears(&mut self, id: CallId, message: &QueueToCall) {
        let Some(call) = self.calls.get_mut(&id) else {
            return;
        };
        let waits_in = match call.stage {
            Stage::Waiting { queue, .. } => Some(queue),
            Stage::Unconfirmed { .. } | Stage::Talking { .. } | Stage::Leaving { .. } => None,
        };
        match *message {
            QueueToCall::RingAgent {
                attempt,
                queue,
                agent,
                ..
            } => {
                if waits_in == Some(queue) {
                    let ringing = false;
                    let leg = Leg { agent, ringing };
                    call.legs.insert(attempt, leg);
                } else if !matches!(call.stage, Stage::Unconfirmed { queue: own, .. } if own == queue)
                {
                    let departure = Departure::HungUp;
                    let call = id;
                    self.tell_queue(id, queue, CallToQueue::Leave { call, departure });
                }
            }
            QueueToCall::CancelAttempt {
                attempt,
                queue,
                outcome,
            } => {
                let answered = match call.stage {
                    Stage::Unconfirmed { attempt: won, .. }
                    | Stage::Talking { attempt: won, .. } => won == attempt,
                    Stage::Waiting { .. } | Stage::Leaving { .. } => false,
                };
                if !answered {
                    call.legs.remove(&attempt);
                    let ended = CallToQueue::AttemptEnded {
                        call: id,
                        attempt,
                        outcome,
                    };
                    self.tell_queue(id, queue, ended);
                }
            }
            QueueToCall::Disown { attempt, .. } => {
                if let Stage::Unconfirmed {
                    queue,
                    since,
                    attempt: won,
                    who,
                } = call.stage
                    && won == attempt
                {
                    call.stage = Stage::Waiting { queue, since };
                    if matches!(who, Who::PickedUp(_)) {
                        self.tell_call_ended(id, attempt, who);
                    }
                }
            }
            QueueToCall::Announce { position, .. } => assert!(position > 0),
            QueueToCall::Exit { queue, exit, .. } => self.call_exits(id, queue, exit),
            QueueToCall::QueueRestarted { queue } => self.call_rejoins(id, queue),
        }
    }

    fn call_exits(&mut self, id: CallId, from: QueueId, exit: QueueExit) {
        let call = self.calls.get_mut(&id).unwrap();
        match call.stage {
            Stage::Unconfirmed {
                queue,
                attempt,
                who,
                ..
            } if queue == from => {
                assert_eq!(exit, QueueExit::Answered);
                call.stage = Stage::Talking { attempt, who };
            }
            Stage::Waiting { queue, .. } if queue == from => {
                assert!(call.legs.is_empty(), "sent away while {:?} ring", call.legs);
                assert_ne!(exit, QueueExit::Answered, "answered by nobody");
                let queues: Vec<_> = self.queues.keys().copied().collect();
                if self.chance(300) {
                    let next = self.pick(&queues).unwrap();
                    self.enter_queue(id, next);
                } else {
                    self.end_call(id);
                }
            }
            Stage::Leaving { queue, then } if queue == from => match then {
                Some(next) => self.enter_queue(id, next),
                None => self.end_call(id),
            },
            Stage::Waiting { .. }
            | Stage::Unconfirmed { .. }
            | Stage::Talking { .. }
            | Stage::Leaving { .. } => panic!("{id} in {:?} told to leave {from}", call.stage),
        }
    }

    fn call_rejoins(&mut self, id: CallId, restarted: QueueId) {
        let call = self.calls.get(&id).unwrap();
        let (since, attempts) = match call.stage {
            Stage::Waiting { queue, since } if queue == restarted => {
                let attempts = call.legs.iter().map(|(&attempt, leg)| LiveAttempt {
                    attempt,
                    phase: if leg.ringing {
                        AttemptPhase::Ringing
                    } else {
                        AttemptPhase::Dialling
                    },
                });
                (since, attempts.collect())
            }
            Stage::Unconfirmed {
                queue,
                since,
                attempt,
                who,
            } if queue == restarted => {
                let phase = match who {
                    Who::Rung(_) => AttemptPhase::Answered,
                    Who::PickedUp(agent) => AttemptPhase::PickedUp {
                        by: LegId::new(id, PICKER),
                        agent,
                    },
                };
                (since, vec![LiveAttempt { attempt, phase }])
            }
            Stage::Waiting { .. }
            | Stage::Unconfirmed { .. }
            | Stage::Talking { .. }
            | Stage::Leaving { .. } => return,
        };
        let call = id;
        let rejoin = CallToQueue::Rejoin {
            call,
            since,
            attempts,
        };
        self.tell_queue(id, restarted, rejoin);
    }

    fn end_call(&mut self, call: CallId) {
        self.calls.remove(&call);
        self.publish(EventKind::CallEnded {
            call,
            cause: HangupCause::NormalClearing,
            ended_by: EndedBy::Caller,
        });
    }

    /// The caller hangs up, or is moved to another queue.
    fn leave(&mut self, id: CallId, then: Option<QueueId>) {
        let call = self.calls.get_mut(&id).unwrap();
        match call.stage {
            Stage::Waiting { queue, .. } => {
                call.legs.clear();
                call.stage = Stage::Leaving { queue, then };
                let departure = if then.is_some() {
                    Departure::Moved
                } else {
                    Departure::HungUp
                };
                self.tell_queue(
                    id,
                    queue,
                    CallToQueue::Leave {
                        call: id,
                        departure,
                    },
                );
            }
            Stage::Unconfirmed {
                queue,
                attempt,
                who,
                ..
            } => {
                call.stage = Stage::Leaving { queue, then: None };
                let departure = Departure::HungUp;
                self.tell_queue(
                    id,
                    queue,
                    CallToQueue::Leave {
                        call: id,
                        departure,
                    },
                );
                self.tell_call_ended(id, attempt, who);
            }
            Stage::Talking { attempt, who } => {
                self.tell_call_ended(id, attempt, who);
                self.end_call(id);
            }
            Stage::Leaving { .. } => {}
        }
    }

    fn tell_call_ended(&mut self, call: CallId, attempt: AttemptId, who: Who) {
        let (Who::Rung(agent) | Who::PickedUp(Some(agent))) = who else {
            return;
        };
        let letter = Letter::Agent(AgentInput::CallEnded { attempt });
        self.send(Node::Call(call), Node::Agent(agent), letter);
    }

    /// Something happens on a leg: it rings, is answered, or fails.
    fn leg_happens(&mut self) {
        let legs = self.calls.iter().flat_map(|(&call, state)| {
            let legs = state.legs.iter();
            legs.map(move |(&attempt, &leg)| (call, attempt, leg))
        });
        let legs: Vec<_> = legs.collect();
        let Some((call, attempt, leg)) = self.pick(&legs) else {
            return;
        };
        let Stage::Waiting { queue, .. } = self.calls.get(&call).unwrap().stage else {
            panic!("{call} rings {attempt} without waiting");
        };
        let failure = match (self.roll(10), leg.ringing) {
            (0..5, false) => {
                let call_state = self.calls.get_mut(&call).unwrap();
                call_state.legs.get_mut(&attempt).unwrap().ringing = true;
                self.tell_queue(call, queue, CallToQueue::AttemptRinging { call, attempt });
                return;
            }
            (5..7, _) => {
                if self.chance(250) {
                    return self.leg_is_picked_up(call, attempt);
                }
                return self.leg_answers(call, attempt);
            }
            (7, false) => AttemptOutcome::Busy,
            (8, false) => AttemptOutcome::Unreachable,
            (8, true) => AttemptOutcome::Rejected,
            _ => return,
        };
        self.calls.get_mut(&call).unwrap().legs.remove(&attempt);
        let outcome = failure;
        let ended = CallToQueue::AttemptEnded {
            call,
            attempt,
            outcome,
        };
        self.tell_queue(call, queue, ended);
    }

    fn leg_answers(&mut self, id: CallId, attempt: AttemptId) {
        let call = self.calls.get_mut(&id).unwrap();
        let Stage::Waiting { queue, since } = call.stage else {
            return;
        };
        let agent = call.legs.get(&attempt).unwrap().agent;
        call.legs.clear();
        call.stage = Stage::Unconfirmed {
            queue,
            since,
            attempt,
            who: Who::Rung(agent),
        };
        self.tell_queue(
            id,
            queue,
            CallToQueue::AttemptAnswered { call: id, attempt },
        );
    }

    /// Somebody answers at another phone: nobody's, or that of an agent who is in no call.
    fn leg_is_picked_up(&mut self, id: CallId, attempt: AttemptId) {
        let busy: BTreeSet<_> = self.in_calls().collect();
        let agents: Vec<_> = self.agents.keys().copied().collect();
        let agent = self.pick(&agents).filter(|agent| !busy.contains(agent));
        let agent = agent.filter(|_| self.chance(500));
        let call = self.calls.get_mut(&id).unwrap();
        let Stage::Waiting { queue, since } = call.stage else {
            return;
        };
        call.legs.clear();
        let who = Who::PickedUp(agent);
        call.stage = Stage::Unconfirmed {
            queue,
            since,
            attempt,
            who,
        };
        let by = LegId::new(id, PICKER);
        let picked_up = CallToQueue::PickedUp {
            call: id,
            attempt,
            by,
            agent,
        };
        self.tell_queue(id, queue, picked_up);
        if let Some(agent) = agent {
            let input = AgentInput::PickedUp {
                attempt,
                queue,
                call: id,
                wrap_up: Duration::from_secs(5),
            };
            self.send(Node::Call(id), Node::Agent(agent), Letter::Agent(input));
        }
    }

    /// Agents who talk with a caller, or did a moment ago.
    fn in_calls(&self) -> impl Iterator<Item = AgentId> + '_ {
        let talking = self.calls.values().filter_map(|call| match call.stage {
            Stage::Unconfirmed { who, .. } | Stage::Talking { who, .. } => match who {
                Who::Rung(agent) | Who::PickedUp(Some(agent)) => Some(agent),
                Who::PickedUp(None) => None,
            },
            Stage::Waiting { .. } | Stage::Leaving { .. } => None,
        });
        let states = self.agents.iter();
        let on_call = states.filter(|(_, agent)| agent.state() == AgentState::OnCall);
        talking.chain(on_call.map(|(id, _)| *id))
    }

    // --- what happens at random ------------------------------------------------------------

    fn step(&mut self) {
        match self.roll(1000) {
            0..600 => self.deliver_one(),
            600..690 => self.pass_time(),
            690..740 if self.calls.len() < MOST_CALLS => self.new_call(),
            740..850 => self.leg_happens(),
            850..870 => self.somebody_leaves(),
            870..905 => self.agent_acts(),
            905..912 => self.rules_change(),
            940..944 => {
                let queues: Vec<_> = self.queues.keys().copied().collect();
                let queue = self.pick(&queues).unwrap();
                self.fall(queue);
            }
            944..970 => self.tell_restarted(),
            970..980 => self.deliver_all(),
            980..985 => self.closing_time(),
            _ => {}
        }
        self.check_always();
        if self.is_quiet() {
            self.quiet += 1;
            self.check_quiet();
        }
    }

    fn somebody_leaves(&mut self) {
        let calls: Vec<_> = self.calls.keys().copied().collect();
        let Some(call) = self.pick(&calls) else {
            return;
        };
        let queues: Vec<_> = self.queues.keys().copied().collect();
        let then = self.pick(&queues).filter(|_| self.chance(150));
        self.leave(call, then);
    }

    fn agent_acts(&mut self) {
        let agents: Vec<_> = self.agents.keys().copied().collect();
        let agent = self.pick(&agents).unwrap();
        // One call of its own per agent.
        let seed = agents.iter().position(|known| *known == agent).unwrap();
        let call = CallId::new(&mut IdSource::seeded(seed as u64));
        let input = match self.roll(20) {
            0..10 => AgentInput::SetState(AgentCommand::Ready),
            10..12 => AgentInput::SetState(AgentCommand::LogOut),
            12..14 => AgentInput::SetState(AgentCommand::OnBreak {
                reason: "lunch".to_owned(),
            }),
            14 => AgentInput::PhoneGone,
            15..17 => AgentInput::PhoneReachable,
            17 => AgentInput::DirectCallStarted { call },
            _ => AgentInput::DirectCallEnded { call },
        };
        self.note(format!("{agent}: {input:?}"));
        self.agent_input(agent, input);
    }

    /// Everybody goes home, and comes back after a while.
    fn closing_time(&mut self) {
        let agents: Vec<_> = self.agents.keys().copied().collect();
        for &agent in &agents {
            self.agent_input(agent, AgentInput::SetState(AgentCommand::LogOut));
        }
        for _ in 0..10 {
            self.deliver_all();
            self.now += Duration::from_secs(2);
            self.fire();
        }
        for agent in agents {
            self.agent_input(agent, AgentInput::SetState(AgentCommand::Ready));
        }
    }

    fn rules_change(&mut self) {
        let queues: Vec<_> = self.queues.keys().copied().collect();
        let queue = self.pick(&queues).unwrap();
        let rules = Box::new(self.rules(queue));
        let now = self.now;
        let node = self.queues.get_mut(&queue).unwrap();
        node.machine.handle(now, QueueInput::Reconfigure(rules));
        self.perform_queue(queue);
    }

    fn is_quiet(&self) -> bool {
        self.mail.is_empty() && self.restarted.is_empty()
    }

    fn deliver_all(&mut self) {
        self.tell_restarted();
        for _ in 0..100_000 {
            if self.is_quiet() {
                return;
            }
            self.tell_restarted();
            self.deliver_one();
            self.check_always();
        }
        panic!("the mail never ends");
    }

    /// While letters are under way time passes slowly; else it jumps to what is due next.
    fn pass_time(&mut self) {
        if self.is_quiet() {
            let next = self.next_deadline();
            let later = self.now + Duration::from_millis(self.roll(3000));
            self.now = next.map_or(later, |next| next.clamp(self.now, later));
        } else {
            let a_while = self.roll(20);
            self.now += Duration::from_millis(a_while);
        }
        self.fire();
    }

    fn next_deadline(&self) -> Option<Instant> {
        let queues = self.queues.values().map(|node| node.machine.poll_timeout());
        let agents = self.agents.values().map(AgentMachine::poll_timeout);
        queues.chain(agents).flatten().min()
    }

    fn fire(&mut self) {
        let now = self.now;
        let queues: Vec<_> = self.queues.keys().copied().collect();
        for id in queues {
            let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            if due(self.queues.get(&id).unwrap().machine.poll_timeout()) {
                if self.chance(10) {
                    self.fall(id);
                }
                let node = self.queues.get_mut(&id).unwrap();
                node.machine.handle_timeout(now);
                self.perform_queue(id);
            }
        }
        let agents: Vec<_> = self.agents.keys().copied().collect();
        for id in agents {
            self.agents.get_mut(&id).unwrap().handle_timeout(now);
            self.perform_agent(id);
        }
    }

    // --- invariants ------------------------------------------------------------------------

    /// What the calls do to the agents' phones: who is rung or talked to, in which attempt.
    fn phones(&self) -> Vec<(AgentId, AttemptId, CallId)> {
        let mut phones = Vec::new();
        for (&call, state) in &self.calls {
            phones.extend(
                state
                    .legs
                    .iter()
                    .map(|(&attempt, leg)| (leg.agent, attempt, call)),
            );
            match state.stage {
                Stage::Unconfirmed {
                    attempt,
                    who: Who::Rung(agent),
                    ..
                }
                | Stage::Talking {
                    attempt,
                    who: Who::Rung(agent),
                } => phones.push((agent, attempt, call)),
                // Who answers uncalled may be rung for another call in the same moment.
                Stage::Unconfirmed { .. }
                | Stage::Talking { .. }
                | Stage::Waiting { .. }
                | Stage::Leaving { .. } => {}
            }
        }
        phones
    }

    /// The attempts in whose place this agent answered.
    fn picked_up(&self, agent: AgentId) -> impl Iterator<Item = AttemptId> + '_ {
        self.calls
            .values()
            .filter_map(move |call| match call.stage {
                Stage::Unconfirmed { attempt, who, .. } | Stage::Talking { attempt, who }
                    if who == Who::PickedUp(Some(agent)) =>
                {
                    Some(attempt)
                }
                Stage::Unconfirmed { .. }
                | Stage::Talking { .. }
                | Stage::Waiting { .. }
                | Stage::Leaving { .. } => None,
            })
    }

    /// Holds after every step, whatever is under way.
    fn check_always(&self) {
        let mut busy = BTreeMap::new();
        for (agent, attempt, _) in self.phones() {
            let other = busy.insert(agent, attempt);
            assert_eq!(other, None, "{agent} has {attempt} at the same time");
        }
    }

    /// Holds when no letter is under way.
    fn check_quiet(&self) {
        let phones = self.phones();
        for &(agent, attempt, call) in &phones {
            let promised = self.agents.get(&agent).unwrap().attempt();
            assert_eq!(promised, Some(attempt), "{agent} is in {attempt} of {call}");
        }
        for (id, agent) in &self.agents {
            if let Some(attempt) = agent.attempt() {
                let known = phones.iter().any(|phone| phone.1 == attempt)
                    || self.picked_up(*id).any(|own| own == attempt);
                assert!(known, "{id} is promised to {attempt}, which nobody rings");
            }
            let shown = self.live.agent_state(*id);
            let shown = shown.map_or(AgentState::LoggedOut, |shown| shown.state);
            assert_eq!(shown, agent.state(), "live view of {id}");
        }
        for (&id, node) in &self.queues {
            self.check_queue(id, node);
        }
        let answered = self.books.exits.get(&0).copied().unwrap_or(0);
        assert_eq!(
            self.books.answers, answered,
            "answers of agents and of callers"
        );
    }

    fn check_queue(&self, id: QueueId, node: &QueueNode) {
        let callers = node.machine.callers();
        let mut inside: Vec<_> = callers.iter().map(|caller| caller.call).collect();
        for caller in &callers {
            let stage = self.calls.get(&caller.call).map(|call| &call.stage);
            let waits = matches!(stage, Some(Stage::Waiting { queue, .. }) if *queue == id);
            assert!(waits, "{id} holds {} who is {stage:?}", caller.call);
            let legs = &self.calls.get(&caller.call).unwrap().legs;
            let wanted: BTreeSet<_> = caller.attempts.iter().map(|one| one.attempt).collect();
            let rung: BTreeSet<_> = legs.keys().copied().collect();
            assert_eq!(wanted, rung, "attempts of {}", caller.call);
        }
        for (call, state) in &self.calls {
            if matches!(state.stage, Stage::Waiting { queue, .. } if queue == id) {
                assert!(
                    inside.contains(call),
                    "{call} waits in {id}, which has forgotten it"
                );
            }
        }
        // Invariant 7: the live figures are those of the queue itself and of the log.
        let live = self.live.queue(id);
        let mut shown: Vec<_> = live
            .map(|live| live.waiting())
            .into_iter()
            .flatten()
            .collect();
        shown.sort_by_key(|caller| caller.call);
        inside.sort_unstable();
        assert!(
            shown
                .iter()
                .map(|caller| caller.call)
                .eq(inside.iter().copied()),
            "live view of {id}"
        );
        // Invariant 5: nobody waits unserved while somebody who may serve them is free.
        let unserved = callers.iter().find(|caller| caller.attempts.is_empty());
        let Some(unserved) = unserved.filter(|_| !node.machine.is_settling()) else {
            return;
        };
        for seat in node.machine.agents() {
            let agent = self.agents.get(&seat.agent).unwrap();
            let free = matches!(agent.availability(), Availability::Available { .. });
            assert!(
                !free || seat.retry_at.is_some_and(|at| at > self.now),
                "{} waits in {id} while {} is free: {seat:?}",
                unserved.call,
                seat.agent
            );
        }
    }

    /// Everybody hangs up and time passes: invariant 6.
    fn check_end(&mut self) {
        let calls: Vec<_> = self.calls.keys().copied().collect();
        for call in calls {
            self.leave(call, None);
        }
        for _ in 0..200 {
            self.deliver_all();
            self.now += Duration::from_secs(3);
            self.fire();
            let left: Vec<_> = self.calls.keys().copied().collect();
            for call in left {
                self.leave(call, None);
            }
        }
        self.deliver_all();
        self.check_quiet();
        assert!(self.calls.is_empty(), "{:?}", self.calls);
        assert!(self.books.waiting.is_empty() && self.books.ringing.is_empty());
        for (id, node) in &self.queues {
            assert!(node.ledger.is_empty(), "{id} keeps {:?}", node.ledger);
            assert!(node.machine.callers().is_empty());
        }
        for (id, agent) in &self.agents {
            assert_eq!(agent.attempt(), None, "{id}");
        }
        let totals = self.queues.keys().filter_map(|id| self.live.queue(*id));
        let (entered, left) = totals.fold((0, 0), |(entered, left), queue| {
            let totals = queue.totals();
            (entered + totals.entered, left + totals.left())
        });
        assert_eq!(entered, self.books.queued);
        assert_eq!(left, self.books.exits.values().sum::<u64>());
        assert_eq!(entered, left);
    }
}

/// Prints what led to a failure.
struct Telltale(World, u64);

impl Drop for Telltale {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for line in &self.0.trace {
                eprintln!("{line}");
            }
            eprintln!("OFFHOOK_SIMULATION_SEED={}", self.1);
        }
    }
}

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn a_hundred_thousand_random_events_break_no_invariant() {
    let seeds = match setting("OFFHOOK_SIMULATION_SEED") {
        Some(seed) => seed..=seed,
        None => 1..=setting("OFFHOOK_SIMULATION_SEEDS").unwrap_or(4),
    };
    let steps = setting("OFFHOOK_SIMULATION_STEPS").unwrap_or(50_000);
    let mut exits = BTreeMap::new();
    let mut picked_up = 0;
    for seed in seeds {
        let mut world = Telltale(World::new(seed), seed);
        for _ in 0..steps {
            world.0.step();
        }
        world.0.check_end();
        assert!(
            world.0.quiet > steps / 100,
            "quiet only {} times",
            world.0.quiet
        );
        picked_up += world.0.books.picked_up;
        for (exit, count) in &world.0.books.exits {
            *exits.entry(*exit).or_insert(0) += count;
        }
    }
    // The walk went everywhere.
    assert!(picked_up > 10, "{picked_up}");
    for exit in 0..6 {
        assert!(
            exits.get(&exit).is_some_and(|count| *count > 10),
            "{exits:?}"
        );
    }
}
