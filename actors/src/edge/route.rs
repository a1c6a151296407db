//! The targets a request may be sent to, one after the other.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use offhook_core::sip::locate::Target;

/// How long targets are tried: as long as a transaction may live (64 × T1).
const LIFE: Duration = Duration::from_secs(32);

/// Where a request goes, and where else it could.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    current: Option<Target>,
    rest: VecDeque<Target>,
    /// How many there were in the beginning.
    choice: usize,
    until: Instant,
}

impl Route {
    /// A request whose targets are not known yet, or that has only one way.
    pub(crate) fn begin(now: Instant) -> Self {
        Self {
            current: None,
            rest: VecDeque::new(),
            choice: 0,
            until: now + LIFE,
        }
    }

    /// The targets are known, best first.
    pub(crate) fn found(&mut self, targets: Vec<Target>) {
        self.choice = targets.len();
        self.rest = targets.into();
    }

    /// Goes on to the next target.
    pub(crate) fn advance(&mut self, now: Instant) -> Option<Target> {
        if now >= self.until {
            self.rest.clear();
        }
        self.current = self.rest.pop_front();
        self.current.clone()
    }

    /// Where it goes now.
    pub(crate) fn current(&self) -> Option<&Target> {
        self.current.as_ref()
    }

    /// Whether there is another target.
    pub(crate) fn has_more(&self) -> bool {
        !self.rest.is_empty()
    }

    /// Whether there were several targets, so that it matters how each of them does.
    pub(crate) fn had_choice(&self) -> bool {
        self.choice > 1
    }

    /// It goes nowhere else.
    pub(crate) fn stop(&mut self) {
        self.rest.clear();
    }
}
