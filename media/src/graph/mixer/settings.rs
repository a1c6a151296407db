//! How a room is set up, and why something in it cannot be done.

use std::time::Duration;

use crate::graph::mixer::talk::{Level, TalkSettings};
use crate::time::{FRAME, Rate};

/// Most talkers a room can be set to mix.
pub const MAX_TALKERS: usize = 32;

/// The settings of a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MixerSettings {
    /// The rate it is mixed at.
    pub rate: Rate,
    /// Most members mixed at once, 1 to [`MAX_TALKERS`]. While no more may speak, all that they
    /// send is mixed; above that only the loudest of those who talk.
    pub talkers: usize,
    /// The lowest level that counts as talk.
    pub threshold: Level,
    /// How long somebody must be silent for talk to be over.
    pub hangover: Duration,
    /// Most members.
    pub members: usize,
    /// Whether coming and going sound.
    pub chimes: ChimeMode,
    /// What somebody hears who is alone.
    pub lone: LoneMode,
}

/// Whether coming and going sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChimeMode {
    /// Two tones each.
    On,
    /// They do not.
    #[default]
    Off,
}

/// What somebody hears who is alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LoneMode {
    /// What is handed in by [`Mixer::music`](super::Mixer::music).
    Music,
    /// Nothing.
    #[default]
    Silence,
}

impl MixerSettings {
    /// A room of this rate as most are: five talkers, talk from -50 dBov, 400 ms of hangover, 500
    /// members, no chimes and no music.
    #[must_use]
    pub fn at(rate: Rate) -> Self {
        Self {
            rate,
            talkers: 5,
            threshold: Level(50),
            hangover: Duration::from_millis(400),
            members: 500,
            chimes: ChimeMode::Off,
            lone: LoneMode::Silence,
        }
    }

    pub(super) fn talk(&self) -> TalkSettings {
        let frames = self.hangover.as_millis() / FRAME.as_millis();
        TalkSettings {
            threshold: self.threshold.mean_square(),
            hangover: u16::try_from(frames).unwrap_or(u16::MAX),
        }
    }
}

/// Why something cannot be done in a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MixerError {
    /// It has all the members it may have.
    #[error("the room is full")]
    Full,
    /// There is no such member.
    #[error("there is no such member")]
    UnknownMember,
    /// Both sides are the same member: nobody hears himself.
    #[error("both are the same member")]
    SameMember,
    /// More members hear others differently than can be served.
    #[error("the room has too many relations")]
    TooManyRelations,
}
