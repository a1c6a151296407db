//! One open event stream, whatever it is sent by.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use offhook_actors::live::{Delivery, Subscription};
use offhook_core::Event;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Interval, MissedTickBehavior, interval_at};

use super::query::EventQuery;
use super::rights::Rights;
use crate::auth::Caller;
use crate::error::{ApiError, ApiResult};
use crate::state::AppState;

/// How often a quiet stream says that it is alive, and that its token is looked at again. Below the
/// minute after which proxies give up on silent connections.
const PING: Duration = Duration::from_secs(20);

/// One open event stream.
#[derive(Debug)]
pub(crate) struct Follower {
    state: AppState,
    caller: Caller,
    query: EventQuery,
    rights: Rights,
    missed: VecDeque<Arc<Event>>,
    /// Events asked for by `since` that are no longer remembered.
    forgotten: u64,
    subscription: Subscription,
    ping: Interval,
    ended: bool,
    _room: OwnedSemaphorePermit,
}

/// What a stream sends next.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Item {
    /// An event.
    Event(Arc<Event>),
    /// So many events were lost. The stream ends after it, unless they were lost before it began.
    Lost(u64),
    /// Nothing for a while.
    Ping,
    /// The token no longer works. The stream ends after it.
    TokenGone,
}

impl Follower {
    /// A follower that begins now, or after the event `since`.
    pub(crate) fn new(
        state: &AppState,
        caller: Caller,
        query: EventQuery,
        since: Option<u64>,
    ) -> ApiResult<Self> {
        let room = state
            .streams()
            .try_acquire_owned()
            .map_err(|_| ApiError::Busy("too many event streams are open"))?;
        let own = caller.own(&state.directory());
        let read = |view: &_| Rights::of(&caller, own, view);
        let (rights, missed, subscription) = state.live().subscribe_after(since, read);
        let forgotten = match (since, missed.front()) {
            (Some(since), Some(first)) => first.seq.saturating_sub(since + 1),
            _ => 0,
        };
        let mut ping = interval_at(tokio::time::Instant::now() + PING, PING);
        ping.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            state: state.clone(),
            caller,
            query,
            rights,
            missed,
            forgotten,
            subscription,
            ping,
            ended: false,
            _room: room,
        })
    }

    /// What to send next; none when the stream is over. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        if self.ended {
            return None;
        }
        if self.forgotten > 0 {
            return Some(Item::Lost(std::mem::take(&mut self.forgotten)));
        }
        while let Some(event) = self.missed.pop_front() {
            if self.wants(&event) {
                return Some(Item::Event(event));
            }
        }
        loop {
            let delivery = tokio::select! {
                delivery = self.subscription.next() => delivery,
                _ = self.ping.tick() => return Some(self.still_allowed().await),
            };
            match delivery {
                Some(Delivery::Event(event)) => {
                    if self.wants(&event) {
                        return Some(Item::Event(event));
                    }
                }
                Some(Delivery::Lagged(lost)) => {
                    self.ended = true;
                    return Some(Item::Lost(lost));
                }
                None => {
                    self.ended = true;
                    return None;
                }
            }
        }
    }

    fn wants(&mut self, event: &Event) -> bool {
        // Rights first: they have to see every event.
        self.rights.allow(event) && self.query.fits(event)
    }

    async fn still_allowed(&mut self) -> Item {
        let now = offhook_actors::alarm::wall();
        let expired = self.caller.token.expires_at.is_some_and(|end| end <= now);
        let known = self.state.store().tokens().get(self.caller.token.id).await;
        let revoked = matches!(
            known,
            Err(offhook_actors::store::StoreError::NotFound { .. })
        );
        if expired || revoked {
            self.ended = true;
            Item::TokenGone
        } else {
            Item::Ping
        }
    }
}
