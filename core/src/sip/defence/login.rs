//! Wrong passwords of one source.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// What was wrong with a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LoginFailure {
    /// Nobody has this name.
    UnknownUser,
    /// The password is another.
    WrongPassword,
    /// The proof is malformed, or for another request.
    BadProof,
    /// This name may not be tried from there for a while.
    Locked,
    /// The password is right, and the extension may not be used from that country.
    Country,
}

/// Names remembered of one source.
const NAMES: usize = 64;

/// Wrong passwords of one source, by the names they were for.
#[derive(Debug, Default)]
pub(super) struct Logins {
    names: Vec<Name>,
}

#[derive(Debug)]
struct Name {
    hash: u64,
    failures: u32,
    first: Instant,
    locked_until: Option<Instant>,
}

/// How often a source has failed within the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// For the name it has just tried.
    pub(super) for_name: u32,
    /// For all names.
    pub(super) total: u32,
    /// How many names.
    pub(super) names: u32,
}

impl Logins {
    /// Counts a failure for the name with this hash.
    pub(super) fn note(&mut self, now: Instant, hash: u64, window: Duration) -> Tally {
        self.forget(now, window);
        let at = match self.names.iter().position(|name| name.hash == hash) {
            Some(at) => at,
            None => self.add(now, hash),
        };
        self.names[at].failures = self.names[at].failures.saturating_add(1);
        let total: u64 = self.names.iter().map(|name| u64::from(name.failures)).sum();
        Tally {
            for_name: self.names[at].failures,
            total: u32::try_from(total).unwrap_or(u32::MAX),
            names: u32::try_from(self.names.len()).unwrap_or(u32::MAX),
        }
    }

    fn add(&mut self, now: Instant, hash: u64) -> usize {
        if self.names.len() >= NAMES {
            self.names.remove(0);
        }
        self.names.push(Name {
            hash,
            failures: 0,
            first: now,
            locked_until: None,
        });
        self.names.len() - 1
    }

    /// The name may not be tried before `until`.
    pub(super) fn lock(&mut self, hash: u64, until: Instant) {
        if let Some(name) = self.names.iter_mut().find(|name| name.hash == hash) {
            name.locked_until = Some(until);
        }
    }

    pub(super) fn is_locked(&self, now: Instant, hash: u64) -> bool {
        let name = self.names.iter().find(|name| name.hash == hash);
        name.is_some_and(|name| name.locked_until.is_some_and(|until| now < until))
    }

    /// The password for this name was right: what was wrong before was a slip.
    pub(super) fn clear(&mut self, hash: u64) {
        self.names.retain(|name| name.hash != hash);
    }

    fn forget(&mut self, now: Instant, window: Duration) {
        self.names.retain(|name| match name.locked_until {
            Some(until) => now < until,
            None => now.saturating_duration_since(name.first) < window,
        });
    }
}
