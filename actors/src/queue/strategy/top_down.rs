//! Always from the top of the list.

use offhook_core::id::AgentId;

use super::ranking::Ranking;
use super::{Candidate, Picker};

#[derive(Debug, Default)]
pub(super) struct TopDown(Ranking<()>);

impl Picker for TopDown {
    fn insert(&mut self, candidate: Candidate) {
        self.0.insert(candidate.seat, ());
    }

    fn remove(&mut self, agent: AgentId) {
        self.0.remove(agent);
    }

    fn pick(&self) -> Option<(AgentId, u32)> {
        self.0.first().map(|rank| (rank.agent, rank.level))
    }

    fn asked(&mut self, _: AgentId) {}
}
