//! Audio codecs by their names and numbers in SDP (RFC 3551 section 4.5.14 and table 4).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An audio codec that can be negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// Every codec, in our default order of preference.
    pub const ALL: &[Self] = &[Self::Pcmu, Self::Pcma];

    /// Ticks of the RTP timestamp per second.
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Pcmu | Self::Pcma => 8000,
        }
    }

    /// The payload type RFC 3551 assigns for good.
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }

    /// The encoding name of an `rtpmap`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// The codec with this encoding name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let same = |codec: &Self| codec.name().eq_ignore_ascii_case(name);
        Self::ALL.iter().copied().find(same)
    }

    /// The codec that owns this static payload type.
    #[must_use]
    pub fn from_payload_type(payload_type: u8) -> Option<Self> {
        let same = |codec: &Self| codec.payload_type() == payload_type;
        Self::ALL.iter().copied().find(same)
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_is_found_by_its_name_and_its_number() {
        for &codec in Codec::ALL {
            assert_eq!(Codec::from_name(&codec.name().to_lowercase()), Some(codec));
            assert_eq!(Codec::from_payload_type(codec.payload_type()), Some(codec));
        }
        assert_eq!(Codec::from_name("G729"), None);
        assert_eq!(Codec::from_payload_type(18), None);
    }
}
