//! The stream connections that stand.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::sip::endpoint::{FlowId, Path, SipTransport};
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;

use super::seats::{Opener, Seat};
use crate::alarm;

/// Messages that may wait for a peer to read them: the answers to a burst of a carrier that sends all
/// its calls by one connection.
const OUTBOUND: usize = 1024;

/// The first number of a stream connection; datagram sockets are numbered from 0.
pub(crate) const FIRST_CONNECTION: u64 = 1 << 32;

/// Whom a connection is to. Over TLS a peer is more than an address: it has proved a name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Remote {
    pub(crate) transport: SipTransport,
    pub(crate) address: SocketAddr,
    /// The host that was asked for, in lower case; `None` for plain streams and for peers that
    /// connected to us.
    pub(crate) name: Option<Arc<str>>,
}

/// One stream connection, as the signalling task sees it. When this is dropped, the connection is
/// closed.
#[derive(Debug)]
struct Connection {
    path: Path,
    name: Option<Arc<str>>,
    /// What its certificate says it is called, if it showed a good one.
    names: Option<Arc<[String]>>,
    writer: mpsc::Sender<Bytes>,
    opener: Opener,
    heard: Arc<LastHeard>,
}

impl Connection {
    fn remote(&self) -> Remote {
        Remote {
            transport: self.path.transport,
            address: self.path.peer,
            name: self.name.clone(),
        }
    }
}

/// When anything came from a peer last.
#[derive(Debug)]
pub(crate) struct LastHeard(Mutex<Instant>);

impl LastHeard {
    /// Something came.
    pub(crate) fn note(&self) {
        *self.0.lock() = alarm::now();
    }
}

/// A connection that was entered.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) path: Path,
    /// For answers to keep-alives: it does not keep the connection open.
    pub(crate) writer: mpsc::WeakSender<Bytes>,
    /// What is to be written; it ends when the connection is to be closed.
    pub(crate) outgoing: mpsc::Receiver<Bytes>,
    pub(crate) heard: Arc<LastHeard>,
    /// To be held until the socket is closed.
    pub(crate) seat: Seat,
}

#[derive(Debug, Default)]
struct Table {
    by_flow: AHashMap<FlowId, Connection>,
    /// The connection to use for a peer: the youngest.
    by_remote: AHashMap<Remote, FlowId>,
}

/// All stream connections.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    table: RwLock<Table>,
    next: AtomicU64,
}

impl Connections {
    /// Enters a connection whose greeting is over. `names` is what its certificate says.
    pub(crate) fn open(
        &self,
        seat: Seat,
        remote: Remote,
        local: SocketAddr,
        names: Option<Arc<[String]>>,
    ) -> Opened {
        let flow = FlowId(FIRST_CONNECTION + self.next.fetch_add(1, Ordering::Relaxed));
        let path = Path {
            flow,
            transport: remote.transport,
            local,
            peer: remote.address,
        };
        let (writer, outgoing) = mpsc::channel(OUTBOUND);
        let heard = Arc::new(LastHeard(Mutex::new(alarm::now())));
        let weak = writer.downgrade();
        let connection = Connection {
            path,
            name: remote.name.clone(),
            names,
            writer,
            opener: seat.opener,
            heard: Arc::clone(&heard),
        };
        let mut table = self.table.write();
        table.by_flow.insert(flow, connection);
        table.by_remote.insert(remote, flow);
        Opened {
            path,
            writer: weak,
            outgoing,
            heard,
            seat,
        }
    }

    /// The open connection to a peer. One that the peer opened counts where no name was asked for,
    /// or where it has proved to have that name (RFC 5923 section 5).
    pub(crate) fn to(&self, remote: &Remote) -> Option<Path> {
        let table = self.table.read();
        let entry = |remote: &Remote| table.by_flow.get(table.by_remote.get(remote)?);
        if let Some(connection) = entry(remote) {
            return Some(connection.path);
        }
        let wanted = remote.name.as_deref()?;
        let theirs = entry(&Remote {
            name: None,
            ..remote.clone()
        })?;
        let literal = wanted.parse::<IpAddr>().is_ok();
        let named = theirs.names.iter().flat_map(|names| names.iter());
        (literal || { named }.any(|name| name == wanted)).then_some(theirs.path)
    }

