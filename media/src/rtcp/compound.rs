//! Compound packets: several RTCP packets in one datagram, a report first
//! (RFC 3550 section 6.1; checks of appendix A.2).

use crate::rtcp::report::{BLOCK_LEN, ReportBlock, ReportBlocks, SENDER_LEN, SenderInfo, word};
use crate::rtcp::voip_metrics::VoipMetrics;

const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const BYE: u8 = 203;
const EXTENDED_REPORT: u8 = 207;
const CNAME: u8 = 1;

/// Bytes before the packet's own fields: version, count, type, length.
const PREFIX_LEN: usize = 4;

/// Why a datagram is not RTCP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtcpError {
    /// Empty, or a packet's length goes beyond the datagram.
    #[error("the packet is shorter than it says")]
    Truncated,
    /// Not version 2.
    #[error("the packet is not RTCP version 2")]
    Version,
    /// The first packet is no report.
    #[error("the first packet is neither a sender nor a receiver report")]
    NoReport,
    /// A report has less room than its blocks need.
    #[error("the report is shorter than its blocks")]
    Blocks,
}

/// One packet of a compound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RtcpPacket<'a> {
    /// A report by somebody who sends.
    SenderReport {
        /// Who.
        ssrc: u32,
        /// About its own stream.
        sender: SenderInfo,
        /// About what it receives.
        blocks: ReportBlocks<'a>,
    },
    /// A report by somebody who only receives.
    ReceiverReport {
        /// Who.
        ssrc: u32,
        /// About what it receives.
        blocks: ReportBlocks<'a>,
    },
    /// Somebody leaves.
    Bye {
        /// The first of those who leave.
        ssrc: u32,
    },
    /// Who somebody is (RFC 3550 section 6.5): the first of those described.
    SourceDescription {
        /// Who.
        ssrc: u32,
        /// Its canonical name, if it is said; not always text.
        cname: Option<&'a [u8]>,
    },
    /// More about what somebody receives (RFC 3611).
    ExtendedReport {
        /// Who.
        ssrc: u32,
        /// How speech fares, if that is among it.
        voip: Option<VoipMetrics>,
    },
    /// Something we have no use for.
    Other {
        /// Its packet type.
        packet_type: u8,
    },
}

/// A datagram whose packets are all sound.
#[derive(Debug, Clone, Copy)]
pub struct Compound<'a>(&'a [u8]);

impl<'a> Compound<'a> {
    /// Checks a whole datagram.
    ///
    /// # Errors
    /// When any packet of it is not sound; then nothing of it should be believed.
    pub fn parse(datagram: &'a [u8]) -> Result<Self, RtcpError> {
        let mut rest = datagram;
        let mut first = true;
        while first || !rest.is_empty() {
            let (packet, after) = split(rest)?;
            let report = matches!(
                packet,
                RtcpPacket::SenderReport { .. } | RtcpPacket::ReceiverReport { .. }
            );
            if first && !report {
                return Err(RtcpError::NoReport);
            }
            first = false;
            rest = after;
        }
        Ok(Self(datagram))
    }

    /// Its packets in order.
    pub fn packets(&self) -> impl Iterator<Item = RtcpPacket<'a>> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (packet, after) = split(rest).ok()?;
            rest = after;
            Some(packet)
        })
    }
}

