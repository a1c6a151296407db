//! What fits into a datagram, and what becomes of what does not (RFC 3261 section 18.1.1).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::sip::endpoint::{Path, SipTransport};
use offhook_core::sip::message::Request;

use super::connections::Remote;

/// The largest request that is sent as one datagram. With its Via it is that much larger; 1,300 bytes
/// are allowed where nobody knows what the way takes.
const LARGEST: usize = 1300 - 100;

/// How long a connection may take that is only tried because a datagram is too small.
pub(crate) const TRY: Duration = Duration::from_millis(500);

/// How long a peer is remembered to take no stream.
const REFUSED: Duration = Duration::from_secs(600);

/// How many such peers are remembered.
const REMEMBERED: usize = 10_000;

/// The peers that take nothing but datagrams, however large.
#[derive(Debug, Default)]
pub(crate) struct DatagramPeers(AHashMap<SocketAddr, Instant>);

impl DatagramPeers {
    /// The stream that a request should rather go by than by this datagram path.
    pub(crate) fn better(&mut self, now: Instant, request: &Request, path: Path) -> Option<Remote> {
        if path.transport != SipTransport::Udp || size(request) <= LARGEST {
            return None;
        }
        let since = self.0.get(&path.peer).copied();
        if since.is_some_and(|since| now.saturating_duration_since(since) < REFUSED) {
            return None;
        }
        self.0.remove(&path.peer);
        Some(Remote {
            transport: SipTransport::Tcp,
            address: path.peer,
            name: None,
        })
    }

    /// A peer took no stream.
    pub(crate) fn refused(&mut self, now: Instant, peer: SocketAddr) {
        if self.0.len() >= REMEMBERED {
            self.0.clear();
        }
        self.0.insert(peer, now);
    }
}

/// What a request takes on the wire, without its Via.
fn size(request: &Request) -> usize {
    const SEPARATORS: usize = ": \r\n".len();
    const FRAME: usize = " SIP/2.0\r\nContent-Length: 65535\r\n\r\n".len() + 10;
    let rows = request.headers.iter();
    let rows = rows.map(|(name, value)| name.as_bytes().len() + SEPARATORS + value.len());
    FRAME + request.uri.len() + rows.sum::<usize>() + request.body.len()
}
