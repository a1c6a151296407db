//! How often one source may fail to log in.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Sources remembered at most; above it the oldest windows are forgotten. An attacker with more
/// addresses than that is not stopped by counting.
const MAX_SOURCES: usize = 10_000;

/// Counts failed logins per source in windows of a fixed length.
#[derive(Debug)]
pub struct FailureLimiter {
    most: u32,
    window: Duration,
    sources: Mutex<HashMap<IpAddr, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    since: Instant,
    failures: u32,
}

impl FailureLimiter {
    /// Allows `most` failures per source and `window`.
    #[must_use]
    pub fn new(most: u32, window: Duration) -> Self {
        Self {
            most,
            window,
            sources: Mutex::new(HashMap::new()),
        }
    }

    /// How long this source has to wait before it may try again; none if it may now.
    #[must_use]
    pub fn blocked(&self, now: Instant, source: IpAddr) -> Option<Duration> {
        let sources = self.sources.lock();
        let window = sources.get(&network(source))?;
        let left = (window.since + self.window).checked_duration_since(now)?;
        (window.failures >= self.most && !left.is_zero()).then_some(left)
    }

    /// Notes a failure.
    pub fn failed(&self, now: Instant, source: IpAddr) {
        let mut sources = self.sources.lock();
        if sources.len() >= MAX_SOURCES {
            self.forget_some(&mut sources, now);
        }
        let window = sources.entry(network(source)).or_insert(Window {
            since: now,
            failures: 0,
        });
        if now.saturating_duration_since(window.since) >= self.window {
            *window = Window {
                since: now,
                failures: 0,
            };
        }
        window.failures = window.failures.saturating_add(1);
    }

    fn forget_some(&self, sources: &mut HashMap<IpAddr, Window>, now: Instant) {
        sources.retain(|_, window| now.saturating_duration_since(window.since) < self.window);
        if sources.len() >= MAX_SOURCES {
            let oldest = sources.iter().min_by_key(|(_, window)| window.since);
            if let Some(oldest) = oldest.map(|(source, _)| *source) {
                sources.remove(&oldest);
            }
        }
    }
}

/// An IPv6 customer has at least a /64 to choose addresses from.
fn network(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6((address.to_bits() >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_that_fails_too_often_waits_until_its_window_is_over() {
        let limiter = FailureLimiter::new(3, Duration::from_secs(60));
        let (now, source) = (offhook_actors::alarm::now(), "192.0.2.1".parse().unwrap());
        for _ in 0..2 {
            limiter.failed(now, source);
        }
        assert_eq!(limiter.blocked(now, source), None);
        limiter.failed(now, source);
        assert_eq!(limiter.blocked(now, source), Some(Duration::from_secs(60)));
        let other = "192.0.2.2".parse().unwrap();
        assert_eq!(limiter.blocked(now, other), None);
        let later = now + Duration::from_secs(60);
        assert_eq!(limiter.blocked(later, source), None);
        limiter.failed(later, source);
        assert_eq!(limiter.blocked(later, source), None);
    }

    #[test]
    fn neighbours_in_one_ipv6_network_count_as_one() {
        let limiter = FailureLimiter::new(1, Duration::from_secs(60));
        let now = offhook_actors::alarm::now();
        limiter.failed(now, "2001:db8::1".parse().unwrap());
        assert!(
            limiter
                .blocked(now, "2001:db8::2".parse().unwrap())
                .is_some()
        );
        assert!(
            limiter
                .blocked(now, "2001:db8:0:1::1".parse().unwrap())
                .is_none()
        );
    }

    #[test]
    fn a_flood_of_sources_does_not_grow_memory() {
        let limiter = FailureLimiter::new(3, Duration::from_secs(60));
        let now = offhook_actors::alarm::now();
        for address in 0..20_000u32 {
            limiter.failed(now, IpAddr::V4(address.into()));
        }
        assert!(limiter.sources.lock().len() <= MAX_SOURCES);
    }
}
