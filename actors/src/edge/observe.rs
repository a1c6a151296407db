//! What is counted, kept and copied of messages as they go in and out.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use jiff::Timestamp;
use offhook_core::config::{HepConfig, SipConfig};
use offhook_core::sip::endpoint::{Path, Repeats, SipTransport};
use offhook_core::sip::glimpse::{Glimpse, Start};
use offhook_core::sip::hep::HepPacket;
use offhook_core::sip::trace::{Trace, Way, redacted};
use offhook_core::{CallId, IdSource};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::stats::{SipTraffic, Tally};
use crate::alarm;

/// Copies that may wait for the capture server's socket. What is more is not copied.
const COPIES: usize = 4096;

/// The methods that are counted apart, and all others together.
pub(crate) const METHODS: [&str; 15] = [
    "INVITE",
    "ACK",
    "BYE",
    "CANCEL",
    "OPTIONS",
    "REGISTER",
    "INFO",
    "UPDATE",
    "PRACK",
    "SUBSCRIBE",
    "NOTIFY",
    "PUBLISH",
    "REFER",
    "MESSAGE",
    "other",
];

const TRANSPORTS: [SipTransport; 5] = [
    SipTransport::Udp,
    SipTransport::Tcp,
    SipTransport::Tls,
    SipTransport::Ws,
    SipTransport::Wss,
];

/// Sees every message. All but the reading of figures happens on the signalling task.
pub(crate) struct Observer {
    trace: Mutex<Trace>,
    copies: Option<mpsc::Sender<Copied>>,
    received: Counted,
    sent: Counted,
    broken: AtomicU64,
    repeated_received: AtomicU64,
    repeated_sent: AtomicU64,
    uncopied: AtomicU64,
}

#[derive(Default)]
struct Counted {
    requests: [AtomicU64; METHODS.len()],
    /// 1xx to 6xx.
    responses: [AtomicU64; 6],
    transports: [AtomicU64; TRANSPORTS.len()],
}

/// A message for the capture server.
#[derive(Debug)]
pub(crate) struct Copied {
    at: Timestamp,
    way: Way,
    path: Path,
    data: Bytes,
}

fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl Observer {
    /// Sees nothing yet. What is to be copied comes out of the receiver, if it is to be.
    pub(crate) fn new(config: &SipConfig) -> (Self, Option<mpsc::Receiver<Copied>>) {
        let (copies, receiver) = match config.hep.address {
            Some(_) => {
                let (sender, receiver) = mpsc::channel(COPIES);
                (Some(sender), Some(receiver))
            }
            None => (None, None),
        };
        let observer = Self {
            trace: Mutex::new(Trace::new(
                config.trace.clone(),
                &mut IdSource::from_entropy(),
            )),
            copies,
            received: Counted::default(),
            sent: Counted::default(),
            broken: AtomicU64::new(0),
            repeated_received: AtomicU64::new(0),
            repeated_sent: AtomicU64::new(0),
            uncopied: AtomicU64::new(0),
        };
        (observer, receiver)
    }

    /// A message went this way.
    pub(crate) fn saw(&self, now: Instant, way: Way, path: &Path, data: &Bytes) {
        let counted = match way {
            Way::Received => &self.received,
            Way::Sent => &self.sent,
        };
        counted.count(path.transport, data);
        // A message of a stream is a piece of a buffer that holds many.
        let copied = (way == Way::Received && path.transport.is_reliable())
            .then(|| Bytes::copy_from_slice(data));
        let data = copied.as_ref().unwrap_or(data);
        self.trace.lock().record(now, way, path, data);
        if let Some(copies) = &self.copies {
            let copied = Copied {
                at: alarm::wall(),
                way,
                path: *path,
                data: data.clone(),
            };
            if copies.try_send(copied).is_err() {
                add(&self.uncopied);
            }
        }
    }

    /// What arrived was no message.
    pub(crate) fn saw_broken(&self) {
        add(&self.broken);
    }

    /// The leg with this Call-ID is a leg of this call.
    pub(crate) fn assign(&self, call_id: Option<&Bytes>, call: CallId) {
        if let Some(call_id) = call_id {
            self.trace.lock().assign(call_id, call);
        }
    }

    /// The leg with this Call-ID went from one call to another.
    pub(crate) fn leg_moved(&self, call_id: &Bytes, from: CallId, to: CallId) {
        self.trace.lock().leg_moved(call_id, from, to);
    }

    pub(crate) fn leg_closed(&self, call: CallId) {
        self.trace.lock().leg_closed(call);
    }

    pub(crate) fn repeated(&self, repeats: Repeats) {
        self.repeated_received
            .store(repeats.received, Ordering::Relaxed);
        self.repeated_sent.store(repeats.sent, Ordering::Relaxed);
    }

    pub(crate) fn trace(&self) -> &Mutex<Trace> {
        &self.trace
    }

    pub(crate) fn traffic(&self) -> SipTraffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        SipTraffic {
            received: self.received.tally(),
            sent: self.sent.tally(),
            broken: read(&self.broken),
            repeated_received: read(&self.repeated_received),
            repeated_sent: read(&self.repeated_sent),
            uncopied: read(&self.uncopied),
        }
    }
}

impl Counted {
    fn count(&self, transport: SipTransport, data: &[u8]) {
        if let Some(at) = TRANSPORTS.iter().position(|known| *known == transport) {
            add(&self.transports[at]);
        }
        match Glimpse::of(data).start() {
            Some(Start::Request(method)) => {
                let at = METHODS.iter().position(|known| known.as_bytes() == method);
                add(&self.requests[at.unwrap_or(METHODS.len() - 1)]);
            }
            Some(Start::Response(status)) => {
                let class = usize::from(status / 100).clamp(1, 6) - 1;
                add(&self.responses[class]);
            }
            None => {}
        }
    }

    fn tally(&self) -> Tally {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            requests: METHODS
                .into_iter()
                .zip(self.requests.iter().map(read))
                .collect(),
            responses: ["1xx", "2xx", "3xx", "4xx", "5xx", "6xx"]
                .into_iter()
                .zip(self.responses.iter().map(read))
                .collect(),
            transports: TRANSPORTS
                .into_iter()
                .map(SipTransport::as_str)
                .zip(self.transports.iter().map(read))
                .collect(),
        }
    }
}

/// Sends copies to the capture server for as long as the process lives. One that cannot be sent is
/// lost: nobody waits for a server that is away.
pub(crate) async fn copy(config: HepConfig, mut copies: mpsc::Receiver<Copied>) {
    let Some(server) = config.address else {
        return;
    };
    let any = SocketAddr::new(
        if server.is_ipv4() {
            Ipv4Addr::UNSPECIFIED.into()
        } else {
            Ipv6Addr::UNSPECIFIED.into()
        },
        0,
    );
    let socket = match UdpSocket::bind(any).and_then(|socket| {
        socket.set_nonblocking(true)?;
        tokio::net::UdpSocket::from_std(socket)
    }) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "no copies can be sent to {server}"),
    };
    while let Some(copied) = copies.recv().await {
        let shown = redacted(&copied.data);
        let path = &copied.path;
        let (source, destination) = match copied.way {
            Way::Received => (path.peer, path.local),
            Way::Sent => (path.local, path.peer),
        };
        let packet = HepPacket {
            at: copied.at,
            source,
            destination,
            transport: path.transport,
            capture_id: config.capture_id,
            password: config.password.as_deref(),
            correlation: Glimpse::of(&copied.data).call_id(),
            payload: shown.as_bytes(),
        };
        if let Some(packet) = packet.write() {
            socket.send_to(&packet, server).await.ok();
        }
    }
}
