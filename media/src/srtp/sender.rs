//! Protects what we send.

use std::fmt;

use offhook_core::sdp::crypto::MasterKey;

use crate::srtp::SrtpError;
use crate::srtp::cipher::{Cipher, Place};
use crate::srtp::derive::Purpose;
use crate::srtp::header::{RTCP_CLEAR, RtpFields, rtcp_ssrc};
use crate::srtp::replay::ReplayWindow;

/// Streams under one sending key. A leg has one, and another each time its far end moves; forgetting
/// one would let its numbers be used twice.
const STREAMS: usize = 16;

/// RTP packets that one key may protect (RFC 3711 section 9.2).
const MAX_RTP: u64 = 1 << 48;

/// RTCP packets that one key may protect.
const MAX_RTCP: u64 = 1 << 31;

/// What one side sends with: RTP and RTCP under one master key.
pub struct SrtpSender {
    rtp: Cipher,
    rtcp: Cipher,
    streams: [Option<(u32, ReplayWindow)>; STREAMS],
    /// RTP packets protected with this key.
    protected: u64,
    /// The index of the next RTCP packet.
    next_rtcp: u64,
    /// The index of the first RTCP packet under this key.
    first_rtcp: u64,
}

impl SrtpSender {
    /// A sender with this key, which nobody else may send with.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self {
            rtp: Cipher::new(key, Purpose::Rtp),
            rtcp: Cipher::new(key, Purpose::Rtcp),
            streams: [None; STREAMS],
            protected: 0,
            next_rtcp: 0,
            first_rtcp: 0,
        }
    }

    /// Whether packets of a stream that is not known yet can be protected.
    #[must_use]
    pub fn takes_another(&self) -> bool {
        self.streams.iter().any(Option::is_none)
    }

    /// Goes on with another key, its rollover counters and indices too, as RFC 3711 section 3.3.1
    /// has it. Far ends do; we begin another stream.
    #[cfg(test)]
    pub(super) fn rekey(&mut self, key: &MasterKey) {
        self.rtp = Cipher::new(key, Purpose::Rtp);
        self.rtcp = Cipher::new(key, Purpose::Rtcp);
        self.protected = 0;
        self.first_rtcp = self.next_rtcp;
    }

    /// Protects the RTP packet in the first `length` bytes of `buffer`, in place; its new length,
    /// which is at most [`TRAILER_LEN`](crate::srtp::TRAILER_LEN) more.
    ///
    /// Packets of a stream may come out of order by up to 128.
    ///
    /// # Errors
    /// Why it must not be sent. The buffer is unchanged then.
    pub fn protect_rtp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..length).ok_or(SrtpError::Malformed)?;
        let fields = RtpFields::parse(packet)?;
        if buffer.len() < length + self.rtp.overhead(Purpose::Rtp) {
            return Err(SrtpError::NoRoom);
        }
        if self.protected >= MAX_RTP {
            return Err(SrtpError::KeyExhausted);
        }
        let index = self.next_index(fields.ssrc, fields.sequence)?;
        self.protected += 1;
        let place = Place {
            ssrc: fields.ssrc,
            index,
        };
        Ok(self.rtp.seal_rtp(buffer, fields.length, length, place))
    }

    /// Protects the RTCP packet in the first `length` bytes of `buffer`, in place; its new length.
    ///
    /// # Errors
    /// Why it must not be sent. The buffer is unchanged then.
    pub fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Result<usize, SrtpError> {
        let packet = buffer.get(..length).ok_or(SrtpError::Malformed)?;
        let ssrc = rtcp_ssrc(packet)?;
        debug_assert!(length >= RTCP_CLEAR, "the SSRC was read");
        if buffer.len() < length + self.rtcp.overhead(Purpose::Rtcp) {
            return Err(SrtpError::NoRoom);
        }
        // Beyond its 31 bits the index would begin again, whatever the key.
        if self.next_rtcp - self.first_rtcp >= MAX_RTCP || self.next_rtcp >= MAX_RTCP {
            return Err(SrtpError::KeyExhausted);
        }
        let index = self.next_rtcp;
        self.next_rtcp += 1;
        let place = Place { ssrc, index };
        Ok(self.rtcp.seal_rtcp(buffer, length, place))
    }

    /// The index of a packet that no other packet has.
    fn next_index(&mut self, ssrc: u32, sequence: u16) -> Result<u64, SrtpError> {
        let known = self.streams.iter_mut().flatten();
        if let Some((_, window)) = known.into_iter().find(|(known, _)| *known == ssrc) {
            let index = window.guess(sequence).ok_or(SrtpError::Reused)?;
            if index >= MAX_RTP {
                return Err(SrtpError::KeyExhausted);
            }
            if !window.is_fresh(index) {
                return Err(SrtpError::Reused);
            }
            window.accept(index);
            return Ok(index);
        }
        let free = self.streams.iter_mut().find(|slot| slot.is_none());
        let free = free.ok_or(SrtpError::TooManySources)?;
        let index = u64::from(sequence);
        *free = Some((ssrc, ReplayWindow::starting_at(index)));
        Ok(index)
    }
}

impl fmt::Debug for SrtpSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpSender")
            .field("protected", &self.protected)
            .field("next_rtcp", &self.next_rtcp)
            .finish_non_exhaustive()
    }
}
