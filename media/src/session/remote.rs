//! What the far end of a leg wants, as its session description said.

use std::net::SocketAddr;
use std::time::Duration;

use offhook_core::sdp::Codec;

/// Where to send, and what. Set again after every offer and answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteMedia {
    /// Where the far end wants RTP. Port 0 or an unspecified address: nowhere.
    pub rtp: SocketAddr,
    /// Where it wants RTCP.
    pub rtcp: SocketAddr,
    /// The codec agreed on.
    pub codec: Codec,
    /// The payload type the far end gave that codec.
    pub payload_type: u8,
    /// The payload type of telephone events (RFC 4733), if the far end takes them.
    pub telephone_event: Option<u8>,
    /// Audio per packet the far end prefers: 10 to 60 ms.
    pub ptime: Duration,
    /// Most audio per packet it takes, if it said so.
    pub max_ptime: Option<Duration>,
    /// Whether we may send: false when the far end put us on hold.
    pub send: bool,
    /// Whether we take what it sends: false when we put it on hold.
    pub receive: bool,
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
            telephone_event: None,
            ptime: Duration::from_millis(20),
            max_ptime: None,
            send: true,
            receive: true,
        }
    }
}
