//! What an agent is doing, with what belongs to it, and which state may follow which.

use std::time::Duration;

use offhook_core::directory::AgentState;
use offhook_core::id::{AttemptId, CallId, QueueId};

/// A promise to one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hold {
    pub(super) attempt: AttemptId,
    pub(super) queue: QueueId,
    pub(super) call: CallId,
    /// The call is over already, though the queue has not yet said that it began: calls and queues
    /// speak through different mailboxes.
    pub(super) over: bool,
}

/// What an agent talks in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Talk {
    /// A caller from a queue.
    Queue { hold: Hold, wrap_up: Duration },
    /// Calls of the agent's own.
    Direct,
}

/// What an agent is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    LoggedOut,
    Ready,
    Reserved(Hold),
    Ringing(Hold),
    OnCall(Talk),
    WrapUp { call: CallId },
    OnBreak { reason: String },
}

impl State {
    pub(super) fn name(&self) -> AgentState {
        match self {
            Self::LoggedOut => AgentState::LoggedOut,
            Self::Ready => AgentState::Ready,
            Self::Reserved(_) => AgentState::Reserved,
            Self::Ringing(_) => AgentState::Ringing,
            Self::OnCall(_) => AgentState::OnCall,
            Self::WrapUp { .. } => AgentState::WrapUp,
            Self::OnBreak { .. } => AgentState::OnBreak,
        }
    }

    pub(super) fn reason(&self) -> Option<&str> {
        match self {
            Self::OnBreak { reason } => Some(reason),
            Self::LoggedOut
            | Self::Ready
            | Self::Reserved(_)
            | Self::Ringing(_)
            | Self::OnCall(_)
            | Self::WrapUp { .. } => None,
        }
    }

    /// The call from a queue that this state belongs to.
    pub(super) fn call(&self) -> Option<CallId> {
        match self {
            Self::Reserved(hold) | Self::Ringing(hold) => Some(hold.call),
            Self::OnCall(Talk::Queue { hold, .. }) => Some(hold.call),
            Self::WrapUp { call } => Some(*call),
            Self::OnCall(Talk::Direct) | Self::LoggedOut | Self::Ready | Self::OnBreak { .. } => {
                None
            }
        }
    }

    /// The promise that is not yet a conversation.
    pub(super) fn hold(&self) -> Option<Hold> {
        match self {
            Self::Reserved(hold) | Self::Ringing(hold) => Some(*hold),
            Self::LoggedOut
            | Self::Ready
            | Self::OnCall(_)
            | Self::WrapUp { .. }
            | Self::OnBreak { .. } => None,
        }
    }

    pub(super) fn hold_mut(&mut self) -> Option<&mut Hold> {
        match self {
            Self::Reserved(hold) | Self::Ringing(hold) => Some(hold),
            Self::LoggedOut
            | Self::Ready
            | Self::OnCall(_)
            | Self::WrapUp { .. }
            | Self::OnBreak { .. } => None,
        }
    }
}

/// Which states may follow each state. A machine that wants another step has a bug.
pub(super) const TRANSITIONS: &[(AgentState, &[AgentState])] = {
    use AgentState::{LoggedOut, OnBreak, OnCall, Ready, Reserved, Ringing, WrapUp};
    &[
        // A phone picked up in the moment of logging out leads to `OnCall`.
        (LoggedOut, &[Ready, OnBreak, OnCall]),
        (Ready, &[Reserved, OnCall, OnBreak, LoggedOut]),
        // A phone that answers at once never rings.
        (Reserved, &[Ringing, OnCall, Ready, OnBreak, LoggedOut]),
        (Ringing, &[OnCall, Ready, OnBreak, LoggedOut]),
        // From a call of the agent's own to one from a queue, when both phones lines are picked up.
        (OnCall, &[OnCall, WrapUp, Ready, OnBreak, LoggedOut]),
        (WrapUp, &[Ready, OnCall, OnBreak, LoggedOut]),
        // Another reason is another break.
        (OnBreak, &[Ready, LoggedOut, OnBreak, OnCall]),
    ]
};

/// Whether the table allows this step.
pub(super) fn may_follow(from: AgentState, to: AgentState) -> bool {
    TRANSITIONS
        .iter()
        .any(|(state, next)| *state == from && next.contains(&to))
}
