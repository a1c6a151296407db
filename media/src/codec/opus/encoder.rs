//! Samples of one channel to Opus packets.

use opus::{Application, Bandwidth, Bitrate, Channels};

use crate::codec::encoder::{BitRateMode, EncoderSettings, Silence};
use crate::codec::error::CodecError;
use crate::time::Rate;

/// What libopus returns at most for a frame that need not be sent, in bytes.
const NOT_SENT: usize = 2;

/// The most bytes of one frame (RFC 6716 section 3.4, R2) and the one in front of it.
const MAX_BYTES: usize = 1276;

/// An encoder with libopus's state, 30 KB or so on the heap.
#[derive(Debug)]
pub(crate) struct OpusEncoder {
    state: opus::Encoder,
    rate: Rate,
    carries_twice: bool,
    expected_loss: u8,
}

impl OpusEncoder {
    /// An encoder as the settings say. What is out of range is brought into it.
    pub(crate) fn new(rate: Rate, settings: &EncoderSettings) -> Result<Self, CodecError> {
        Self::build(rate, settings).map_err(|_| CodecError::Refused)
    }

    fn build(rate: Rate, settings: &EncoderSettings) -> Result<Self, opus::Error> {
        let mut state = opus::Encoder::new(rate.hertz(), Channels::Mono, Application::Voip)?;
        state.set_complexity(i32::from(settings.complexity.min(10)))?;
        state.set_bitrate(Bitrate::Bits(bit_rate(rate, settings)))?;
        state.set_vbr(settings.bit_rate_mode == BitRateMode::Variable)?;
        state.set_max_bandwidth(bandwidth(settings.max_playback_rate))?;
        state.set_dtx(settings.silence == Silence::Suppressed)?;
        let mut encoder = Self {
            state,
            rate,
            carries_twice: settings.carries_twice,
            expected_loss: 0,
        };
        encoder.expect_loss(settings.expected_loss)?;
        Ok(encoder)
    }

    fn expect_loss(&mut self, percent: u8) -> Result<(), opus::Error> {
        self.state
            .set_inband_fec(self.carries_twice && percent > 0)?;
        self.state
            .set_packet_loss_perc(i32::from(percent.min(100)))?;
        self.expected_loss = percent;
        Ok(())
    }

    /// How much loss to be ready for, in percent; 0 carries nothing twice.
    pub(crate) fn set_expected_loss(&mut self, percent: u8) {
        if percent != self.expected_loss {
            // Of two valid settings there is nothing to refuse, and without them audio still goes.
            self.expect_loss(percent).ok();
        }
    }

    /// Encodes 10, 20, 40 or 60 ms; 0 bytes: nothing to send.
    pub(crate) fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, CodecError> {
        let millisecond = self.rate.per_millisecond();
        if ![10, 20, 40, 60]
            .iter()
            .any(|length| length * millisecond == pcm.len())
        {
            return Err(CodecError::FrameLength);
        }
        let room = out.len().min(MAX_BYTES);
        if room <= NOT_SENT {
            return Err(CodecError::NoRoom);
        }
        let encoded = self.state.encode(pcm, &mut out[..room]);
        let length = encoded.map_err(|_| CodecError::Refused)?;
        Ok(if length > NOT_SENT { length } else { 0 })
    }

    /// Samples by which what is decoded is behind what was encoded.
    pub(crate) fn delay(&mut self) -> usize {
        let delay = self.state.get_lookahead().unwrap_or(0);
        usize::try_from(delay).unwrap_or(0)
    }
}

/// What suits the band, unless the far end or the settings ask for less.
fn bit_rate(rate: Rate, settings: &EncoderSettings) -> i32 {
    let suits = match rate {
        Rate::Narrow | Rate::Wide => 24_000,
        Rate::Full => 32_000,
    };
    let wanted = settings.bit_rate.unwrap_or(suits);
    let allowed = wanted.min(settings.max_bit_rate).clamp(6000, 510_000);
    allowed.cast_signed()
}

/// The widest band that a far end with this playback rate can hear (RFC 7587 section 3.1.1).
fn bandwidth(max_playback_rate: u32) -> Bandwidth {
    match max_playback_rate {
        0..=8000 => Bandwidth::Narrowband,
        8001..=12_000 => Bandwidth::Mediumband,
        12_001..=16_000 => Bandwidth::Wideband,
        16_001..=24_000 => Bandwidth::Superwideband,
        _ => Bandwidth::Fullband,
    }
}
