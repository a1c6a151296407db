//! Agents sorted by a key: what every strategy stands on.

use std::collections::BTreeSet;

use ahash::AHashMap;
use offhook_core::directory::QueueAgent;
use offhook_core::id::AgentId;

/// Agents by level, then by a key of the strategy's choosing, then by place within the level.
#[derive(Debug)]
pub(super) struct Ranking<K> {
    order: BTreeSet<Rank<K>>,
    ranks: AHashMap<AgentId, Rank<K>>,
}

/// An agent's place in a ranking; compares in the order of its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank<K> {
    pub(super) level: u32,
    pub(super) key: K,
    pub(super) position: u32,
    pub(super) agent: AgentId,
}

impl<K> Default for Ranking<K> {
    fn default() -> Self {
        Self {
            order: BTreeSet::new(),
            ranks: AHashMap::new(),
        }
    }
}

impl<K: Ord + Copy> Ranking<K> {
    pub(super) fn insert(&mut self, seat: QueueAgent, key: K) {
        self.remove(seat.agent);
        let rank = Rank {
            level: seat.level,
            key,
            position: seat.position,
            agent: seat.agent,
        };
        self.ranks.insert(seat.agent, rank);
        self.order.insert(rank);
    }

    pub(super) fn remove(&mut self, agent: AgentId) {
        if let Some(rank) = self.ranks.remove(&agent) {
            self.order.remove(&rank);
        }
    }

    pub(super) fn first(&self) -> Option<Rank<K>> {
        self.order.first().copied()
    }

    pub(super) fn first_after(&self, rank: Rank<K>) -> Option<Rank<K>> {
        use std::ops::Bound::{Excluded, Unbounded};
        self.order
            .range((Excluded(rank), Unbounded))
            .next()
            .copied()
    }

    pub(super) fn rank(&self, agent: AgentId) -> Option<Rank<K>> {
        self.ranks.get(&agent).copied()
    }
}
