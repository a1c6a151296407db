//! The stream connections that stand, and how many there may be.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::sip::endpoint::{FlowId, Path, SipTransport};
use parking_lot::{Mutex, RwLock};
use tokio::sync::mpsc;

/// Messages that may wait for a peer to read them.
const OUTBOUND: usize = 256;

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
    _seat: Seat,
}

/// A connection that was entered.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) path: Path,
    /// For answers to keep-alives: it does not keep the connection open.
    pub(crate) writer: mpsc::WeakSender<Bytes>,
    /// What is to be written; it ends when the connection is to be closed.
    pub(crate) outgoing: mpsc::Receiver<Bytes>,
}

/// Why a connection cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyConnections;

/// The place a connection takes from its first byte to its end, its greeting included. Dropping it
/// makes room.
#[derive(Debug)]
pub(crate) struct Seat {
    seats: Arc<Mutex<Seats>>,
    source: IpAddr,
}

#[derive(Debug, Default)]
struct Seats {
    taken: usize,
    by_source: AHashMap<IpAddr, usize>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.seats.lock();
        seats.taken -= 1;
        if let Some(count) = seats.by_source.get_mut(&self.source) {
            *count -= 1;
            if *count == 0 {
                seats.by_source.remove(&self.source);
            }
        }
    }
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
    seats: Arc<Mutex<Seats>>,
    next: AtomicU64,
}

impl Connections {
    /// Room for a connection with `source`, of at most `limit` all in all and `per_source` with it.
    pub(crate) fn seat(
        &self,
        source: IpAddr,
        limit: usize,
        per_source: usize,
    ) -> Result<Seat, TooManyConnections> {
        let mut seats = self.seats.lock();
        let from_there = seats.by_source.get(&source).copied().unwrap_or(0);
        if seats.taken >= limit || from_there >= per_source {
            return Err(TooManyConnections);
        }
        seats.taken += 1;
        *seats.by_source.entry(source).or_default() += 1;
        Ok(Seat {
            seats: Arc::clone(&self.seats),
            source,
        })
    }

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
        let weak = writer.downgrade();
        let connection = Connection {
            path,
            name: remote.name.clone(),
            names,
            writer,
            _seat: seat,
        };
        let mut table = self.table.write();
        table.by_flow.insert(flow, connection);
        table.by_remote.insert(remote, flow);
        Opened {
            path,
            writer: weak,
            outgoing,
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

    /// Closes a connection; what is already queued for it is still written.
    pub(crate) fn close(&self, flow: FlowId) {
        let mut table = self.table.write();
        let Some(connection) = table.by_flow.remove(&flow) else {
            return;
        };
        let remote = Remote {
            transport: connection.path.transport,
            address: connection.path.peer,
            name: connection.name.clone(),
        };
        if table.by_remote.get(&remote) == Some(&flow) {
            table.by_remote.remove(&remote);
        }
    }

    /// Connections that stand, or are being greeted.
    pub(crate) fn len(&self) -> usize {
        self.seats.lock().taken
    }
}

#[cfg(test)]
mod tests {
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
        let seat = connections.seat(remote.address.ip(), 10, 10).unwrap();
        let local = ([192, 0, 2, 9], 5061).into();
        connections.open(seat, remote, local, names).path.flow
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
        assert_eq!(connections.len(), 1);
    }

    #[test]
    fn a_seat_is_free_again_when_its_connection_ends() {
        let connections = Connections::default();
        let source = IpAddr::from([192, 0, 2, 1]);
        let greeted = connections.seat(source, 3, 2).unwrap();
        opens(&connections, remote(1, None), None);
        assert!(connections.seat(source, 3, 2).is_err(), "two of one source");
        let other = IpAddr::from([192, 0, 2, 2]);
        let last = connections.seat(other, 3, 2).unwrap();
        assert!(
            connections.seat([192, 0, 2, 3].into(), 3, 2).is_err(),
            "three at all"
        );
        drop((greeted, last));
        assert!(connections.seat(source, 3, 2).is_ok());
        assert_eq!(connections.len(), 1);
    }
}
