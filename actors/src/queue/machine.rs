//! The rules of a queue: who waits, in which order, and who is asked to serve them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::directory::Queue;
use offhook_core::event::{EventKind, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, IdSource, QueueId};
use offhook_core::timers::Timers;

use super::attempts::Attempt;
use super::ledger::Ledger;
use super::message::{
    AgentToQueue, CallToQueue, QueueEffect, QueueInput, QueueToAgent, QueueToCall,
};
use super::seats::Seats;

/// What a queue machine waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum QueueTimer {
    /// The agent of this attempt has not answered: the reservation, the ringing or the cancel.
    Attempt(AttemptId),
    /// This agent may be asked again.
    Retry(AgentId),
    /// This caller has waited long enough.
    MaxWait(CallId),
    /// This caller has waited long enough without anybody logged in.
    NoAgent(CallId),
    /// This caller hears their place again.
    Announce(CallId),
    /// Callers who have not returned after a restart are passed over.
    Settle,
    /// Callers who have not returned after a restart are given up.
    Forget,
}

/// A place in the line: first by the beginning of the wait, then by arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) since: Instant,
    pub(super) arrival: u64,
}

/// Somebody who waits.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    pub(super) call: CallId,
    pub(super) attempts: Vec<AttemptId>,
    /// The wait is over as soon as the last attempt is confirmed to be gone, unless it is answered
    /// first.
    pub(super) leaving: Option<QueueExit>,
}

/// A queue's callers, agents and attempts, and the rules that bring them together.
#[derive(Debug)]
pub struct QueueMachine {
    pub(super) queue: Queue,
    pub(super) ids: IdSource,
    pub(super) callers: BTreeMap<Place, Caller>,
    pub(super) places: AHashMap<CallId, Place>,
    /// Callers for whom nobody is being asked: exactly those that wait, have no attempt, are not
    /// leaving and are confirmed.
    pub(super) hungry: BTreeSet<Place>,
    pub(super) arrivals: u64,
    pub(super) attempts: AHashMap<AttemptId, Attempt>,
    pub(super) seats: Seats,
    /// Callers known from the predecessor's ledger who have not spoken since the restart.
    pub(super) unconfirmed: BTreeSet<CallId>,
    /// Whether anybody was logged in when that was last looked at.
    pub(super) staffed: bool,
    pub(super) closing: bool,
    pub(super) timers: Timers<QueueTimer>,
    pub(super) effects: VecDeque<QueueEffect>,
}

impl QueueMachine {
    /// A queue that goes on where `ledger` ends; an empty ledger makes a new queue. It asks its
    /// agents for their availability. Callers of the ledger keep their places and are served again
    /// once their calls have spoken.
    #[must_use]
    pub fn new(now: Instant, queue: Queue, ids: IdSource, ledger: &Ledger) -> Self {
        let mut machine = Self {
            seats: Seats::new(queue.strategy),
            queue,
            ids,
            callers: BTreeMap::new(),
            places: AHashMap::new(),
            hungry: BTreeSet::new(),
            arrivals: ledger.arrivals,
            attempts: AHashMap::new(),
            unconfirmed: BTreeSet::new(),
            staffed: false,
            closing: false,
            timers: Timers::default(),
            effects: VecDeque::new(),
        };
        machine.recover(now, ledger);
        machine.seat_agents();
        machine
    }

    /// Told what happened.
    pub fn handle(&mut self, now: Instant, input: QueueInput) {
        match input {
            QueueInput::FromCall(message) => self.hear_call(now, message),
            QueueInput::FromAgent(message) => self.hear_agent(now, &message),
            QueueInput::Reconfigure(queue) => self.reconfigure(now, *queue),
            QueueInput::Close => self.close(now),
        }
        self.dispatch(now);
    }

