//! The sockets: what is bound, what is connected, and which way a peer is reached.
//!
//! They belong to no actor: when the signalling task falls, its successor finds every port and
//! every connection as they were, and what arrived meanwhile in the channel.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::config::SipConfig;
use offhook_core::sip::endpoint::{FlowId, Path, SipTransport};
use parking_lot::{Mutex, RwLock};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::sync::mpsc;

use super::command::{Command, Inbound};
use super::stats::Counters;

/// Datagrams and stream messages that may wait for the signalling task.
pub(crate) const INBOUND: usize = 4096;

/// Messages that may wait for a peer to read them.
const OUTBOUND: usize = 256;

/// Socket buffers: a burst of a few thousand messages.
const BUFFER: usize = 4 << 20;

/// Peers whose way out is remembered, for sockets that are bound to no address of their own.
const SOURCES: usize = 4096;

/// The first number of a stream connection; datagram sockets are numbered from 0.
const FIRST_CONNECTION: u64 = 1 << 32;

/// A socket for datagrams.
#[derive(Debug)]
pub(crate) struct UdpPort {
    /// For receiving.
    pub(crate) receiver: Arc<tokio::net::UdpSocket>,
    /// The same socket, for sending at once or not at all.
    sender: UdpSocket,
    pub(crate) local: SocketAddr,
}

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) struct TcpPort {
    pub(crate) listener: Arc<tokio::net::TcpListener>,
    pub(crate) local: SocketAddr,
}

/// One stream connection, as the signalling task sees it. When this is dropped, the connection is
/// closed.
#[derive(Debug)]
struct Connection {
    path: Path,
    writer: mpsc::Sender<Bytes>,
}

#[derive(Debug, Default)]
struct Connections {
    by_flow: AHashMap<FlowId, Connection>,
    /// The connection to use for a peer: the youngest.
    by_peer: AHashMap<SocketAddr, FlowId>,
    by_source: AHashMap<IpAddr, usize>,
}

/// Why a connection cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyConnections;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for SIP over {} on {address}: {source}", transport.as_str())]
pub struct BindError {
    /// UDP or TCP.
    pub transport: SipTransport,
    /// The address, as configured.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

/// Every socket of the edge.
#[derive(Debug)]
pub(crate) struct Net {
    pub(crate) udp: Vec<UdpPort>,
    pub(crate) tcp: Vec<TcpPort>,
    pub(crate) config: SipConfig,
    pub(crate) counters: Counters,
    pub(crate) inbound: mpsc::Sender<Inbound>,
    pub(crate) commands: mpsc::UnboundedSender<Command>,
    connections: RwLock<Connections>,
    next_flow: AtomicU64,
    sources: Mutex<AHashMap<IpAddr, IpAddr>>,
}

impl Net {
    /// Binds everything the configuration names.
    pub(crate) fn bind(
        config: SipConfig,
        inbound: mpsc::Sender<Inbound>,
        commands: mpsc::UnboundedSender<Command>,
    ) -> Result<Self, BindError> {
        let (udp, tcp) = bind_alike(&config)?;
        Ok(Self {
            udp,
            tcp,
            config,
            counters: Counters::default(),
            inbound,
            commands,
            connections: RwLock::default(),
            next_flow: AtomicU64::new(FIRST_CONNECTION),
            sources: Mutex::default(),
        })
    }

    /// What is bound.
    pub(crate) fn listening(&self) -> Vec<(SipTransport, SocketAddr)> {
        let udp = self.udp.iter().map(|port| (SipTransport::Udp, port.local));
        let tcp = self.tcp.iter().map(|port| (SipTransport::Tcp, port.local));
        udp.chain(tcp).collect()
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
        let fit = |at: &usize| match local(*at) {
            ip if ip.is_unspecified() => 1,
            ip if ip.is_loopback() == peer.ip().is_loopback() => 2,
            _ => 0,
        };
        self.udp_path(family.rev().max_by_key(fit)?, peer)
    }

