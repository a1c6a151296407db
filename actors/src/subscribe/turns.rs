//! What the actor does in one turn: a part of what there is to do, so that calls on the same thread do
//! not wait for thousands of subscriptions.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use offhook_core::directory::Directory;
use offhook_core::sip::subscription::EndReason;

use super::actor::SubscriptionsMessage;
use super::book::Watched;
use super::handle::Shared;
use crate::alarm;

/// Subscriptions looked at before others on this thread have their turn.
const AT_ONCE: usize = 100;

/// States of extensions described before others have their turn; one list may be more.
const DOCUMENTS: usize = 100;

/// Requests and answers worked on before others have their turn.
const MAIL: usize = 32;

/// Subscriptions that may learn of news before others have their turn; one extension may be watched
/// by more.
const MARKS: usize = 5_000;

/// Each answers the message that does the next part, if there is one.
impl Shared {
    pub(super) fn read(self: &Arc<Self>) -> Option<SubscriptionsMessage> {
        for _ in 0..MAIL {
            self.mail(self.inbox.take()?);
        }
        Some(SubscriptionsMessage::Look)
    }

    /// Marks those who watch what has changed.
    pub(super) fn take_changes(&self) -> Option<SubscriptionsMessage> {
        let mut marked = 0;
        while marked < MARKS {
            let number = self.pop_changed()?;
            marked += self.book.lock().mark_watching(&number);
        }
        Some(SubscriptionsMessage::Changed)
    }

    pub(super) fn due(self: &Arc<Self>) {
        let now = alarm::now();
        for _ in 0..AT_ONCE {
            let due = self.book.lock().pop_due(now);
            let Some(id) = due else {
                return;
            };
            self.change(id, |entry| entry.subscription.handle_timeout(now));
        }
    }

    /// Ends what may not go on, and marks all else.
    pub(super) fn review(&self) -> Option<SubscriptionsMessage> {
        let mut waiting = self.review.lock();
        let rest = waiting.len().saturating_sub(AT_ONCE);
        let now = waiting.split_off(rest);
        drop(waiting);
        let directory = self.office.directory.load();
        let mut book = self.book.lock();
        for (id, reason) in now {
            let reason = reason.or_else(|| {
                let (watcher, watched) = book.peek(id)?;
                self.end_of(&directory, watcher, watched)
            });
            match reason {
                Some(reason) => book.end(id, reason),
                None => book.mark(id),
            }
        }
        (rest > 0).then_some(SubscriptionsMessage::Review)
    }

    /// Tells the state as it is to those who want it.
    pub(super) fn tell(self: &Arc<Self>) {
        let directory = self.office.directory.load();
        let mut documents = 0;
        for _ in 0..AT_ONCE {
            if documents >= DOCUMENTS {
                return;
            }
            let next = self.book.lock().pop_telling();
            let Some(id) = next else {
                return;
            };
            self.change(id, |entry| {
                if entry.subscription.wants_state() {
                    let package = entry.subscription.package();
                    let document = self.document(&directory, package, &entry.watched);
                    entry.subscription.tell(alarm::now(), document);
                    documents += entry.watched.numbers().len();
                }
            });
        }
    }

    /// Everything is to be looked at.
    pub(super) fn review_all(&self) {
        let all = self.book.lock().all();
        let mut review = self.review.lock();
        // Those that are known to end come first.
        let ends = std::mem::take(&mut *review);
        review.extend(all.into_iter().map(|id| (id, None)));
        review.extend(ends.into_iter().filter(|known| known.1.is_some()));
    }

    /// Why a subscription cannot go on, if it cannot.
    fn end_of(&self, directory: &Directory, watcher: &str, watched: &Watched) -> Option<EndReason> {
        let is_there = |number: &str| {
            directory
                .extension_numbered(number)
                .is_some_and(|extension| extension.enabled)
        };
        match watched {
            _ if self.closed.load(Ordering::Relaxed) => Some(EndReason::Probation),
            _ if !is_there(watcher) => Some(EndReason::Rejected),
            Watched::Extension(number) if !is_there(number) => Some(EndReason::NoResource),
            Watched::Extension(_) | Watched::List(..) => None,
        }
    }
}