fn split(bytes: &[u8]) -> Result<(RtcpPacket<'_>, &[u8]), RtcpError> {
    let &[first, packet_type, high, low] = bytes.first_chunk().ok_or(RtcpError::Truncated)?;
    if first >> 6 != 2 {
        return Err(RtcpError::Version);
    }
    let length = PREFIX_LEN * (usize::from(u16::from_be_bytes([high, low])) + 1);
    let (packet, rest) = bytes.split_at_checked(length).ok_or(RtcpError::Truncated)?;
    let body = &packet[PREFIX_LEN..];
    let count = usize::from(first & 0x1F);
    let ssrc = word(body, 0);
    let packet = match packet_type {
        SENDER_REPORT => {
            let sender = body.get(4..).and_then(|rest| rest.first_chunk());
            let sender = SenderInfo::parse(sender.ok_or(RtcpError::Blocks)?);
            let blocks = blocks(body, 4 + SENDER_LEN, count)?;
            RtcpPacket::SenderReport {
                ssrc,
                sender,
                blocks,
            }
        }
        RECEIVER_REPORT => {
            let blocks = blocks(body, 4, count)?;
            RtcpPacket::ReceiverReport { ssrc, blocks }
        }
        SOURCE_DESCRIPTION if count > 0 && body.len() >= 4 => RtcpPacket::SourceDescription {
            ssrc,
            cname: cname(&body[4..]),
        },
        EXTENDED_REPORT if body.len() >= 4 => RtcpPacket::ExtendedReport {
            ssrc,
            voip: VoipMetrics::find(&body[4..]),
        },
        BYE if count > 0 && body.len() >= 4 => RtcpPacket::Bye { ssrc },
        _ => RtcpPacket::Other { packet_type },
    };
    Ok((packet, rest))
}

/// The canonical name among a chunk's items; a list that goes beyond the packet has none.
fn cname(items: &[u8]) -> Option<&[u8]> {
    let mut rest = items;
    while let &[kind, length, ref after @ ..] = rest {
        if kind == 0 {
            return None;
        }
        let (text, next) = after.split_at_checked(usize::from(length))?;
        if kind == CNAME {
            return Some(text);
        }
        rest = next;
    }
    None
}

fn blocks(body: &[u8], at: usize, count: usize) -> Result<ReportBlocks<'_>, RtcpError> {
    let bytes = body.get(at..at + count * BLOCK_LEN);
    bytes.map(ReportBlocks).ok_or(RtcpError::Blocks)
}

/// Writes a compound packet into a buffer. What does not fit any more is left out.
#[derive(Debug)]
pub struct CompoundWriter<'a> {
    buffer: &'a mut [u8],
    length: usize,
}

