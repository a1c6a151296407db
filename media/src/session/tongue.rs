//! Which of the codings that a far end may send it does send.
//!
//! Whoever answers an offer of ours with several codecs may send any of them, whichever of them we
//! send (RFC 3264 section 6.1), and may go over to another at any time.

use offhook_core::sdp::Codec;

use crate::codec::Coding;
use crate::rtp::ClockRate;
use crate::session::media_session::{MediaSession, Remote};
use crate::session::receiving::Content;
use crate::session::remote::RemoteMedia;

/// Packets in a row that have to be of another coding before the far end is taken to have gone over
/// to it: who mixes them would have a decoder made for each packet. The first of all is believed.
const SURE: u8 = 3;

/// What a far end speaks, which need not be what it is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tongue {
    pub(super) coding: Coding,
    /// How many packets in a row were of another.
    unlike: u8,
}

impl Tongue {
    /// That of a far end that speaks as it is spoken to.
    pub(super) fn new(coding: Coding) -> Self {
        Self { coding, unlike: 0 }
    }

    pub(super) fn clock(self) -> ClockRate {
        ClockRate::new(self.coding.clock_rate())
    }

    /// Takes note of a packet.
    fn follow(&mut self, coding: Coding, is_first: bool) -> Followed {
        // Both laws are decoded and passed on alike.
        let laws = coding.law().is_some() && self.coding.law().is_some();
        if coding == self.coding || laws {
            self.unlike = 0;
            return Followed::Same;
        }
        self.unlike += 1;
        if self.unlike < SURE && !is_first {
            return Followed::NotYet;
        }
        *self = Self::new(coding);
        Followed::Changed
    }
}

enum Followed {
    Same,
    /// It may be a stray.
    NotYet,
    Changed,
}

impl RemoteMedia {
    /// The coding that arrives with this payload type besides the one agreed on.
    pub(super) fn also(&self, payload_type: u8) -> Option<Coding> {
        let mut also = self.also.iter().flatten();
        let (codec, _) = also.find(|(_, number)| *number == payload_type)?;
        Coding::of(*codec)
    }

    /// Whether this coding may arrive.
    pub(super) fn may_arrive(&self, coding: Coding) -> bool {
        let also = self.also.iter().flatten().map(|(codec, _)| *codec);
        let mut codecs = also.chain([self.codec]);
        codecs.any(|codec| Coding::of(codec) == Some(coding))
    }
}

impl Remote {
    /// The codec it speaks.
    pub(super) fn speaks(&self) -> Codec {
        let also = self.media.also.iter().flatten().map(|(codec, _)| *codec);
        let mut others = also.filter(|codec| Coding::of(*codec) == Some(self.tongue.coding));
        others.next().unwrap_or(self.media.codec)
    }
}

impl MediaSession {
    /// What becomes of a packet's content if its coding is not the one before it had: nothing is heard
    /// of it, or from now on that coding is.
    pub(super) fn follow_tongue(&mut self, content: Content) -> Content {
        let Content::Audio(coding) = content else {
            return content;
        };
        let Some(remote) = &mut self.remote else {
            return content;
        };
        let before = remote.tongue.clock();
        match remote.tongue.follow(coding, self.source.is_none()) {
            Followed::Same => return content,
            Followed::NotYet => return Content::Nothing,
            Followed::Changed => {}
        }
        let clock = remote.tongue.clock();
        if let Some(source) = &mut self.source
            && clock != before
        {
            source.set_clock(clock);
            // Nothing relates their timestamps to those before.
            self.resumed = true;
        }
        // How it is heard depends on it, and is seen to when its length is known.
        self.packing = None;
        self.stop_listening_for_keys();
        self.begin_decoding();
        content
    }
}
