//! Numbers that are commands.

use crate::directory::Destination;

/// A number that begins with a star and does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeatureCode {
    /// `*43`: hear oneself.
    Echo,
    /// `*45`: the agent at the calling extension becomes ready.
    AgentLogin,
    /// `*46`: the agent at the calling extension logs out.
    AgentLogout,
}

impl FeatureCode {
    /// Every code.
    pub const ALL: &[Self] = &[Self::Echo, Self::AgentLogin, Self::AgentLogout];

    /// What is dialled.
    #[must_use]
    pub fn dialled(self) -> &'static str {
        match self {
            Self::Echo => "*43",
            Self::AgentLogin => "*45",
            Self::AgentLogout => "*46",
        }
    }

    /// The code that was dialled, if it is one.
    #[must_use]
    pub fn parse(dialled: &str) -> Option<Self> {
        Self::ALL
            .iter()
            .copied()
            .find(|code| code.dialled() == dialled)
    }

    /// What it does.
    #[must_use]
    pub fn destination(self) -> Destination {
        match self {
            Self::Echo => Destination::Echo,
            Self::AgentLogin => Destination::AgentLogin,
            Self::AgentLogout => Destination::AgentLogout,
        }
    }
}
