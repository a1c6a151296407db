//! What keeps a leg's packets from strangers: SRTP both ways.

use std::net::SocketAddr;
use std::time::Instant;

use offhook_core::sdp::crypto::SrtpKeys;

use crate::codec::Coding;
use crate::rtp::Packet;
use crate::session::drop_reason::DropReason;
use crate::session::media_session::MediaSession;
use crate::srtp::{SrtpError, SrtpReceiver, SrtpSender};
use crate::time::Rate;

/// The keys of a leg at work.
#[derive(Debug)]
pub(super) struct Security {
    keys: SrtpKeys,
    sender: SrtpSender,
    receiver: SrtpReceiver,
}

impl Security {
    fn new(keys: SrtpKeys) -> Self {
        Self {
            sender: SrtpSender::new(&keys.send),
            receiver: SrtpReceiver::new(&keys.receive),
            keys,
        }
    }

    /// Takes the keys of a new description; whether we send with another one from now on. A key that
    /// stays goes on as if nothing had been said: beginning anew with it would give numbers twice.
    fn update(&mut self, now: Instant, keys: SrtpKeys) -> bool {
        let rekeyed = keys.send != self.keys.send;
        if rekeyed {
            self.sender = SrtpSender::new(&keys.send);
        }
        if keys.receive != self.keys.receive {
            self.receiver.rekey(now, &keys.receive);
        }
        self.keys = keys;
        rekeyed
    }
}

impl MediaSession {
    /// From now on packets are protected with these keys, or not at all, and go to this address. A
    /// leg with keys believes nothing that is not protected.
    ///
    /// With another key of ours, or at another address, they are another stream: whoever is there may
    /// be another device, which knows nothing of how often our numbers rolled over (RFC 4568 section
    /// 7.1.4), and some forget it with the key. Numbers that are its first it takes as they are.
    pub(super) fn secure(&mut self, now: Instant, keys: Option<SrtpKeys>, to: SocketAddr) {
        let is_somewhere = to.port() != 0 && !to.ip().is_unspecified();
        let before = if is_somewhere {
            self.secured_to.replace(to)
        } else {
            self.secured_to
        };
        let moved = is_somewhere && before.is_some_and(|before| before != to);
        let rekeyed = match (&mut self.security, keys) {
            (Some(security), Some(keys)) => security.update(now, keys),
            (security, keys) => {
                *security = keys.map(|keys| Box::new(Security::new(keys)));
                security.is_some()
            }
        };
        let security = self.security.as_ref();
        // Beyond that many streams under one key it stays with the last rather than fall silent.
        if security.is_some_and(|security| rekeyed || (moved && security.sender.takes_another())) {
            self.stream.begin_anew();
        }
    }

    /// Whether packets are protected.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.security.is_some()
    }

    /// Opens a datagram from the RTP socket in place, if the leg has keys; its length then. Nothing
    /// of a datagram may be believed before. A leg on hold opens them too: it would lose count of
    /// how often their numbers rolled over.
    pub(super) fn open(
        &mut self,
        now: Instant,
        from: SocketAddr,
        datagram: &mut [u8],
    ) -> Result<usize, DropReason> {
        let Some(security) = &mut self.security else {
            return Ok(datagram.len());
        };
        let remote = self.remote.as_ref().ok_or(DropReason::NotWanted)?;
        let latched = remote.latch.latched();
        if latched.is_some_and(|latched| latched != from) {
            return Err(DropReason::Stranger);
        }
        let opened = security.receiver.unprotect_rtp(now, datagram);
        opened.map_err(|error| {
            let why = reason(error);
            let forged = why == DropReason::Forged;
            if forged && looks_plain(remote.coding, datagram) {
                return DropReason::NotSecured;
            }
            why
        })
    }

    /// Opens a datagram from the RTCP socket in place, if the leg has keys; its length then.
    pub(super) fn open_rtcp(
        &mut self,
        now: Instant,
        datagram: &mut [u8],
    ) -> Result<usize, DropReason> {
        match &mut self.security {
            Some(security) => security
                .receiver
                .unprotect_rtcp(now, datagram)
                .map_err(reason),
            None => Ok(datagram.len()),
        }
    }

    /// Protects an RTP packet at the beginning of a buffer, if the leg has keys; its length then.
    /// `None` when it must not be sent.
    pub(super) fn protect(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        match &mut self.security {
            Some(security) => security.sender.protect_rtp(buffer, length).ok(),
            None => Some(length),
        }
    }

    /// Protects an RTCP packet at the beginning of a buffer, if the leg has keys; its length then.
    pub(super) fn protect_rtcp(&mut self, buffer: &mut [u8], length: usize) -> Option<usize> {
        match &mut self.security {
            Some(security) => security.sender.protect_rtcp(buffer, length).ok(),
            None => Some(length),
        }
    }
}

fn reason(error: SrtpError) -> DropReason {
    match error {
        SrtpError::Malformed => DropReason::Malformed,
        SrtpError::Replayed => DropReason::Replayed,
        SrtpError::Forged => DropReason::Forged,
        // These are of what we send.
        SrtpError::Reused
        | SrtpError::NoRoom
        | SrtpError::KeyExhausted
        | SrtpError::TooManySources => DropReason::Unsendable,
    }
}

/// Whether a packet that is not authentic has the length of one without a tag: its sender agreed to
/// keys and does not use them, which an operator should know. Frames of Opus have any length.
fn looks_plain(coding: Coding, datagram: &[u8]) -> bool {
    let unit = match coding {
        Coding::Pcmu | Coding::Pcma | Coding::G722 => 80,
        Coding::L16(Rate::Narrow) => 160,
        Coding::L16(Rate::Wide) => 320,
        Coding::L16(Rate::Full) => 960,
        Coding::Opus => return false,
    };
    let packet = Packet::parse(datagram);
    packet.is_ok_and(|packet| {
        let length = packet.payload.len();
        length > 0 && length % unit == 0
    })
}

#[cfg(test)]
mod tests;
