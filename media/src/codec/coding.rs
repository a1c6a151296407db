//! What the engine can encode and decode, and at which rates.

use offhook_core::sdp::Codec;

use super::error::CodecError;
use super::g711::Law;
use super::opus::Toc;
use crate::time::Rate;

/// A coding of audio. The counterpart of [`Codec`], which is what can be negotiated: every coding
/// the engine handles is listed here, so that matches are complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Coding {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kb/s.
    G722,
    /// Samples of 16 bits as they are, the most significant byte first (RFC 3551 section 4.5.11).
    L16(Rate),
    /// Opus (RFC 6716), in packets as RFC 7587 has them.
    Opus,
}

impl Coding {
    /// The coding of a negotiated codec; `None` when the engine cannot handle it.
    #[must_use]
    pub fn of(codec: Codec) -> Option<Self> {
        match codec {
            Codec::Pcmu => Some(Self::Pcmu),
            Codec::Pcma => Some(Self::Pcma),
            Codec::G722 => Some(Self::G722),
            Codec::L16Narrow => Some(Self::L16(Rate::Narrow)),
            Codec::L16Wide => Some(Self::L16(Rate::Wide)),
            Codec::Opus => Some(Self::Opus),
            _ => None,
        }
    }

    /// The coding that owns a static payload type (RFC 3551 table 4).
    #[must_use]
    pub fn of_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            9 => Some(Self::G722),
            other => Law::of_payload_type(other).map(Self::from),
        }
    }

    /// The law, if this is G.711: then a payload can be changed where it lies, byte by byte.
    #[must_use]
    pub fn law(self) -> Option<Law> {
        match self {
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
            Self::G722 | Self::L16(_) | Self::Opus => None,
        }
    }

    /// Ticks of the RTP timestamp per second. For G.722 8000, although it has 16 000 samples
    /// (RFC 3551 section 4.5.2); for Opus always 48 000 (RFC 7587 section 4.1).
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma | Self::G722 => 8000,
            Self::L16(rate) => rate.hertz(),
            Self::Opus => Rate::Full.hertz(),
        }
    }

    /// The rates at which it can be encoded and decoded without a resampler, the lowest first.
    #[must_use]
    pub fn rates(self) -> &'static [Rate] {
        match self {
            Self::Pcmu | Self::Pcma | Self::L16(Rate::Narrow) => &[Rate::Narrow],
            Self::G722 | Self::L16(Rate::Wide) => &[Rate::Wide],
            Self::L16(Rate::Full) => &[Rate::Full],
            Self::Opus => &Rate::ALL,
        }
    }

    /// The rate at which it is coded by whoever wants samples at `rate`: that rate if it can,
    /// else the only one it has.
    #[must_use]
    pub fn native_rate(self, rate: Rate) -> Rate {
        match self {
            Self::Pcmu | Self::Pcma => Rate::Narrow,
            Self::G722 => Rate::Wide,
            Self::L16(own) => own,
            Self::Opus => rate,
        }
    }

    /// The longest packet it can send that is no longer than `wanted` milliseconds: 10 to 60, and
    /// 10 at least. Opus has no frames of 30 or 50 ms (RFC 6716 section 2.1.4).
    #[must_use]
    pub fn packet_milliseconds(self, wanted: u32) -> u32 {
        match (self, wanted / 10) {
            (_, 0 | 1) => 10,
            (Self::Opus, 2 | 3) | (_, 2) => 20,
            (Self::Opus, 4 | 5) | (_, 4) => 40,
            (_, 3) => 30,
            (_, 5) => 50,
            _ => 60,
        }
    }

    /// How long a payload lasts, in units of the RTP clock, without decoding it.
    ///
    /// # Errors
    /// It is empty, lasts over 120 ms, or its bytes cannot be what this coding makes.
    pub fn duration(self, payload: &[u8]) -> Result<u32, CodecError> {
        if payload.is_empty() {
            return Err(CodecError::Empty);
        }
        let units = match self {
            Self::Pcmu | Self::Pcma | Self::G722 => payload.len(),
            Self::L16(_) if payload.len() % 2 == 1 => return Err(CodecError::HalfSample),
            Self::L16(_) => payload.len() / 2,
            Self::Opus => return Ok(Toc::parse(payload)?.packet_units()),
        };
        let units = u32::try_from(units).map_err(|_| CodecError::TooLong)?;
        if units > self.clock_rate() / 1000 * MAX_MILLISECONDS {
            return Err(CodecError::TooLong);
        }
        Ok(units)
    }

    /// Of how much sound before its own a payload holds a copy, in units of the RTP clock: the
    /// in-band FEC of Opus.
    #[must_use]
    pub fn copied(self, payload: &[u8]) -> u32 {
        match self {
            Self::Opus => Toc::parse(payload)
                .ok()
                .filter(Toc::has_fec)
                .map_or(0, |toc| toc.frame_units()),
            Self::Pcmu | Self::Pcma | Self::G722 | Self::L16(_) => 0,
        }
    }
}

/// The longest packet that is taken, in milliseconds: that of Opus.
pub(super) const MAX_MILLISECONDS: u32 = 120;

impl From<Law> for Coding {
    fn from(law: Law) -> Self {
        match law {
            Law::Mu => Self::Pcmu,
            Law::A => Self::Pcma,
        }
    }
}
