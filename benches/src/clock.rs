//! Time as the kernel stamps packets: nanoseconds since 1970.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Nanoseconds since 1970, or a number of nanoseconds.
pub type Nanos = u64;

/// A millisecond.
pub const MS: Nanos = 1_000_000;
/// A second.
pub const SECOND: Nanos = 1_000_000_000;

/// The time now, by the clock of the kernel's packet time stamps.
#[expect(
    clippy::disallowed_methods,
    reason = "a load generator lives in real time, and compares with the kernel's stamps"
)]
pub fn now() -> Nanos {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    nanos(since.unwrap_or_default())
}

/// Waits.
#[expect(
    clippy::disallowed_methods,
    reason = "load is paced in real time; nothing is tested here"
)]
pub fn pause(length: Nanos) {
    std::thread::sleep(Duration::from_nanos(length));
}

/// A duration in nanoseconds.
pub fn nanos(duration: Duration) -> Nanos {
    Nanos::try_from(duration.as_nanos()).unwrap_or(Nanos::MAX)
}

/// As milliseconds, for people.
pub fn ms(nanos: Nanos) -> f64 {
    nanos as f64 / MS as f64
}

/// In seconds.
pub fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

/// From seconds; nothing below zero.
pub fn from_seconds(seconds: f64) -> Nanos {
    nanos(Duration::try_from_secs_f64(seconds).unwrap_or_default())
}
