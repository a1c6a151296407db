//! How many calls a second a trunk takes.

use std::time::{Duration, Instant};

/// Counts calls against a rate: as many as the rate allows may come at once, then one for each part
/// of a second. It is the generic cell rate algorithm, so it keeps one point in time and no history.
#[derive(Debug, Clone, Copy, Default)]
pub struct CallRate {
    /// When the calls counted so far would be over if they came evenly.
    until: Option<Instant>,
}

impl CallRate {
    /// Whether one more call fits now into `per_second`; 0 is no limit.
    ///
    /// # Errors
    /// How long it takes until one fits.
    pub fn check(&self, now: Instant, per_second: u32) -> Result<(), Duration> {
        let Some(gap) = gap(per_second) else {
            return Ok(());
        };
        let ahead = self
            .until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        let room = Duration::from_secs(1).saturating_sub(gap);
        match ahead.checked_sub(room) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => Ok(()),
        }
    }

    /// Counts a call, whether it fits or not.
    pub fn count(&mut self, now: Instant, per_second: u32) {
        if let Some(gap) = gap(per_second) {
            let from = self.until.map_or(now, |until| until.max(now));
            // Calls beyond the rate are not held against the trunk for ever.
            self.until = Some((from + gap).min(now + Duration::from_secs(10)));
        }
    }
}

fn gap(per_second: u32) -> Option<Duration> {
    (per_second > 0).then(|| Duration::from_secs(1) / per_second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_time::epoch;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn as_many_calls_as_the_rate_come_at_once_and_then_one_after_the_other() {
        let (start, mut rate) = (epoch(), CallRate::default());
        for _ in 0..4 {
            assert_eq!(rate.check(start, 4), Ok(()));
            rate.count(start, 4);
        }
        assert_eq!(rate.check(start, 4), Err(millis(250)));
        assert_eq!(rate.check(start + millis(249), 4), Err(millis(1)));
        assert_eq!(rate.check(start + millis(250), 4), Ok(()));
        rate.count(start + millis(250), 4);
        assert_eq!(rate.check(start + millis(250), 4), Err(millis(250)));
        assert_eq!(rate.check(start + millis(5000), 4), Ok(()));
    }

    #[test]
    fn without_a_rate_every_call_fits() {
        let (start, mut rate) = (epoch(), CallRate::default());
        for _ in 0..100 {
            rate.count(start, 0);
            assert_eq!(rate.check(start, 0), Ok(()));
        }
    }

    #[test]
    fn over_ten_seconds_no_more_calls_fit_than_the_rate_allows() {
        let (start, mut rate) = (epoch(), CallRate::default());
        let taken = (0..10_000)
            .filter(|at| {
                let now = start + millis(*at);
                let fits = rate.check(now, 7).is_ok();
                if fits {
                    rate.count(now, 7);
                }
                fits
            })
            .count();
        assert!((70..=77).contains(&taken), "{taken}");
    }
}
