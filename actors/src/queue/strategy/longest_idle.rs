//! The agent who has been idle for the longest time.

use std::time::Instant;

use offhook_core::id::AgentId;

use super::ranking::Ranking;
use super::{Candidate, Picker};

#[derive(Debug, Default)]
pub(super) struct LongestIdle(Ranking<Instant>);

impl Picker for LongestIdle {
    fn insert(&mut self, candidate: Candidate) {
        self.0.insert(candidate.seat, candidate.idle_since);
    }

    fn remove(&mut self, agent: AgentId) {
        self.0.remove(agent);
    }

    fn pick(&self) -> Option<(AgentId, u32)> {
        self.0.first().map(|rank| (rank.agent, rank.level))
    }

    fn asked(&mut self, _: AgentId) {}
}
