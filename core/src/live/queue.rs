//! A queue: who waits, and what was counted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::event::QueueExit;
use crate::id::CallId;

/// Somebody who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCaller {
    /// The call.
    pub call: CallId,
    /// The calling number.
    pub from: String,
    /// Since when.
    pub since: Timestamp,
}

/// What a queue counted since the server started. `entered` is the sum of all exits and of those who
/// wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueueTotals {
    /// Callers who began to wait.
    pub entered: u64,
    /// Callers an agent answered.
    pub answered: u64,
    /// Callers who hung up first.
    pub abandoned: u64,
    /// Callers who waited as long as the queue allows.
    pub timed_out: u64,
    /// Callers for whom there was no room.
    pub full: u64,
    /// Callers who left because nobody was logged in.
    pub no_agents: u64,
    /// Callers who were moved elsewhere.
    pub moved: u64,
    /// Sum of the waits of answered callers, in milliseconds.
    pub answered_wait_ms: u64,
    /// The longest wait of any caller who has left, in milliseconds.
    pub longest_wait_ms: u64,
}

impl QueueTotals {
    /// Callers who have left, by whichever way.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.answered + self.abandoned + self.timed_out + self.full + self.no_agents + self.moved
    }
}

/// A queue of callers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LiveQueue {
    waiting: Vec<WaitingCaller>,
    totals: QueueTotals,
}

impl LiveQueue {
    /// Who waits, the longest waiting first.
    #[must_use]
    pub fn waiting(&self) -> &[WaitingCaller] {
        &self.waiting
    }

    /// What was counted since the server started.
    #[must_use]
    pub fn totals(&self) -> &QueueTotals {
        &self.totals
    }

    /// The place of a caller, from 1.
    #[must_use]
    pub fn position(&self, call: CallId) -> Option<usize> {
        let at = self.waiting.iter().position(|caller| caller.call == call)?;
        Some(at + 1)
    }

    pub(super) fn enter(&mut self, caller: WaitingCaller) {
        self.totals.entered += 1;
        // Nearly always the newest; a clock that was set back must not reorder the rest.
        let at = self
            .waiting
            .partition_point(|other| other.since <= caller.since);
        self.waiting.insert(at, caller);
    }

    pub(super) fn leave(&mut self, call: CallId, exit: QueueExit, at: Timestamp) {
        let Some(index) = self.waiting.iter().position(|caller| caller.call == call) else {
            if exit == QueueExit::Full {
                // Turned away at the door: never waited, yet came.
                self.totals.entered += 1;
                self.totals.full += 1;
            }
            return;
        };
        let caller = self.waiting.remove(index);
        let waited = at.duration_since(caller.since).as_millis().max(0);
        let waited = u64::try_from(waited).unwrap_or(0);
        let totals = &mut self.totals;
        totals.longest_wait_ms = totals.longest_wait_ms.max(waited);
        match exit {
            QueueExit::Answered => {
                totals.answered += 1;
                totals.answered_wait_ms += waited;
            }
            QueueExit::Abandoned => totals.abandoned += 1,
            QueueExit::TimedOut => totals.timed_out += 1,
            QueueExit::Full => totals.full += 1,
            QueueExit::NoAgents => totals.no_agents += 1,
            QueueExit::Moved => totals.moved += 1,
        }
    }
}
