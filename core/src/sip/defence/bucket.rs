//! A token bucket.

use std::time::Instant;

use crate::config::Rate;

/// Tokens are counted in parts of a minute's milliseconds, so that any rate per minute is exact.
const TOKEN: u64 = 60_000;

/// Lets so much through at once, and so much in the long run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Bucket {
    /// What is used up and has not come back; 0 is a full bucket.
    used: u64,
    at: Option<Instant>,
}

impl Bucket {
    /// Takes a token; false when there is none.
    pub(super) fn take(&mut self, now: Instant, rate: Rate, factor: u32) -> bool {
        let factor = u64::from(factor);
        let room = u64::from(rate.burst) * factor * TOKEN;
        let since = self.at.map_or(0, |at| {
            u64::try_from(now.saturating_duration_since(at).as_millis()).unwrap_or(u64::MAX)
        });
        let back = since.saturating_mul(u64::from(rate.per_minute) * factor);
        self.used = self.used.saturating_sub(back);
        // Parts of a millisecond would be lost if the time were noted without one having passed.
        if since > 0 || self.at.is_none() {
            self.at = Some(now);
        }
        if self.used + TOKEN > room {
            return false;
        }
        self.used += TOKEN;
        true
    }
}
