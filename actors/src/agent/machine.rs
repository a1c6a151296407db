//! The one truth about an agent.
//!
//! A reservation is given up only when its queue says so (`Release`, or `Connected` and then the end
//! of the call). An agent who logs out while being rung is shown as logged out at once, yet keeps
//! the promise as *withdrawn* until the queue answers, so that a phone picked up in that very moment
//! still counts as this agent's call, and no other queue gets the agent meanwhile.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use offhook_core::directory::{Agent, AgentState};
use offhook_core::event::{AttemptOutcome, EventKind};
use offhook_core::id::{AgentId, AttemptId, CallId, QueueId};
use offhook_core::timers::Timers;

use super::message::{AgentCommand, AgentEffect, AgentInput};
use super::state::{Hold, State, Talk, may_follow};
use crate::queue::{AgentToQueue, Availability, QueueToAgent, Refusal};

/// How long an agent is promised before asking the queue whether it still means it, and again.
/// A queue that lost its memory then lets the agent go.
const HOLD_CHECK: Duration = Duration::from_secs(10);

/// The reason shown when an agent was put on break for not answering.
pub const MISSED_CALLS: &str = "missed calls";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum AgentTimer {
    HoldCheck,
    WrapUp,
}

/// An agent's state and the rules by which it changes.
#[derive(Debug, Clone)]
pub struct AgentMachine {
    agent: Arc<Agent>,
    state: State,
    /// Since when the state lasts.
    since: Instant,
    /// Since when the agent counts as idle, for those who ask the longest idle first.
    idle_since: Instant,
    /// What follows the present call.
    next: Option<AgentCommand>,
    /// A reservation the agent has given back and the queue has not yet taken.
    withdrawn: Option<Hold>,
    /// The agent's calls that are not from a queue.
    direct: BTreeSet<CallId>,
    reachable: bool,
    retired: bool,
    /// Attempts missed in a row.
    missed: u32,
    queues: BTreeSet<QueueId>,
    /// What the queues were told last.
    announced: Availability,
    timers: Timers<AgentTimer>,
    effects: VecDeque<AgentEffect>,
}

impl AgentMachine {
    /// A logged-out agent.
    #[must_use]
    pub fn new(agent: Arc<Agent>, reachable: bool, now: Instant) -> Self {
        Self {
            agent,
            state: State::LoggedOut,
            since: now,
            idle_since: now,
            next: None,
            withdrawn: None,
            direct: BTreeSet::new(),
            reachable,
            retired: false,
            missed: 0,
            queues: BTreeSet::new(),
            announced: Availability::LoggedOut,
            timers: Timers::default(),
            effects: VecDeque::new(),
        }
    }

    /// The agent without a past, for when this state makes its actor fall: logged out, with no
    /// reservation or call. The queues are told with the next input.
    #[must_use]
    pub fn logged_out_by_fault(&self, now: Instant) -> Self {
        let mut fresh = Self::new(Arc::clone(&self.agent), self.reachable, now);
        fresh.queues.clone_from(&self.queues);
        fresh.announced = self.announced;
        fresh.retired = self.retired;
        fresh
    }

    /// Told what happened.
    pub fn handle(&mut self, now: Instant, input: AgentInput) {
        match input {
            AgentInput::FromQueue(message) => self.hear_queue(now, &message),
            AgentInput::SetState(command) => self.set_state(now, command),
            AgentInput::CallEnded { attempt } => {
                self.call_over(now, |hold| hold.attempt == attempt);
            }
            AgentInput::PickedUp {
                attempt,
                queue,
                call,
                wrap_up,
            } => {
                let hold = Hold {
                    attempt,
                    queue,
                    call,
                    over: false,
                };
                self.picked_up(now, hold, wrap_up);
            }
            AgentInput::CallGone { call } => {
                self.call_over(now, |hold| hold.call == call);
                self.direct_ended(now, call);
            }
            AgentInput::DirectCallStarted { call } => self.direct_started(now, call),
            AgentInput::DirectCallEnded { call } => self.direct_ended(now, call),
            AgentInput::PhoneReachable => self.reachable = true,
            AgentInput::PhoneGone => {
                self.reachable = false;
                if self.state.hold().is_some() {
                    self.withdraw(now);
                    self.enter(now, State::Ready);
                }
            }
            AgentInput::Reconfigure(agent) => self.agent = agent,
            AgentInput::Retire => {
                self.retired = true;
                self.set_state(now, AgentCommand::LogOut);
            }
        }
        self.announce();
    }

