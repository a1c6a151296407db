//! Audio codecs by their names and numbers in SDP (RFC 3551 section 4.5 and table 4, RFC 7587).

use std::fmt;

use serde::{Deserialize, Serialize};

/// An audio codec that can be negotiated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Codec {
    /// Opus (RFC 7587): 8 to 48 kHz, mono with us.
    Opus,
    /// G.722: 16 kHz in 64 kb/s.
    G722,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// Uncompressed, 16 bits, 16 kHz, mono (RFC 3551 section 4.5.11).
    L16Wide,
    /// Uncompressed, 16 bits, 8 kHz, mono.
    L16Narrow,
}

impl Codec {
    /// Every codec, the best for a conversation first.
    pub const ALL: &[Self] = &[
        Self::Opus,
        Self::G722,
        Self::Pcmu,
        Self::Pcma,
        Self::L16Wide,
        Self::L16Narrow,
    ];

    /// What is spoken where nothing else is configured, in this order of preference.
    pub const DEFAULT: &[Self] = &[Self::Opus, Self::G722, Self::Pcma, Self::Pcmu];

    /// Ticks of the RTP timestamp per second. G.722 counts 8000 although it samples 16,000 times
    /// (RFC 3551 section 4.5.2), Opus 48,000 whatever it samples (RFC 7587 section 4.1).
    #[must_use]
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::L16Wide => 16_000,
            Self::G722 | Self::Pcmu | Self::Pcma | Self::L16Narrow => 8000,
        }
    }

    /// Samples per second that it carries at most.
    #[must_use]
    pub fn sampling_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::G722 | Self::L16Wide => 16_000,
            Self::Pcmu | Self::Pcma | Self::L16Narrow => 8000,
        }
    }

    /// The channels its `rtpmap` names. Opus says two whatever it carries (RFC 7587 section 7).
    #[must_use]
    pub fn channels(self) -> u8 {
        match self {
            Self::Opus => 2,
            Self::G722 | Self::Pcmu | Self::Pcma | Self::L16Wide | Self::L16Narrow => 1,
        }
    }

    /// The payload type RFC 3551 assigns for good, if it does.
    #[must_use]
    pub fn static_payload_type(self) -> Option<u8> {
        match self {
            Self::Pcmu => Some(0),
            Self::Pcma => Some(8),
            Self::G722 => Some(9),
            Self::Opus | Self::L16Wide | Self::L16Narrow => None,
        }
    }

    /// The payload type our first offer gives it: the static one, else one that no other codec of
    /// ours and none of our events has.
    #[must_use]
    pub fn payload_type(self) -> u8 {
        match self {
            Self::Pcmu => 0,
            Self::Pcma => 8,
            Self::G722 => 9,
            Self::Opus => 111,
            Self::L16Wide => 118,
            Self::L16Narrow => 119,
        }
    }

    /// The encoding name of its `rtpmap`. Both kinds of L16 have the same one.
    #[must_use]
    pub fn encoding_name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::G722 => "G722",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
            Self::L16Wide | Self::L16Narrow => "L16",
        }
    }

    /// Its name in a configuration: the encoding name, with the rate where that is not enough.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::L16Wide => "L16/16000",
            Self::L16Narrow => "L16/8000",
            Self::Opus | Self::G722 | Self::Pcmu | Self::Pcma => self.encoding_name(),
        }
    }

    /// The codec with this name in a configuration, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let same = |codec: &Self| codec.name().eq_ignore_ascii_case(name);
        Self::ALL.iter().copied().find(same)
    }

    /// The codec of an `rtpmap`; `channels` is 1 when it names none.
    #[must_use]
    pub fn from_rtpmap(encoding_name: &str, clock_rate: u32, channels: u8) -> Option<Self> {
        let same = |codec: &Self| {
            codec.encoding_name().eq_ignore_ascii_case(encoding_name)
                && codec.clock_rate() == clock_rate
                && codec.channels() == channels
        };
        Self::ALL.iter().copied().find(same)
    }

    /// The codec that owns this static payload type.
    #[must_use]
    pub fn from_payload_type(payload_type: u8) -> Option<Self> {
        let same = |codec: &Self| codec.static_payload_type() == Some(payload_type);
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
    fn a_codec_is_found_by_its_name_its_map_and_its_number() {
        for &codec in Codec::ALL {
            assert_eq!(Codec::from_name(&codec.name().to_lowercase()), Some(codec));
            let map = (codec.encoding_name(), codec.clock_rate(), codec.channels());
            assert_eq!(Codec::from_rtpmap(map.0, map.1, map.2), Some(codec));
            if let Some(number) = codec.static_payload_type() {
                assert_eq!(number, codec.payload_type());
                assert_eq!(Codec::from_payload_type(number), Some(codec));
            } else {
                assert!((96..128).contains(&codec.payload_type()));
                assert_eq!(Codec::from_payload_type(codec.payload_type()), None);
            }
        }
        assert_eq!(Codec::from_name("G729"), None);
        assert_eq!(Codec::from_payload_type(18), None);
    }

    #[test]
    fn our_numbers_stand_for_one_codec_each() {
        let mut numbers: Vec<_> = Codec::ALL
            .iter()
            .map(|codec| codec.payload_type())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), Codec::ALL.len());
    }

    /// RFC 7587 section 7: opus/48000/2, whatever it carries. RFC 3551 section 4.5.2: G722/8000.
    #[test]
    fn a_map_with_another_rate_or_channels_is_another_codec() {
        for (name, rate, channels) in [
            ("opus", 48_000, 1),
            ("opus", 16_000, 2),
            ("G722", 16_000, 1),
            ("L16", 44_100, 1),
            ("L16", 16_000, 2),
            ("PCMU", 16_000, 1),
        ] {
            assert_eq!(Codec::from_rtpmap(name, rate, channels), None, "{name}");
        }
    }
}