    /// The way over a connection while it stands.
    pub(crate) fn path(&self, flow: FlowId) -> Option<Path> {
        Some(self.table.read().by_flow.get(&flow)?.path)
    }

    /// What the peer's certificate says it is called, in lower case; `None` without one.
    pub(crate) fn names(&self, flow: FlowId) -> Option<Arc<[String]>> {
        self.table.read().by_flow.get(&flow)?.names.clone()
    }

    /// Queues a message; false when the connection is gone or its peer does not read.
    pub(crate) fn send(&self, flow: FlowId, data: Bytes) -> bool {
        match self.table.read().by_flow.get(&flow) {
            Some(connection) => connection.writer.try_send(data).is_ok(),
            None => false,
        }
    }

    /// A request that was sent at `sent` was not answered in time. Unless something was heard since,
    /// the connection is not taken for other requests any more. True when it is ours, which nobody
    /// misses when it is closed; a peer is reached by its own connection or not at all.
    pub(crate) fn doubt(&self, flow: FlowId, sent: Instant) -> bool {
        let mut table = self.table.write();
        let silent = |connection: &&Connection| *connection.heard.0.lock() <= sent;
        let Some(connection) = table.by_flow.get(&flow).filter(silent) else {
            return false;
        };
        let (remote, opener) = (connection.remote(), connection.opener);
        if table.by_remote.get(&remote) == Some(&flow) {
            table.by_remote.remove(&remote);
        }
        opener == Opener::Us
    }

    /// Closes a connection; what is already queued for it is still written.
    pub(crate) fn close(&self, flow: FlowId) {
        let mut table = self.table.write();
        let Some(connection) = table.by_flow.remove(&flow) else {
            return;
        };
        let remote = connection.remote();
        if table.by_remote.get(&remote) == Some(&flow) {
            table.by_remote.remove(&remote);
        }
    }
}

#[cfg(test)]
mod tests {
    use offhook_core::config::SipLimits;

    use super::super::seats::Seats;
    use super::*;

    fn remote(port: u16, name: Option<&str>) -> Remote {
        Remote {
            transport: SipTransport::Tls,
            address: ([192, 0, 2, 1], port).into(),
            name: name.map(Into::into),
        }
    }

    fn opens(connections: &Connections, remote: Remote, names: Option<&[&str]>) -> FlowId {
        let names = names.map(|names| names.iter().map(ToString::to_string).collect());
        let seats = Seats::new(&SipLimits::default());
        let seat = seats.take(remote.address.ip(), Opener::Peer, |_| false);
        let local = ([192, 0, 2, 9], 5061).into();
        let opened = connections.open(seat.unwrap(), remote, local, names);
        opened.path.flow
    }

    /// RFC 5923 section 5: over TLS a connection is to a name, not to an address alone.
    #[test]
    fn a_connection_is_used_again_for_the_name_that_was_proved() {
        let connections = Connections::default();
        let ours = opens(&connections, remote(5061, Some("sbc.example.com")), None);
        let theirs = opens(
            &connections,
            remote(49152, None),
            Some(&["edge.example.com"]),
        );
        let to = |port, name| connections.to(&remote(port, name)).map(|path| path.flow);
        assert_eq!(to(5061, Some("sbc.example.com")), Some(ours));
        assert_eq!(to(5061, Some("other.example.com")), None);
        assert_eq!(to(49152, Some("edge.example.com")), Some(theirs));
        assert_eq!(to(49152, Some("sbc.example.com")), None);
        assert_eq!(
            to(49152, Some("192.0.2.1")),
            Some(theirs),
            "its own contact"
        );
        let plain = Remote {
            transport: SipTransport::Tcp,
            ..remote(49152, None)
        };
        assert_eq!(connections.to(&plain), None);
        connections.close(ours);
        assert_eq!(to(5061, Some("sbc.example.com")), None);
        assert!(!connections.doubt(theirs, alarm::now()), "it is not ours");
        assert_eq!(to(49152, Some("edge.example.com")), None);
        assert!(connections.path(theirs).is_some());
    }
}