    /// Told the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                AgentTimer::HoldCheck => self.check_hold(now),
                AgentTimer::WrapUp => {
                    self.idle_since = now;
                    self.settle(now);
                }
            }
        }
        self.announce();
    }

    /// Says what to do, in order.
    pub fn poll_effect(&mut self) -> Option<AgentEffect> {
        self.effects.pop_front()
    }

    /// Says when to be woken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The agent.
    #[must_use]
    pub fn id(&self) -> AgentId {
        self.agent.id
    }

    /// What the agent is doing.
    #[must_use]
    pub fn state(&self) -> AgentState {
        self.state.name()
    }

    /// Since when.
    #[must_use]
    pub fn since(&self) -> Instant {
        self.since
    }

    /// The reason of a break.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.state.reason()
    }

    /// The queue's call this state belongs to.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        self.state.call()
    }

    /// What follows the present call, if that was asked for during it.
    #[must_use]
    pub fn next(&self) -> Option<&AgentCommand> {
        self.next.as_ref()
    }

    /// Whether a phone of the agent's is registered.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.reachable
    }

    /// Attempts missed in a row.
    #[must_use]
    pub fn missed(&self) -> u32 {
        self.missed
    }

    /// The attempt the agent is promised to, rung for or talking in.
    #[must_use]
    pub fn attempt(&self) -> Option<AttemptId> {
        match &self.state {
            State::Reserved(hold) | State::Ringing(hold) => Some(hold.attempt),
            State::OnCall(Talk::Queue { hold, .. }) => Some(hold.attempt),
            State::OnCall(Talk::Direct)
            | State::LoggedOut
            | State::Ready
            | State::WrapUp { .. }
            | State::OnBreak { .. } => self.withdrawn.map(|hold| hold.attempt),
        }
    }

    /// Whether a queue may reserve the agent now.
    #[must_use]
    pub fn availability(&self) -> Availability {
        match self.state {
            State::LoggedOut => Availability::LoggedOut,
            // Callers who wait would wait for nobody.
            State::OnCall(_) if self.next == Some(AgentCommand::LogOut) => Availability::LoggedOut,
            State::Ready if self.withdrawn.is_none() && self.reachable => Availability::Available {
                since: self.idle_since,
            },
            State::Ready
            | State::Reserved(_)
            | State::Ringing(_)
            | State::OnCall(_)
            | State::WrapUp { .. }
            | State::OnBreak { .. } => Availability::Unavailable,
        }
    }

    /// Whether the agent has left the directory and holds nothing any more.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.retired && self.attempt().is_none() && self.state == State::LoggedOut
    }

    fn hear_queue(&mut self, now: Instant, message: &QueueToAgent) {
        match *message {
            QueueToAgent::Subscribe { queue } => {
                self.queues.insert(queue);
                self.tell_availability(queue, self.availability());
            }
            QueueToAgent::Unsubscribe { queue } => {
                self.queues.remove(&queue);
            }
            QueueToAgent::Reserve {
                attempt,
                queue,
                call,
            } => self.reserve(now, attempt, queue, call),
            QueueToAgent::Ringing { attempt } => {
                if let State::Reserved(hold) = self.state
                    && hold.attempt == attempt
                {
                    self.enter(now, State::Ringing(hold));
                }
            }
            QueueToAgent::Connected { attempt, wrap_up } => self.connected(now, attempt, wrap_up),
            QueueToAgent::Release { attempt, outcome } => self.released(now, attempt, outcome),
        }
    }

    fn reserve(&mut self, now: Instant, attempt: AttemptId, queue: QueueId, call: CallId) {
        let agent = self.agent.id;
        if let Some(refusal) = self.refusal() {
            let message = AgentToQueue::Refused {
                attempt,
                agent,
                refusal,
            };
            self.tell(queue, message);
            return;
        }
        let hold = Hold {
            attempt,
            queue,
            call,
            over: false,
        };
        self.timers.set(AgentTimer::HoldCheck, now + HOLD_CHECK);
        self.enter(now, State::Reserved(hold));
        let message = AgentToQueue::Granted {
            attempt,
            agent,
            extension: self.agent.extension,
        };
        self.tell(queue, message);
    }

    /// Why no reservation can be granted now; none if one can, which is exactly when the agent is
    /// available.
    fn refusal(&self) -> Option<Refusal> {
        match self.state {
            State::LoggedOut => Some(Refusal::LoggedOut),
            State::OnBreak { .. } => Some(Refusal::OnBreak),
            State::WrapUp { .. } => Some(Refusal::WrapUp),
            State::Reserved(_) | State::Ringing(_) | State::OnCall(_) => Some(Refusal::Busy),
            State::Ready if self.withdrawn.is_some() => Some(Refusal::Busy),
            State::Ready if !self.reachable => Some(Refusal::PhoneGone),
            State::Ready => None,
        }
    }

    fn connected(&mut self, now: Instant, attempt: AttemptId, wrap_up: Duration) {
        let hold = if let Some(hold) = self.state.hold().filter(|hold| hold.attempt == attempt) {
            hold
        } else if let Some(hold) = self.withdrawn.filter(|hold| hold.attempt == attempt) {
            self.withdrawn = None;
            // What the agent asked for meanwhile now comes after the call.
            self.next = match &self.state {
                State::LoggedOut => Some(AgentCommand::LogOut),
                State::OnBreak { reason } => Some(AgentCommand::OnBreak {
                    reason: reason.clone(),
                }),
                State::OnCall(_) => self.next.take(),
                State::Ready | State::Reserved(_) | State::Ringing(_) | State::WrapUp { .. } => {
                    None
                }
            };
            hold
        } else {
            return;
        };
        self.timers.stop(AgentTimer::HoldCheck);
        self.missed = 0;
        self.enter(now, State::OnCall(Talk::Queue { hold, wrap_up }));
        if hold.over {
            self.after_call(now);
        }
    }

    /// The agent has taken a queue's call without having been sent. One who is not at work, or in
    /// another queue's call, is only on the phone.
    fn picked_up(&mut self, now: Instant, hold: Hold, wrap_up: Duration) {
        match self.state {
            State::LoggedOut | State::OnCall(Talk::Queue { .. }) => return,
            State::OnBreak { ref reason } => {
                let reason = reason.clone();
                self.next = Some(AgentCommand::OnBreak { reason });
            }
            State::Reserved(_) | State::Ringing(_) => self.withdraw(now),
            State::Ready | State::WrapUp { .. } | State::OnCall(Talk::Direct) => {}
        }
        self.timers.stop(AgentTimer::WrapUp);
        self.missed = 0;
        self.enter(now, State::OnCall(Talk::Queue { hold, wrap_up }));
    }

    fn released(&mut self, now: Instant, attempt: AttemptId, outcome: AttemptOutcome) {
        if self.withdrawn.is_some_and(|hold| hold.attempt == attempt) {
            self.withdrawn = None;
            self.timers.stop(AgentTimer::HoldCheck);
            return;
        }
        if self.state.hold().is_none_or(|hold| hold.attempt != attempt) {
            return;
        }
        self.timers.stop(AgentTimer::HoldCheck);
        match outcome {
            AttemptOutcome::NoAnswer | AttemptOutcome::Rejected | AttemptOutcome::Unreachable => {
                self.missed += 1;
                self.idle_since = now;
            }
            AttemptOutcome::Busy => self.idle_since = now,
            // Not the agent's doing: the place in the line of the idle is kept.
            AttemptOutcome::Answered
            | AttemptOutcome::AnsweredElsewhere
            | AttemptOutcome::CallerGone
            | AttemptOutcome::Withdrawn => {}
        }
        if self.agent.max_missed > 0 && self.missed >= self.agent.max_missed {
            self.missed = 0;
            let reason = MISSED_CALLS.to_owned();
            self.enter(now, State::OnBreak { reason });
        } else {
            self.settle(now);
        }
    }

    fn set_state(&mut self, now: Instant, command: AgentCommand) {
        if self.retired && command != AgentCommand::LogOut {
            return;
        }
        if matches!(self.state, State::OnCall(_)) {
            self.next = Some(command).filter(|command| *command != AgentCommand::Ready);
            return;
        }
        let target = match command {
            AgentCommand::Ready => {
                self.missed = 0;
                match self.state {
                    State::LoggedOut | State::OnBreak { .. } | State::WrapUp { .. } => {
                        self.timers.stop(AgentTimer::WrapUp);
                        self.idle_since = now;
                        self.settle(now);
                    }
                    State::Ready | State::Reserved(_) | State::Ringing(_) | State::OnCall(_) => {}
                }
                return;
            }
            AgentCommand::OnBreak { reason } => State::OnBreak { reason },
            AgentCommand::LogOut => State::LoggedOut,
        };
        self.timers.stop(AgentTimer::WrapUp);
        self.withdraw(now);
        self.enter(now, target);
    }

    /// Gives a reservation back to its queue, which answers; until then the agent stays bound.
    fn withdraw(&mut self, now: Instant) {
        let Some(hold) = self.state.hold() else {
            return;
        };
        self.withdrawn = Some(hold);
        self.timers.set(AgentTimer::HoldCheck, now + HOLD_CHECK);
        let message = AgentToQueue::Withdraw {
            attempt: hold.attempt,
            agent: self.agent.id,
        };
        self.tell(hold.queue, message);
    }

    fn check_hold(&mut self, now: Instant) {
        let agent = self.agent.id;
        let (hold, message) = if let Some(hold) = self.state.hold() {
            let attempt = hold.attempt;
            (hold, AgentToQueue::StillHeld { attempt, agent })
        } else if let Some(hold) = self.withdrawn {
            let attempt = hold.attempt;
            (hold, AgentToQueue::Withdraw { attempt, agent })
        } else {
            return;
        };
        self.timers.set(AgentTimer::HoldCheck, now + HOLD_CHECK);
        self.tell(hold.queue, message);
    }

    /// The call is over for whom `concerns` it. If the queue has not yet said that it began, that
    /// is remembered for when it does.
    fn call_over(&mut self, now: Instant, concerns: impl Fn(&Hold) -> bool) {
        if let State::OnCall(Talk::Queue { hold, .. }) = &self.state
            && concerns(hold)
        {
            self.after_call(now);
            return;
        }
        if let Some(hold) = self.state.hold_mut().filter(|hold| concerns(hold)) {
            hold.over = true;
        }
        if let Some(hold) = self.withdrawn.as_mut().filter(|hold| concerns(hold)) {
            hold.over = true;
        }
    }

    fn after_call(&mut self, now: Instant) {
        let State::OnCall(Talk::Queue { hold, wrap_up }) = self.state else {
            return;
        };
        self.idle_since = now;
        // Whoever asked for a break or to go home has done with this call.
        if wrap_up.is_zero() || self.next.is_some() {
            self.settle(now);
        } else {
            self.timers.set(AgentTimer::WrapUp, now + wrap_up);
            self.enter(now, State::WrapUp { call: hold.call });
        }
    }

    fn direct_started(&mut self, now: Instant, call: CallId) {
        self.direct.insert(call);
        match self.state {
            State::Ready => self.enter(now, State::OnCall(Talk::Direct)),
            State::Reserved(_) | State::Ringing(_) => {
                self.withdraw(now);
                self.enter(now, State::OnCall(Talk::Direct));
            }
            State::LoggedOut | State::OnCall(_) | State::WrapUp { .. } | State::OnBreak { .. } => {}
        }
    }

    fn direct_ended(&mut self, now: Instant, call: CallId) {
        self.direct.remove(&call);
        if self.state == State::OnCall(Talk::Direct) && self.direct.is_empty() {
            self.idle_since = now;
            self.settle(now);
        }
    }

    /// Free of the queue's call: on to the agent's own call, to what was asked for, or to the next
    /// caller.
    fn settle(&mut self, now: Instant) {
        if !self.direct.is_empty() {
            self.enter(now, State::OnCall(Talk::Direct));
            return;
        }
        let state = match self.next.take() {
            Some(AgentCommand::LogOut) => State::LoggedOut,
            Some(AgentCommand::OnBreak { reason }) => State::OnBreak { reason },
            Some(AgentCommand::Ready) | None => State::Ready,
        };
        self.enter(now, state);
    }

    fn enter(&mut self, now: Instant, state: State) {
        if state == self.state {
            return;
        }
        debug_assert!(
            may_follow(self.state.name(), state.name()),
            "{:?} after {:?}",
            state,
            self.state
        );
        self.state = state;
        self.since = now;
        self.effects
            .push_back(AgentEffect::Publish(EventKind::AgentStateChanged {
                agent: self.agent.id,
                state: self.state.name(),
                reason: self.state.reason().map(str::to_owned),
                call: self.state.call(),
            }));
    }

    /// Tells every queue that wants to know, if the answer is another one than last time.
    fn announce(&mut self) {
        let availability = self.availability();
        if availability == self.announced {
            return;
        }
        self.announced = availability;
        for queue in self.queues.clone() {
            self.tell_availability(queue, availability);
        }
    }

    fn tell_availability(&mut self, queue: QueueId, availability: Availability) {
        let agent = self.agent.id;
        let message = AgentToQueue::Availability {
            agent,
            availability,
        };
        self.tell(queue, message);
    }

    fn tell(&mut self, queue: QueueId, message: AgentToQueue) {
        self.effects
            .push_back(AgentEffect::TellQueue { queue, message });
    }
}
