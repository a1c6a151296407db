//! How callers leave: by their own word, because they have waited long enough, because nobody works,
//! or because there is no room.

use std::time::Instant;

use offhook_core::event::{AttemptOutcome, QueueExit};
use offhook_core::id::CallId;

use super::attempts::Phase;
use super::machine::{QueueMachine, QueueTimer};

impl QueueMachine {
    pub(super) fn is_full(&self) -> bool {
        let limit = usize::try_from(self.queue.max_length).unwrap_or(usize::MAX);
        limit > 0 && self.callers.len() >= limit
    }

    /// Starts, or after a change of rules restarts, the limits on a caller's wait.
    pub(super) fn start_waiting(&mut self, now: Instant, call: CallId, since: Instant) {
        if self.queue.max_wait.is_zero() {
            self.timers.stop(QueueTimer::MaxWait(call));
        } else {
            let at = since + self.queue.max_wait;
            self.timers.set(QueueTimer::MaxWait(call), at);
        }
        if self.queue.max_wait_no_agent.is_zero() {
            self.timers.stop(QueueTimer::NoAgent(call));
        } else if !self.seats.anybody_logged_in() {
            self.start_waiting_for_login(now, call);
        }
    }

    fn start_waiting_for_login(&mut self, now: Instant, call: CallId) {
        let timer = QueueTimer::NoAgent(call);
        if self.timers.deadline(timer).is_none() {
            let at = now + self.queue.max_wait_no_agent;
            self.timers.set(timer, at);
        }
    }

    /// The first agent logged in, or the last one out: the wait for a login ends or begins.
    pub(super) fn logins_changed(&mut self, now: Instant) {
        let anybody = self.seats.anybody_logged_in();
        if anybody == self.staffed {
            return;
        }
        self.staffed = anybody;
        if self.queue.max_wait_no_agent.is_zero() {
            return;
        }
        let calls: Vec<_> = self.callers.values().map(|caller| caller.call).collect();
        for call in calls {
            if anybody {
                self.timers.stop(QueueTimer::NoAgent(call));
            } else {
                self.start_waiting_for_login(now, call);
            }
        }
    }

    /// The call left by its own word.
    pub(super) fn leave(&mut self, now: Instant, call: CallId, exit: QueueExit) {
        self.set_leaving(call, exit);
        self.drop_attempts(now, call, None, AttemptOutcome::CallerGone);
        self.dequeue(call, exit);
    }

    /// The queue has the caller leave: at once if nobody is being rung, else as soon as the call
    /// confirms that nobody is any more. An answer in the meantime keeps the caller.
    pub(super) fn start_leaving(&mut self, now: Instant, call: CallId, exit: QueueExit) {
        let Some(&place) = self.places.get(&call) else {
            return;
        };
        if self
            .callers
            .get(&place)
            .is_some_and(|caller| caller.leaving.is_some())
        {
            return;
        }
        self.set_leaving(call, exit);
        self.hungry.remove(&place);
        for id in self.attempts_of(call) {
            match self.attempts.get(&id).map(|attempt| attempt.phase) {
                Some(Phase::Asked) => self.end_attempt(now, id, AttemptOutcome::CallerGone),
                Some(Phase::Dialling | Phase::Ringing) => {
                    self.cancel(now, id, AttemptOutcome::CallerGone);
                }
                Some(Phase::Cancelling(_)) | None => {}
            }
        }
        self.feed(place);
    }

    pub(super) fn set_leaving(&mut self, call: CallId, exit: QueueExit) {
        if let Some(place) = self.places.get(&call)
            && let Some(caller) = self.callers.get_mut(place)
        {
            caller.leaving = Some(exit);
        }
    }

    /// The queue is no more: everybody goes where callers go when nobody works.
    pub(super) fn close(&mut self, now: Instant) {
        self.closing = true;
        self.queue.agents.clear();
        self.seat_agents();
        let calls: Vec<_> = self.callers.values().map(|caller| caller.call).collect();
        for call in calls {
            self.start_leaving(now, call, QueueExit::NoAgents);
        }
    }
}
