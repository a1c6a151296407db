//! A map of bounded size that forgets what was not asked for longest.

use std::hash::Hash;

use ahash::AHashMap;

/// Two generations: what is asked for is in the young one. When that holds half of what may be
/// kept, the old one is forgotten and the young one becomes old. So each step costs the same, an
/// attack from more addresses than there is room for included.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    young: AHashMap<K, V>,
    old: AHashMap<K, V>,
    half: usize,
}

impl<K: Hash + Eq + Copy, V: Default> Table<K, V> {
    /// Room for `most` entries.
    pub(super) fn new(most: usize) -> Self {
        Self {
            young: AHashMap::new(),
            old: AHashMap::new(),
            half: (most / 2).max(1),
        }
    }

    /// The entry, made if it is not there.
    pub(super) fn entry(&mut self, key: K) -> &mut V {
        if !self.young.contains_key(&key) {
            // Before the old generation goes: what is asked for now is not forgotten with it.
            let known = self.old.remove(&key).unwrap_or_default();
            if self.young.len() >= self.half {
                self.old = std::mem::take(&mut self.young);
            }
            self.young.insert(key, known);
        }
        self.young.entry(key).or_default()
    }

    /// The entry, if it is there; it stays as old as it is.
    pub(super) fn get(&self, key: K) -> Option<&V> {
        self.young.get(&key).or_else(|| self.old.get(&key))
    }

    /// Forgets an entry.
    pub(super) fn remove(&mut self, key: K) {
        self.young.remove(&key);
        self.old.remove(&key);
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_when_the_generations_change_is_kept() {
        let mut table = Table::new(4);
        for key in ["a", "b", "c", "d"] {
            *table.entry(key) = key;
        }
        // The young generation is full, and a is in the old one.
        assert_eq!(*table.entry("a"), "a");
        assert_eq!(*table.entry("c"), "c");
        assert_eq!(table.get("b"), None);
        assert_eq!(table.len(), 3);
    }
}
