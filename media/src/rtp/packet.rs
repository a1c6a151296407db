//! One RTP packet: reading it by `rtp-rs`, writing the header that we send.

use std::ops::Range;

use rtp_rs::{RtpReader, RtpReaderError};

use crate::time::RtpTime;

/// Length of a header without CSRCs and extension: what we send.
pub const HEADER_LEN: usize = 12;

/// The fields of a header that mean something to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RtpHeader {
    /// A talk spurt begins here (RFC 3551 section 4.1).
    pub marker: bool,
    /// What the payload is.
    pub payload_type: u8,
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub time: RtpTime,
    /// The synchronisation source.
    pub ssrc: u32,
}

/// A packet that was read: its header, and where in the datagram its payload lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The header.
    pub header: RtpHeader,
    /// The payload's place, without padding. Begins at [`HEADER_LEN`] or later.
    pub payload: Range<usize>,
}

/// Why a datagram is not an RTP packet (RFC 3550 appendix A.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RtpError {
    /// Shorter than its own headers.
    #[error("the packet is shorter than its headers")]
    Truncated,
    /// Not version 2.
    #[error("the packet is not RTP version 2")]
    Version,
    /// More padding than there is payload, or none although the bit is set.
    #[error("the padding is longer than the payload")]
    Padding,
}

impl Packet {
    /// Reads a datagram.
    ///
    /// # Errors
    /// When it is not RTP or contradicts itself.
    pub fn parse(datagram: &[u8]) -> Result<Self, RtpError> {
        let reader = RtpReader::new(datagram).map_err(|error| match error {
            RtpReaderError::BufferTooShort(_) | RtpReaderError::HeadersTruncated { .. } => {
                RtpError::Truncated
            }
            RtpReaderError::UnsupportedVersion(_) => RtpError::Version,
            RtpReaderError::PaddingLengthInvalid(_) => RtpError::Padding,
        })?;
        let start = reader.payload_offset();
        Ok(Self {
            header: RtpHeader {
                marker: reader.mark(),
                payload_type: reader.payload_type(),
                sequence: reader.sequence_number().into(),
                time: RtpTime(reader.timestamp()),
                ssrc: reader.ssrc(),
            },
            payload: start..start + reader.payload().len(),
        })
    }
}

impl RtpHeader {
    /// Its wire form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0x80; HEADER_LEN];
        bytes[1] = (self.payload_type & 0x7F) | u8::from(self.marker) << 7;
        bytes[2..4].copy_from_slice(&self.sequence.to_be_bytes());
        bytes[4..8].copy_from_slice(&self.time.0.to_be_bytes());
        bytes[8..12].copy_from_slice(&self.ssrc.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header() -> RtpHeader {
        RtpHeader {
            marker: true,
            payload_type: 101,
            sequence: 65_535,
            time: RtpTime(4_000_000_000),
            ssrc: 0xDEAD_BEEF,
        }
    }

    #[test]
    fn a_packet_with_everything_in_it_gives_only_its_payload() {
        // Two CSRCs, an extension of one word, three bytes of padding.
        let mut datagram = header().to_bytes().to_vec();
        datagram[0] = 0x80 | 0x20 | 0x10 | 2;
        datagram.extend([0; 8]);
        datagram.extend([0xBE, 0xDE, 0, 1, 0x10, 0xFF, 0, 0]);
        datagram.extend(b"audio");
        datagram.extend([0, 0, 3]);
        let packet = Packet::parse(&datagram).unwrap();
        assert_eq!(packet.header, header());
        assert_eq!(&datagram[packet.payload], b"audio");
    }

    #[test]
    fn packets_that_lie_about_themselves_are_refused() {
        let good = header().to_bytes().to_vec();
        let with = |first: u8, rest: &[u8]| {
            let mut datagram = good.clone();
            datagram[0] = first;
            datagram.extend(rest);
            Packet::parse(&datagram)
        };
        assert_eq!(Packet::parse(&[]), Err(RtpError::Truncated));
        assert_eq!(Packet::parse(&good[..11]), Err(RtpError::Truncated));
        assert_eq!(with(0x40, &[]), Err(RtpError::Version));
        assert_eq!(with(0x82, &[0; 7]), Err(RtpError::Truncated));
        assert_eq!(
            with(0x90, &[0xBE, 0xDE, 0xFF, 0xFF, 0]),
            Err(RtpError::Truncated)
        );
        assert_eq!(with(0xA0, &[]), Err(RtpError::Truncated));
        assert_eq!(with(0xA0, &[1, 0]), Err(RtpError::Padding));
        assert_eq!(with(0xA0, &[1, 3]), Err(RtpError::Padding));
        assert_eq!(with(0xA0, &[1, 2]).map(|p| p.payload), Ok(12..12));
    }

    proptest! {
        #[test]
        fn any_bytes_parse_or_not_but_never_panic(datagram: Vec<u8>) {
            if let Ok(packet) = Packet::parse(&datagram) {
                prop_assert!(packet.payload.start >= HEADER_LEN);
                prop_assert!(datagram.get(packet.payload).is_some());
            }
        }

        #[test]
        fn a_header_survives_its_bytes(marker: bool, payload_type in 0u8..128, sequence: u16, time: u32, ssrc: u32) {
            let header = RtpHeader { marker, payload_type, sequence, time: RtpTime(time), ssrc };
            prop_assert_eq!(Packet::parse(&header.to_bytes()).unwrap().header, header);
        }
    }
}
