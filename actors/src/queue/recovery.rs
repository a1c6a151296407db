//! Going on after a fall: the ledger says what was open, the calls say what still is.
//!
//! Callers keep their places from the first moment. They are served when their calls have spoken,
//! and nobody is served before all have, or a second has passed: otherwise a caller whose call is a
//! little slower would be overtaken.

use std::time::{Duration, Instant};

use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};
use offhook_core::id::CallId;

use super::attempts::{Attempt, Phase};
use super::ledger::Ledger;
use super::machine::{Place, QueueMachine, QueueTimer};
use super::message::{AttemptPhase, LiveAttempt, QueueToAgent};

/// How long the line stands still for calls that have not spoken.
const SETTLE: Duration = Duration::from_secs(1);
/// How long a call may take to speak before its caller counts as gone.
const FORGET: Duration = Duration::from_secs(10);

impl QueueMachine {
    /// Whether the line still waits for callers to return after a restart.
    #[must_use]
    pub fn is_settling(&self) -> bool {
        !self.unconfirmed.is_empty() && self.timers.deadline(QueueTimer::Settle).is_some()
    }

    /// Takes over what the predecessor left open.
    pub(super) fn recover(&mut self, now: Instant, ledger: &Ledger) {
        let queue = self.id();
        for (&call, open) in &ledger.callers {
            if !open.queued {
                self.publish(EventKind::CallQueued { call, queue });
            }
            let place = Place {
                since: open.since,
                arrival: open.arrival,
            };
            self.insert_caller(place, call);
            self.unconfirmed.insert(call);
            self.start_waiting(now, call, open.since);
            self.restart_announcing(now, call);
        }
        for (&id, open) in &ledger.attempts {
            let place = self.places.get(&open.call);
            let Some(caller) = place.and_then(|place| self.callers.get_mut(place)) else {
                continue;
            };
            caller.attempts.push(id);
            let attempt = Attempt {
                call: open.call,
                agent: open.agent,
                level: 0,
                phase: Phase::Dialling,
                inherited: true,
            };
            self.attempts.insert(id, attempt);
            let at = now + self.queue.ring_timeout;
            self.timers.set(QueueTimer::Attempt(id), at);
        }
        if !self.unconfirmed.is_empty() {
            self.timers.set(QueueTimer::Settle, now + SETTLE);
            self.timers.set(QueueTimer::Forget, now + FORGET);
        }
    }

    /// The call has spoken, so its caller is there.
    pub(super) fn confirm(&mut self, call: CallId) {
        if !self.unconfirmed.remove(&call) {
            return;
        }
        if let Some(&place) = self.places.get(&call) {
            self.feed(place);
        }
        if self.unconfirmed.is_empty() {
            self.timers.stop(QueueTimer::Settle);
            self.timers.stop(QueueTimer::Forget);
        }
    }

    /// What the call says about its attempts replaces what the ledger said. A call that is not
    /// known has had its `Exit`, which is on the way to it.
    pub(super) fn rejoin(&mut self, now: Instant, call: CallId, listed: &[LiveAttempt]) {
        if !self.places.contains_key(&call) {
            return;
        }
        for id in self.attempts_of(call) {
            let Some(attempt) = self.attempts.get_mut(&id).filter(|known| known.inherited) else {
                continue;
            };
            attempt.inherited = false;
            // The call ended it and the predecessor lost the word, or the list is older than the
            // attempt: the call's confirmation is right in both cases.
            let lost = !listed.iter().any(|live| live.attempt == id);
            if lost && matches!(attempt.phase, Phase::Dialling | Phase::Ringing) {
                self.cancel(now, id, AttemptOutcome::Withdrawn);
            }
        }
        for live in listed {
            let id = live.attempt;
            let known = self.attempts.get(&id).copied();
            let known = known.filter(|attempt| attempt.call == call);
            match (live.phase, known) {
                (AttemptPhase::PickedUp { by, agent }, _) => {
                    self.picked_up(now, call, id, (by, agent));
                }
                (AttemptPhase::Answered, _) => self.attempt_answered(now, call, id),
                (AttemptPhase::Dialling | AttemptPhase::Ringing, None) => {
                    self.tell_cancel(call, id, AttemptOutcome::Withdrawn);
                }
                (AttemptPhase::Ringing, Some(attempt)) => {
                    // Told to the agent again: the predecessor may have fallen before it could.
                    self.tell_agent(attempt.agent, QueueToAgent::Ringing { attempt: id });
                    self.attempt_ringing(now, id);
                }
                (AttemptPhase::Dialling, Some(_)) => {}
            }
        }
    }

    /// Callers whose calls have not spoken count as gone.
    pub(super) fn forget_the_lost(&mut self, now: Instant) {
        for call in std::mem::take(&mut self.unconfirmed) {
            self.leave(now, call, QueueExit::Abandoned);
        }
    }
}
