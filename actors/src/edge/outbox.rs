//! Which way a request goes, and requests that wait for a host name or a connection.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::sip::Uri;
use offhook_core::sip::endpoint::{Path, SipTransport};
use offhook_core::sip::invite::{NextHop, RequestTag};
use offhook_core::sip::locate::{Locate, LocateError, Target};
use offhook_core::sip::message::Request;
use offhook_core::sip::uri::Scheme;
use offhook_core::{IdSource, LegId};

use super::ask::Reply;
use super::command::Command;
use super::connect::connect;
use super::connections::Remote;
use super::datagram::{DatagramPeers, TRY};
use super::handle::Shared;
use super::owed::Owed;
use super::route::Route;
use super::standing::Standing;

/// Look-ups at once; more would mean that somebody makes us look up names for the sake of it.
const MOST_LOOKUPS: usize = 4096;

/// How long a connection we open may take, its greeting included.
pub(super) const CONNECT: Duration = Duration::from_secs(5);

/// A request that is on its way to the endpoint.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) sender: Sender,
    pub(crate) request: Request,
    pub(crate) route: Route,
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
    /// The ACK of a session nobody wants, which nobody answers.
    Unwanted,
}

impl Sender {
    fn leg(&self) -> Option<LegId> {
        match self {
            Self::Leg(leg, _) | Self::Ack(leg) => Some(*leg),
            Self::Ask(_) | Self::Unwanted => None,
        }
    }