impl<'a> CompoundWriter<'a> {
    /// A compound in `buffer`; 192 bytes are enough for what we send.
    #[must_use]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { buffer, length: 0 }
    }

    /// Adds our report: as a sender if there is something to say of our stream.
    pub fn report(&mut self, ssrc: u32, sender: Option<SenderInfo>, block: Option<ReportBlock>) {
        let block = block.map(ReportBlock::to_bytes);
        let blocks: &[u8] = block.as_ref().map_or(&[], |block| block);
        let count = u8::from(block.is_some());
        let ssrc = ssrc.to_be_bytes();
        match sender.map(SenderInfo::to_bytes) {
            Some(sender) => self.packet(count, SENDER_REPORT, &[&ssrc, &sender, blocks]),
            None => self.packet(count, RECEIVER_REPORT, &[&ssrc, blocks]),
        }
    }

    /// Adds our canonical name.
    pub fn source_description(&mut self, ssrc: u32, cname: &str) {
        let name = &cname.as_bytes()[..cname.len().min(64)];
        let length = u8::try_from(name.len()).unwrap_or(0);
        // The list of items ends with a zero byte and is filled up to a whole word.
        let padding = 4 - (2 + name.len()) % 4;
        let parts: [&[u8]; 4] = [
            &ssrc.to_be_bytes(),
            &[CNAME, length],
            name,
            &[0; 4][..padding],
        ];
        self.packet(1, SOURCE_DESCRIPTION, &parts);
    }

    /// Adds how the speech fares that we receive.
    pub fn voip_metrics(&mut self, ssrc: u32, metrics: VoipMetrics) {
        let parts: [&[u8]; 2] = [&ssrc.to_be_bytes(), &metrics.to_bytes()];
        self.packet(0, EXTENDED_REPORT, &parts);
    }

    /// Adds our goodbye.
    pub fn bye(&mut self, ssrc: u32) {
        self.packet(1, BYE, &[&ssrc.to_be_bytes()]);
    }

    /// The number of bytes written.
    #[must_use]
    pub fn finish(self) -> usize {
        self.length
    }

    fn packet(&mut self, count: u8, packet_type: u8, parts: &[&[u8]]) {
        let body: usize = parts.iter().map(|part| part.len()).sum();
        let end = self.length + PREFIX_LEN + body;
        let Some(room) = self.buffer.get_mut(self.length..end) else {
            return;
        };
        let words = u16::try_from(body / 4).unwrap_or(0).to_be_bytes();
        room[..PREFIX_LEN].copy_from_slice(&[0x80 | count, packet_type, words[0], words[1]]);
        let mut at = PREFIX_LEN;
        for part in parts {
            room[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        self.length = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rtcp::NtpTime;
    use crate::time::RtpTime;

    fn block() -> ReportBlock {
        ReportBlock {
            ssrc: 9,
            fraction_lost: 12,
            lost: -5,
            highest: 0x1_0007,
            jitter: 44,
            last_report: 0xABCD_0123,
            delay: 65_536,
        }
    }

    fn sender() -> SenderInfo {
        SenderInfo {
            ntp: NtpTime(0x0123_4567_89AB_CDEF),
            time: RtpTime(77),
            packets: 3,
            octets: 480,
        }
    }

    #[test]
    fn what_we_write_we_read() {
        let mut buffer = [0; 128];
        let mut writer = CompoundWriter::new(&mut buffer);
        writer.report(5, Some(sender()), Some(block()));
        writer.source_description(5, "0123456789abc@offhook");
        writer.bye(5);
        let length = writer.finish();
        assert_eq!(length % 4, 0);
        let compound = Compound::parse(&buffer[..length]).unwrap();
        let packets: Vec<_> = compound.packets().collect();
        let [report, description, bye] = packets[..] else {
            panic!("{packets:?}");
        };
        let RtcpPacket::SenderReport {
            ssrc,
            sender: said,
            blocks,
        } = report
        else {
            panic!("{report:?}");
        };
        assert_eq!((ssrc, said), (5, sender()));
        assert_eq!(blocks.iter().collect::<Vec<_>>(), [block()]);
        let said = RtcpPacket::SourceDescription {
            ssrc: 5,
            cname: Some(b"0123456789abc@offhook"),
        };
        assert_eq!(description, said);
        assert_eq!(bye, RtcpPacket::Bye { ssrc: 5 });
    }

    #[test]
    fn a_compound_that_is_not_sound_is_refused() {
        let refused = |bytes: &[u8]| Compound::parse(bytes).unwrap_err();
        assert_eq!(refused(&[]), RtcpError::Truncated);
        assert_eq!(refused(&[0x80, 201, 0, 9, 0, 0]), RtcpError::Truncated);
        assert_eq!(refused(&[0x40, 201, 0, 0]), RtcpError::Version);
        assert_eq!(refused(&[0x81, 203, 0, 1, 0, 0, 0, 1]), RtcpError::NoReport);
        // A receiver report that promises a block it has no room for.
        assert_eq!(refused(&[0x81, 201, 0, 1, 0, 0, 0, 1]), RtcpError::Blocks);
        // A sender report without sender information.
        assert_eq!(refused(&[0x80, 200, 0, 1, 0, 0, 0, 1]), RtcpError::Blocks);
    }

    #[test]
    fn a_buffer_too_small_is_not_overrun() {
        let mut buffer = [0; 10];
        let mut writer = CompoundWriter::new(&mut buffer);
        writer.report(5, Some(sender()), None);
        writer.bye(5);
        assert_eq!(writer.finish(), 8);
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_not_but_never_panic(mut bytes: Vec<u8>, plausible: bool) {
            if plausible && bytes.len() > 4 {
                let length = bytes[3] % 16;
                bytes[..4].copy_from_slice(&[0x81, 200, 0, length]);
            }
            if let Ok(compound) = Compound::parse(&bytes) {
                for packet in compound.packets() {
                    if let RtcpPacket::SenderReport { blocks, .. } = packet {
                        prop_assert!(blocks.iter().count() <= 31);
                    }
                }
            }
        }
    }
}
