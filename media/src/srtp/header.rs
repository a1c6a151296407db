//! The few header fields that protection looks at; all others travel as they are.

use crate::srtp::SrtpError;

/// Bytes of a fixed RTP header.
const RTP_FIXED: usize = 12;

/// Bytes of an RTCP packet that are never encrypted: up to the sender's SSRC.
pub(super) const RTCP_CLEAR: usize = 8;

/// What protection needs of an RTP header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RtpFields {
    /// Bytes before the payload, contributing sources and extension included: authenticated, but
    /// not encrypted.
    pub(super) length: usize,
    pub(super) sequence: u16,
    pub(super) ssrc: u32,
}

impl RtpFields {
    /// Reads them from a packet, protected or not.
    pub(super) fn parse(packet: &[u8]) -> Result<Self, SrtpError> {
        let fixed: &[u8; RTP_FIXED] = packet.first_chunk().ok_or(SrtpError::Malformed)?;
        let &[first, _, high, low, _, _, _, _, a, b, c, d] = fixed;
        if first >> 6 != 2 {
            return Err(SrtpError::Malformed);
        }
        let mut length = RTP_FIXED + 4 * usize::from(first & 0x0F);
        if first & 0x10 != 0 {
            let extension = packet.get(length..length + 4);
            let &[_, _, high, low] = extension
                .and_then(|extension| extension.first_chunk())
                .ok_or(SrtpError::Malformed)?;
            length += 4 + 4 * usize::from(u16::from_be_bytes([high, low]));
        }
        if length > packet.len() {
            return Err(SrtpError::Malformed);
        }
        Ok(Self {
            length,
            sequence: u16::from_be_bytes([high, low]),
            ssrc: u32::from_be_bytes([a, b, c, d]),
        })
    }
}

/// The sender's SSRC of an RTCP packet, protected or not.
pub(super) fn rtcp_ssrc(packet: &[u8]) -> Result<u32, SrtpError> {
    let clear: &[u8; RTCP_CLEAR] = packet.first_chunk().ok_or(SrtpError::Malformed)?;
    let &[first, _, _, _, a, b, c, d] = clear;
    if first >> 6 == 2 {
        Ok(u32::from_be_bytes([a, b, c, d]))
    } else {
        Err(SrtpError::Malformed)
    }
}
