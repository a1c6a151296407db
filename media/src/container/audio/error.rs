//! Why a file cannot be played.

use std::io;
use std::time::Duration;

/// Why bytes are not audio we can use. Each says what is wrong, and where where that is known.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AudioError {
    /// No known format begins like this.
    #[error("the file is neither WAV, MP3, FLAC, OGG/Vorbis nor OGG/Opus")]
    Unrecognised,
    /// The container is known, what is in it is not.
    #[error("the file holds {0}, which cannot be played")]
    Unsupported(&'static str),
    /// A rate nobody uses, or none at all.
    #[error("{0} Hz is not a sample rate that can be played (4,000 to 192,000)")]
    SampleRate(u32),
    /// No channel, or far too many.
    #[error("{0} channels cannot be mixed (1 to 8)")]
    Channels(usize),
    /// Longer than allowed.
    #[error("it is longer than the {} s that are allowed", longest.as_secs())]
    TooLong {
        /// The limit.
        longest: Duration,
    },
    /// No samples at all.
    #[error("there is no audio in it")]
    Empty,
    /// Nothing that could be heard.
    #[error("it is silent: its loudest sample is {peak_dbfs:.0} dB below full scale")]
    Silent {
        /// Its peak, negative, in dB of full scale.
        peak_dbfs: f64,
    },
    /// So loud that its wave is cut off.
    #[error("{percent:.1} % of it is clipped; at most {allowed:.0} % may be")]
    Clipped {
        /// Share of samples that are part of a cut-off wave.
        percent: f64,
        /// The limit.
        allowed: f64,
    },
    /// Too much of it cannot be decoded.
    #[error("it is damaged from {} s on: {what}", at.as_secs())]
    Damaged {
        /// How much could be played before.
        at: Duration,
        /// What the decoder said.
        what: &'static str,
    },
    /// It could not be read.
    #[error("it cannot be read: {0}")]
    Read(io::ErrorKind),
}

impl From<&io::Error> for AudioError {
    fn from(error: &io::Error) -> Self {
        Self::Read(error.kind())
    }
}
