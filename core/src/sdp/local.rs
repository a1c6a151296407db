//! Our side of a negotiation: where we listen and what we can.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::{Codec, Direction};

/// Where one leg's media arrives, and what we offer and accept there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalMedia {
    /// The address peers send to.
    pub address: IpAddr,
    /// The port RTP arrives at.
    pub rtp_port: u16,
    /// The port RTCP arrives at. Said in `a=rtcp` when it is not the one above RTP (RFC 3605).
    pub rtcp_port: u16,
    /// What we speak, the dearest first. Our offers list them so; in answers the caller's order
    /// decides.
    pub codecs: Vec<Codec>,
    /// The packet time we ask for: a multiple of 10 ms up to 60 ms.
    pub ptime: Duration,
    /// The number of our session in `o=`: the same for the life of the leg.
    pub session_id: u64,
}

impl LocalMedia {
    /// Every codec we have, 20 ms, RTCP one above RTP.
    #[must_use]
    pub fn new(rtp: SocketAddr, session_id: u64) -> Self {
        Self {
            address: rtp.ip(),
            rtp_port: rtp.port(),
            rtcp_port: rtp.port().wrapping_add(1),
            codecs: Codec::ALL.to_vec(),
            ptime: Duration::from_millis(20),
            session_id,
        }
    }

    /// The same with these codecs only, in this order.
    #[must_use]
    pub fn with_codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }
}

/// What we want of one offer or answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaWish {
    /// Which way media may flow, seen from us. An answer narrows it by what was offered.
    pub direction: Direction,
    /// The codec that would save a transcode, if the peer has it too.
    pub prefer: Option<Codec>,
}

impl MediaWish {
    /// The peer on hold, with something to listen to.
    pub const HOLD: Self = Self {
        direction: Direction::SendOnly,
        prefer: None,
    };
    /// The peer on hold in silence.
    pub const INACTIVE: Self = Self {
        direction: Direction::Inactive,
        prefer: None,
    };
    /// A conversation.
    pub const TALK: Self = Self {
        direction: Direction::SendRecv,
        prefer: None,
    };

    /// The same with `codec` tried first.
    #[must_use]
    pub fn preferring(mut self, codec: Codec) -> Self {
        self.prefer = Some(codec);
        self
    }
}

/// What both sides agreed on: all the media engine needs to know of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Negotiated {
    /// Where our RTP goes. May be unspecified (`0.0.0.0`) when [`direction`](Self::direction)
    /// forbids sending: an old way to hold.
    pub remote_rtp: SocketAddr,
    /// Where our RTCP goes.
    pub remote_rtcp: SocketAddr,
    /// The one codec of both directions.
    pub codec: Codec,
    /// The payload type we send `codec` with.
    pub payload_type: u8,
    /// The payload type `codec` arrives with.
    pub receive_payload_type: u8,
    /// The payload type we send telephone events with; `None`: the peer takes none.
    pub telephone_event: Option<u8>,
    /// The payload type telephone events arrive with.
    pub receive_telephone_event: Option<u8>,
    /// How much audio goes into each packet we send.
    pub ptime: Duration,
    /// Which way media flows, seen from us.
    pub direction: Direction,
    /// True while the peer does not want to hear us.
    pub held_by_remote: bool,
}
