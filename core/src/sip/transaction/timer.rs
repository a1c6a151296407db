//! Timer values (RFC 3261 table 4, RFC 6026 section 8) and the back-off all retransmissions share.

use std::time::{Duration, Instant};

/// The round-trip estimate: 500 ms.
pub const T1: Duration = Duration::from_millis(500);
/// The longest gap between retransmissions of anything but a client's INVITE: 4 s.
pub const T2: Duration = Duration::from_secs(4);
/// How long a message may live in the network: 5 s.
pub const T4: Duration = Duration::from_secs(5);
/// 64 × T1, 32 s: timers B, D, F, H, J, L and M, and how long a 2xx waits for its ACK.
pub const TIMEOUT: Duration = Duration::from_secs(32);
/// How long the user of a server INVITE transaction may think before 100 goes out by itself.
pub const TRYING: Duration = Duration::from_millis(200);
/// How long an INVITE transaction may stay unanswered. RFC 3261 has no such limit for user agents;
/// this one exists so that a transaction nobody cares for any more cannot stay for ever.
pub const UNANSWERED: Duration = Duration::from_secs(3600);

/// When to send again, doubling from [`T1`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Backoff {
    interval: Duration,
    cap: Duration,
    next: Option<Instant>,
}

impl Backoff {
    /// First due [`T1`] after `now`, then doubling up to `cap`.
    pub(crate) fn start(now: Instant, cap: Duration) -> Self {
        Self {
            interval: T1,
            cap,
            next: Some(now + T1),
        }
    }

    /// Never due.
    pub(crate) fn off() -> Self {
        Self {
            interval: T1,
            cap: T2,
            next: None,
        }
    }

    /// Stops for good.
    pub(crate) fn stop(&mut self) {
        self.next = None;
    }

    /// From the next time on, waits `cap` each time (timer E in Proceeding).
    pub(crate) fn slow_down(&mut self) {
        self.interval = self.cap;
    }

    /// When it is due.
    pub(crate) fn due_at(&self) -> Option<Instant> {
        self.next
    }

    /// True once per interval that has run out; sets the next one.
    pub(crate) fn fire(&mut self, now: Instant) -> bool {
        if self.next.is_none_or(|at| at > now) {
            return false;
        }
        self.interval = (self.interval * 2).min(self.cap);
        self.next = Some(now + self.interval);
        true
    }
}

/// The earlier of two deadlines.
pub(crate) fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
