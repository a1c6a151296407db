//! Our side of a negotiation: where we listen and what we can.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::crypto::SrtpKeys;
use super::{Codec, Direction, OpusParameters, SrtpPolicy};

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
    /// How we want to receive Opus, where nothing narrower is wished.
    pub opus: OpusParameters,
    /// Whether media is protected.
    pub srtp: SrtpPolicy,
    /// Whether comfort noise (RFC 3389) is offered and accepted.
    pub comfort_noise: bool,
    /// The packet time we ask for: a multiple of 10 ms up to 60 ms.
    pub ptime: Duration,
    /// The most audio we take in a packet: a multiple of 10 ms up to 60 ms.
    pub max_ptime: Duration,
    /// The number of our session in `o=`: the same for the life of the leg.
    pub session_id: u64,
}

impl LocalMedia {
    /// The codecs of [`Codec::DEFAULT`], 20 ms, RTCP one above RTP.
    #[must_use]
    pub fn new(rtp: SocketAddr, session_id: u64) -> Self {
        Self {
            address: rtp.ip(),
            rtp_port: rtp.port(),
            rtcp_port: rtp.port().wrapping_add(1),
            codecs: Codec::DEFAULT.to_vec(),
            opus: OpusParameters::default(),
            srtp: SrtpPolicy::default(),
            comfort_noise: false,
            ptime: Duration::from_millis(20),
            max_ptime: Duration::from_millis(60),
            session_id,
        }
    }

    /// The same with these codecs only, in this order.
    #[must_use]
    pub fn with_codecs(mut self, codecs: &[Codec]) -> Self {
        self.codecs = codecs.to_vec();
        self
    }

    pub(crate) fn max_ptime_ms(&self) -> u32 {
        tens(self.max_ptime).clamp(10, 60)
    }

    pub(crate) fn ptime_ms(&self) -> u32 {
        tens(self.ptime).clamp(10, self.max_ptime_ms())
    }

    /// How we want to receive Opus where this is wished.
    pub(crate) fn opus_for(&self, wish: MediaWish) -> OpusParameters {
        wish.heard_up_to
            .map_or(self.opus, |rate| self.opus.up_to(rate))
    }
}

/// Milliseconds, cut to a multiple of 10.
fn tens(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX) / 10 * 10
}

/// What we want of one offer or answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MediaWish {
    /// Which way media may flow, seen from us. An answer narrows it by what was offered.
    pub direction: Direction,
    /// The codec that would save a transcode, if the peer has it too.
    pub prefer: Option<Codec>,
    /// Offer nothing but the preferred codec.
    pub insist: bool,
    /// The highest sampling rate, in hertz, that whoever listens on our side can hear; `None`: any.
    /// A codec of many rates is asked for no more.
    pub heard_up_to: Option<u32>,
}

impl MediaWish {
    /// The peer on hold, with something to listen to.
    pub const HOLD: Self = Self {
        direction: Direction::SendOnly,
        prefer: None,
        insist: false,
        heard_up_to: None,
    };
    /// The peer on hold in silence.
    pub const INACTIVE: Self = Self {
        direction: Direction::Inactive,
        prefer: None,
        insist: false,
        heard_up_to: None,
    };
    /// A conversation.
    pub const TALK: Self = Self {
        direction: Direction::SendRecv,
        prefer: None,
        insist: false,
        heard_up_to: None,
    };

    /// The same with `codec` tried first.
    #[must_use]
    pub fn preferring(mut self, codec: Codec) -> Self {
        self.prefer = Some(codec);
        self
    }

    /// The same with `codec` alone.
    #[must_use]
    pub fn insisting_on(mut self, codec: Codec) -> Self {
        self.prefer = Some(codec);
        self.insist = true;
        self
    }

    /// The same for ears that go no higher than this many hertz.
    #[must_use]
    pub fn heard_up_to(mut self, rate: u32) -> Self {
        self.heard_up_to = Some(rate);
        self
    }
}

/// What both sides agreed on: all the media engine needs to know of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Where our RTP goes. May be unspecified (`0.0.0.0`) when [`direction`](Self::direction)
    /// forbids sending: an old way to hold.
    pub remote_rtp: SocketAddr,
    /// Where our RTCP goes.
    pub remote_rtcp: SocketAddr,
    /// The codec we send, and the one the peer is likely to.
    pub codec: Codec,
    /// The payload type we send `codec` with.
    pub payload_type: u8,
    /// The payload type `codec` arrives with.
    pub receive_payload_type: u8,
    /// What else its answer named of our offer, and the payload types that arrives with: it may send
    /// any of them, and should send the one that our offer likes best (RFC 3264 section 6.1). None
    /// after an offer of its own, which our answer has left one codec of.
    pub also: Vec<(Codec, u8)>,
    /// How the peer wants to receive Opus; what it did not say has the RFC's default. Of no meaning
    /// with another codec.
    pub opus: OpusParameters,
    /// The payload type we send telephone events with; `None`: the peer takes none.
    pub telephone_event: Option<u8>,
    /// The payload type telephone events arrive with.
    pub receive_telephone_event: Option<u8>,
    /// The clock rate of both: the codec's, or 8000 where the peer lists events at no other.
    pub telephone_event_rate: u32,
    /// Telephone events may also arrive with this payload type, at this clock rate.
    pub other_telephone_event: Option<(u8, u32)>,
    /// The payload type of comfort noise (RFC 3389) to the peer; `None` unless both listed it.
    pub comfort_noise: Option<u8>,
    /// The payload type comfort noise arrives with.
    pub receive_comfort_noise: Option<u8>,
    /// How much audio goes into each packet we send.
    pub ptime: Duration,
    /// The most audio the peer takes in a packet, where it says so.
    pub max_ptime: Option<Duration>,
    /// Which way media flows, seen from us.
    pub direction: Direction,
    /// True while the peer does not want to hear us.
    pub held_by_remote: bool,
    /// The keys media is protected with, both ways; `None`: it goes in the clear. Boxed: most legs
    /// have none.
    pub srtp: Option<Box<SrtpKeys>>,
}
