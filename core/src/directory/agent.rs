//! Who serves callers.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, ExtensionId, UserId};

/// Somebody who answers queue calls at an extension.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Its id.
    pub id: AgentId,
    /// The name shown to callers' supervisors.
    pub name: String,
    /// The extension that is rung.
    pub extension: ExtensionId,
    /// The login that may change this agent's state.
    pub user: Option<UserId>,
    /// Missed attempts in a row after which the agent is put on break; 0 never does that.
    pub max_missed: u32,
}

/// What an agent is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// Not working.
    LoggedOut,
    /// Waiting for a caller.
    Ready,
    /// Promised to one caller; about to be rung.
    Reserved,
    /// Being rung for one caller.
    Ringing,
    /// Talking.
    OnCall,
    /// Finishing the last call.
    WrapUp,
    /// Logged in, not available.
    OnBreak,
}

impl AgentState {
    /// Every state.
    pub const ALL: &[Self] = &[
        Self::LoggedOut,
        Self::Ready,
        Self::Reserved,
        Self::Ringing,
        Self::OnCall,
        Self::WrapUp,
        Self::OnBreak,
    ];

    /// The word used over REST.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged_out",
            Self::Ready => "ready",
            Self::Reserved => "reserved",
            Self::Ringing => "ringing",
            Self::OnCall => "on_call",
            Self::WrapUp => "wrap_up",
            Self::OnBreak => "on_break",
        }
    }
}

impl fmt::Display for AgentState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
