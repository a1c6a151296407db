//! Which way a request goes, and requests that wait for a host name or a connection.

use std::io;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::LegId;
use offhook_core::sip::Uri;
use offhook_core::sip::endpoint::{Path, SipTransport};
use offhook_core::sip::invite::{NextHop, RequestTag};
use offhook_core::sip::message::Request;
use offhook_core::sip::uri::Scheme;

use super::ask::Reply;
use super::command::Command;
use super::handle::Shared;
use super::tcp;

/// How long looking up a name may take.
const LOOKUP: Duration = Duration::from_secs(5);

/// The port of a URI without one (RFC 3261 section 19.1.2).
const DEFAULT_PORT: u16 = 5060;

/// A request that is on its way to the endpoint.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) sender: Sender,
    pub(crate) request: Request,
}

/// Whose request it is.
#[derive(Debug)]
pub(crate) enum Sender {
    /// A leg's, which calls it so.
    Leg(LegId, RequestTag),
    /// The ACK of a leg, which nobody answers.
    Ack(LegId),
    /// Nobody's who has a call.
    Ask(Reply),
}

impl Sender {
    fn leg(&self) -> Option<LegId> {
        match self {
            Self::Leg(leg, _) | Self::Ack(leg) => Some(*leg),
            Self::Ask(_) => None,
        }
    }

    fn is(&self, leg: LegId, tag: RequestTag) -> bool {
        matches!(self, Self::Leg(own, named) if *own == leg && *named == tag)
    }
}

/// What became of a request.
#[derive(Debug)]
pub(crate) enum Posted {
    /// Send it this way.
    Ready(Outgoing, Path),
    /// It waits; [`Outbox::resolved`] or [`Outbox::connected`] will tell.
    Waiting,
    /// There is no way.
    Unreachable(Outgoing),
}

/// Requests that wait.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    next: u64,
    lookups: AHashMap<u64, (SipTransport, Outgoing)>,
    connecting: AHashMap<SocketAddr, Vec<Outgoing>>,
}

impl Outbox {
    /// Finds the way for a request. `last` is the way the leg's peer was heard from last: it counts
    /// when the connection the dialog began on is gone and the peer came back on another.
    pub(crate) fn post(
        &mut self,
        shared: &Arc<Shared>,
        outgoing: Outgoing,
        next_hop: &NextHop,
        last: Option<Path>,
    ) -> Posted {
        let net = &shared.net;
        if let Some(flow) = next_hop.flow {
            let last = || last.and_then(|path| net.flow(path.flow, Some(path.peer)));
            return match net.flow(flow, next_hop.address).or_else(last) {
                Some(path) => Posted::Ready(outgoing, path),
                None => Posted::Unreachable(outgoing),
            };
        }
        let Some((host, port, transport)) = target(shared, &next_hop.uri) else {
            return Posted::Unreachable(outgoing);
        };
        if let Some(address) = next_hop.address {
            return self.send_to(shared, outgoing, transport, address);
        }
        match literal(&host) {
            Some(ip) => self.send_to(shared, outgoing, transport, SocketAddr::new(ip, port)),
            None => self.look_up(shared, outgoing, transport, host, port),
        }
    }

    fn send_to(
        &mut self,
        shared: &Arc<Shared>,
        outgoing: Outgoing,
        transport: SipTransport,
        peer: SocketAddr,
    ) -> Posted {
        let net = &shared.net;
        let path = if transport == SipTransport::Udp {
            net.udp_to(peer)
        } else {
            net.connection_to(peer)
        };
        match path {
            Some(path) => Posted::Ready(outgoing, path),
            None if transport == SipTransport::Udp => Posted::Unreachable(outgoing),
            None => {
                let first = !self.connecting.contains_key(&peer);
                self.connecting.entry(peer).or_default().push(outgoing);
                if first {
                    shared.streams.spawn(tcp::connect(Arc::clone(shared), peer));
                }
                Posted::Waiting
            }
        }
    }

