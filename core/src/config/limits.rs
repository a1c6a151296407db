//! How much at once, and how long to wait at the end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Broken, units};

/// Section `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls at once; further ones are refused with 503.
    pub calls: usize,
    /// How long calls in progress may go on after the server was told to stop.
    #[serde(with = "units::duration")]
    pub drain_timeout: Duration,
    /// The largest sound that may be uploaded.
    #[serde(with = "units::size")]
    pub upload: usize,
    /// The longest sound that may be uploaded.
    #[serde(with = "units::duration")]
    pub sound_length: Duration,
    /// The memory that prompts and hold music may take. An hour takes 170 MB, and as much as 30 MB
    /// more for each further codec it is heard in.
    #[serde(with = "units::size")]
    pub sounds: usize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            // What the default RTP ports carry: two legs a call.
            calls: 500,
            // Below the 90 s after which service managers usually lose patience.
            drain_timeout: Duration::from_secs(60),
            // Twenty minutes of CD quality in FLAC.
            upload: 100 << 20,
            sound_length: Duration::from_secs(30 * 60),
            // Two and a half hours of music.
            sounds: 512 << 20,
        }
    }
}

impl LimitsConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        if self.calls == 0 {
            return Err(("limits.calls", "must be at least 1"));
        }
        if self.upload < 64 * 1024 {
            return Err(("limits.upload", "must be at least 64KB"));
        }
        if self.sound_length < Duration::from_secs(1) {
            return Err(("limits.sound_length", "must be at least 1s"));
        }
        if self.sounds < 64 << 20 {
            // What is built in takes a good part of it.
            return Err(("limits.sounds", "must be at least 64MB"));
        }
        Ok(())
    }
}