    fn rename(&mut self, from: LegId, to: LegId) {
        match self {
            Self::Leg(leg, _) | Self::Ack(leg) if *leg == from => *leg = to,
            Self::Leg(..) | Self::Ack(_) | Self::Ask(_) | Self::Unwanted => {}
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
#[derive(Debug)]
pub(crate) struct Outbox {
    next: u64,
    ids: IdSource,
    lookups: AHashMap<u64, Outgoing>,
    connecting: AHashMap<Remote, Attempt>,
    datagram_peers: DatagramPeers,
    pub(crate) standing: Standing,
}

/// A connection that is being opened.
#[derive(Debug)]
struct Attempt {
    /// How long it may take.
    patience: Duration,
    waiting: Vec<(Outgoing, Otherwise)>,
}

/// What becomes of a request if the connection it waits for cannot be had.
#[derive(Debug)]
enum Otherwise {
    /// It goes to the next server, and this one is remembered to fail.
    Next(Target),
    /// It goes as a datagram, large as it is.
    Datagram(Path),
}

impl Outbox {
    /// An outbox without requests. SRV records are drawn with `ids`.
    pub(crate) fn new(mut ids: IdSource) -> Self {
        Self {
            // A look-up of a predecessor may still come to its end.
            next: ids.bits(),
            ids,
            lookups: AHashMap::new(),
            connecting: AHashMap::new(),
            datagram_peers: DatagramPeers::default(),
            standing: Standing::default(),
        }
    }

    /// Finds the way for a request. The peer of `leg` may have gone on by another connection than the
    /// one its dialog began on, or come back by another when that is gone, or else can perhaps be
    /// connected to (RFC 3261 section 18.4).
    pub(crate) fn post(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
        mut outgoing: Outgoing,
        next_hop: &NextHop,
        leg: Option<LegId>,
    ) -> Posted {
        let net = &shared.net;
        if let Some(flow) = next_hop.flow {
            let moved = leg.and_then(|leg| shared.moved_to(leg, flow));
            let began = || net.flow(flow, next_hop.address);
            let back = || shared.way_back(leg?, flow);
            if let Some(path) = moved.or_else(began).or_else(back) {
                return self.ready(now, shared, outgoing, path);
            }
        }
        let Ok(uri) = Uri::parse(&next_hop.uri) else {
            return Posted::Unreachable(outgoing);
        };
        // A phone that registered by a connection is called by that or not at all; once there is a
        // dialog, its Contact is where it says it is (RFC 3261 section 12.2.1.1).
        let begins = outgoing.request.headers.to_tag().is_none();
        let flow_only = begins && transport_to(shared, &uri) == SipTransport::Udp;
        if next_hop.flow.is_some() && flow_only {
            return Posted::Unreachable(outgoing);
        }
        if let Some(address) = next_hop.address {
            let target = Target {
                transport: transport_to(shared, &uri),
                address,
                host: String::from_utf8_lossy(uri.host()).into_owned(),
            };
            outgoing.route.found(vec![target]);
            return self.forward(now, shared, outgoing);
        }
        let ids = IdSource::seeded(self.ids.bits());
        match Locate::start(&uri, &shared.means, ids) {
            Ok(locate) => self.look_up(now, shared, outgoing, locate),
            Err(_) => Posted::Unreachable(outgoing),
        }
    }

    fn look_up(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
        mut outgoing: Outgoing,
        mut locate: Locate,
    ) -> Posted {
        if let Some(result) = locate.poll_targets() {
            outgoing.route.found(result.unwrap_or_default());
            return self.forward(now, shared, outgoing);
        }
        if self.lookups.len() >= MOST_LOOKUPS {
            return Posted::Unreachable(outgoing);
        }
        self.next = self.next.wrapping_add(1);
        let number = self.next;
        self.lookups.insert(number, outgoing);
        let shared = Arc::clone(shared);
        let streams = shared.streams.clone();
        let nothing = Command::Resolved(number, Err(LocateError::Unanswered));
        let owed = Owed::new(shared.net.commands.clone(), nothing);
        streams.spawn(async move {
            let result = shared.names.locate(locate).await;
            owed.pay(Command::Resolved(number, result));
        });
        Posted::Waiting
    }

    /// A name was looked up.
    pub(crate) fn resolved(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
        number: u64,
        result: Result<Vec<Target>, LocateError>,
    ) -> Option<Posted> {
        let mut outgoing = self.lookups.remove(&number)?;
        let mut targets = match result {
            Ok(targets) => targets,
            Err(error) => {
                tracing::debug!(%error, uri = ?outgoing.request.uri, "no server was found");
                return Some(Posted::Unreachable(outgoing));
            }
        };
        let call_id = outgoing.request.headers.call_id();
        self.standing.order(now, call_id, &mut targets);
        outgoing.route.found(targets);
        Some(self.forward(now, shared, outgoing))
    }

    /// Sends a request to the next target of its route that can be reached.
    pub(crate) fn forward(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
        mut outgoing: Outgoing,
    ) -> Posted {
        while let Some(target) = outgoing.route.advance(now) {
            match self.send_to(now, shared, outgoing, target) {
                Posted::Unreachable(back) => outgoing = back,
                posted @ (Posted::Ready(..) | Posted::Waiting) => return posted,
            }
        }
        Posted::Unreachable(outgoing)
    }

    fn send_to(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
        outgoing: Outgoing,
        target: Target,
    ) -> Posted {
        if target.transport == SipTransport::Udp {
            return match shared.net.udp_to(target.address) {
                Some(path) => self.ready(now, shared, outgoing, path),
                None => Posted::Unreachable(outgoing),
            };
        }
        let remote = remote(&target);
        self.connect(shared, remote, outgoing, Otherwise::Next(target))
    }

    /// A way is known; what is too large for a datagram takes a stream instead if it can.
    fn ready(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
        outgoing: Outgoing,
        path: Path,
    ) -> Posted {
        let better = self.datagram_peers.better(now, &outgoing.request, path);
        let ours = |remote: &Remote| shared.net.local_to(remote.transport, path.peer).is_some();
        match better.filter(ours) {
            Some(remote) => self.connect(shared, remote, outgoing, Otherwise::Datagram(path)),
            None => Posted::Ready(outgoing, path),
        }
    }

    /// Takes the connection to a peer, and opens one where there is none.
    fn connect(
        &mut self,
        shared: &Arc<Shared>,
        remote: Remote,
        outgoing: Outgoing,
        otherwise: Otherwise,
    ) -> Posted {
        if let Some(path) = shared.net.connection_to(&remote) {
            return Posted::Ready(outgoing, path);
        }
        if let Some(attempt) = self.connecting.get_mut(&remote) {
            attempt.waiting.push((outgoing, otherwise));
            return Posted::Waiting;
        }
        let patience = otherwise.patience();
        let attempt = Attempt {
            patience,
            waiting: vec![(outgoing, otherwise)],
        };
        self.connecting.insert(remote.clone(), attempt);
        let connect = connect(Arc::clone(shared), remote, patience);
        shared.streams.spawn(connect);
        Posted::Waiting
    }

    /// A connection stands, or cannot be had: what becomes of those that waited for it.
    pub(crate) fn connected(
        &mut self,
        now: Instant,
        shared: &Arc<Shared>,
        remote: &Remote,
        path: Option<Path>,
    ) -> Vec<Posted> {
        let Some(Attempt { patience, waiting }) = self.connecting.remove(remote) else {
            return Vec::new();
        };
        // It may have been closed again before anybody looked.
        let path = path.filter(|path| shared.net.flow(path.flow, None).is_some());
        let posted = |(outgoing, otherwise): (Outgoing, Otherwise)| match (path, otherwise) {
            (Some(path), _) => Posted::Ready(outgoing, path),
            // Who joined an attempt for a large datagram's sake has more patience than that.
            (None, otherwise @ Otherwise::Next(_)) if otherwise.patience() > patience => {
                self.connect(shared, remote.clone(), outgoing, otherwise)
            }
            (None, Otherwise::Next(target)) => {
                self.standing.penalise(now, &target, None);
                self.forward(now, shared, outgoing)
            }
            (None, Otherwise::Datagram(path)) => {
                self.datagram_peers.refused(now, path.peer);
                Posted::Ready(outgoing, path)
            }
        };
        waiting.into_iter().map(posted).collect()
    }

    /// Takes a request back that has not gone out.
    pub(crate) fn withdraw(&mut self, leg: LegId, tag: RequestTag) -> bool {
        let before = self.len();
        self.retain(|outgoing| !outgoing.sender.is(leg, tag));
        self.len() != before
    }

    /// A leg has another name from now on.
    pub(crate) fn rename(&mut self, from: LegId, to: LegId) {
        let attempts = self.connecting.values_mut();
        let waiting = attempts.flat_map(|attempt| &mut attempt.waiting);
        let waiting = waiting.map(|(outgoing, _)| outgoing);
        for outgoing in self.lookups.values_mut().chain(waiting) {
            outgoing.sender.rename(from, to);
        }
    }

    /// Forgets what a leg still wanted to send.
    pub(crate) fn close(&mut self, leg: LegId) {
        self.retain(|outgoing| outgoing.sender.leg() != Some(leg));
    }

    fn retain(&mut self, keep: impl Fn(&Outgoing) -> bool) {
        if self.lookups.is_empty() && self.connecting.is_empty() {
            return;
        }
        self.lookups.retain(|_, outgoing| keep(outgoing));
        for attempt in self.connecting.values_mut() {
            attempt.waiting.retain(|(outgoing, _)| keep(outgoing));
        }
    }

    fn len(&self) -> usize {
        let attempts = self.connecting.values();
        let waiting = attempts.map(|attempt| attempt.waiting.len());
        self.lookups.len() + waiting.sum::<usize>()
    }
}

impl Otherwise {
    /// How long a connection is waited for.
    fn patience(&self) -> Duration {
        match self {
            Self::Next(_) => CONNECT,
            Self::Datagram(_) => TRY,
        }
    }
}

/// The peer of a target; over TLS it has to prove to be who the URI names.
fn remote(target: &Target) -> Remote {
    let name = target.host.trim_matches(['[', ']']).to_ascii_lowercase();
    Remote {
        transport: target.transport,
        address: target.address,
        name: (target.transport == SipTransport::Tls).then(|| name.into()),
    }
}

/// How a peer is reached whose address is known already: as its URI says, else by datagrams where
/// there is a socket for them.
fn transport_to(shared: &Shared, uri: &Uri) -> SipTransport {
    let named = uri.param("transport");
    let named = named.as_deref().map(<[u8]>::to_ascii_lowercase);
    match (uri.scheme(), named.as_deref()) {
        (Scheme::Sips, _) | (_, Some(b"tls")) => SipTransport::Tls,
        (_, Some(b"tcp")) => SipTransport::Tcp,
        _ if shared.net.udp.is_empty() => SipTransport::Tcp,
        _ => SipTransport::Udp,
    }
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
