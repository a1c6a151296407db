//! How Opus is spoken.

use serde::{Deserialize, Serialize};

use super::Broken;
use crate::sdp::{OpusParameters, OpusWish};

/// Section `[media.opus]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OpusConfig {
    /// Bits per second we send: 6000 to 510000, and never more than the far end wants.
    pub bitrate: u32,
    /// Bits per second we ask phones to send at most, on average; none: as they like.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_average_bitrate: Option<u32>,
    /// How hard the encoder tries: 0 to 10.
    pub complexity: u8,
    /// Whether packets carry what repairs the loss of the one before.
    pub fec: OpusFec,
    /// Whether silence is not sent, neither by us nor by phones that heed our wish.
    pub dtx: bool,
    /// The highest sampling rate, in hertz, that phones are asked for: 8000, 12000, 16000, 24000 or 48000.
    pub max_playback_rate: u32,
}

/// When packets carry what repairs the loss of the one before (in-band FEC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OpusFec {
    /// Never; phones are told not to send any.
    Off,
    /// Always.
    On,
    /// While the far end reports losses.
    #[default]
    WhenLossy,
}

impl Default for OpusConfig {
    fn default() -> Self {
        Self {
            // Speech is transparent from here on at 16 kHz, and good at 48.
            bitrate: 24_000,
            max_average_bitrate: None,
            // Nobody hears a difference on a telephone, and 9 costs three times as much.
            complexity: 0,
            fec: OpusFec::default(),
            // Silence that is not sent sounds like a broken line to some phones.
            dtx: false,
            max_playback_rate: 48_000,
        }
    }
}

impl OpusConfig {
    /// What phones are told that we want to receive.
    #[must_use]
    pub fn parameters(&self) -> OpusParameters {
        let mut parameters = OpusParameters::default().up_to(self.max_playback_rate);
        parameters.max_average_bitrate = self.max_average_bitrate;
        if self.fec != OpusFec::Off {
            parameters = parameters.wanting(OpusWish::InBandFec);
        }
        if self.dtx {
            parameters = parameters.wanting(OpusWish::Dtx);
        }
        parameters
    }

    pub(super) fn check(&self) -> Result<(), Broken> {
        const BITRATES: std::ops::RangeInclusive<u32> = 6000..=510_000;
        const RATES: [u32; 5] = [8000, 12_000, 16_000, 24_000, 48_000];
        if !BITRATES.contains(&self.bitrate) {
            return Err(("media.opus.bitrate", "must be from 6000 to 510000"));
        }
        let most = self.max_average_bitrate;
        if most.is_some_and(|most| !BITRATES.contains(&most)) {
            return Err((
                "media.opus.max_average_bitrate",
                "must be from 6000 to 510000",
            ));
        }
        if self.complexity > 10 {
            return Err(("media.opus.complexity", "must be from 0 to 10"));
        }
        if !RATES.contains(&self.max_playback_rate) {
            return Err((
                "media.opus.max_playback_rate",
                "must be 8000, 12000, 16000, 24000 or 48000",
            ));
        }
        Ok(())
    }
}