    fn look_up(
        &mut self,
        shared: &Arc<Shared>,
        outgoing: Outgoing,
        transport: SipTransport,
        host: String,
        port: u16,
    ) -> Posted {
        self.next += 1;
        let number = self.next;
        self.lookups.insert(number, (transport, outgoing));
        let shared = Arc::clone(shared);
        start(async move {
            let addresses =
                match tokio::time::timeout(LOOKUP, tokio::net::lookup_host((host, port))).await {
                    Ok(found) => found.map(Iterator::collect),
                    Err(_) => Err(io::ErrorKind::TimedOut.into()),
                };
            shared
                .net
                .commands
                .send(Command::Resolved(number, addresses))
                .ok();
        });
        Posted::Waiting
    }

    /// A name was looked up. The first address we have a socket for is taken; names with several
    /// are not tried one after the other.
    pub(crate) fn resolved(
        &mut self,
        shared: &Arc<Shared>,
        number: u64,
        addresses: io::Result<Vec<SocketAddr>>,
    ) -> Option<Posted> {
        let (transport, outgoing) = self.lookups.remove(&number)?;
        let reachable = |peer: &SocketAddr| shared.net.local_to(transport, *peer).is_some();
        match addresses.unwrap_or_default().into_iter().find(reachable) {
            Some(peer) => Some(self.send_to(shared, outgoing, transport, peer)),
            None => Some(Posted::Unreachable(outgoing)),
        }
    }

    /// A connection stands, or cannot be had: what waited for it.
    pub(crate) fn connected(&mut self, peer: SocketAddr, path: Option<Path>) -> Vec<Posted> {
        let waiting = self.connecting.remove(&peer).unwrap_or_default();
        let posted = |outgoing| match path {
            Some(path) => Posted::Ready(outgoing, path),
            None => Posted::Unreachable(outgoing),
        };
        waiting.into_iter().map(posted).collect()
    }

    /// Takes a request back that has not gone out.
    pub(crate) fn withdraw(&mut self, leg: LegId, tag: RequestTag) -> bool {
        let before = self.len();
        self.retain(|outgoing| !outgoing.sender.is(leg, tag));
        self.len() != before
    }

    /// Forgets what a leg still wanted to send.
    pub(crate) fn close(&mut self, leg: LegId) {
        self.retain(|outgoing| outgoing.sender.leg() != Some(leg));
    }

    fn retain(&mut self, keep: impl Fn(&Outgoing) -> bool) {
        if self.lookups.is_empty() && self.connecting.is_empty() {
            return;
        }
        self.lookups.retain(|_, (_, outgoing)| keep(outgoing));
        for waiting in self.connecting.values_mut() {
            waiting.retain(&keep);
        }
    }

    fn len(&self) -> usize {
        self.lookups.len() + self.connecting.values().map(Vec::len).sum::<usize>()
    }
}

/// Host, port and transport of a URI; `None` when we do not speak what it wants. Without a
/// `transport` parameter datagrams are used where there is a socket for them. RFC 3263's NAPTR and
/// SRV records are not looked at.
fn target(shared: &Shared, uri: &Bytes) -> Option<(String, u16, SipTransport)> {
    let uri = Uri::parse(uri)
        .ok()
        .filter(|uri| uri.scheme() == Scheme::Sip)?;
    let transport = match uri.param("transport") {
        Some(name) if name.eq_ignore_ascii_case(b"udp") => SipTransport::Udp,
        Some(name) if name.eq_ignore_ascii_case(b"tcp") => SipTransport::Tcp,
        Some(_) => return None,
        None if shared.net.udp.is_empty() => SipTransport::Tcp,
        None => SipTransport::Udp,
    };
    let host = String::from_utf8_lossy(uri.host()).into_owned();
    Some((host, uri.port().unwrap_or(DEFAULT_PORT), transport))
}

/// The address a host is, if it is no name.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    match host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
    {
        Some(inside) => inside.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        None => host.parse().ok(),
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "looking up a name and connecting must not hold up signalling; both end by time-out"
)]
fn start(work: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(work);
}
