//! Extended reports, of which we read and write one block: VoIP metrics (RFC 3611 sections 2 and
//! 4.7).

use std::time::Duration;

/// The block's type.
const VOIP_METRICS: u8 = 7;

/// The block's length with its header.
pub(crate) const BLOCK: usize = 36;

/// What a field says that is not known.
const UNKNOWN: u8 = 127;

/// How a receiver of speech fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VoipMetrics {
    /// Whose stream.
    pub ssrc: u32,
    /// Share lost on the way, in 1/256.
    pub loss_rate: u8,
    /// Share that came but was not played, in 1/256.
    pub discard_rate: u8,
    /// Share lost or discarded within bursts, in 1/256.
    pub burst_density: u8,
    /// The same between bursts.
    pub gap_density: u8,
    /// Mean length of a burst, in milliseconds.
    pub burst_duration: u16,
    /// Mean length of a gap, in milliseconds.
    pub gap_duration: u16,
    /// The round trip, in milliseconds; 0 if unknown.
    pub round_trip: u16,
    /// The delay within the reporting end, in milliseconds.
    pub end_system_delay: u16,
    /// The transmission rating factor, 0 to 100.
    pub r_factor: Option<u8>,
    /// MOS of listening, in tenths.
    pub mos_listening: Option<u8>,
    /// MOS of conversation, in tenths.
    pub mos_conversation: Option<u8>,
    /// The receiver's configuration: bits for concealment and the jitter buffer's kind.
    pub configuration: u8,
    /// The jitter buffer's delay now, in milliseconds.
    pub buffer_nominal: u16,
    /// Its greatest so far.
    pub buffer_maximum: u16,
    /// The greatest it can have.
    pub buffer_bound: u16,
}

/// Concealment better than repetition, and an adaptive jitter buffer (section 4.7.6).
pub const ENHANCED_ADAPTIVE: u8 = 0b1011_0000;

impl VoipMetrics {
    /// Reads the body of an extended report after its SSRC; `None` when no block of it is one.
    /// Blocks of other kinds are passed over, and one that is longer than the body ends it.
    #[must_use]
    pub(crate) fn find(blocks: &[u8]) -> Option<Self> {
        let mut rest = blocks;
        while let &[kind, _, high, low, ..] = rest {
            let length = 4 * (usize::from(u16::from_be_bytes([high, low])) + 1);
            let (block, after) = rest.split_at_checked(length)?;
            if kind == VOIP_METRICS
                && let Some(block) = block.first_chunk()
            {
                return Some(Self::parse(block));
            }
            rest = after;
        }
        None
    }

    fn parse(block: &[u8; BLOCK]) -> Self {
        let short = |at: usize| u16::from_be_bytes([block[at], block[at + 1]]);
        let known = |at: usize, most: u8| Some(block[at]).filter(|&value| value <= most);
        Self {
            ssrc: u32::from_be_bytes([block[4], block[5], block[6], block[7]]),
            loss_rate: block[8],
            discard_rate: block[9],
            burst_density: block[10],
            gap_density: block[11],
            burst_duration: short(12),
            gap_duration: short(14),
            round_trip: short(16),
            end_system_delay: short(18),
            r_factor: known(24, 100),
            mos_listening: known(26, 50).filter(|&mos| mos >= 10),
            mos_conversation: known(27, 50).filter(|&mos| mos >= 10),
            configuration: block[28],
            buffer_nominal: short(30),
            buffer_maximum: short(32),
            buffer_bound: short(34),
        }
    }

    /// The block as it goes over the wire.
    #[must_use]
    pub(crate) fn to_bytes(self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        block[0] = VOIP_METRICS;
        block[3] = 8;
        block[4..8].copy_from_slice(&self.ssrc.to_be_bytes());
        block[8..12].copy_from_slice(&[
            self.loss_rate,
            self.discard_rate,
            self.burst_density,
            self.gap_density,
        ]);
        let mut put = |at: usize, value: u16| {
            block[at..at + 2].copy_from_slice(&value.to_be_bytes());
        };
        put(12, self.burst_duration);
        put(14, self.gap_duration);
        put(16, self.round_trip);
        put(18, self.end_system_delay);
        put(30, self.buffer_nominal);
        put(32, self.buffer_maximum);
        put(34, self.buffer_bound);
        // Levels and the return loss are not measured; bursts end after 16 packets.
        block[20..24].copy_from_slice(&[UNKNOWN, UNKNOWN, UNKNOWN, 16]);
        block[24] = self.r_factor.unwrap_or(UNKNOWN);
        block[25] = UNKNOWN;
        block[26] = self.mos_listening.unwrap_or(UNKNOWN);
        block[27] = self.mos_conversation.unwrap_or(UNKNOWN);
        block[28] = self.configuration;
        block
    }
}

/// A duration as the fields have it, in whole milliseconds.
#[must_use]
pub fn metric_millis(duration: Duration) -> u16 {
    u16::try_from(duration.as_millis()).unwrap_or(u16::MAX)
}

/// A share of 0 to 1 as the fields have it, in 1/256.
#[must_use]
pub fn metric_share(share: f64) -> u8 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range first"
    )]
    let fraction = (share * 256.0).clamp(0.0, 255.0) as u8;
    fraction
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn metrics() -> VoipMetrics {
        VoipMetrics {
            ssrc: 0xDEAD_BEEF,
            loss_rate: 12,
            discard_rate: 3,
            burst_density: 100,
            gap_density: 1,
            burst_duration: 120,
            gap_duration: 40_000,
            round_trip: 80,
            end_system_delay: 60,
            r_factor: Some(82),
            mos_listening: Some(41),
            mos_conversation: None,
            configuration: ENHANCED_ADAPTIVE,
            buffer_nominal: 40,
            buffer_maximum: 90,
            buffer_bound: 200,
        }
    }

    #[test]
    fn a_block_survives_its_bytes_behind_others() {
        let mut blocks = vec![4, 0, 0, 2, 1, 2, 3, 4, 5, 6, 7, 8];
        blocks.extend(metrics().to_bytes());
        assert_eq!(VoipMetrics::find(&blocks), Some(metrics()));
        assert_eq!(VoipMetrics::find(&blocks[..40]), None);
        assert_eq!(VoipMetrics::find(&[7, 0, 0, 0]), None);
    }

    #[test]
    fn figures_out_of_their_range_are_not_believed() {
        let mut block = metrics().to_bytes();
        (block[24], block[26], block[27]) = (101, 51, 9);
        let said = VoipMetrics::find(&block).unwrap();
        let figures = (said.r_factor, said.mos_listening, said.mos_conversation);
        assert_eq!(figures, (None, None, None));
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_block_or_not_but_never_panic(mut bytes: Vec<u8>, plausible: bool) {
            if plausible && bytes.len() > 4 {
                bytes[..4].copy_from_slice(&[7, 0, 0, 8]);
            }
            if let Some(metrics) = VoipMetrics::find(&bytes) {
                prop_assert_eq!(VoipMetrics::find(&metrics.to_bytes()), Some(metrics));
            }
        }
    }
}
