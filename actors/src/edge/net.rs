//! The sockets: what is bound, what is connected, and which way a peer is reached.
//!
//! They belong to no actor: when the signalling task falls, its successor finds every port and
//! every connection as they were, and what arrived meanwhile in the channel.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::config::SipConfig;
use offhook_core::sip::endpoint::{FlowId, Path, SipTransport};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::bind::{BindError, StreamPort, UdpPort, bind};
use super::command::{Command, Inbound};
use super::connections::{Connections, FIRST_CONNECTION, Opened, Remote};
use super::seats::{Seat, Seats};
use super::stats::Counters;
use super::tls::{Tls, TlsError};

/// Datagrams and stream messages that may wait for the signalling task.
pub(crate) const INBOUND: usize = 4096;

/// Peers whose way out is remembered, for sockets that are bound to no address of their own.
const SOURCES: usize = 4096;

/// Why the edge cannot open. One sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// An address cannot be bound.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// Certificates cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
}

/// Every socket of the edge.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) udp: Vec<UdpPort>,
    pub(crate) streams: Vec<StreamPort>,
    pub(crate) tls: Tls,
    pub(crate) config: SipConfig,
    pub(crate) counters: Counters,
    pub(crate) inbound: mpsc::Sender<Inbound>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    pub(crate) seats: Seats,
    connections: Connections,
    sources: Mutex<AHashMap<IpAddr, IpAddr>>,
}

