//! What a shard is told of rooms.

use offhook_core::{LegId, RecordingId};

use crate::graph::mixer::{Gain, MemberSettings, MixerSettings};
use crate::graph::player::{Background, Player};

/// How a room is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomSettings {
    /// The mixer's own.
    pub mixer: MixerSettings,
    /// The class of hold music that somebody hears who is alone, if any.
    pub music: Option<String>,
}

/// Whom a leg speaks to in its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegAudience {
    /// All of them.
    Everyone,
    /// This one alone.
    Only(LegId),
    /// Nobody.
    Nobody,
}

/// Who hears what is played into a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlayTarget {
    /// All of them, beside what is said.
    Everyone,
    /// This one alone, beside what is said.
    Only(LegId),
}

/// A supervisor's part in a call of two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonitorSpec {
    /// Who listens: a leg of the same call.
    pub supervisor: LegId,
    /// Who is helped, one side of a bridge.
    pub agent: LegId,
    /// Who hears the supervisor.
    pub mode: MonitorMode,
    /// How loud the agent is for him.
    pub hears_agent: Gain,
    /// How loud the other side is for him.
    pub hears_other: Gain,
    /// How loud he is for those who hear him.
    pub speaks: Gain,
}

/// Who hears a supervisor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonitorMode {
    /// Nobody: he listens.
    Listen,
    /// The agent: he whispers.
    Whisper,
    /// Both: he barges in.
    Barge,
}

/// One thing to do with a room.
#[derive(Debug)]
pub(crate) enum RoomCommand {
    /// With what somebody hears who is alone.
    Open(MixerSettings, Background),
    Close,
    Join(LegId, MemberSettings),
    Leave(LegId),
    SetMember(LegId, MemberSettings),
    Relate {
        listener: LegId,
        speaker: LegId,
        gain: Option<Gain>,
    },
    SpeakTo(LegId, LegAudience, Gain),
    Play(PlayTarget, Player),
    StopPlay(PlayTarget),
    Monitor(MonitorSpec),
    /// Records what the room hears.
    Tap(RecordingId),
    /// Makes mixing the next frame panic.
    #[cfg(test)]
    Panic,
    /// Panics.
    #[cfg(test)]
    PanicAtOnce,
}

impl RoomCommand {
    /// Whom a refusal of it is about, if not about the room, and the name of the engine's method.
    pub(super) fn subject(&self) -> (Option<LegId>, &'static str) {
        match self {
            Self::Open(..) => (None, "open_room"),
            Self::Close => (None, "close_room"),
            Self::Join(leg, _) => (Some(*leg), "join_room"),
            Self::Leave(leg) => (Some(*leg), "leave_room"),
            Self::SetMember(leg, _) => (Some(*leg), "set_member"),
            Self::Relate { listener, .. } => (Some(*listener), "relate"),
            Self::SpeakTo(leg, ..) => (Some(*leg), "speak_to"),
            Self::Play(target, _) => (target.leg(), "play_in_room"),
            Self::StopPlay(target) => (target.leg(), "stop_play_in_room"),
            Self::Tap(_) => (None, "record_room"),
            Self::Monitor(spec) => (Some(spec.supervisor), "monitor"),
            #[cfg(test)]
            Self::Panic | Self::PanicAtOnce => (None, "panic"),
        }
    }
}

impl PlayTarget {
    fn leg(self) -> Option<LegId> {
        match self {
            Self::Everyone => None,
            Self::Only(leg) => Some(leg),
        }
    }
}
