//! What the four suites do to one packet.

use aes::cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use aes::{Aes128Enc, Aes256Enc};
use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::consts::U12;
use aes_gcm::{AesGcm, Nonce, Tag};
use ctr::CtrCore;
use ctr::flavors::Ctr128BE;
use hmac::{Hmac, Mac};
use offhook_core::sdp::crypto::{CryptoSuite, MasterKey, Mki};
use sha1::Sha1;
use zeroize::Zeroizing;

use crate::srtp::SrtpError;
use crate::srtp::derive::{Part, Purpose, derive};
use crate::srtp::header::RTCP_CLEAR;
use crate::srtp::wide::Wide;

/// Bytes of a GCM tag.
const GCM_TAG: usize = 16;

/// Bytes of an SRTCP index with its flag.
const INDEX: usize = 4;

/// The flag of an SRTCP index: the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;

/// A packet's place among all that one key protects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) ssrc: u32,
    /// 48 bits for RTP, 31 for RTCP.
    pub(super) index: u64,
}

/// The session keys of one purpose: they protect RTP, or RTCP, but never both.
pub(super) struct Cipher {
    suite: Suite,
    salt: Zeroizing<[u8; 14]>,
    mki: Option<Mki>,
}

enum Suite {
    Counter {
        aes: Wide<Aes128Enc>,
        /// Keyed once: every packet starts from a copy.
        mac: Hmac<Sha1>,
        tag_len: usize,
    },
    Gcm128(AesGcm<Wide<Aes128Enc>, U12>),
    Gcm256(AesGcm<Wide<Aes256Enc>, U12>),
}

impl Cipher {
    pub(super) fn new(master: &MasterKey, purpose: Purpose) -> Self {
        let suite = match (master.suite(), purpose) {
            (CryptoSuite::AeadAes256Gcm, _) => {
                let key = derive::<32>(master, purpose, Part::Encryption);
                Suite::Gcm256(AesGcm::new((&*key).into()))
            }
            (CryptoSuite::AeadAes128Gcm, _) => {
                let key = derive::<16>(master, purpose, Part::Encryption);
                Suite::Gcm128(AesGcm::new((&*key).into()))
            }
            (CryptoSuite::AesCm128HmacSha1_32, Purpose::Rtp) => counter(master, purpose, 4),
            (CryptoSuite::AesCm128HmacSha1_32, Purpose::Rtcp)
            | (CryptoSuite::AesCm128HmacSha1_80, _) => counter(master, purpose, 10),
        };
        let mut salt = derive::<14>(master, purpose, Part::Salt);
        // Where a nonce is shorter, so is the salt.
        let length = master.suite().salt_len();
        salt[length..].fill(0);
        Self {
            suite,
            salt,
            mki: master.mki(),
        }
    }

    /// Bytes that protection adds to a packet.
    pub(super) fn overhead(&self, purpose: Purpose) -> usize {
        let index = match purpose {
            Purpose::Rtp => 0,
            Purpose::Rtcp => INDEX,
        };
        self.tag_len() + self.mki_len() + index
    }

    fn tag_len(&self) -> usize {
        match self.suite {
            Suite::Counter { tag_len, .. } => tag_len,
            Suite::Gcm128(_) | Suite::Gcm256(_) => GCM_TAG,
        }
    }

    fn mki_len(&self) -> usize {
        self.mki.map_or(0, Mki::length)
    }

