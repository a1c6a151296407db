//! The phone's SIP sockets.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use tokio::net::{TcpListener, TcpSocket, UdpSocket};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::audio::lock;
use super::wires::{Passport, Wire};

/// What carries the phone's SIP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Carrier {
    /// Datagrams.
    #[default]
    Udp,
    /// One connection to the proxy; without a proxy, a listener.
    Tcp,
    /// One connection to the proxy, inside TLS.
    Tls,
    /// A WebSocket to the proxy.
    Ws,
    /// A WebSocket to the proxy, inside TLS.
    Wss,
}

impl Carrier {
    /// The name in a Via.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Ws => "WS",
            Self::Wss => "WSS",
        }
    }

    /// The name in a URI.
    pub(crate) fn parameter(self) -> &'static str {
        match self {
            Self::Udp => "",
            Self::Tcp => ";transport=tcp",
            Self::Tls => ";transport=tls",
            Self::Ws | Self::Wss => ";transport=ws",
        }
    }
}

/// A message that came in, and where from.
pub(crate) type Arrival = (Vec<u8>, SocketAddr);

/// The sockets. Dropping them closes everything.
#[derive(Debug)]
pub(crate) struct Sockets {
    pub(crate) carrier: Carrier,
    pub(crate) local: SocketAddr,
    passport: Option<Passport>,
    /// For sending: a tokio socket refuses until its reactor has seen it once.
    udp: Option<std::net::UdpSocket>,
    streams: Streams,
    arrivals: mpsc::UnboundedSender<Arrival>,
    tasks: Vec<AbortHandle>,
}

/// Open connections by peer.
type Streams = Arc<Mutex<HashMap<SocketAddr, Stream>>>;

#[derive(Debug)]
struct Stream {
    writer: mpsc::UnboundedSender<Vec<u8>>,
    task: AbortHandle,
}

impl Drop for Sockets {
    fn drop(&mut self) {
        self.close();
        for task in &self.tasks {
            task.abort();
        }
    }
}

impl Sockets {
    /// Opens sockets on loopback; what arrives goes to `arrivals`.
    pub(crate) async fn open(
        carrier: Carrier,
        proxy: Option<SocketAddr>,
        passport: Option<Passport>,
        arrivals: mpsc::UnboundedSender<Arrival>,
    ) -> Result<Self> {
        let streams = Streams::default();
        let local = match proxy {
            Some(SocketAddr::V6(_)) => (Ipv6Addr::LOCALHOST, 0).into(),
            Some(SocketAddr::V4(_)) | None => (Ipv4Addr::LOCALHOST, 0).into(),
        };
        let mut sockets = Self {
            carrier,
            local,
            passport,
            udp: None,
            streams: Arc::clone(&streams),
            arrivals: arrivals.clone(),
            tasks: Vec::new(),
        };
        match (carrier, proxy) {
            (Carrier::Udp, _) => {
                let udp = std::net::UdpSocket::bind(sockets.local)?;
                udp.set_nonblocking(true)?;
                sockets.local = udp.local_addr()?;
                let receiver = UdpSocket::from_std(udp.try_clone()?)?;
                sockets.udp = Some(udp);
                let task = tokio::spawn(receive(receiver, arrivals));
                sockets.tasks.push(task.abort_handle());
            }
            (_, Some(proxy)) => {
                let passport = sockets.passport.as_ref();
                let (wire, local) = Wire::open(carrier, proxy, passport).await?;
                sockets.local = local;
                adopt(&streams, proxy, wire, arrivals);
            }
            (_, None) => {
                let listener = TcpListener::bind(sockets.local).await?;
                sockets.local = listener.local_addr()?;
                let task = tokio::spawn(accept(listener, streams, arrivals));
                sockets.tasks.push(task.abort_handle());
            }
        }
        Ok(sockets)
    }

    /// Sends to `to`; over TCP on the connection to it, or else on the only one there is.
    pub(crate) fn send(&self, bytes: Vec<u8>, to: SocketAddr) {
        if let Some(udp) = &self.udp {
            udp.send_to(&bytes, to).ok();
            return;
        }
        let streams = lock(&self.streams);
        let stream = streams.get(&to).or_else(|| streams.values().next());
        if let Some(stream) = stream {
            stream.writer.send(bytes).ok();
        }
    }

    /// Opens a new connection to `proxy`; from now on messages to it go that way.
    pub(crate) async fn reconnect(&self, proxy: SocketAddr) -> Result<()> {
        let (wire, _) = Wire::open(self.carrier, proxy, self.passport.as_ref()).await?;
        adopt(&self.streams, proxy, wire, self.arrivals.clone());
        Ok(())
    }

    /// Listens for connections at the address it shows, beside the connection that has it.
    pub(crate) fn listen(&self) -> Result<AbortHandle> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.local)?;
        let listener = socket.listen(16)?;
        let (streams, arrivals) = (Arc::clone(&self.streams), self.arrivals.clone());
        let task = tokio::spawn(accept(listener, streams, arrivals));
        Ok(task.abort_handle())
    }

    /// Closes every connection at once, as a phone does that loses power.
    pub(crate) fn close(&self) {
        for (_, stream) in lock(&self.streams).drain() {
            stream.task.abort();
        }
    }
}

async fn accept(listener: TcpListener, streams: Streams, arrivals: mpsc::UnboundedSender<Arrival>) {
    while let Ok((stream, peer)) = listener.accept().await {
        let wire = Wire::Stream(Box::new(stream));
        adopt(&streams, peer, wire, arrivals.clone());
    }
}

async fn receive(udp: UdpSocket, arrivals: mpsc::UnboundedSender<Arrival>) {
    let mut buffer = vec![0; 65_536];
    loop {
        // An error here is an ICMP message about an earlier datagram.
        let Ok((length, from)) = udp.recv_from(&mut buffer).await else {
            continue;
        };
        let bytes = buffer.get(..length).unwrap_or_default().to_vec();
        if arrivals.send((bytes, from)).is_err() {
            return;
        }
    }
}

fn adopt(
    streams: &Streams,
    peer: SocketAddr,
    wire: Wire,
    arrivals: mpsc::UnboundedSender<Arrival>,
) {
    let (writer, outgoing) = mpsc::unbounded_channel();
    let all = Arc::clone(streams);
    let task = tokio::spawn(async move {
        wire.carry(peer, outgoing, arrivals).await;
        lock(&all).remove(&peer);
    });
    let task = task.abort_handle();
    lock(streams).insert(peer, Stream { writer, task });
}

/// Takes one whole message off the front: head, empty line, Content-Length bytes.
pub(crate) fn next_message(pending: &mut Vec<u8>) -> Option<Vec<u8>> {
    while pending.starts_with(b"\r\n") {
        pending.drain(..2);
    }
    let head = pending.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = String::from_utf8_lossy(pending.get(..head)?).to_ascii_lowercase();
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let known = ["content-length", "l"].contains(&name.trim());
        known.then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head.checked_add(length.unwrap_or(0))?;
    (pending.len() >= whole).then(|| pending.drain(..whole).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_out_of_a_stream() {
        let mut pending = b"\r\n\r\nSIP/2.0 200 OK\r\nl: 3\r\n\r\nabcSIP".to_vec();
        let message = next_message(&mut pending).unwrap();
        assert!(message.ends_with(b"\r\n\r\nabc"));
        assert_eq!(next_message(&mut pending), None);
        assert_eq!(pending, b"SIP");
    }
}
