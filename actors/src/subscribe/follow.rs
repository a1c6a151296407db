//! Follows the events, so that the lines are always as they are.

use std::sync::Arc;

use offhook_core::event::EventKind;
use ractor::ActorRef;
use tokio::task::AbortHandle;

use super::actor::SubscriptionsMessage;
use super::handle::{Mail, Shared};
use super::lines::Lines;
use crate::live::{Delivery, Subscription};

/// Tells the actor when following ends, however that comes about.
struct Guard(ActorRef<SubscriptionsMessage>);

impl Drop for Guard {
    fn drop(&mut self) {
        // An actor that is gone needs no telling.
        self.0.cast(SubscriptionsMessage::FollowerFell).ok();
    }
}

/// Begins to follow.
#[expect(
    clippy::disallowed_methods,
    reason = "keeps events out of the actor's mailbox, which has no bound; the actor aborts it"
)]
pub(super) fn follow(shared: &Arc<Shared>, actor: ActorRef<SubscriptionsMessage>) -> AbortHandle {
    let (mut turn, mut events) = catch_up(shared);
    let shared = Arc::clone(shared);
    let guard = Guard(actor);
    let follower = tokio::spawn(async move {
        while let Some(delivery) = events.next().await {
            match delivery {
                Delivery::Event(event) => take_in(&shared, turn, &guard.0, &event.kind),
                Delivery::Lagged(_) => {
                    (turn, events) = catch_up(&shared);
                    guard.0.cast(SubscriptionsMessage::OfficeChanged).ok();
                }
            }
        }
    });
    follower.abort_handle()
}

/// The lines as they are, and what comes after; with the number that says who may change them.
fn catch_up(shared: &Shared) -> (u64, Subscription) {
    let (lines, events) = shared.office.live.subscribe_with(Lines::of);
    let mut followed = shared.lines.lock();
    followed.turn += 1;
    followed.lines = lines;
    (followed.turn, events)
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "what is not named here says nothing about a watched extension but by its lines"
)]
fn take_in(shared: &Shared, turn: u64, actor: &ActorRef<SubscriptionsMessage>, kind: &EventKind) {
    match kind {
        EventKind::PhoneRegistered { extension, .. } => {
            shared.touch(extension);
            if shared.tells_unasked(extension) {
                shared.deliver(Mail::PhoneCame(extension.clone()));
            }
        }
        EventKind::PhoneUnregistered { extension, .. } => shared.touch(extension),
        EventKind::DirectoryChanged { .. } => {
            actor.cast(SubscriptionsMessage::OfficeChanged).ok();
        }
        other => {
            let changed = shared.lines.lock().apply(turn, other);
            for number in changed {
                shared.touch(&number);
            }
        }
    }
}

impl Shared {
    /// Whether the phones of an extension are told of messages without having asked.
    pub(super) fn tells_unasked(&self, number: &str) -> bool {
        if self.config.unsolicited_mwi {
            return true;
        }
        let directory = self.office.directory.load();
        let extension = directory.extension_numbered(number);
        extension.is_some_and(|known| self.desk.read().waiting_for(known.id).unsolicited)
    }
}
