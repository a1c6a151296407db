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
use super::connect::connect;
use super::connections::Remote;
use super::handle::Shared;

/// How long looking up a name may take.
const LOOKUP: Duration = Duration::from_secs(5);

/// The port of a URI without one (RFC 3261 section 19.1.2), without TLS and with it.
const DEFAULT_PORTS: [u16; 2] = [5060, 5061];

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
    lookups: AHashMap<u64, (Target, Outgoing)>,
    connecting: AHashMap<Remote, Vec<Outgoing>>,
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
        let Some(target) = target(shared, &next_hop.uri) else {
            return Posted::Unreachable(outgoing);
        };
        if let Some(address) = next_hop.address {
            return self.send_to(shared, outgoing, &target, address);
        }
        match literal(&target.host) {
            Some(ip) => {
                let peer = SocketAddr::new(ip, target.port);
                self.send_to(shared, outgoing, &target, peer)
            }
            None => self.look_up(shared, outgoing, target),
        }
    }

    fn send_to(
        &mut self,
        shared: &Arc<Shared>,
        outgoing: Outgoing,
        target: &Target,
        peer: SocketAddr,
    ) -> Posted {
        let net = &shared.net;
        if target.transport == SipTransport::Udp {
            return match net.udp_to(peer) {
                Some(path) => Posted::Ready(outgoing, path),
                None => Posted::Unreachable(outgoing),
            };
        }
        let remote = target.remote(peer);
        match net.connection_to(&remote) {
            Some(path) => Posted::Ready(outgoing, path),
            None => {
                let first = !self.connecting.contains_key(&remote);
                let waiting = self.connecting.entry(remote.clone()).or_default();
                waiting.push(outgoing);
                if first {
                    shared.streams.spawn(connect(Arc::clone(shared), remote));
                }
                Posted::Waiting
            }
        }
    }

    fn look_up(&mut self, shared: &Arc<Shared>, outgoing: Outgoing, target: Target) -> Posted {
        self.next += 1;
        let number = self.next;
        let (host, port) = (target.host.clone(), target.port);
        self.lookups.insert(number, (target, outgoing));
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
        let (target, outgoing) = self.lookups.remove(&number)?;
        let reachable = |peer: &SocketAddr| shared.net.local_to(target.transport, *peer).is_some();
        match addresses.unwrap_or_default().into_iter().find(reachable) {
            Some(peer) => Some(self.send_to(shared, outgoing, &target, peer)),
            None => Some(Posted::Unreachable(outgoing)),
        }
    }

    /// A connection stands, or cannot be had: what waited for it.
    pub(crate) fn connected(&mut self, remote: &Remote, path: Option<Path>) -> Vec<Posted> {
        let waiting = self.connecting.remove(remote).unwrap_or_default();
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

/// Where a URI leads.
#[derive(Debug)]
struct Target {
    transport: SipTransport,
    host: String,
    port: u16,
}

impl Target {
    /// The peer at this address; over TLS it has to prove to be who the URI names.
    fn remote(&self, address: SocketAddr) -> Remote {
        let name = self.host.trim_matches(['[', ']']).to_ascii_lowercase();
        Remote {
            transport: self.transport,
            address,
            name: (self.transport == SipTransport::Tls).then(|| name.into()),
        }
    }
}

/// Where a URI leads; `None` when we do not speak what it wants. `sips:` is TLS (RFC 3261 section
/// 26.2.2), whatever stream it names. Without a `transport` parameter datagrams are used where there
/// is a socket for them. RFC 3263's NAPTR and SRV records are not looked at.
fn target(shared: &Shared, uri: &Bytes) -> Option<Target> {
    let uri = Uri::parse(uri).ok()?;
    let named = uri.param("transport");
    let named = named.as_deref().map(<[u8]>::to_ascii_lowercase);
    let transport = match (uri.scheme(), named.as_deref()) {
        (Scheme::Sips, None | Some(b"tcp" | b"tls")) | (Scheme::Sip, Some(b"tls")) => {
            SipTransport::Tls
        }
        (Scheme::Sip, Some(b"udp")) => SipTransport::Udp,
        (Scheme::Sip, Some(b"tcp")) => SipTransport::Tcp,
        (Scheme::Sip, None) if shared.net.udp.is_empty() => SipTransport::Tcp,
        (Scheme::Sip, None) => SipTransport::Udp,
        (Scheme::Sip | Scheme::Sips, Some(_)) | (Scheme::Tel | Scheme::Other, _) => return None,
    };
    let default = DEFAULT_PORTS[usize::from(transport == SipTransport::Tls)];
    Some(Target {
        transport,
        host: String::from_utf8_lossy(uri.host()).into_owned(),
        port: uri.port().unwrap_or(default),
    })
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
