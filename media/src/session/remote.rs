//! What the far end of a leg wants, as its session description said.

use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::sdp::crypto::SrtpKeys;
use offhook_core::sdp::{Codec, OpusParameters};

/// Codecs there can be besides one.
pub const MOST_OTHERS: usize = Codec::ALL.len() - 1;

/// Where to send, and what. Set again after every offer and answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Where the far end wants RTP. Port 0 or an unspecified address: nowhere.
    pub rtp: SocketAddr,
    /// Where it wants RTCP.
    pub rtcp: SocketAddr,
    /// The codec agreed on: what it is sent, and is likely to send.
    pub codec: Codec,
    /// The payload type the far end gave that codec.
    pub payload_type: u8,
    /// The payload type we gave it: what the far end sends with.
    pub receive_payload_type: u8,
    /// Other codecs it may send instead, and the payload types they arrive with.
    pub also: [Option<(Codec, u8)>; MOST_OTHERS],
    /// How the far end wants to receive Opus. Of no meaning with another codec.
    pub opus: OpusParameters,
    /// How it takes pressed keys.
    pub keys: KeysOut,
    /// The payload types that telephone events (RFC 4733) arrive with, and their clock rates.
    pub receive_keys: [Option<(u8, u32)>; 2],
    /// Whether keys are looked for in the sound it sends.
    pub keys_in_band: KeysInBand,
    /// The payload type of comfort noise (RFC 3389) to the far end. With one, silence that we encode
    /// is described instead of sent.
    pub comfort_noise: Option<u8>,
    /// The payload type comfort noise arrives with, besides the static 13.
    pub receive_comfort_noise: Option<u8>,
    /// Audio per packet the far end prefers: 10 to 60 ms.
    pub ptime: Duration,
    /// Most audio per packet it takes, if it said so.
    pub max_ptime: Option<Duration>,
    /// The keys packets are protected with both ways; none: they are not.
    pub srtp: Option<SrtpKeys>,
    /// Whether we may send: false when the far end put us on hold.
    pub send: bool,
    /// Whether we take what it sends: false when we put it on hold.
    pub receive: bool,
}

/// How a far end takes pressed keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeysOut {
    /// As tones in the sound.
    #[default]
    Tones,
    /// As telephone events (RFC 4733).
    Events {
        /// Their payload type.
        payload_type: u8,
        /// The clock rate their durations are counted by.
        clock_rate: u32,
    },
}

/// Whether keys are looked for in what the far end says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KeysInBand {
    /// They come as events, by signalling, or not at all.
    #[default]
    Ignored,
    /// Their tones count as pressed keys.
    Detected,
}

impl RemoteMedia {
    /// A far end at this address that sends and takes this codec under its usual payload type, in
    /// packets of 20 ms, with RTCP one port up and without telephone events.
    #[must_use]
    pub fn new(rtp: SocketAddr, codec: Codec) -> Self {
        Self {
            rtp,
            rtcp: SocketAddr::new(rtp.ip(), rtp.port().wrapping_add(1)),
            codec,
            payload_type: codec.payload_type(),
            receive_payload_type: codec.payload_type(),
            also: [None; MOST_OTHERS],
            opus: OpusParameters::default(),
            keys: KeysOut::Tones,
            receive_keys: [None; 2],
            keys_in_band: KeysInBand::Ignored,
            comfort_noise: None,
            receive_comfort_noise: None,
            ptime: Duration::from_millis(20),
            max_ptime: None,
            srtp: None,
            send: true,
            receive: true,
        }
    }

    /// The same with telephone events under this payload type both ways, at the codec's clock.
    #[must_use]
    pub fn with_events(mut self, payload_type: u8) -> Self {
        let clock_rate = self.codec.clock_rate();
        self.keys = KeysOut::Events {
            payload_type,
            clock_rate,
        };
        self.receive_keys[0] = Some((payload_type, clock_rate));
        self
    }

    /// Milliseconds of audio we put into a packet.
    pub(super) fn packet_milliseconds(&self) -> u32 {
        let wanted = self.max_ptime.map_or(self.ptime, |max| max.min(self.ptime));
        u32::try_from(wanted.as_millis()).unwrap_or(20)
    }
}
