//! When to report: randomised, so that the reports of many legs do not come together
//! (RFC 3550 section 6.3; with two members per stream there is nothing to scale).

use std::time::Duration;

/// The wait before a report: between 0.5 and 1.5 times `mean`, by the random bits given.
#[must_use]
pub fn next_report(mean: Duration, random: u32) -> Duration {
    mean / 2 + mean.mul_f64(f64::from(random) / f64::from(u32::MAX))
}

/// The wait before the first report: half of an ordinary one.
#[must_use]
pub fn first_report(mean: Duration, random: u32) -> Duration {
    next_report(mean, random) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_spread_around_the_mean() {
        let mean = Duration::from_secs(5);
        assert_eq!(next_report(mean, 0), mean / 2);
        assert_eq!(next_report(mean, u32::MAX), mean * 3 / 2);
        assert_eq!(first_report(mean, u32::MAX), mean * 3 / 4);
    }
}
