//! Where transactions are kept: found by key and by id in constant time, woken in the order of
//! their deadlines, and closed together when their connection goes.

use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use ahash::RandomState;
use slab::Slab;

use super::key::Key;
use crate::id::IdSource;
use crate::sip::endpoint::FlowId;

/// Names one transaction of a table. Never used twice for different transactions while anything
/// could still remember it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(pub(crate) u64);

impl Id {
    fn new(generation: u32, slot: usize) -> Self {
        Self(u64::from(generation) << 32 | (slot as u64 & u64::from(u32::MAX)))
    }

    fn slot(self) -> usize {
        usize::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(usize::MAX)
    }
}

/// What a table has to know of a transaction.
pub(crate) trait Timed {
    /// When it wants to be woken; `None` once it is over.
    fn poll_timeout(&self) -> Option<Instant>;
    /// True when it can be forgotten.
    fn is_over(&self) -> bool;
}

#[derive(Debug)]
struct Entry<T> {
    id: Id,
    key: Key,
    flow: Option<FlowId>,
    due: Option<Instant>,
    transaction: T,
}

/// Transactions of one side, client or server.
#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Slab<Entry<T>>,
    by_key: HashMap<Key, Id, RandomState>,
    deadlines: BTreeSet<(Instant, Id)>,
    /// Only those on stream connections.
    by_flow: BTreeSet<(FlowId, Id)>,
    generation: u32,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self {
            entries: Slab::new(),
            by_key: HashMap::default(),
            deadlines: BTreeSet::new(),
            by_flow: BTreeSet::new(),
            generation: 0,
        }
    }
}

impl<T> Table<T> {
    /// An empty table whose names begin anywhere, so that those of another one name nothing in it.
    pub(crate) fn named_from(ids: &mut IdSource) -> Self {
        let [a, b, c, d, ..] = ids.bits().to_be_bytes();
        Self {
            generation: u32::from_be_bytes([a, b, c, d]),
            ..Self::default()
        }
    }
}

impl<T: Timed> Table<T> {
    /// Adds a transaction. `flow` is the stream connection whose end is its end.
    pub(crate) fn insert(&mut self, key: Key, flow: Option<FlowId>, transaction: T) -> Id {
        self.generation = self.generation.wrapping_add(1);
        let vacant = self.entries.vacant_entry();
        let id = Id::new(self.generation, vacant.key());
        vacant.insert(Entry {
            id,
            key: key.clone(),
            flow,
            due: None,
            transaction,
        });
        self.by_key.insert(key, id);
        if let Some(flow) = flow {
            self.by_flow.insert((flow, id));
        }
        self.settle(id);
        id
    }

    /// The transaction with this key.
    pub(crate) fn find(&self, key: &Key) -> Option<Id> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn get(&self, id: Id) -> Option<&T> {
        let entry = self.entries.get(id.slot())?;
        (entry.id == id).then_some(&entry.transaction)
    }

    /// To change a transaction; [`settle`](Self::settle) must follow.
    pub(crate) fn get_mut(&mut self, id: Id) -> Option<&mut T> {
        let entry = self.entries.get_mut(id.slot())?;
        (entry.id == id).then_some(&mut entry.transaction)
    }

    /// Takes note of a transaction's new deadline, or forgets and returns it when it is over.
    pub(crate) fn settle(&mut self, id: Id) -> Option<T> {
        let entry = self
            .entries
            .get_mut(id.slot())
            .filter(|entry| entry.id == id)?;
        if entry.transaction.is_over() {
            return self.remove(id);
        }
        let due = entry.transaction.poll_timeout();
        if due != entry.due {
            if let Some(at) = entry.due {
                self.deadlines.remove(&(at, id));
            }
            if let Some(at) = due {
                self.deadlines.insert((at, id));
            }
            entry.due = due;
        }
        None
    }

    /// Forgets a transaction and returns it.
    pub(crate) fn remove(&mut self, id: Id) -> Option<T> {
        self.get(id)?;
        let entry = self.entries.remove(id.slot());
        if self.by_key.get(&entry.key) == Some(&id) {
            self.by_key.remove(&entry.key);
        }
        if let Some(at) = entry.due {
            self.deadlines.remove(&(at, id));
        }
        if let Some(flow) = entry.flow {
            self.by_flow.remove(&(flow, id));
        }
        Some(entry.transaction)
    }