    /// Protects an RTP packet of `length` bytes, `header` of them header, in a buffer with room for
    /// the overhead; its new length.
    pub(super) fn seal_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        length: usize,
        place: Place,
    ) -> usize {
        match &self.suite {
            Suite::Counter { aes, mac, tag_len } => {
                keystream(aes, self.counter(place), &mut packet[header..length]);
                let rollover = rollover(place.index);
                let mac = authenticate(mac, [&packet[..length], &rollover]);
                let tag = mac.finalize().into_bytes();
                let end = self.put_mki(packet, length);
                put(packet, end, &tag[..*tag_len])
            }
            Suite::Gcm128(_) | Suite::Gcm256(_) => {
                let (header, rest) = packet.split_at_mut(header);
                let payload = length - header.len();
                let tag = self.gcm_seal(place, header, &mut rest[..payload]);
                let end = put(packet, length, &tag);
                self.put_mki(packet, end)
            }
        }
    }

    /// Checks an RTP packet and opens it in place; the length of what was protected. What is not
    /// authentic is left as it is.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header: usize,
        place: Place,
    ) -> Result<usize, SrtpError> {
        let overhead = self.overhead(Purpose::Rtp);
        let length = packet.len().checked_sub(overhead);
        let length = length.filter(|length| *length >= header);
        let length = length.ok_or(SrtpError::Malformed)?;
        match &self.suite {
            Suite::Counter { aes, mac, .. } => {
                let (body, trailer) = packet.split_at_mut(length);
                let tag = self.take_mki_before(trailer)?;
                let rollover = rollover(place.index);
                let mac = authenticate(mac, [body, &rollover]);
                mac.verify_truncated_left(tag)
                    .map_err(|_| SrtpError::Forged)?;
                keystream(aes, self.counter(place), &mut body[header..]);
            }
            Suite::Gcm128(_) | Suite::Gcm256(_) => {
                let (body, trailer) = packet.split_at_mut(length);
                let tag = self.take_mki_behind(trailer)?;
                let (header, payload) = body.split_at_mut(header);
                self.gcm_open(place, header, payload, tag)?;
            }
        }
        Ok(length)
    }

    /// Protects an RTCP packet of `length` bytes, at least 8, in a buffer with room for the
    /// overhead; its new length.
    pub(super) fn seal_rtcp(&self, packet: &mut [u8], length: usize, place: Place) -> usize {
        let word = index_word(place.index) | ENCRYPTED;
        let word = word.to_be_bytes();
        match &self.suite {
            Suite::Counter { aes, mac, tag_len } => {
                keystream(aes, self.counter(place), &mut packet[RTCP_CLEAR..length]);
                let end = put(packet, length, &word);
                let mac = authenticate(mac, [&packet[..end], &[]]);
                let tag = mac.finalize().into_bytes();
                let end = self.put_mki(packet, end);
                put(packet, end, &tag[..*tag_len])
            }
            Suite::Gcm128(_) | Suite::Gcm256(_) => {
                let (clear, rest) = packet.split_at_mut(RTCP_CLEAR);
                let associated = clear_and_index(clear, word);
                let payload = length - RTCP_CLEAR;
                let tag = self.gcm_seal(place, &associated, &mut rest[..payload]);
                let end = put(packet, length, &tag);
                let end = put(packet, end, &word);
                self.put_mki(packet, end)
            }
        }
    }

    /// Where in an RTCP packet the index lies, and what it says: not to be believed yet.
    pub(super) fn rtcp_index(&self, packet: &[u8]) -> Result<u64, SrtpError> {
        let length = packet.len().checked_sub(self.overhead(Purpose::Rtcp));
        let length = length.filter(|length| *length >= RTCP_CLEAR);
        let length = length.ok_or(SrtpError::Malformed)?;
        let (word, _) = self.rtcp_trailer(&packet[length..])?;
        Ok(u64::from(word & !ENCRYPTED))
    }

    /// Checks an RTCP packet and opens it in place; the length of what was protected. One that is
    /// authentic but not encrypted is taken too: its sender chose so.
    pub(super) fn open_rtcp(&self, packet: &mut [u8], ssrc: u32) -> Result<usize, SrtpError> {
        let index = self.rtcp_index(packet)?;
        let length = packet.len() - self.overhead(Purpose::Rtcp);
        let place = Place { ssrc, index };
        let (word, tag) = self.rtcp_trailer(&packet[length..])?;
        let is_encrypted = word & ENCRYPTED != 0;
        let word = word.to_be_bytes();
        let mut own_tag = [0; GCM_TAG];
        own_tag[..tag.len()].copy_from_slice(tag);
        let tag = &own_tag[..tag.len()];
        match &self.suite {
            Suite::Counter { aes, mac, .. } => {
                let mac = authenticate(mac, [&packet[..length], &word]);
                mac.verify_truncated_left(tag)
                    .map_err(|_| SrtpError::Forged)?;
                if is_encrypted {
                    keystream(aes, self.counter(place), &mut packet[RTCP_CLEAR..length]);
                }
            }
            Suite::Gcm128(_) | Suite::Gcm256(_) if is_encrypted => {
                let (clear, rest) = packet.split_at_mut(RTCP_CLEAR);
                let associated = clear_and_index(clear, word);
                let payload = &mut rest[..length - RTCP_CLEAR];
                self.gcm_open(place, &associated, payload, tag)?;
            }
            Suite::Gcm128(_) | Suite::Gcm256(_) => {
                // The index is authenticated as if it followed the packet at once; the tag, which
                // was copied, gives it the room.
                let end = put(packet, length, &word);
                let opened = self.gcm_open(place, &packet[..end], &mut [], tag);
                packet[length..end].copy_from_slice(&tag[..INDEX]);
                opened?;
            }
        }
        Ok(length)
    }

    /// Splits what follows an RTCP packet into its index and its tag.
    fn rtcp_trailer<'a>(&self, trailer: &'a [u8]) -> Result<(u32, &'a [u8]), SrtpError> {
        let (word, tag) = match &self.suite {
            Suite::Counter { .. } => {
                let (word, rest) = trailer.split_at(INDEX);
                (word, self.take_mki_before(rest)?)
            }
            Suite::Gcm128(_) | Suite::Gcm256(_) => {
                let (tag, rest) = trailer.split_at(GCM_TAG);
                let (word, mki) = rest.split_at(INDEX);
                self.check_mki(mki)?;
                (word, tag)
            }
        };
        let word = word.first_chunk().ok_or(SrtpError::Malformed)?;
        Ok((u32::from_be_bytes(*word), tag))
    }

    /// The tag behind the key's identifier.
    fn take_mki_before<'a>(&self, trailer: &'a [u8]) -> Result<&'a [u8], SrtpError> {
        let (mki, tag) = trailer.split_at(self.mki_len());
        self.check_mki(mki)?;
        Ok(tag)
    }

    /// The tag before the key's identifier.
    fn take_mki_behind<'a>(&self, trailer: &'a [u8]) -> Result<&'a [u8], SrtpError> {
        let (tag, mki) = trailer.split_at(GCM_TAG);
        self.check_mki(mki)?;
        Ok(tag)
    }

    fn check_mki(&self, bytes: &[u8]) -> Result<(), SrtpError> {
        let ours = self.mki.into_iter().flat_map(Mki::bytes);
        if ours.eq(bytes.iter().copied()) {
            Ok(())
        } else {
            Err(SrtpError::Forged)
        }
    }

    fn put_mki(&self, packet: &mut [u8], at: usize) -> usize {
        let Some(mki) = self.mki else { return at };
        let end = at + mki.length();
        for (to, from) in packet[at..end].iter_mut().zip(mki.bytes()) {
            *to = from;
        }
        end
    }

    /// The first counter block of a packet (RFC 3711 section 4.1.1).
    fn counter(&self, place: Place) -> [u8; 16] {
        let mut block = [0; 16];
        block[..14].copy_from_slice(&self.salt[..]);
        mix(&mut block[4..8], &place.ssrc.to_be_bytes());
        mix(&mut block[8..14], &place.index.to_be_bytes()[2..]);
        block
    }

    /// The nonce of a packet (RFC 7714 sections 8.1 and 9.1).
    fn nonce(&self, place: Place) -> Nonce<U12> {
        let mut nonce = [0; 12];
        nonce.copy_from_slice(&self.salt[..12]);
        mix(&mut nonce[2..6], &place.ssrc.to_be_bytes());
        mix(&mut nonce[6..], &place.index.to_be_bytes()[2..]);
        nonce.into()
    }

    fn gcm_seal(&self, place: Place, associated: &[u8], payload: &mut [u8]) -> [u8; GCM_TAG] {
        let nonce = self.nonce(place);
        let sealed = match &self.suite {
            Suite::Gcm128(gcm) => gcm.encrypt_inout_detached(&nonce, associated, payload.into()),
            Suite::Gcm256(gcm) => gcm.encrypt_inout_detached(&nonce, associated, payload.into()),
            Suite::Counter { .. } => Ok(Tag::default()),
        };
        // Fails beyond 64 GB alone.
        sealed.unwrap_or_default().into()
    }

    fn gcm_open(
        &self,
        place: Place,
        associated: &[u8],
        payload: &mut [u8],
        tag: &[u8],
    ) -> Result<(), SrtpError> {
        let nonce = self.nonce(place);
        let tag: &Tag = tag.try_into().map_err(|_| SrtpError::Malformed)?;
        let opened = match &self.suite {
            Suite::Gcm128(gcm) => {
                gcm.decrypt_inout_detached(&nonce, associated, payload.into(), tag)
            }
            Suite::Gcm256(gcm) => {
                gcm.decrypt_inout_detached(&nonce, associated, payload.into(), tag)
            }
            Suite::Counter { .. } => Ok(()),
        };
        opened.map_err(|_| SrtpError::Forged)
    }
}

