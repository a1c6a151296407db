//! The only place that reads the clock, and the one pending wake-up an actor keeps.
//!
//! Both follow tokio's clock, so a test with a paused clock steers machines, alarms and time-outs
//! together.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use ractor::concurrency::JoinHandle;
use ractor::{ActorRef, Message, MessagingErr};

/// The monotonic time that machines are told.
#[must_use]
pub fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The time of day, for events, records and logs. Never for deadlines: it may jump.
#[must_use]
#[expect(
    clippy::disallowed_methods,
    reason = "the one reading of the wall clock; everything else calls this"
)]
pub fn wall() -> Timestamp {
    Timestamp::now()
}

/// The time of day at which `instant` was or will be, as far as the clocks agree.
#[must_use]
pub fn wall_at(instant: Instant) -> Timestamp {
    let (now, wall) = (now(), wall());
    let there = if instant <= now {
        wall.checked_sub(now - instant)
    } else {
        wall.checked_add(instant - now)
    };
    there.unwrap_or(wall)
}

/// `at`, moved to the end of its step in a row of steps from `base`.
///
/// Most deadlines are seconds and need no precision, but each is another moment: a call leaves half
/// a dozen transactions to be forgotten. Rounded, what falls into one step costs one wake-up.
#[must_use]
pub fn rounded(at: Instant, base: Instant, step: Duration) -> Instant {
    let since = at.saturating_duration_since(base).as_nanos();
    let past = since % step.as_nanos().max(1);
    let Ok(past) = u64::try_from(past) else {
        return at;
    };
    if past == 0 {
        at
    } else {
        at + (step - Duration::from_nanos(past))
    }
}

/// An actor's one pending wake-up. Dropping it forgets the wake-up.
#[derive(Debug)]
pub struct Alarm<M: Message> {
    pending: Option<Pending<M>>,
}

#[derive(Debug)]
struct Pending<M: Message> {
    at: Instant,
    task: JoinHandle<Result<(), MessagingErr<M>>>,
}

impl<M: Message> Default for Alarm<M> {
    fn default() -> Self {
        Self { pending: None }
    }
}

impl<M: Message> Alarm<M> {
    /// Makes `me` receive `wake()` at `at`; `None` forgets the wake-up. Called after every message
    /// with the machine's `poll_timeout`.
    ///
    /// A pending wake-up that comes earlier than `at` is kept: the machine then finds nothing due
    /// and the alarm is set anew. That spares a timer per message where deadlines only move away,
    /// as SIP's and RTP's do.
    pub fn rearm(
        &mut self,
        me: &ActorRef<M>,
        at: Option<Instant>,
        wake: impl FnOnce() -> M + Send + 'static,
    ) {
        let Some(at) = at else {
            self.forget();
            return;
        };
        if let Some(pending) = &self.pending
            && pending.at <= at
            // One that is due has woken us, or is about to on another thread.
            && pending.at > now()
        {
            return;
        }
        self.forget();
        let task = me.send_after(at.saturating_duration_since(now()), wake);
        self.pending = Some(Pending { at, task });
    }

    fn forget(&mut self) {
        if let Some(pending) = self.pending.take() {
            pending.task.abort();
        }
    }
}

impl<M: Message> Drop for Alarm<M> {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use ractor::{Actor, ActorProcessingErr};
    use tokio::sync::mpsc;

    use super::*;

    struct Sleeper;

    enum Order {
        Arm(Option<Duration>),
        Wake,
    }

    impl Actor for Sleeper {
        type Msg = Order;
        type State = (Alarm<Order>, mpsc::UnboundedSender<Instant>);
        type Arguments = mpsc::UnboundedSender<Instant>;

        async fn pre_start(
            &self,
            _: ActorRef<Order>,
            woken: Self::Arguments,
        ) -> Result<Self::State, ActorProcessingErr> {
            Ok((Alarm::default(), woken))
        }

        async fn handle(
            &self,
            me: ActorRef<Order>,
            order: Order,
            (alarm, woken): &mut Self::State,
        ) -> Result<(), ActorProcessingErr> {
            match order {
                Order::Arm(after) => {
                    alarm.rearm(&me, after.map(|after| now() + after), || Order::Wake);
                }
                Order::Wake => woken.send(now())?,
            }
            Ok(())
        }
    }

    #[test]
    fn deadlines_of_one_step_are_rounded_to_one_moment() {
        let (base, step) = (now(), Duration::from_millis(20));
        let at = |ms| base + Duration::from_millis(ms);
        assert_eq!(rounded(at(0), base, step), at(0));
        assert_eq!(rounded(at(1), base, step), at(20));
        assert_eq!(rounded(at(20), base, step), at(20));
        assert_eq!(rounded(at(32_015), base, step), at(32_020));
        assert_eq!(rounded(base, at(5), step), base, "what is past is due");
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_an_hour_away_fires_when_the_clock_gets_there() {
        let (woken, mut wakes) = mpsc::unbounded_channel();
        let (sleeper, _) = Actor::spawn(None, Sleeper, woken).await.unwrap();
        let start = now();
        sleeper
            .cast(Order::Arm(Some(Duration::from_secs(3600))))
            .unwrap();
        let at = wakes.recv().await.unwrap();
        assert!(at - start >= Duration::from_secs(3600));
        assert!(at - start < Duration::from_secs(3601));
        sleeper.stop(None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_forgotten_alarm_never_fires_and_an_earlier_one_replaces_a_later() {
        let (woken, mut wakes) = mpsc::unbounded_channel();
        let (sleeper, _) = Actor::spawn(None, Sleeper, woken).await.unwrap();
        sleeper
            .cast(Order::Arm(Some(Duration::from_secs(5))))
            .unwrap();
        sleeper.cast(Order::Arm(None)).unwrap();
        let silence = tokio::time::timeout(Duration::from_secs(60), wakes.recv()).await;
        assert!(silence.is_err());
        let start = now();
        sleeper
            .cast(Order::Arm(Some(Duration::from_secs(50))))
            .unwrap();
        sleeper
            .cast(Order::Arm(Some(Duration::from_secs(2))))
            .unwrap();
        let at = wakes.recv().await.unwrap();
        assert!(at - start < Duration::from_secs(3));
        sleeper.stop(None);
    }
}