    /// The end of this connection is the transaction's end from now on, or that of none.
    pub(crate) fn move_to(&mut self, id: Id, flow: Option<FlowId>) {
        let entry = self.entries.get_mut(id.slot());
        let Some(entry) = entry.filter(|entry| entry.id == id) else {
            return;
        };
        if let Some(flow) = std::mem::replace(&mut entry.flow, flow) {
            self.by_flow.remove(&(flow, id));
        }
        if let Some(flow) = flow {
            self.by_flow.insert((flow, id));
        }
    }

    /// The earliest deadline.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// The transaction with the earliest deadline, if that has come. It must be settled or removed
    /// before the next call.
    pub(crate) fn first_due(&self, now: Instant) -> Option<Id> {
        self.deadlines
            .first()
            .filter(|(at, _)| *at <= now)
            .map(|(_, id)| *id)
    }

    /// Every transaction on a stream connection.
    pub(crate) fn on_flow(&self, flow: FlowId) -> Vec<Id> {
        self.by_flow
            .range((flow, Id(0))..=(flow, Id(u64::MAX)))
            .map(|(_, id)| *id)
            .collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing at all is left, indexes included.
    pub(crate) fn is_clean(&self) -> bool {
        self.entries.is_empty()
            && self.by_key.is_empty()
            && self.deadlines.is_empty()
            && self.by_flow.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_time::epoch;

    struct Toy(Option<Instant>);

    impl Timed for Toy {
        fn poll_timeout(&self) -> Option<Instant> {
            self.0
        }
        fn is_over(&self) -> bool {
            self.0.is_none()
        }
    }

    #[test]
    fn transactions_are_woken_in_order_and_leave_nothing_behind() {
        let start = epoch();
        let mut table = Table::default();
        let ids: Vec<Id> = [3, 1, 2]
            .into_iter()
            .map(|n| {
                let at = start + Duration::from_secs(n);
                table.insert(
                    Key::raw(n.to_string().as_bytes()),
                    Some(FlowId(n)),
                    Toy(Some(at)),
                )
            })
            .collect();
        assert_eq!(table.first_due(start), None);
        let late = start + Duration::from_secs(9);
        let mut order = Vec::new();
        while let Some(id) = table.first_due(late) {
            order.push(id);
            table.get_mut(id).unwrap().0 = None;
            table.settle(id);
        }
        assert_eq!(order, [ids[1], ids[2], ids[0]]);
        assert!(table.is_clean());
    }

    #[test]
    fn an_old_id_does_not_reach_the_slots_next_tenant() {
        let at = epoch();
        let mut table = Table::default();
        let old = table.insert(Key::raw(b"a"), None, Toy(Some(at)));
        table.remove(old);
        let new = table.insert(Key::raw(b"b"), None, Toy(Some(at)));
        assert!(table.get(old).is_none());
        table.remove(old);
        table.settle(old);
        assert!(table.get(new).is_some());
        assert_eq!(table.find(&Key::raw(b"b")), Some(new));
    }

    #[test]
    fn a_name_of_one_table_names_nothing_in_another() {
        let at = epoch();
        let mut ids = IdSource::seeded(4);
        let mut tables = [Table::named_from(&mut ids), Table::named_from(&mut ids)];
        let names = tables.each_mut().map(|table| {
            let name = |n: u8| table.insert(Key::raw(&[n]), None, Toy(Some(at)));
            [1, 2, 3].map(name)
        });
        assert!(names[0].iter().all(|name| tables[1].get(*name).is_none()));
    }

    #[test]
    fn a_flow_knows_its_own_transactions_only() {
        let at = epoch();
        let mut table = Table::default();
        let mine = table.insert(Key::raw(b"a"), Some(FlowId(7)), Toy(Some(at)));
        table.insert(Key::raw(b"b"), Some(FlowId(8)), Toy(Some(at)));
        table.insert(Key::raw(b"c"), None, Toy(Some(at)));
        assert_eq!(table.on_flow(FlowId(7)), [mine]);
        assert_eq!(table.on_flow(FlowId(9)), []);
    }
}