fn counter(master: &MasterKey, purpose: Purpose, tag_len: usize) -> Suite {
    let key = derive::<16>(master, purpose, Part::Encryption);
    let auth = derive::<20>(master, purpose, Part::Authentication);
    // A MAC's key is one block of its hash: this one filled up with zeros.
    let mut block = Zeroizing::new([0; 64]);
    block[..auth.len()].copy_from_slice(&auth[..]);
    Suite::Counter {
        aes: Wide::new((&*key).into()),
        mac: Hmac::new((&*block).into()),
        tag_len,
    }
}

pub(super) fn keystream(aes: &Wide<Aes128Enc>, counter: [u8; 16], bytes: &mut [u8]) {
    let counter = counter.into();
    CtrCore::<_, Ctr128BE>::inner_iv_init(aes, &counter).apply_keystream_partial(bytes.into());
}

fn authenticate(mac: &Hmac<Sha1>, parts: [&[u8]; 2]) -> Hmac<Sha1> {
    let mut mac = mac.clone();
    for part in parts {
        mac.update(part);
    }
    mac
}

fn rollover(index: u64) -> [u8; 4] {
    let [_, _, rollover @ .., _, _] = index.to_be_bytes();
    rollover
}

fn index_word(index: u64) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX) & !ENCRYPTED
}