    /// The open connection to a peer.
    pub(crate) fn connection_to(&self, peer: SocketAddr) -> Option<Path> {
        let connections = self.connections.read();
        let flow = connections.by_peer.get(&peer)?;
        Some(connections.by_flow.get(flow)?.path)
    }

    /// The way over a flow: a connection while it stands; for a datagram socket the way to `peer`.
    pub(crate) fn flow(&self, flow: FlowId, peer: Option<SocketAddr>) -> Option<Path> {
        if flow.0 >= FIRST_CONNECTION {
            return Some(self.connections.read().by_flow.get(&flow)?.path);
        }
        self.udp_path(usize::try_from(flow.0).ok()?, peer?)
    }

    /// Our address as a peer should see it on a new way to it.
    pub(crate) fn local_to(&self, transport: SipTransport, peer: SocketAddr) -> Option<SocketAddr> {
        match transport {
            SipTransport::Udp => self.udp_to(peer).map(|path| path.local),
            SipTransport::Tcp | SipTransport::Tls | SipTransport::Ws | SipTransport::Wss => {
                let family = |port: &&TcpPort| port.local.is_ipv4() == peer.is_ipv4();
                let port = self.tcp.iter().find(family)?;
                Some(self.seen_by(port.local, peer))
            }
        }
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

    /// Sends one message. A datagram the system cannot take now is lost, as on the wire; a
    /// connection whose peer does not read is closed.
    pub(crate) fn send(&self, path: Path, data: Bytes) {
        if path.flow.0 < FIRST_CONNECTION {
            let port = usize::try_from(path.flow.0)
                .ok()
                .and_then(|index| self.udp.get(index));
            if port.is_none_or(|port| port.sender.send_to(&data, path.peer).is_err()) {
                self.counters.unsent.fetch_add(1, Ordering::Relaxed);
            }
            return;
        }
        let sent = match self.connections.read().by_flow.get(&path.flow) {
            Some(connection) => connection.writer.try_send(data).is_ok(),
            None => false,
        };
        if !sent {
            self.counters.unsent.fetch_add(1, Ordering::Relaxed);
            self.close(path.flow);
        }
    }

    /// Adds a connection. What is to be written to it comes out of the returned receiver, which
    /// ends when the connection is to be closed.
    pub(crate) fn open(
        &self,
        local: SocketAddr,
        peer: SocketAddr,
    ) -> Result<(Path, mpsc::WeakSender<Bytes>, mpsc::Receiver<Bytes>), TooManyConnections> {
        let limit = self.config.limits.max_connections;
        let mut connections = self.connections.write();
        let from_there = connections.by_source.get(&peer.ip()).copied().unwrap_or(0);
        if connections.by_flow.len() >= limit || from_there >= per_source(limit) {
            self.counters
                .refused_connections
                .fetch_add(1, Ordering::Relaxed);
            return Err(TooManyConnections);
        }
        let flow = FlowId(self.next_flow.fetch_add(1, Ordering::Relaxed));
        let local = self.seen_by(local, peer);
        let path = Path {
            flow,
            transport: SipTransport::Tcp,
            local,
            peer,
        };
        let (writer, outgoing) = mpsc::channel(OUTBOUND);
        let weak = writer.downgrade();
        connections
            .by_flow
            .insert(flow, Connection { path, writer });
        connections.by_peer.insert(peer, flow);
        *connections.by_source.entry(peer.ip()).or_default() += 1;
        Ok((path, weak, outgoing))
    }

    /// Closes a connection; what is already queued for it is still written.
    pub(crate) fn close(&self, flow: FlowId) {
        let mut connections = self.connections.write();
        let Some(connection) = connections.by_flow.remove(&flow) else {
            return;
        };
        let peer = connection.path.peer;
        if connections.by_peer.get(&peer) == Some(&flow) {
            connections.by_peer.remove(&peer);
        }
        if let Some(count) = connections.by_source.get_mut(&peer.ip()) {
            *count -= 1;
            if *count == 0 {
                connections.by_source.remove(&peer.ip());
            }
        }
    }

    /// Connections that stand.
    pub(crate) fn connections(&self) -> usize {
        self.connections.read().by_flow.len()
    }
}

/// Connections one address may have: half of all, so that no single peer can lock the others out,
/// while a whole office may still sit behind one address.
fn per_source(limit: usize) -> usize {
    limit.div_ceil(2)
}

/// How often a port that is free for both kinds of sockets is looked for.
const CHOICES: usize = 32;

fn bind_all<T>(
    transport: SipTransport,
    addresses: &[SocketAddr],
    bind: impl Fn(SocketAddr) -> io::Result<T>,
) -> Result<Vec<T>, BindError> {
    let bound = addresses.iter().map(|&address| {
        bind(address).map_err(|source| BindError {
            transport,
            address,
            source,
        })
    });
    bound.collect()
}

fn bind_udp(at: SocketAddr) -> io::Result<UdpPort> {
    let socket = Socket::new(Domain::for_address(at), Type::DGRAM, Some(Protocol::UDP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // The system may grant less; it is a wish.
    socket.set_recv_buffer_size(BUFFER).ok();
    socket.set_send_buffer_size(BUFFER).ok();
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    let sender: UdpSocket = socket.into();
    let local = sender.local_addr()?;
    let receiver = Arc::new(tokio::net::UdpSocket::from_std(sender.try_clone()?)?);
    Ok(UdpPort {
        receiver,
        sender,
        local,
    })
}

/// Binds both kinds of sockets. Port 0 is the same port for both, because whoever is told one
/// address tries it either way: where the system's choice for datagrams is taken for streams, it
/// chooses again.
fn bind_alike(config: &SipConfig) -> Result<(Vec<UdpPort>, Vec<TcpPort>), BindError> {
    let mut wishes = config.udp.iter().chain(&config.tcp);
    let any = wishes.any(|address| address.port() == 0);
    for _ in 1..CHOICES {
        let udp = bind_all(SipTransport::Udp, &config.udp, bind_udp)?;
        let like = udp.first().map(|port| port.local.port());
        match bind_all(SipTransport::Tcp, &config.tcp, |at| bind_tcp(at, like)) {
            Err(error) if any && error.source.kind() == io::ErrorKind::AddrInUse => {}
            tcp => return Ok((udp, tcp?)),
        }
    }
    let udp = bind_all(SipTransport::Udp, &config.udp, bind_udp)?;
    let tcp = bind_all(SipTransport::Tcp, &config.tcp, |at| bind_tcp(at, None))?;
    Ok((udp, tcp))
}

/// Port 0 takes `like`, the port of the first datagram socket, if there is one.
fn bind_tcp(at: SocketAddr, like: Option<u16>) -> io::Result<TcpPort> {
    let port = like.filter(|_| at.port() == 0).unwrap_or(at.port());
    let listener = listen(SocketAddr::new(at.ip(), port))?;
    let local = listener.local_addr()?;
    Ok(TcpPort {
        listener: Arc::new(listener),
        local,
    })
}

fn listen(at: SocketAddr) -> io::Result<tokio::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&at.into())?;
    socket.listen(1024)?;
    tokio::net::TcpListener::from_std(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ports(udp: u16, tcp: u16) -> (u16, u16) {
        let at = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let config = SipConfig {
            udp: vec![at(udp)],
            tcp: vec![at(tcp)],
            ..SipConfig::default()
        };
        let (udp, tcp) = bind_alike(&config).unwrap();
        (udp[0].local.port(), tcp[0].local.port())
    }

    #[tokio::test]
    async fn any_port_is_the_same_for_datagrams_and_streams() {
        let (udp, tcp) = ports(0, 0);
        assert_eq!(udp, tcp);
    }

    #[tokio::test]
    async fn any_port_for_streams_is_another_when_that_of_datagrams_is_taken() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let (udp, tcp) = ports(port, 0);
        assert_eq!(udp, port);
        assert!(tcp != port && tcp != 0);
    }
}
