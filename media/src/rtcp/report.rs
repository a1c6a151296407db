//! Sender information and reception report blocks (RFC 3550 sections 6.4.1 and 6.4.2).

use crate::rtcp::ntp::NtpTime;
use crate::time::RtpTime;

/// Length of a report block.
pub(crate) const BLOCK_LEN: usize = 24;

/// Length of the sender information.
pub(crate) const SENDER_LEN: usize = 20;

/// What a sender says of its own stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SenderInfo {
    /// Its wall clock.
    pub ntp: NtpTime,
    /// The same moment on its RTP clock.
    pub time: RtpTime,
    /// Packets it sent.
    pub packets: u32,
    /// Payload bytes it sent.
    pub octets: u32,
}

/// What a receiver says of one sender's stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlock {
    /// Whose stream.
    pub ssrc: u32,
    /// Share lost since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost in all; 24 bits on the wire, negative when duplicates outnumber losses.
    pub lost: i32,
    /// The highest sequence number received, with its cycles.
    pub highest: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
    /// The middle bits of the NTP time in the last sender report received from there; 0 if none.
    pub last_report: u32,
    /// How long ago that was, in 1/65 536 s.
    pub delay: u32,
}

impl SenderInfo {
    pub(crate) fn parse(bytes: &[u8; SENDER_LEN]) -> Self {
        let four = |at: usize| word(bytes, at);
        Self {
            ntp: NtpTime(u64::from(four(0)) << 32 | u64::from(four(4))),
            time: RtpTime(four(8)),
            packets: four(12),
            octets: four(16),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; SENDER_LEN] {
        let mut bytes = [0; SENDER_LEN];
        bytes[..8].copy_from_slice(&self.ntp.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.time.0.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.packets.to_be_bytes());
        bytes[16..].copy_from_slice(&self.octets.to_be_bytes());
        bytes
    }
}

impl ReportBlock {
    fn parse(bytes: &[u8; BLOCK_LEN]) -> Self {
        let four = |at: usize| word(bytes, at);
        Self {
            ssrc: four(0),
            fraction_lost: bytes[4],
            // Shifted up and down again, which extends the sign of 24 bits.
            lost: (four(4) << 8).cast_signed() >> 8,
            highest: four(8),
            jitter: four(12),
            last_report: four(16),
            delay: four(20),
        }
    }

    pub(crate) fn to_bytes(self) -> [u8; BLOCK_LEN] {
        let mut bytes = [0; BLOCK_LEN];
        let lost = self.lost.clamp(-0x80_0000, 0x7F_FFFF).cast_unsigned() & 0xFF_FFFF;
        let words = [
            self.ssrc,
            u32::from(self.fraction_lost) << 24 | lost,
            self.highest,
            self.jitter,
            self.last_report,
            self.delay,
        ];
        for (bytes, word) in bytes.chunks_exact_mut(4).zip(words) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }
}

/// The report blocks of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReportBlocks<'a>(pub(crate) &'a [u8]);

impl<'a> ReportBlocks<'a> {
    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = ReportBlock> + use<'a> {
        let (blocks, _) = self.0.as_chunks();
        blocks.iter().map(ReportBlock::parse)
    }
}

pub(crate) fn word(bytes: &[u8], at: usize) -> u32 {
    let four = bytes.get(at..).and_then(|rest| rest.first_chunk());
    four.map_or(0, |four| u32::from_be_bytes(*four))
}
