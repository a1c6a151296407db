//! How often a child may fall before its supervisor stops putting it back at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A limit on falls: at most so many within a sliding stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RestartLimit {
    /// Falls that are forgiven.
    pub falls: usize,
    /// The stretch of time they are counted in.
    pub within: Duration,
}

/// What to do about a fall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Start the child again.
    Restart,
    /// It has fallen too often: end or postpone what it did, by the supervisor's own rule.
    GiveUp,
}

/// The recent falls of one child.
#[derive(Debug, Clone)]
pub struct Falls {
    limit: RestartLimit,
    recent: VecDeque<Instant>,
}

impl Falls {
    /// No falls yet.
    #[must_use]
    pub fn new(limit: RestartLimit) -> Self {
        Self {
            limit,
            recent: VecDeque::new(),
        }
    }

    /// Counts a fall at `now` and says what to do about it. The fall that exceeds the limit gives
    /// up; older falls than the limit's stretch are forgotten.
    #[must_use]
    pub fn record(&mut self, now: Instant) -> Verdict {
        self.recent.push_back(now);
        while let Some(&oldest) = self.recent.front()
            && now.saturating_duration_since(oldest) >= self.limit.within
        {
            self.recent.pop_front();
        }
        if self.recent.len() > self.limit.falls {
            Verdict::GiveUp
        } else {
            Verdict::Restart
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm;

    const ONCE_IN_TEN_SECONDS: RestartLimit = RestartLimit {
        falls: 1,
        within: Duration::from_secs(10),
    };

    #[test]
    fn the_second_fall_within_ten_seconds_gives_up() {
        let start = alarm::now();
        let mut falls = Falls::new(ONCE_IN_TEN_SECONDS);
        assert_eq!(falls.record(start), Verdict::Restart);
        assert_eq!(
            falls.record(start + Duration::from_secs(9)),
            Verdict::GiveUp
        );
    }

    #[test]
    fn a_fall_long_ago_is_forgiven() {
        let start = alarm::now();
        let mut falls = Falls::new(ONCE_IN_TEN_SECONDS);
        assert_eq!(falls.record(start), Verdict::Restart);
        assert_eq!(
            falls.record(start + Duration::from_secs(10)),
            Verdict::Restart
        );
    }
}
