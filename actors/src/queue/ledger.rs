//! What a queue has begun and not ended, kept outside the queue's actor so that it survives it.
//!
//! The ledger follows the inputs a queue machine is given and the effects it asks for. A machine
//! that starts with the ledger of its predecessor ends everything the predecessor began, each thing
//! once: no caller is counted twice, no agent stays promised.

use std::collections::BTreeMap;
use std::time::Instant;

use offhook_core::event::EventKind;
use offhook_core::id::{AgentId, AttemptId, CallId};

use super::message::{CallToQueue, QueueEffect, QueueInput};

/// The open callers and attempts of one queue.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    pub(super) callers: BTreeMap<CallId, OpenCaller>,
    pub(super) attempts: BTreeMap<AttemptId, OpenAttempt>,
    pub(super) arrivals: u64,
}

/// A caller who came and has not left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenCaller {
    pub(super) since: Instant,
    /// How many came before; settles the order of those with the same `since`.
    pub(super) arrival: u64,
    /// Whether `CallQueued` was published.
    pub(super) queued: bool,
}

/// An attempt that was published as started and not as ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpenAttempt {
    pub(super) call: CallId,
    pub(super) agent: AgentId,
}

impl Ledger {
    /// Called before the machine handles `input`, so that a caller whose arrival makes the machine
    /// fail is not forgotten.
    pub fn note_input(&mut self, input: &QueueInput) {
        if let QueueInput::FromCall(CallToQueue::Enqueue { call, since }) = input {
            let arrival = self.arrivals;
            self.callers.entry(*call).or_insert(OpenCaller {
                since: *since,
                arrival,
                queued: false,
            });
            self.arrivals += 1;
        }
    }

    /// Called with each effect the machine asks for, before it is performed.
    pub fn note_effect(&mut self, effect: &QueueEffect) {
        let QueueEffect::Publish(kind) = effect else {
            return;
        };
        if let EventKind::CallQueued { call, .. } = kind {
            if let Some(caller) = self.callers.get_mut(call) {
                caller.queued = true;
            }
        } else if let EventKind::CallDequeued { call, .. } = kind {
            self.callers.remove(call);
        } else if let EventKind::AttemptStarted {
            attempt,
            call,
            agent,
            ..
        } = *kind
        {
            self.attempts.insert(attempt, OpenAttempt { call, agent });
        } else if let EventKind::AttemptEnded { attempt, .. } = kind {
            self.attempts.remove(attempt);
        }
    }

    /// Whether nothing is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.callers.is_empty() && self.attempts.is_empty()
    }
}
