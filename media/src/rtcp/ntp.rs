//! Wall-clock time as RTCP carries it (RFC 3550 section 4).

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds from 1900, when NTP's time begins, to 1970.
const UNIX_OFFSET: u64 = 2_208_988_800;

/// Seconds since 1900 as a fixed-point number, 32 bits before and after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NtpTime(pub u64);

impl NtpTime {
    /// The middle 32 bits, in 1/65 536 s: what reports refer to.
    #[must_use]
    #[expect(clippy::cast_possible_truncation, reason = "the middle is meant")]
    pub fn middle(self) -> u32 {
        (self.0 >> 16) as u32
    }
}

/// A wall clock that follows from one reading and the monotonic clock.
#[derive(Debug, Clone, Copy)]
pub struct NtpClock {
    at: Instant,
    time: u64,
}

impl NtpClock {
    /// A clock that read `wall` at `now`.
    #[must_use]
    pub fn new(now: Instant, wall: SystemTime) -> Self {
        let since = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            at: now,
            time: fixed(since + Duration::from_secs(UNIX_OFFSET)),
        }
    }

    /// The time at `now`.
    #[must_use]
    pub fn time(&self, now: Instant) -> NtpTime {
        let passed = now.saturating_duration_since(self.at);
        NtpTime(self.time.wrapping_add(fixed(passed)))
    }
}

fn fixed(duration: Duration) -> u64 {
    let fraction = (u64::from(duration.subsec_nanos()) << 32) / 1_000_000_000;
    (duration.as_secs() << 32) | fraction
}

/// A duration in 1/65 536 s, as the delay fields count; at most about 18 hours.
#[must_use]
pub(crate) fn short(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros() * 65_536 / 1_000_000).unwrap_or(u32::MAX)
}

/// The duration of so many 1/65 536 s.
#[must_use]
pub(crate) fn long(short: u32) -> Duration {
    Duration::from_micros(u64::from(short) * 1_000_000 / 65_536)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_time::epoch;

    #[test]
    fn the_middle_bits_count_65536ths_of_a_second() {
        let wall = UNIX_EPOCH + Duration::from_secs(1_000);
        let clock = NtpClock::new(epoch(), wall);
        let (one, two) = (
            clock.time(epoch()).middle(),
            clock.time(epoch() + Duration::from_millis(1500)).middle(),
        );
        assert_eq!(two.wrapping_sub(one), 65_536 * 3 / 2);
        assert_eq!(clock.time(epoch()).0 >> 32, 1_000 + UNIX_OFFSET);
        assert_eq!(long(short(Duration::from_secs(3))), Duration::from_secs(3));
    }
}