fn clear_and_index(clear: &[u8], word: [u8; INDEX]) -> [u8; RTCP_CLEAR + INDEX] {
    let mut associated = [0; RTCP_CLEAR + INDEX];
    associated[..RTCP_CLEAR].copy_from_slice(clear);
    associated[RTCP_CLEAR..].copy_from_slice(&word);
    associated
}

fn put(packet: &mut [u8], at: usize, bytes: &[u8]) -> usize {
    let end = at + bytes.len();
    packet[at..end].copy_from_slice(bytes);
    end
}

fn mix(into: &mut [u8], bytes: &[u8]) {
    for (to, from) in into.iter_mut().zip(bytes) {
        *to ^= from;
    }
}

#[cfg(test)]
impl Cipher {
    /// Session keys as they are, for vectors that name no master key.
    pub(super) fn from_session_keys(key: &[u8], salt: &[u8]) -> Self {
        let suite = match key.first_chunk::<32>() {
            Some(key) => Suite::Gcm256(AesGcm::new(key.into())),
            None => Suite::Gcm128(AesGcm::new(key.first_chunk::<16>().unwrap().into())),
        };
        let mut long = Zeroizing::new([0; 14]);
        long[..salt.len()].copy_from_slice(salt);
        Self {
            suite,
            salt: long,
            mki: None,
        }
    }
}
