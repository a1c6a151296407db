//! The subscriptions, and how they are found.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use ahash::{AHashMap, AHashSet};
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::subscription::{EndReason, Package, Subscription};
use offhook_core::timers::Timers;

/// What a subscription watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Watched {
    /// The extension with this number.
    Extension(String),
    /// A list: its name, and the numbers it had when it was subscribed to.
    List(String, Arc<[String]>),
}

impl Watched {
    /// The numbers whose changes concern it.
    pub(super) fn numbers(&self) -> &[String] {
        match self {
            Self::Extension(number) => std::slice::from_ref(number),
            Self::List(_, numbers) => numbers,
        }
    }

    /// Whether it is a list.
    pub(super) fn is_list(&self) -> bool {
        matches!(self, Self::List(..))
    }
}

/// One subscription.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) subscription: Subscription,
    /// The number of the extension that watches.
    pub(super) watcher: String,
    pub(super) watched: Watched,
}

/// All subscriptions. It outlives the actor, which alone writes.
#[derive(Debug, Default)]
pub(super) struct Book {
    next: u64,
    entries: AHashMap<u64, Entry>,
    by_key: AHashMap<DialogKey, u64>,
    by_number: AHashMap<String, BTreeSet<u64>>,
    by_watcher: AHashMap<String, BTreeSet<u64>>,
    timers: Timers<u64>,
    telling: Telling,
}

/// Subscriptions that want to be told the state, the one that wanted it first in front.
#[derive(Debug, Default)]
struct Telling {
    order: VecDeque<u64>,
    known: AHashSet<u64>,
}

impl Telling {
    fn push(&mut self, id: u64) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
    }

    fn pop(&mut self) -> Option<u64> {
        let id = self.order.pop_front()?;
        self.known.remove(&id);
        Some(id)
    }
}

impl Book {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// How many subscriptions an extension has.
    pub(super) fn count_of(&self, watcher: &str) -> usize {
        self.by_watcher.get(watcher).map_or(0, BTreeSet::len)
    }

    /// Takes a new one in, and gives it a number.
    pub(super) fn add(&mut self, entry: Entry) -> u64 {
        self.next += 1;
        let id = self.next;
        self.by_key.insert(entry.subscription.key().clone(), id);
        for number in entry.watched.numbers() {
            self.by_number.entry(number.clone()).or_default().insert(id);
        }
        let watcher = self.by_watcher.entry(entry.watcher.clone());
        watcher.or_default().insert(id);
        self.put(id, entry);
        id
    }

    /// A copy to work on.
    pub(super) fn get(&self, id: u64) -> Option<Entry> {
        self.entries.get(&id).cloned()
    }

    /// Puts a copy back that was worked on; forgets it if it is over.
    pub(super) fn put(&mut self, id: u64, entry: Entry) {
        if entry.subscription.is_over() {
            return self.forget(id, &entry);
        }
        arm(&mut self.timers, &mut self.telling, id, &entry.subscription);
        self.entries.insert(id, entry);
    }

    /// Works on a subscription in its place: for what cannot fail.
    fn touch(&mut self, id: u64, work: impl FnOnce(&mut Subscription)) {
        if let Some(entry) = self.entries.get_mut(&id) {
            work(&mut entry.subscription);
            arm(&mut self.timers, &mut self.telling, id, &entry.subscription);
        }
    }

