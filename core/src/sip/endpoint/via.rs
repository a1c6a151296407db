//! Where a response goes (RFC 3261 section 18.2, RFC 3581).

use std::net::{IpAddr, SocketAddr};

use super::path::{Path, SipTransport};
use super::recourse::ResponsePeer;
use crate::sip::HeaderName;
use crate::sip::header::Via;
use crate::sip::message::Request;

/// Writes down where the request really came from: `received` when sent-by says otherwise or
/// `rport` asks for it, and `rport` when it is asked for.
pub(super) fn stamp(request: &mut Request, via: &Via, peer: SocketAddr) {
    let asks = via.params.has("rport");
    let honest = sent_by_ip(via) == Some(peer.ip());
    if honest && !asks {
        return;
    }
    let mut stamped = via.clone();
    if asks {
        stamped.params.set("rport", Some(&peer.port().to_string()));
    }
    stamped.params.set("received", Some(&peer.ip().to_string()));
    request
        .headers
        .replace_first(&HeaderName::Via, &stamped.write());
}

/// Where responses to a request with this topmost Via go: back over the stream it came by, or to
/// the address a datagram came from, at the port it came from if it asks for that, else at
/// sent-by's.
///
/// `maddr` is not followed: it would let anyone aim our responses at somebody else.
pub(super) fn reply_path(via: &Via, path: Path) -> Path {
    if path.transport.is_reliable() || via.params.has("rport") {
        return path;
    }
    let port = via.port.filter(|port| *port != 0).unwrap_or(5060);
    Path {
        peer: SocketAddr::new(path.peer.ip(), port),
        ..path
    }
}

/// Where responses can be sent by a new connection when that of the request is gone (RFC 3261 section
/// 18.2.2): to the address it came from at sent-by's port; `None` where nobody can be connected to.
pub(super) fn response_peer(via: &Via, path: Path) -> Option<ResponsePeer> {
    let usual = match path.transport {
        SipTransport::Tcp => 5060,
        SipTransport::Tls => 5061,
        // A datagram needs no connection, and a WebSocket is only ever opened by the other side.
        SipTransport::Udp | SipTransport::Ws | SipTransport::Wss => return None,
    };
    let port = via.port.filter(|port| *port != 0).unwrap_or(usual);
    let host = String::from_utf8_lossy(&via.host).to_ascii_lowercase();
    Some(ResponsePeer {
        transport: path.transport,
        address: SocketAddr::new(path.peer.ip(), port),
        host: host.trim_matches(['[', ']']).to_owned(),
    })
}

fn sent_by_ip(via: &Via) -> Option<IpAddr> {
    let host = std::str::from_utf8(&via.host).ok()?;
    let host = host.strip_prefix('[').unwrap_or(host);
    host.strip_suffix(']').unwrap_or(host).parse().ok()
}
