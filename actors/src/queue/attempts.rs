//! The life of an attempt, from the reservation of an agent to the answer or the release.
//!
//! An attempt that rings is over only when its call says so: a cancel is a wish, which an answer in
//! the same moment overrules.

use std::time::{Duration, Instant};

use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, ExtensionId, LegId};

use super::machine::{Place, QueueMachine, QueueTimer};
use super::message::{Availability, QueueToAgent, QueueToCall};

/// How long an agent may take to answer a reservation, and a call to confirm a cancel. Both are
/// mailboxes away; only a neighbour that fell takes longer.
const PATIENCE: Duration = Duration::from_secs(5);

/// One ringing of one agent for one call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) call: CallId,
    pub(super) agent: AgentId,
    pub(super) level: u32,
    pub(super) phase: Phase,
    /// Known from the predecessor's ledger; the call has not yet said whether it still rings.
    pub(super) inherited: bool,
}

/// How far an attempt has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// The agent was asked for a reservation.
    Asked,
    /// The call was told to ring.
    Dialling,
    /// The phone rings.
    Ringing,
    /// The call was told to stop, and has not confirmed.
    Cancelling(AttemptOutcome),
}

impl QueueMachine {
    pub(super) fn reserve(&mut self, now: Instant, place: Place, agent: AgentId, level: u32) {
        let id = AttemptId::new(&mut self.ids);
        let Some(caller) = self.callers.get_mut(&place) else {
            return;
        };
        let call = caller.call;
        caller.attempts.push(id);
        self.hungry.remove(&place);
        let attempt = Attempt {
            call,
            agent,
            level,
            phase: Phase::Asked,
            inherited: false,
        };
        self.attempts.insert(id, attempt);
        self.seats.ask(agent, id);
        self.timers.set(QueueTimer::Attempt(id), now + PATIENCE);
        let message = QueueToAgent::Reserve {
            attempt: id,
            queue: self.id(),
            call,
        };
        self.tell_agent(agent, message);
    }

