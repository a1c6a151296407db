//! Sounds of the office's own: prompts it uploaded, and classes of hold music.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{MusicClassId, SoundId};

/// A class of hold music beside the built-in one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MusicClass {
    /// Its id.
    pub id: MusicClassId,
    /// The name queues and extensions choose it by.
    pub name: String,
    /// In which order its pieces come.
    pub order: PlayOrder,
    /// Where its music is streamed from, an `http:` address; its pieces are played while that does
    /// not work.
    pub stream: Option<String>,
}

/// In which order the pieces of a class come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlayOrder {
    /// In the order they were added.
    #[default]
    Linear,
    /// Shuffled, anew in each round.
    Random,
}

/// An uploaded sound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundFile {
    /// Its id.
    pub id: SoundId,
    /// What operators call it. Menus choose a prompt by it, so among prompts it is unique.
    pub name: String,
    /// The class of hold music it is a piece of; none: it is a prompt.
    pub class: Option<MusicClassId>,
    /// The format it was uploaded in, by its usual extension: `mp3`.
    pub format: String,
    /// The size of what was uploaded, in bytes.
    pub bytes: u64,
    /// How long it plays.
    pub milliseconds: u64,
    /// How loud it was, in hundredths of LUFS; none if it is too short to say.
    pub loudness: Option<i64>,
    /// What it was raised by, in hundredths of dB.
    pub gain: i64,
    /// When it was uploaded.
    pub added_at: Timestamp,
}