    /// Told the time.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                QueueTimer::Attempt(attempt) => self.attempt_overdue(now, attempt),
                QueueTimer::Retry(agent) => self.seats.set_retry(agent, None),
                QueueTimer::MaxWait(call) => self.start_leaving(now, call, QueueExit::TimedOut),
                QueueTimer::NoAgent(call) => self.start_leaving(now, call, QueueExit::NoAgents),
                QueueTimer::Announce(call) => self.announce_again(now, call),
                QueueTimer::Settle => {}
                QueueTimer::Forget => self.forget_the_lost(now),
            }
        }
        self.dispatch(now);
    }

    /// Says what to do, in order.
    pub fn poll_effect(&mut self) -> Option<QueueEffect> {
        self.effects.pop_front()
    }

    /// Says when to be woken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The queue's rules.
    #[must_use]
    pub fn queue(&self) -> &Queue {
        &self.queue
    }

    /// A caller's place in the line, from 1.
    #[must_use]
    pub fn position(&self, call: CallId) -> Option<usize> {
        let place = self.places.get(&call)?;
        Some(self.callers.range(..=*place).count())
    }

    /// Whether the queue is closed and everybody has left.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.closing && self.callers.is_empty()
    }

    fn hear_call(&mut self, now: Instant, message: CallToQueue) {
        self.confirm(message.call());
        match message {
            CallToQueue::Enqueue { call, since } => self.enqueue(now, call, since),
            CallToQueue::Rejoin { call, attempts, .. } => self.rejoin(now, call, &attempts),
            CallToQueue::Leave { call, departure } => self.leave(now, call, departure.exit()),
            CallToQueue::AttemptRinging { attempt, .. } => self.attempt_ringing(now, attempt),
            CallToQueue::AttemptEnded {
                attempt, outcome, ..
            } => self.attempt_ended(now, attempt, outcome),
            CallToQueue::AttemptAnswered { call, attempt } => {
                self.attempt_answered(now, call, attempt);
            }
            CallToQueue::PickedUp {
                call,
                attempt,
                by,
                agent,
            } => self.picked_up(now, call, attempt, (by, agent)),
        }
    }

    fn hear_agent(&mut self, now: Instant, message: &AgentToQueue) {
        match *message {
            AgentToQueue::Granted {
                attempt,
                agent,
                extension,
            } => self.granted(now, attempt, agent, extension),
            AgentToQueue::Refused { attempt, agent, .. } => self.refused(now, attempt, agent),
            AgentToQueue::Availability {
                agent,
                availability,
            } => {
                self.seats.set_availability(agent, availability);
                self.logins_changed(now);
            }
            AgentToQueue::Withdraw { attempt, agent } => self.withdrawn(now, attempt, agent),
            AgentToQueue::StillHeld { attempt, agent } => self.still_held(attempt, agent),
        }
    }

    fn enqueue(&mut self, now: Instant, call: CallId, since: Instant) {
        if self.places.contains_key(&call) {
            return;
        }
        let queue = self.queue.id;
        self.publish(EventKind::CallQueued { call, queue });
        let refusal = if self.closing {
            Some(QueueExit::NoAgents)
        } else if self.is_full() {
            Some(QueueExit::Full)
        } else {
            None
        };
        if let Some(exit) = refusal {
            self.tell_exit(call, exit);
            return;
        }
        let arrival = self.arrivals;
        self.arrivals += 1;
        let place = Place { since, arrival };
        self.insert_caller(place, call);
        self.hungry.insert(place);
        self.start_waiting(now, call, since);
        self.announce_first(now, call);
    }

    pub(super) fn insert_caller(&mut self, place: Place, call: CallId) {
        self.places.insert(call, place);
        let caller = Caller {
            call,
            attempts: Vec::new(),
            leaving: None,
        };
        self.callers.insert(place, caller);
    }

    /// The caller is out, with nothing left that belongs to them.
    pub(super) fn dequeue(&mut self, call: CallId, exit: QueueExit) {
        let Some(place) = self.places.remove(&call) else {
            return;
        };
        self.callers.remove(&place);
        self.hungry.remove(&place);
        self.unconfirmed.remove(&call);
        self.timers.stop(QueueTimer::MaxWait(call));
        self.timers.stop(QueueTimer::NoAgent(call));
        self.timers.stop(QueueTimer::Announce(call));
        self.tell_exit(call, exit);
    }

    fn tell_exit(&mut self, call: CallId, exit: QueueExit) {
        let queue = self.queue.id;
        let overflow = match exit {
            QueueExit::TimedOut | QueueExit::Full | QueueExit::NoAgents => {
                self.queue.overflow.clone()
            }
            QueueExit::Answered | QueueExit::Abandoned | QueueExit::Moved => None,
        };
        self.publish(EventKind::CallDequeued { call, queue, exit });
        let message = QueueToCall::Exit {
            queue,
            exit,
            overflow,
        };
        self.tell_call(call, message);
    }

    /// Brings waiting callers and free agents together until one side runs out: the head of the
    /// line first, then the others.
    fn dispatch(&mut self, now: Instant) {
        if self.is_settling() {
            return;
        }
        if self.seats.rings_all() {
            self.dispatch_to_all(now);
            return;
        }
        while let Some(&place) = self.hungry.first()
            && let Some((agent, level)) = self.seats.pick()
        {
            self.reserve(now, place, agent, level);
        }
    }

    /// Ring-all: the head of the line gets all free agents of the lowest level, unless agents of a
    /// lower one are ringing for them already; then the next caller does.
    fn dispatch_to_all(&mut self, now: Instant) {
        let mut next = self.callers.keys().next().copied();
        while let Some(place) = next
            && let Some((_, level)) = self.seats.pick()
        {
            if self.wants_level(place, level) {
                while let Some((agent, found)) = self.seats.pick()
                    && found == level
                {
                    self.reserve(now, place, agent, level);
                }
            }
            use std::ops::Bound::{Excluded, Unbounded};
            let mut rest = self.callers.range((Excluded(place), Unbounded));
            next = rest.next().map(|(place, _)| *place);
        }
    }

    fn wants_level(&self, place: Place, level: u32) -> bool {
        let Some(caller) = self.callers.get(&place) else {
            return false;
        };
        if caller.attempts.is_empty() {
            return self.hungry.contains(&place);
        }
        let lowest = caller.attempts.iter();
        let lowest = lowest
            .filter_map(|id| self.attempts.get(id))
            .map(|attempt| attempt.level);
        caller.leaving.is_none() && lowest.min().is_none_or(|lowest| lowest >= level)
    }

    fn reconfigure(&mut self, now: Instant, queue: Queue) {
        self.queue = queue;
        if self.closing {
            return;
        }
        self.seats.set_strategy(self.queue.strategy);
        self.seat_agents();
        let waiting: Vec<_> = self
            .places
            .iter()
            .map(|(call, place)| (*call, place.since))
            .collect();
        for (call, since) in waiting {
            self.start_waiting(now, call, since);
            self.restart_announcing(now, call);
        }
        self.logins_changed(now);
    }

    /// Makes the seats those of the rules, and asks every agent not yet heard of how they are.
    pub(super) fn seat_agents(&mut self) {
        let queue = self.queue.id;
        let wanted: BTreeSet<_> = self.queue.agents.iter().map(|seat| seat.agent).collect();
        let seated: Vec<_> = self.seats.iter().map(|seat| seat.place.agent).collect();
        for agent in seated.into_iter().filter(|agent| !wanted.contains(agent)) {
            self.seats.unseat(agent);
            self.timers.stop(QueueTimer::Retry(agent));
            self.tell_agent(agent, QueueToAgent::Unsubscribe { queue });
        }
        for place in self.queue.agents.clone() {
            let attempt = self.attempts.iter();
            let attempt = attempt.filter(|(_, attempt)| attempt.agent == place.agent);
            let attempt = attempt.map(|(id, _)| *id).min();
            self.seats.seat(place, attempt);
        }
        let strangers = self.seats.iter().filter(|seat| seat.availability.is_none());
        let strangers: Vec<_> = strangers.map(|seat| seat.place.agent).collect();
        for agent in strangers {
            self.tell_agent(agent, QueueToAgent::Subscribe { queue });
        }
    }

    /// Leaves an agent alone after an attempt that failed by their doing. Never for less than a
    /// second: a phone that refuses by itself would otherwise be rung as fast as it refuses.
    pub(super) fn cool_down(&mut self, now: Instant, agent: AgentId) {
        if self.seats.contains(agent) {
            let at = now + self.queue.retry_delay.max(Duration::from_secs(1));
            self.seats.set_retry(agent, Some(at));
            self.timers.set(QueueTimer::Retry(agent), at);
        }
    }

    pub(super) fn id(&self) -> QueueId {
        self.queue.id
    }

    pub(super) fn publish(&mut self, kind: EventKind) {
        self.effects.push_back(QueueEffect::Publish(kind));
    }

    pub(super) fn tell_call(&mut self, call: CallId, message: QueueToCall) {
        self.effects
            .push_back(QueueEffect::TellCall { call, message });
    }

    pub(super) fn tell_agent(&mut self, agent: AgentId, message: QueueToAgent) {
        self.effects
            .push_back(QueueEffect::TellAgent { agent, message });
    }
}
