//! What a recording is like: its format, its rate, its channels, and how it ended.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What kind of file a recording becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AudioFormat {
    /// Linear 16-bit samples: 128 kb/s a channel at 8 kHz.
    #[default]
    Wav,
    /// MPEG layer III at a constant bit rate: at 8 kHz 16 kb/s in mono, 32 kb/s in stereo.
    Mp3,
    /// Opus in an Ogg file (RFC 7845).
    Opus,
}

impl AudioFormat {
    /// Every format.
    pub const ALL: [Self; 3] = [Self::Wav, Self::Mp3, Self::Opus];

    /// Its word in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Opus => "opus",
        }
    }

    /// What its files end in, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        self.as_str()
    }

    /// The format of files that end so.
    #[must_use]
    pub fn of_extension(extension: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|format| format.extension() == extension)
    }

    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Wav => "audio/wav",
            Self::Mp3 => "audio/mpeg",
            // RFC 7845 section 9: the codec is named so that browsers know before they fetch.
            Self::Opus => "audio/ogg; codecs=opus",
        }
    }
}

impl fmt::Display for AudioFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Samples per second of a recording.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(try_from = "u32", into = "u32")]
pub enum RecordingRate {
    /// 8,000: all that G.711 has.
    #[default]
    Narrow,
    /// 16,000: what G.722 and Opus carry.
    Wide,
}

impl RecordingRate {
    /// In samples per second.
    #[must_use]
    pub fn hertz(self) -> u32 {
        match self {
            Self::Narrow => 8_000,
            Self::Wide => 16_000,
        }
    }
}

impl From<RecordingRate> for u32 {
    fn from(rate: RecordingRate) -> Self {
        rate.hertz()
    }
}

impl TryFrom<u32> for RecordingRate {
    type Error = &'static str;

    fn try_from(hertz: u32) -> Result<Self, Self::Error> {
        match hertz {
            8_000 => Ok(Self::Narrow),
            16_000 => Ok(Self::Wide),
            _ => Err("must be 8000 or 16000"),
        }
    }
}

/// How two parties become one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    /// A channel each: the caller left, the callee right.
    #[default]
    Stereo,
    /// One channel with both.
    Mono,
}

impl Layout {
    /// Channels of the file.
    #[must_use]
    pub fn channels(self) -> u16 {
        match self {
            Self::Stereo => 2,
            Self::Mono => 1,
        }
    }
}

/// What a recording's file is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct RecordingStyle {
    /// Its format.
    pub format: AudioFormat,
    /// Its rate.
    pub rate: RecordingRate,
    /// Its channels.
    pub layout: Layout,
}

impl RecordingStyle {
    /// Bits per second of its file, as is aimed at.
    #[must_use]
    pub fn bit_rate(self) -> u32 {
        let channels = u32::from(self.layout.channels());
        let factor = self.rate.hertz() / 8_000;
        match self.format {
            AudioFormat::Wav => channels * factor * 128_000,
            AudioFormat::Mp3 => channels * factor * 16_000,
            AudioFormat::Opus => channels * (8_000 + factor * 8_000),
        }
    }
}

/// What is said of somebody's own recordings; what is not said is as for all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct OwnStyle {
    /// Their format.
    pub format: Option<AudioFormat>,
    /// Their channels.
    pub layout: Option<Layout>,
}

impl OwnStyle {
    /// What such a recording is like where all others are like `usual`.
    #[must_use]
    pub fn over(self, usual: RecordingStyle) -> RecordingStyle {
        RecordingStyle {
            format: self.format.unwrap_or(usual.format),
            rate: usual.rate,
            layout: self.layout.unwrap_or(usual.layout),
        }
    }
}

/// When the recording of a conversation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingStart {
    /// When somebody has answered.
    #[default]
    Answer,
    /// When the first phone rings, so that what is said before the answer is in it, too.
    Ring,
}

/// What becomes of keys that are pressed while it is recorded and heard as tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Keys {
    /// They are heard.
    #[default]
    Kept,
    /// They are silence, so that a recording does not tell a card number.
    Removed,
}

/// The beep that tells parties that they are recorded: 1,400 Hz, as is customary.
pub const BEEP_HERTZ: u16 = 1400;

/// How long it lasts.
pub const BEEP_LENGTH: Duration = Duration::from_millis(200);

/// How a recording that is kept came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingEnd {
    /// As was wanted.
    #[default]
    Complete,
    /// The server went down; what was written by then is kept.
    Interrupted,
    /// The disk took no more; what was written by then is kept.
    CutShort,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bit_rates_are_those_of_the_table() {
        let rate = |format, layout| {
            RecordingStyle {
                format,
                rate: RecordingRate::Narrow,
                layout,
            }
            .bit_rate()
        };
        assert_eq!(rate(AudioFormat::Wav, Layout::Mono), 128_000);
        assert_eq!(rate(AudioFormat::Wav, Layout::Stereo), 256_000);
        assert_eq!(rate(AudioFormat::Mp3, Layout::Mono), 16_000);
        assert_eq!(rate(AudioFormat::Mp3, Layout::Stereo), 32_000);
    }

    #[test]
    fn a_style_is_read_as_it_is_written() {
        let style = RecordingStyle {
            format: AudioFormat::Opus,
            rate: RecordingRate::Wide,
            layout: Layout::Mono,
        };
        let json = serde_json::to_string(&style).expect("plain words");
        assert_eq!(json, r#"{"format":"opus","rate":16000,"layout":"mono"}"#);
        assert_eq!(
            serde_json::from_str::<RecordingStyle>(&json).ok(),
            Some(style)
        );
        assert!(serde_json::from_str::<RecordingRate>("44100").is_err());
    }
}
