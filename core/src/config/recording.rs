//! What recordings are like and how long they are kept.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Broken, units};
use crate::recording::{AudioFormat, Keys, Layout, RecordingRate, RecordingStart, RecordingStyle};

/// Section `[recording]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecordingConfig {
    /// What kind of files recordings become: `wav`, `mp3` or `opus`.
    pub format: AudioFormat,
    /// Samples per second: 8000 or 16000.
    pub rate: RecordingRate,
    /// `stereo`: the caller left, the callee right; `mono`: both together.
    pub layout: Layout,
    /// When a conversation's recording begins: `answer` or `ring`.
    pub start: RecordingStart,
    /// How often both parties hear a beep while they are recorded; 0 is never.
    #[serde(with = "units::duration")]
    pub beep: Duration,
    /// Whether keys that are heard are silence in recordings, so that no card number is in them.
    pub remove_digits: bool,
    /// Whether files are encrypted, each with a key of its own that `secret.key` seals.
    pub encrypt: bool,
    /// No recording begins when less than this is free on its disk.
    #[serde(with = "units::size")]
    pub min_free: usize,
    /// How long recordings are kept; 0 is until somebody removes them.
    #[serde(with = "units::duration")]
    pub keep: Duration,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        let style = RecordingStyle::default();
        Self {
            format: style.format,
            rate: style.rate,
            layout: style.layout,
            start: RecordingStart::Answer,
            // Where it must be is a matter of law.
            beep: Duration::ZERO,
            remove_digits: false,
            encrypt: false,
            // Room for call records and the journal, which share the disk: half an hour of 500 calls.
            min_free: 500 << 20,
            // How long is a matter of law and of the office, so nothing is removed unasked.
            keep: Duration::ZERO,
        }
    }
}

impl RecordingConfig {
    /// What a recording's file is like.
    #[must_use]
    pub fn style(&self) -> RecordingStyle {
        RecordingStyle {
            format: self.format,
            rate: self.rate,
            layout: self.layout,
        }
    }

    /// What becomes of keys that are heard.
    #[must_use]
    pub fn keys(&self) -> Keys {
        if self.remove_digits {
            Keys::Removed
        } else {
            Keys::Kept
        }
    }

    pub(crate) fn check(&self) -> Result<(), Broken> {
        if !self.beep.is_zero() && self.beep < Duration::from_secs(5) {
            return Err(("recording.beep", "must be 0 or at least 5s"));
        }
        if !self.keep.is_zero() && self.keep < Duration::from_hours(1) {
            return Err(("recording.keep", "must be 0 or at least 1h"));
        }
        Ok(())
    }
}