    pub(super) fn granted(
        &mut self,
        now: Instant,
        id: AttemptId,
        agent: AgentId,
        extension: ExtensionId,
    ) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            self.release(agent, id, AttemptOutcome::Withdrawn);
            return;
        };
        if attempt.phase != Phase::Asked || attempt.agent != agent {
            return;
        }
        attempt.phase = Phase::Dialling;
        let call = attempt.call;
        let (queue, ring_timeout) = (self.id(), self.queue.ring_timeout);
        self.timers.set(QueueTimer::Attempt(id), now + ring_timeout);
        self.publish(EventKind::AttemptStarted {
            attempt: id,
            call,
            queue,
            agent,
        });
        let message = QueueToCall::RingAgent {
            attempt: id,
            queue,
            agent,
            extension,
            ring_timeout,
        };
        self.tell_call(call, message);
    }

    /// The agent is taken or gone. The next one is asked at once; this one when they say that they
    /// are available.
    pub(super) fn refused(&mut self, now: Instant, id: AttemptId, agent: AgentId) {
        let Some(attempt) = self.attempts.get(&id).copied() else {
            return;
        };
        if attempt.phase == Phase::Asked && attempt.agent == agent {
            self.seats
                .set_availability(agent, Availability::Unavailable);
            self.forget_attempt(id);
            self.logins_changed(now);
        }
    }

    pub(super) fn attempt_ringing(&mut self, now: Instant, id: AttemptId) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        if attempt.phase != Phase::Dialling {
            return;
        }
        attempt.phase = Phase::Ringing;
        let agent = attempt.agent;
        let timeout = self.queue.ring_timeout;
        self.timers.set(QueueTimer::Attempt(id), now + timeout);
        self.tell_agent(agent, QueueToAgent::Ringing { attempt: id });
    }

    pub(super) fn attempt_ended(&mut self, now: Instant, id: AttemptId, outcome: AttemptOutcome) {
        let Some(attempt) = self.attempts.get(&id).copied() else {
            return;
        };
        if outcome == AttemptOutcome::Answered {
            self.attempt_answered(now, attempt.call, id);
            return;
        }
        match attempt.phase {
            Phase::Asked => {}
            Phase::Dialling | Phase::Ringing => self.end_attempt(now, id, outcome),
            Phase::Cancelling(wanted) => self.end_attempt(now, id, wanted),
        }
    }

    pub(super) fn attempt_answered(&mut self, now: Instant, call: CallId, id: AttemptId) {
        let winner = self.attempts.get(&id).copied();
        let winner = winner.filter(|won| won.call == call && won.phase != Phase::Asked);
        let Some(winner) = winner else {
            let queue = self.id();
            self.tell_call(call, QueueToCall::Disown { attempt: id, queue });
            return;
        };
        self.set_leaving(call, QueueExit::Answered);
        self.publish_end(id, winner.call, winner.agent, AttemptOutcome::Answered);
        let wrap_up = self.queue.wrap_up;
        self.tell_agent(
            winner.agent,
            QueueToAgent::Connected {
                attempt: id,
                wrap_up,
            },
        );
        self.drop_attempts(now, call, Some(id), AttemptOutcome::AnsweredElsewhere);
        self.forget_attempt(id);
    }

    /// Somebody has answered in the place of the agent of this attempt: nobody is to be rung any
    /// more, and nobody has missed the call.
    pub(super) fn picked_up(
        &mut self,
        now: Instant,
        call: CallId,
        id: AttemptId,
        (by, agent): (LegId, Option<AgentId>),
    ) {
        let rung = self.attempts.get(&id);
        if rung.is_none_or(|rung| rung.call != call || rung.phase == Phase::Asked) {
            let queue = self.id();
            self.tell_call(call, QueueToCall::Disown { attempt: id, queue });
            return;
        }
        self.set_leaving(call, QueueExit::Answered);
        let agent = agent.filter(|agent| self.seats.is_logged_in(*agent));
        self.publish(EventKind::CallPickedUp { call, by, agent });
        self.drop_attempts(now, call, None, AttemptOutcome::AnsweredElsewhere);
    }

    /// The agent wants no more of it.
    pub(super) fn withdrawn(&mut self, now: Instant, id: AttemptId, agent: AgentId) {
        let phase = self.attempts.get(&id).map(|attempt| attempt.phase);
        match phase {
            None => self.release(agent, id, AttemptOutcome::Withdrawn),
            Some(Phase::Asked) => self.end_attempt(now, id, AttemptOutcome::Withdrawn),
            Some(Phase::Dialling | Phase::Ringing) => {
                self.cancel(now, id, AttemptOutcome::Withdrawn);
            }
            Some(Phase::Cancelling(_)) => {}
        }
    }

    pub(super) fn still_held(&mut self, id: AttemptId, agent: AgentId) {
        if !self.attempts.contains_key(&id) {
            self.release(agent, id, AttemptOutcome::Withdrawn);
        }
    }

    pub(super) fn attempt_overdue(&mut self, now: Instant, id: AttemptId) {
        let Some(attempt) = self.attempts.get(&id).copied() else {
            return;
        };
        match attempt.phase {
            Phase::Asked => {
                // The agent's actor lost the question. It is asked anew how it is, and left alone
                // until it says.
                self.seats
                    .set_availability(attempt.agent, Availability::Unavailable);
                let queue = self.id();
                self.end_attempt(now, id, AttemptOutcome::Withdrawn);
                self.tell_agent(attempt.agent, QueueToAgent::Subscribe { queue });
            }
            Phase::Dialling | Phase::Ringing => self.cancel(now, id, AttemptOutcome::NoAnswer),
            Phase::Cancelling(outcome) => self.end_attempt(now, id, outcome),
        }
    }

    /// Has the call stop ringing; it confirms with `AttemptEnded`, or an answer came first.
    pub(super) fn cancel(&mut self, now: Instant, id: AttemptId, outcome: AttemptOutcome) {
        let Some(attempt) = self.attempts.get_mut(&id) else {
            return;
        };
        attempt.phase = Phase::Cancelling(outcome);
        let call = attempt.call;
        self.timers.set(QueueTimer::Attempt(id), now + PATIENCE);
        self.tell_cancel(call, id, outcome);
    }

    /// Ends every attempt but the winner of a caller who is out by the call's own word, without
    /// waiting for the call to confirm.
    pub(super) fn drop_attempts(
        &mut self,
        now: Instant,
        call: CallId,
        winner: Option<AttemptId>,
        outcome: AttemptOutcome,
    ) {
        let losers = self.attempts_of(call).into_iter();
        for id in losers.filter(|id| Some(*id) != winner) {
            let asked = self.attempts.get(&id).map(|attempt| attempt.phase);
            self.end_attempt(now, id, outcome);
            if asked != Some(Phase::Asked) {
                self.tell_cancel(call, id, outcome);
            }
        }
    }

    pub(super) fn attempts_of(&self, call: CallId) -> Vec<AttemptId> {
        let caller = self
            .places
            .get(&call)
            .and_then(|place| self.callers.get(place));
        caller
            .map(|caller| caller.attempts.clone())
            .unwrap_or_default()
    }

    /// The attempt is over without an answer: say so, let the agent go, and let the caller have
    /// another.
    pub(super) fn end_attempt(&mut self, now: Instant, id: AttemptId, outcome: AttemptOutcome) {
        let Some(attempt) = self.attempts.get(&id).copied() else {
            return;
        };
        if attempt.phase != Phase::Asked {
            self.publish_end(id, attempt.call, attempt.agent, outcome);
        }
        self.release(attempt.agent, id, outcome);
        match outcome {
            AttemptOutcome::NoAnswer
            | AttemptOutcome::Rejected
            | AttemptOutcome::Busy
            | AttemptOutcome::Unreachable => self.cool_down(now, attempt.agent),
            AttemptOutcome::Answered
            | AttemptOutcome::AnsweredElsewhere
            | AttemptOutcome::CallerGone
            | AttemptOutcome::Withdrawn => {}
        }
        self.forget_attempt(id);
    }

    /// Removes the attempt from the books; its caller is hungry again or, if leaving, out.
    fn forget_attempt(&mut self, id: AttemptId) {
        let Some(attempt) = self.attempts.remove(&id) else {
            return;
        };
        self.timers.stop(QueueTimer::Attempt(id));
        self.seats.free(attempt.agent, id);
        let Some(&place) = self.places.get(&attempt.call) else {
            return;
        };
        let Some(caller) = self.callers.get_mut(&place) else {
            return;
        };
        caller.attempts.retain(|other| *other != id);
        self.feed(place);
    }

    /// Puts a caller without attempts where they belong: among the hungry, or out.
    pub(super) fn feed(&mut self, place: Place) {
        let Some(caller) = self.callers.get(&place) else {
            return;
        };
        if !caller.attempts.is_empty() {
            return;
        }
        let call = caller.call;
        if let Some(exit) = caller.leaving {
            self.dequeue(call, exit);
        } else if !self.unconfirmed.contains(&call) {
            self.hungry.insert(place);
        }
    }

    fn publish_end(
        &mut self,
        attempt: AttemptId,
        call: CallId,
        agent: AgentId,
        outcome: AttemptOutcome,
    ) {
        let queue = self.id();
        self.publish(EventKind::AttemptEnded {
            attempt,
            call,
            queue,
            agent,
            outcome,
        });
    }

    pub(super) fn tell_cancel(
        &mut self,
        call: CallId,
        attempt: AttemptId,
        outcome: AttemptOutcome,
    ) {
        let queue = self.id();
        let message = QueueToCall::CancelAttempt {
            attempt,
            queue,
            outcome,
        };
        self.tell_call(call, message);
    }

    fn release(&mut self, agent: AgentId, attempt: AttemptId, outcome: AttemptOutcome) {
        self.tell_agent(agent, QueueToAgent::Release { attempt, outcome });
    }
}
