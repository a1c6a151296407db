//! The agent after the last one who was asked, level by level.

use std::collections::BTreeMap;

use offhook_core::id::AgentId;

use super::ranking::{Rank, Ranking};
use super::{Candidate, Picker};

#[derive(Debug, Default)]
pub(super) struct RoundRobin {
    ready: Ranking<()>,
    /// Who was asked last in each level. Kept by place, so that it outlives the agent's absence.
    last: BTreeMap<u32, Rank<()>>,
}

impl RoundRobin {
    fn next(&self) -> Option<Rank<()>> {
        let first = self.ready.first()?;
        let Some(&last) = self.last.get(&first.level) else {
            return Some(first);
        };
        let next = self.ready.first_after(last);
        next.filter(|next| next.level == first.level)
            .or(Some(first))
    }
}

impl Picker for RoundRobin {
    fn insert(&mut self, candidate: Candidate) {
        self.ready.insert(candidate.seat, ());
    }

    fn remove(&mut self, agent: AgentId) {
        self.ready.remove(agent);
    }

    fn pick(&self) -> Option<(AgentId, u32)> {
        self.next().map(|rank| (rank.agent, rank.level))
    }

    fn asked(&mut self, agent: AgentId) {
        if let Some(rank) = self.ready.rank(agent) {
            self.last.insert(rank.level, rank);
        }
    }
}