    /// There may be news for this one.
    pub(super) fn mark(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.subscription.mark();
            if entry.subscription.wants_state() {
                self.telling.push(id);
            }
        }
    }

    /// There is news of this extension; for how many.
    pub(super) fn mark_watching(&mut self, number: &str) -> usize {
        let watching = self.watching(number);
        for id in &watching {
            self.mark(*id);
        }
        watching.len()
    }

    /// This one ends.
    pub(super) fn end(&mut self, id: u64, reason: EndReason) {
        self.touch(id, |subscription| subscription.end(reason));
    }

    /// This one is told everything once more.
    pub(super) fn remind(&mut self, id: u64) {
        self.touch(id, Subscription::remind);
    }

    /// Takes out who is to be told next.
    pub(super) fn pop_telling(&mut self) -> Option<u64> {
        self.telling.pop()
    }

    /// Whether somebody is to be told.
    pub(super) fn is_telling(&self) -> bool {
        !self.telling.order.is_empty()
    }

    /// What a subscription watches, and who watches.
    pub(super) fn peek(&self, id: u64) -> Option<(&str, &Watched)> {
        let entry = self.entries.get(&id)?;
        Some((&entry.watcher, &entry.watched))
    }

    fn forget(&mut self, id: u64, entry: &Entry) {
        self.timers.stop(id);
        self.entries.remove(&id);
        let key = entry.subscription.key();
        if self.by_key.get(key) == Some(&id) {
            self.by_key.remove(key);
        }
        for number in entry.watched.numbers() {
            remove(&mut self.by_number, number, id);
        }
        remove(&mut self.by_watcher, &entry.watcher, id);
    }

    /// The one in this dialog.
    pub(super) fn of_dialog(&self, key: &DialogKey) -> Option<u64> {
        self.by_key.get(key).copied()
    }

    /// Those that watch an extension, alone or in a list.
    pub(super) fn watching(&self, number: &str) -> Vec<u64> {
        let found = self.by_number.get(number);
        found.map_or_else(Vec::new, |ids| ids.iter().copied().collect())
    }

    /// Those that watch a list.
    pub(super) fn watching_list(&self, name: &str) -> Vec<u64> {
        let watches =
            |entry: &Entry| matches!(&entry.watched, Watched::List(known, _) if known == name);
        let entries = self.entries.iter();
        let found = entries.filter(|(_, entry)| watches(entry));
        found.map(|(id, _)| *id).collect()
    }

    /// Whether anybody watches an extension.
    pub(super) fn is_watched(&self, number: &str) -> bool {
        self.by_number.contains_key(number)
    }

    /// Whether the extension has asked for its own messages.
    pub(super) fn asks_for_messages(&self, number: &str) -> bool {
        self.watching(number).iter().any(|id| {
            self.entries
                .get(id)
                .is_some_and(|entry| entry.subscription.package() == Package::MessageSummary)
        })
    }

    /// The oldest that a phone may have forgotten, since it made the same anew: the same watcher at
    /// the same address watches the same.
    pub(super) fn twin(&self, entry: &Entry) -> Option<u64> {
        let same = |id: &&u64| {
            self.entries.get(id).is_some_and(|known| {
                known.subscription.target() == entry.subscription.target()
                    && known.subscription.package() == entry.subscription.package()
                    && known.watched == entry.watched
            })
        };
        let own = self.by_watcher.get(&entry.watcher)?;
        own.iter().find(same).copied()
    }

    /// Every subscription's number.
    pub(super) fn all(&self) -> Vec<u64> {
        self.entries.keys().copied().collect()
    }

    /// The next one that is due at `now`.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<u64> {
        self.timers.pop_due(now)
    }

    /// Sets every timer anew: one that was taken may not have been worked on.
    pub(super) fn rearm(&mut self) {
        for (id, entry) in &self.entries {
            if let Some(at) = entry.subscription.poll_timeout() {
                self.timers.set(*id, at);
            }
        }
    }

    /// When the next one is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.timers.next()
    }
}

/// Sees to it that a subscription has its turn, when it is due and when it wants to be told.
fn arm(timers: &mut Timers<u64>, telling: &mut Telling, id: u64, subscription: &Subscription) {
    match subscription.poll_timeout() {
        Some(at) => timers.set(id, at),
        None => {
            timers.stop(id);
        }
    }
    if subscription.wants_state() {
        telling.push(id);
    }
}

fn remove(index: &mut AHashMap<String, BTreeSet<u64>>, key: &str, id: u64) {
    if let Some(ids) = index.get_mut(key) {
        ids.remove(&id);
        if ids.is_empty() {
            index.remove(key);
        }
    }
}
