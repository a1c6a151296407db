//! What was counted since the server started, for metrics.

use std::collections::BTreeMap;

use crate::cause::HangupCause;
use crate::event::EventKind;

/// Counters that only grow.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Events by their kind.
    pub events: BTreeMap<&'static str, u64>,
    /// Calls that ended, by cause.
    pub calls_ended: BTreeMap<HangupCause, u64>,
}

impl Totals {
    /// How many events of this kind there were, by [`EventKind::name`].
    #[must_use]
    pub fn of(&self, kind: &str) -> u64 {
        self.events.get(kind).copied().unwrap_or(0)
    }

    pub(super) fn count(&mut self, kind: &EventKind) {
        *self.events.entry(kind.name()).or_default() += 1;
        if let EventKind::CallEnded { cause, .. } = kind {
            *self.calls_ended.entry(*cause).or_default() += 1;
        }
    }
}
