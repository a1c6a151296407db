//! Where a message came from or goes to.

use std::fmt;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// One UDP socket or one stream connection, numbered by whoever owns the sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowId(pub u64);

/// How SIP messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SipTransport {
    /// Datagrams, one message each.
    Udp,
    /// A plain stream.
    Tcp,
    /// A stream inside TLS.
    Tls,
    /// A WebSocket (RFC 7118).
    Ws,
    /// A WebSocket inside TLS.
    Wss,
}

impl SipTransport {
    /// The name used in Via.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// True when nobody on the way can read it.
    #[must_use]
    pub fn is_encrypted(self) -> bool {
        match self {
            Self::Tls | Self::Wss => true,
            Self::Udp | Self::Tcp | Self::Ws => false,
        }
    }

    /// True when the transport repeats what was lost, so that SIP need not.
    #[must_use]
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }
}

impl fmt::Display for SipTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A way for messages to and from one peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Path {
    /// The socket or connection.
    pub flow: FlowId,
    /// What it speaks.
    pub transport: SipTransport,
    /// Our address as the peer should see it; it goes into Via.
    pub local: SocketAddr,
    /// The peer's address.
    pub peer: SocketAddr,
}

impl Path {
    /// The connection whose end ends every transaction on it; `None` for UDP.
    pub(crate) fn stream(&self) -> Option<FlowId> {
        self.transport.is_reliable().then_some(self.flow)
    }
}
