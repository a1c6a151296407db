//! The event bus: every event passes here once, in order.

use std::collections::VecDeque;
use std::sync::Arc;

use jiff::{Timestamp, Unit};
use offhook_core::live::LiveView;
use offhook_core::{Event, EventKind};
use parking_lot::Mutex;
use tokio::sync::broadcast;

use crate::alarm;
use crate::store::Store;
use crate::store::journal::Journal;

/// How many events a subscriber may be behind before it loses the oldest.
const BACKLOG: usize = 8192;

/// How many events are remembered for followers that were away for a moment: some seconds of the
/// busiest hour, at about half a kilobyte each.
const REMEMBERED: usize = 4096;

/// Where events are published and followed, and the view they come to. Clones share it.
///
/// Publishing is synchronous and takes microseconds, so that an actor's next step sees its own event
/// in the view. Nothing is waited for while the lock is held.
#[derive(Debug, Clone)]
pub struct Live(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    state: Mutex<State>,
    subscribers: broadcast::Sender<Arc<Event>>,
    journal: Option<Journal>,
}

#[derive(Debug)]
struct State {
    next_seq: u64,
    view: LiveView,
    recent: VecDeque<Arc<Event>>,
}

impl Live {
    /// A bus whose events go to the store's journal.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self::with(store.journal().cloned(), store.first_seq())
    }

    /// A bus whose events are kept nowhere; for tests of actors.
    #[must_use]
    pub fn detached() -> Self {
        Self::with(None, 1)
    }

    fn with(journal: Option<Journal>, next_seq: u64) -> Self {
        Self(Arc::new(Inner {
            state: Mutex::new(State {
                next_seq,
                view: LiveView::new(),
                recent: VecDeque::new(),
            }),
            subscribers: broadcast::Sender::new(BACKLOG),
            journal,
        }))
    }

    /// Publishes what happened: stamps it, folds it into the view, hands it to the journal and to
    /// all subscribers.
    #[expect(
        clippy::must_use_candidate,
        reason = "most publishers do not need the stamped event"
    )]
    pub fn publish(&self, kind: EventKind) -> Arc<Event> {
        let mut state = self.0.state.lock();
        let event = Arc::new(Event {
            seq: state.next_seq,
            at: stamp(),
            kind,
        });
        state.next_seq += 1;
        state.view.apply(&event);
        if state.recent.len() == REMEMBERED {
            state.recent.pop_front();
        }
        state.recent.push_back(Arc::clone(&event));
        // Under the lock, so that journal and subscribers see the order of the positions.
        if let Some(journal) = &self.0.journal {
            journal.append(Arc::clone(&event));
        }
        // Fails only while nobody listens.
        self.0.subscribers.send(Arc::clone(&event)).ok();
        event
    }

    /// Everything published from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        Subscription(self.0.subscribers.subscribe())
    }

    /// Everything published from now on, and what `read` makes of the view as it is right before
    /// the first of those.
    pub fn subscribe_with<R>(&self, read: impl FnOnce(&LiveView) -> R) -> (R, Subscription) {
        let state = self.0.state.lock();
        let subscription = self.subscribe();
        (read(&state.view), subscription)
    }

    /// As [`subscribe_with`](Self::subscribe_with), and the events after the position `since` that
    /// are still remembered. If the first of them is not `since + 1`, those between are forgotten.
    pub fn subscribe_after<R>(
        &self,
        since: Option<u64>,
        read: impl FnOnce(&LiveView) -> R,
    ) -> (R, VecDeque<Arc<Event>>, Subscription) {
        let state = self.0.state.lock();
        let subscription = self.subscribe();
        let missed = since.map_or_else(VecDeque::new, |since| {
            let after = state.recent.partition_point(|event| event.seq <= since);
            state.recent.range(after..).cloned().collect()
        });
        (read(&state.view), missed, subscription)
    }

    /// Reads the view. Publishing waits meanwhile, so copy what is needed and leave.
    pub fn view<R>(&self, read: impl FnOnce(&LiveView) -> R) -> R {
        read(&self.0.state.lock().view)
    }

    /// How many follow the events.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.0.subscribers.receiver_count()
    }
}

/// The time of day in whole microseconds, which is what the database keeps: an event read back
/// equals the one published.
fn stamp() -> Timestamp {
    let now = alarm::wall();
    now.round(Unit::Microsecond).unwrap_or(now)
}

/// What a subscriber gets.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// The next event.
    Event(Arc<Event>),
    /// The subscriber was too slow and lost so many events; what follows is current.
    Lagged(u64),
}

/// A place at the event bus.
#[derive(Debug)]
pub struct Subscription(broadcast::Receiver<Arc<Event>>);

impl Subscription {
    /// The next delivery; none when the bus is gone. Cancel-safe.
    pub async fn next(&mut self) -> Option<Delivery> {
        match self.0.recv().await {
            Ok(event) => Some(Delivery::Event(event)),
            Err(broadcast::error::RecvError::Lagged(lost)) => Some(Delivery::Lagged(lost)),
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

#[cfg(test)]
mod tests;
