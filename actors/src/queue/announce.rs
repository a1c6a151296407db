//! Telling callers their place: at once when they join, then again and again while nobody is being
//! rung for them. An announcement that falls into the ringing is put off by one interval, since the
//! answer would cut it short.

use std::time::Instant;

use offhook_core::id::CallId;

use super::attempts::Phase;
use super::machine::{QueueMachine, QueueTimer};
use super::message::QueueToCall;

impl QueueMachine {
    pub(super) fn announce_first(&mut self, now: Instant, call: CallId) {
        if self.queue.announce_position {
            self.announce(call);
            self.restart_announcing(now, call);
        }
    }

    /// Sets the next announcement by the present rules; one that is already set stays.
    pub(super) fn restart_announcing(&mut self, now: Instant, call: CallId) {
        let timer = QueueTimer::Announce(call);
        if !self.queue.announce_position || self.queue.announce_interval.is_zero() {
            self.timers.stop(timer);
        } else if self.timers.deadline(timer).is_none() {
            self.timers.set(timer, now + self.queue.announce_interval);
        }
    }

    pub(super) fn announce_again(&mut self, now: Instant, call: CallId) {
        if !self.places.contains_key(&call) {
            return;
        }
        let ringing = self.attempts_of(call).iter().any(|id| {
            let phase = self.attempts.get(id).map(|attempt| attempt.phase);
            matches!(phase, Some(Phase::Dialling | Phase::Ringing))
        });
        if !ringing {
            self.announce(call);
        }
        self.restart_announcing(now, call);
    }

    fn announce(&mut self, call: CallId) {
        if let Some(position) = self.position(call) {
            let queue = self.id();
            self.tell_call(call, QueueToCall::Announce { queue, position });
        }
    }
}
