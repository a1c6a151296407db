//! Waiting callers, and the rules by which they are served.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::directory::Destination;
use crate::id::{AgentId, QueueId};
use crate::recording::OwnStyle;

/// In which order ready agents are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// All at once; the first to answer gets the caller.
    RingAll,
    /// Who has been ready and without a call for the longest time.
    #[default]
    LongestIdle,
    /// The one after the last who was asked.
    RoundRobin,
    /// Always from the top of the list.
    TopDown,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: &[Self] = &[
        Self::RingAll,
        Self::LongestIdle,
        Self::RoundRobin,
        Self::TopDown,
    ];

    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RingAll => "ring_all",
            Self::LongestIdle => "longest_idle",
            Self::RoundRobin => "round_robin",
            Self::TopDown => "top_down",
        }
    }
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An agent's place in one queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueAgent {
    /// The agent.
    pub agent: AgentId,
    /// Its tier: all of level 1 are asked before any of level 2.
    pub level: u32,
    /// Its place within the level.
    pub position: u32,
}

/// A queue of callers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its id.
    pub id: QueueId,
    /// What operators call it.
    pub name: String,
    /// The number that is dialled to wait here.
    pub extension: Option<String>,
    /// In which order agents are asked.
    pub strategy: Strategy,
    /// How long a caller may wait; zero is without end.
    pub max_wait: Duration,
    /// How many may wait; 0 is no limit.
    pub max_length: u32,
    /// How long a caller may wait while no agent at all is logged in; zero is without end.
    pub max_wait_no_agent: Duration,
    /// Where callers go who may not wait (any longer); none: the call ends.
    pub overflow: Option<Destination>,
    /// How long an agent's phone rings per attempt.
    pub ring_timeout: Duration,
    /// How long this queue leaves an agent alone who missed or refused an attempt.
    pub retry_delay: Duration,
    /// How long an agent is left alone after a call from this queue.
    pub wrap_up: Duration,
    /// Whether callers are told their place.
    pub announce_position: bool,
    /// How long after the last announcement the next one follows.
    pub announce_interval: Duration,
    /// The hold-music class callers hear.
    pub hold_music: String,
    /// Whether calls are recorded from the moment an agent answers.
    pub record: bool,
    /// What its recordings are like.
    pub record_style: OwnStyle,
    /// How long they are kept; zero is until somebody removes them, none as for all.
    pub record_keep: Option<Duration>,
    /// Who serves this queue.
    pub agents: Vec<QueueAgent>,
}
