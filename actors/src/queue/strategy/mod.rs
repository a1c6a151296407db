//! In which order ready agents are asked: one file per strategy.
//!
//! A picker keeps the agents who can be asked now in its own order, so that a pick costs the same
//! among a thousand agents as among three. Tiers come first in every strategy: no agent of a level
//! is picked while a lower level has one. An agent who cannot be asked is not in the picker, so
//! nobody waits for them.

mod longest_idle;
mod ranking;
mod ring_all;
mod round_robin;
mod top_down;

use std::fmt;
use std::time::Instant;

use offhook_core::directory::{QueueAgent, Strategy};
use offhook_core::id::AgentId;

use self::longest_idle::LongestIdle;
use self::ring_all::RingAll;
use self::round_robin::RoundRobin;
use self::top_down::TopDown;

/// An agent who can be asked now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// The agent and their place in this queue.
    pub seat: QueueAgent,
    /// Since when the agent is idle.
    pub idle_since: Instant,
}

/// The agents who can be asked now, in the order of one strategy.
pub trait Picker: fmt::Debug + Send {
    /// This agent can be asked (again). One who is already in is moved to the new place.
    fn insert(&mut self, candidate: Candidate);

    /// This agent cannot be asked.
    fn remove(&mut self, agent: AgentId);

    /// Whose turn it is, and their level. The agent stays in until removed.
    fn pick(&self) -> Option<(AgentId, u32)>;

    /// This agent, just picked, is asked: the turn passes on.
    fn asked(&mut self, agent: AgentId);

    /// Whether one caller is offered to all agents of a level at once.
    fn rings_all(&self) -> bool {
        false
    }
}

/// An empty picker for a strategy.
#[must_use]
pub fn picker(strategy: Strategy) -> Box<dyn Picker> {
    match strategy {
        Strategy::RingAll => Box::new(RingAll::default()),
        Strategy::LongestIdle => Box::new(LongestIdle::default()),
        Strategy::RoundRobin => Box::new(RoundRobin::default()),
        Strategy::TopDown => Box::new(TopDown::default()),
    }
}
