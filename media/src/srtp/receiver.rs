//! Checks and opens what the far end sends.

use std::fmt;
use std::time::{Duration, Instant};

use offhook_core::sdp::crypto::MasterKey;

use crate::srtp::SrtpError;
use crate::srtp::cipher::{Cipher, Place};
use crate::srtp::derive::Purpose;
use crate::srtp::header::{RtpFields, rtcp_ssrc};
use crate::srtp::replay::ReplayWindow;
use crate::srtp::sources::Sources;

/// How long a former key is taken after a new one was agreed: packets may be under way, and the far
/// end changes when it has read the answer.
pub const OVERLAP: Duration = Duration::from_secs(5);

/// One more than the highest packet index (RFC 3711 section 3.3.1: 48 bits).
const INDICES: u64 = 1 << 48;

/// What one side receives with.
pub struct SrtpReceiver {
    current: Box<Keyed>,
    former: Option<Former>,
}

/// A key and what was received under it.
struct Keyed {
    rtp: Cipher,
    rtcp: Cipher,
    sources: Sources,
    /// Whether anything authentic came under this key.
    proven: bool,
}

struct Former {
    keyed: Box<Keyed>,
    until: Instant,
}

impl SrtpReceiver {
    /// A receiver for what this key protects.
    #[must_use]
    pub fn new(key: &MasterKey) -> Self {
        Self {
            current: Box::new(Keyed::new(key)),
            former: None,
        }
    }

    /// Takes another key from now on. The former one is good until the first packet under the new
    /// one, but no longer than [`OVERLAP`].
    pub fn rekey(&mut self, now: Instant, key: &MasterKey) {
        let current = std::mem::replace(&mut self.current, Box::new(Keyed::new(key)));
        // Of two keys agreed in a row the far end may have used only the first.
        if current.proven || self.former.is_none() {
            self.former = Some(Former {
                keyed: current,
                until: now + OVERLAP,
            });
        }
    }

    /// Checks an RTP packet and opens it in place; its length without what protection added.
    ///
    /// # Errors
    /// Why it is not to be believed. The packet is unchanged then.
    pub fn unprotect_rtp(&mut self, now: Instant, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let fields = RtpFields::parse(packet)?;
        self.drop_expired(now);
        let former = self.former.as_ref().map(|former| &former.keyed.sources);
        let opened = self.current.open_rtp(packet, fields, former);
        self.settle(opened, |former| former.open_rtp(packet, fields, None))
    }

    /// Checks an RTCP packet and opens it in place; its length without what protection added.
    ///
    /// # Errors
    /// Why it is not to be believed. The packet is unchanged then.
    pub fn unprotect_rtcp(&mut self, now: Instant, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let ssrc = rtcp_ssrc(packet)?;
        self.drop_expired(now);
        let opened = self.current.open_rtcp(packet, ssrc);
        self.settle(opened, |former| former.open_rtcp(packet, ssrc))
    }

    fn drop_expired(&mut self, now: Instant) {
        self.former.take_if(|former| former.until < now);
    }

    /// What the current key could not open the former one may.
    fn settle(
        &mut self,
        opened: Result<usize, SrtpError>,
        again: impl FnOnce(&mut Keyed) -> Result<usize, SrtpError>,
    ) -> Result<usize, SrtpError> {
        if opened.is_ok() {
            self.former = None;
            return opened;
        }
        match &mut self.former {
            Some(former) => again(&mut former.keyed).or(opened),
            None => opened,
        }
    }
}

impl Keyed {
    fn new(key: &MasterKey) -> Self {
        Self {
            rtp: Cipher::new(key, Purpose::Rtp),
            rtcp: Cipher::new(key, Purpose::Rtcp),
            sources: Sources::default(),
            proven: false,
        }
    }

    /// `former`: what was received under the key before this one.
    fn open_rtp(
        &mut self,
        packet: &mut [u8],
        fields: RtpFields,
        former: Option<&Sources>,
    ) -> Result<usize, SrtpError> {
        let ssrc = fields.ssrc;
        if self.sources.is_retired(ssrc) {
            return Err(SrtpError::Replayed);
        }
        let known = self.sources.find(ssrc).and_then(|source| source.rtp);
        let candidates = match known {
            Some(window) => {
                let index = window.guess(fields.sequence);
                let index = index.filter(|index| *index < INDICES && window.is_fresh(*index));
                [Some(index.ok_or(SrtpError::Replayed)?), None, None]
            }
            None => first_indices(fields, former),
        };
        let mut opened = Err(SrtpError::Forged);
        for index in candidates.into_iter().flatten() {
            let place = Place { ssrc, index };
            opened = self.rtp.open_rtp(packet, fields.length, place);
            if opened.is_ok() {
                let window = &mut self.sources.heard(ssrc).rtp;
                window
                    .get_or_insert(ReplayWindow::starting_at(index))
                    .accept(index);
                self.proven = true;
                break;
            }
        }
        opened
    }

    fn open_rtcp(&mut self, packet: &mut [u8], ssrc: u32) -> Result<usize, SrtpError> {
        let index = self.rtcp.rtcp_index(packet)?;
        let known = self.sources.find(ssrc).and_then(|source| source.rtcp);
        let fresh = known.is_none_or(|window| window.is_fresh(index));
        if !fresh || self.sources.is_retired(ssrc) {
            return Err(SrtpError::Replayed);
        }
        let length = self.rtcp.open_rtcp(packet, ssrc)?;
        let window = &mut self.sources.heard(ssrc).rtcp;
        window
            .get_or_insert(ReplayWindow::starting_at(index))
            .accept(index);
        self.proven = true;
        Ok(length)
    }
}

/// What the index of a stream's first packet may be, likeliest first: with the rollover counter of
/// the key before this one, which goes on (RFC 3711 section 3.3.1) unless the far end began anew;
/// or just rolled over, if packets were lost before the one that comes first.
fn first_indices(fields: RtpFields, former: Option<&Sources>) -> [Option<u64>; 3] {
    let anew = u64::from(fields.sequence);
    let former = former.and_then(|sources| sources.find(fields.ssrc)?.rtp);
    let goes_on = former.and_then(|window| window.guess(fields.sequence));
    let goes_on = goes_on.filter(|index| *index != anew && *index < INDICES);
    let rolled_over = (fields.sequence < 1 << 15).then_some(anew + (1 << 16));
    let rolled_over = rolled_over.filter(|index| goes_on != Some(*index));
    [goes_on, Some(anew), rolled_over]
}

impl fmt::Debug for SrtpReceiver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SrtpReceiver")
            .field("rekeying", &self.former.is_some())
            .finish_non_exhaustive()
    }
}
