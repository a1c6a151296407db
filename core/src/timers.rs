//! Named deadlines: the one way a machine remembers that something is due.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// A set of deadlines keyed by what they are for. Setting a key again moves it; a stopped or popped
/// key is gone, so a late firing finds nothing. Kept in the order of time as well as by key, so that
/// a queue of a thousand callers pays for one deadline, not for all, after each message.
#[derive(Debug, Clone)]
pub struct Timers<K> {
    deadlines: BTreeMap<K, Instant>,
    order: BTreeSet<(Instant, K)>,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self {
            deadlines: BTreeMap::new(),
            order: BTreeSet::new(),
        }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// Sets or moves the deadline of `key`.
    pub fn set(&mut self, key: K, at: Instant) {
        if let Some(before) = self.deadlines.insert(key, at) {
            self.order.remove(&(before, key));
        }
        self.order.insert((at, key));
    }

    /// Forgets `key`; true if it was set.
    pub fn stop(&mut self, key: K) -> bool {
        let stopped = self.deadlines.remove(&key);
        if let Some(at) = stopped {
            self.order.remove(&(at, key));
        }
        stopped.is_some()
    }

    /// Forgets every key that `keep` does not want.
    pub fn retain(&mut self, mut keep: impl FnMut(K) -> bool) {
        let order = &mut self.order;
        self.deadlines.retain(|&key, at| {
            let kept = keep(key);
            if !kept {
                order.remove(&(*at, key));
            }
            kept
        });
    }

    /// When `key` is due.
    #[must_use]
    pub fn deadline(&self, key: K) -> Option<Instant> {
        self.deadlines.get(&key).copied()
    }

    /// Takes the earliest key that is due at `now`, if any.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        let &(at, key) = self.order.first()?;
        if at > now {
            return None;
        }
        self.order.pop_first();
        self.deadlines.remove(&key);
        Some(key)
    }

    /// The earliest deadline.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.order.first().map(|&(at, _)| at)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_time::epoch;

    #[test]
    fn due_keys_come_in_time_order_and_once() {
        let start = epoch();
        let mut timers = Timers::default();
        timers.set('b', start + Duration::from_secs(2));
        timers.set('a', start + Duration::from_secs(1));
        assert_eq!(timers.next(), Some(start + Duration::from_secs(1)));
        assert_eq!(timers.pop_due(start), None);
        let later = start + Duration::from_secs(5);
        assert_eq!(timers.pop_due(later), Some('a'));
        assert_eq!(timers.pop_due(later), Some('b'));
        assert_eq!(timers.pop_due(later), None);
    }

    #[test]
    fn a_moved_key_fires_once_at_its_new_time() {
        let start = epoch();
        let mut timers = Timers::default();
        timers.set(1, start);
        timers.set(1, start + Duration::from_secs(3));
        timers.set(2, start + Duration::from_secs(1));
        timers.retain(|key| key != 2);
        assert_eq!(timers.pop_due(start + Duration::from_secs(2)), None);
        assert_eq!(timers.pop_due(start + Duration::from_secs(3)), Some(1));
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_stopped_key_never_fires() {
        let start = epoch();
        let mut timers = Timers::default();
        timers.set(1, start);
        assert!(timers.stop(1));
        assert!(!timers.stop(1));
        assert_eq!(timers.pop_due(start), None);
    }
}