impl Net {
    /// Binds everything the configuration names.
    pub(crate) fn bind(
        config: SipConfig,
        inbound: mpsc::Sender<Inbound>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Result<Self, OpenError> {
        let tls = Tls::load(&config)?;
        let (udp, streams) = bind(&config)?;
        Ok(Self {
            udp,
            streams,
            tls,
            seats: Seats::new(&config.limits),
            config,
            counters: Counters::default(),
            inbound,
            commands,
            connections: Connections::default(),
            sources: Mutex::default(),
        })
    }

    /// What is bound.
    pub(crate) fn listening(&self) -> Vec<(SipTransport, SocketAddr)> {
        let udp = self.udp.iter().map(|port| (SipTransport::Udp, port.local));
        let streams = self.streams.iter().map(|port| (port.transport, port.local));
        udp.chain(streams).collect()
    }

    /// The way of a datagram that came in by the socket numbered `index`.
    pub(crate) fn udp_path(&self, index: usize, peer: SocketAddr) -> Option<Path> {
        let local = self.udp.get(index)?.local;
        Some(Path {
            flow: FlowId(index as u64),
            transport: SipTransport::Udp,
            local: self.seen_by(local, peer),
            peer,
        })
    }

    /// The way for datagrams to a peer: the socket of its family that is on loopback if and only if
    /// the peer is, else one that is bound to no address, else any of that family.
    pub(crate) fn udp_to(&self, peer: SocketAddr) -> Option<Path> {
        let local = |index: usize| self.udp[index].local.ip();
        let family = (0..self.udp.len()).filter(|at| local(*at).is_ipv4() == peer.is_ipv4());
        let fit = |at: &usize| fitness(local(*at), peer);
        self.udp_path(family.rev().max_by_key(fit)?, peer)
    }

    /// The open connection to a peer.
    pub(crate) fn connection_to(&self, remote: &Remote) -> Option<Path> {
        self.connections.to(remote)
    }

    /// The way over a flow: a connection while it stands; for a datagram socket the way to `peer`.
    pub(crate) fn flow(&self, flow: FlowId, peer: Option<SocketAddr>) -> Option<Path> {
        if flow.0 >= FIRST_CONNECTION {
            return self.connections.path(flow);
        }
        self.udp_path(usize::try_from(flow.0).ok()?, peer?)
    }

    /// What the peer of a connection is called, as its certificate says (RFC 5922 section 7.1), in
    /// lower case; `None` for a peer that showed none.
    pub(crate) fn peer_names(&self, flow: FlowId) -> Option<Arc<[String]>> {
        self.connections.names(flow)
    }

    /// Our address as a peer should see it on a new way to it.
    pub(crate) fn local_to(&self, transport: SipTransport, peer: SocketAddr) -> Option<SocketAddr> {
        match transport {
            SipTransport::Udp => self.udp_to(peer).map(|path| path.local),
            SipTransport::Tcp | SipTransport::Tls => {
                let port = self.stream_port(transport, peer);
                // Who listens for no TLS may still call by it: the peer answers on our connection.
                let plain = || self.stream_port(SipTransport::Tcp, peer);
                Some(self.seen_by(port.or_else(plain)?.local, peer))
            }
            // A WebSocket is only ever opened by the other side (RFC 7118 section 3).
            SipTransport::Ws | SipTransport::Wss => None,
        }
    }

    /// Where we listen for what a peer opens by this transport.
    fn stream_port(&self, transport: SipTransport, peer: SocketAddr) -> Option<&StreamPort> {
        let suits = |port: &&StreamPort| {
            port.transport == transport && port.local.is_ipv4() == peer.is_ipv4()
        };
        let fit = |port: &&StreamPort| fitness(port.local.ip(), peer);
        self.streams.iter().rev().filter(suits).max_by_key(fit)
    }

    /// An address of ours to begin a connection to `peer` from; `None` leaves it to the system.
    pub(crate) fn source_ip(&self, peer: SocketAddr) -> Option<IpAddr> {
        let ours = self.streams.iter().map(|port| port.local.ip());
        ours.filter(|ip| ip.is_ipv4() == peer.is_ipv4() && !ip.is_unspecified())
            .find(|ip| ip.is_loopback() == peer.ip().is_loopback())
    }

    /// `local` with the configured external address, or with the address the system would use for
    /// this peer if the socket is bound to none. Peers on loopback are always told the truth: they
    /// do not come from outside.
    fn seen_by(&self, local: SocketAddr, peer: SocketAddr) -> SocketAddr {
        if let Some(external) = self.config.external_address
            && !peer.ip().is_loopback()
            && external.is_ipv4() == peer.is_ipv4()
        {
            return SocketAddr::new(external, local.port());
        }
        if local.ip().is_unspecified() {
            SocketAddr::new(self.source_for(peer).unwrap_or(local.ip()), local.port())
        } else {
            local
        }
    }

    fn source_for(&self, peer: SocketAddr) -> Option<IpAddr> {
        if let Some(source) = self.sources.lock().get(&peer.ip()) {
            return Some(*source);
        }
        // Connecting a datagram socket sends nothing; it only asks the routing table.
        let any: IpAddr = if peer.is_ipv4() {
            [0; 4].into()
        } else {
            [0; 16].into()
        };
        let probe = UdpSocket::bind((any, 0)).ok()?;
        probe.connect(peer).ok()?;
        let source = probe.local_addr().ok()?.ip();
        let mut sources = self.sources.lock();
        if sources.len() >= SOURCES {
            sources.clear();
        }
        sources.insert(peer.ip(), source);
        Some(source)
    }

    /// Sends one message; false when its connection is gone. A datagram the system cannot take now is
    /// lost, as on the wire; a connection whose peer does not read is closed.
    #[must_use]
    pub(crate) fn send(&self, path: Path, data: Bytes) -> bool {
        if path.flow.0 < FIRST_CONNECTION {
            let port = usize::try_from(path.flow.0)
                .ok()
                .and_then(|index| self.udp.get(index));
            if port.is_none_or(|port| port.sender.send_to(&data, path.peer).is_err()) {
                self.counters.unsent.fetch_add(1, Ordering::Relaxed);
            }
            return true;
        }
        let sent = self.connections.send(path.flow, data);
        if !sent {
            self.counters.unsent.fetch_add(1, Ordering::Relaxed);
            self.close(path.flow);
        }
        sent
    }

    /// Enters a connection that began at `local`. Others call us by where we listen, not by where
    /// this connection happens to begin.
    pub(crate) fn open(
        &self,
        seat: Seat,
        remote: Remote,
        mut local: SocketAddr,
        names: Option<Arc<[String]>>,
    ) -> Opened {
        if let Some(port) = self.stream_port(remote.transport, remote.address) {
            local.set_port(port.local.port());
        }
        let local = self.seen_by(local, remote.address);
        self.connections.open(seat, remote, local, names)
    }

    /// A request that was sent at `sent` was not answered in time; true when its connection is to be
    /// closed (see [`Connections::doubt`]).
    pub(crate) fn doubt(&self, flow: FlowId, sent: Instant) -> bool {
        self.connections.doubt(flow, sent)
    }

    /// Closes a connection; what is already queued for it is still written.
    pub(crate) fn close(&self, flow: FlowId) {
        self.connections.close(flow);
    }
}

/// How well a socket bound to `local` suits a peer of its family.
fn fitness(local: IpAddr, peer: SocketAddr) -> u8 {
    match local {
        ip if ip.is_unspecified() => 1,
        ip if ip.is_loopback() == peer.ip().is_loopback() => 2,
        _ => 0,
    }
}
