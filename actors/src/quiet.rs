//! Waiting until nothing goes on any more.

use std::time::{Duration, Instant};

use crate::alarm::now;
use crate::live::Subscription;

/// How long nobody looks without an event. What ends counts as over a moment after that was
/// published, and the event may be the last one.
const LOOK: Duration = Duration::from_millis(100);

/// Waits until `is_quiet`, or until `deadline`. It is asked again after each event and now and then.
pub(crate) async fn until_quiet(
    mut events: Subscription,
    deadline: Instant,
    is_quiet: impl Fn() -> bool,
) {
    while !is_quiet() && now() < deadline {
        let look = tokio::time::Instant::from_std(deadline.min(now() + LOOK));
        let event = tokio::time::timeout_at(look, events.next()).await;
        if matches!(event, Ok(None)) {
            tokio::time::sleep_until(look).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::Live;

    const LIMIT: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn what_is_over_after_the_last_event_is_noticed() {
        let (live, start) = (Live::detached(), now());
        let over = start + Duration::from_secs(2);
        until_quiet(live.subscribe(), start + LIMIT, || now() >= over).await;
        assert!(now() - over < Duration::from_secs(1), "{:?}", now() - start);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_allowed() {
        let (live, start) = (Live::detached(), now());
        until_quiet(live.subscribe(), start + LIMIT, || false).await;
        assert!((now() - start).abs_diff(LIMIT) < Duration::from_millis(10));
    }
}
