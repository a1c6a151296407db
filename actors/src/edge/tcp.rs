//! Stream connections: accepted, opened, read and written.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use offhook_core::sip::endpoint::{FlowId, Path};
use offhook_core::sip::stream::{Frame, StreamParser};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::command::{Command, Inbound};
use super::handle::Shared;
use super::net::Net;
use crate::alarm;

/// How long a connection we open may take.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a peer may take to read one batch of ours.
const WRITE: Duration = Duration::from_secs(30);

/// How long to wait after the system refused to accept, for want of descriptors mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Bytes read at once.
const READ: usize = 16 * 1024;

/// Accepts connections for as long as the process lives.
pub(crate) async fn accept(shared: Arc<Shared>, listener: Arc<TcpListener>) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                adopt(&shared, stream, peer);
            }
            Err(_) => {
                tokio::time::sleep_until((alarm::now() + PAUSE).into()).await;
            }
        }
    }
}

/// Opens a connection and tells the signalling task how that went.
pub(crate) async fn connect(shared: Arc<Shared>, peer: SocketAddr) {
    let stream = timeout(CONNECT, dial(&shared.net, peer)).await;
    let path = match stream {
        Ok(Ok(stream)) => adopt(&shared, stream, peer),
        Ok(Err(_)) | Err(_) => None,
    };
    // Nobody listens any more when the process ends.
    shared
        .net
        .commands
        .send(Command::Connected(peer, path))
        .ok();
}

async fn dial(net: &Net, peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // Leave by the address we are known by; the port is any.
    let family = |ip: &std::net::IpAddr| ip.is_ipv4() == peer.is_ipv4() && !ip.is_unspecified();
    let ours = net.tcp.iter().map(|port| port.local.ip());
    if let Some(ip) = ours
        .filter(family)
        .find(|ip| ip.is_loopback() == peer.ip().is_loopback())
    {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    socket.connect(peer).await
}

/// Takes a connection into the table and serves it; `None` when there are too many.
fn adopt(shared: &Arc<Shared>, stream: TcpStream, peer: SocketAddr) -> Option<Path> {
    stream.set_nodelay(true).ok();
    let mut local = stream.local_addr().ok()?;
    // What others should call us by: where we listen, not where this connection happens to begin.
    let listening = shared
        .net
        .tcp
        .iter()
        .find(|port| port.local.is_ipv4() == local.is_ipv4());
    if let Some(port) = listening {
        local.set_port(port.local.port());
    }
    let (path, keep_alive, outgoing) = shared.net.open(local, peer).ok()?;
    let connection = Serving {
        shared: Arc::clone(shared),
        path,
    };
    #[expect(
        clippy::disallowed_methods,
        reason = "a connection outlives the signalling task; it is bounded by the connection table \
                  and ends when its entry there is removed"
    )]
    tokio::spawn(connection.run(stream, keep_alive, outgoing));
    Some(path)
}

/// One connection while it is served.
struct Serving {
    shared: Arc<Shared>,
    path: Path,
}

impl Serving {
    async fn run(
        self,
        stream: TcpStream,
        keep_alive: mpsc::WeakSender<Bytes>,
        outgoing: mpsc::Receiver<Bytes>,
    ) {
        let (read, write) = stream.into_split();
        tokio::select! {
            () = self.read(read, &keep_alive) => {}
            () = write_all(write, outgoing) => {}
        }
        let flow: FlowId = self.path.flow;
        self.shared.net.close(flow);
        self.shared.flow_closed(flow);
        self.shared
            .net
            .inbound
            .send(Inbound::Closed(flow))
            .await
            .ok();
    }

    /// Reads until the peer closes, breaks the framing, or takes too long.
    async fn read(&self, mut stream: OwnedReadHalf, keep_alive: &mpsc::WeakSender<Bytes>) {
        let limits = &self.shared.net.config.limits;
        let mut parser = StreamParser::new();
        let mut buffer = BytesMut::with_capacity(READ);
        let mut proved = false;
        let mut waiting_since = alarm::now();
        loop {
            // A connection that never said anything whole has as long as a message has.
            let mid_message = !proved || parser.pending() > 0;
            let patience = if mid_message {
                limits.message_timeout
            } else {
                limits.idle_timeout
            };
            let until = (waiting_since + patience).into();
            match tokio::time::timeout_at(until, stream.read_buf(&mut buffer)).await {
                Ok(Ok(1..)) => {}
                Ok(Ok(0) | Err(_)) | Err(_) => return,
            }
            let was_idle = parser.pending() == 0;
            parser.push(&buffer);
            buffer.clear();
            match self.frames(&mut parser, keep_alive).await {
                Some(0) if !was_idle => {}
                Some(0) => waiting_since = if proved { alarm::now() } else { waiting_since },
                Some(_) => (proved, waiting_since) = (true, alarm::now()),
                None => return,
            }
            if parser.pending() > limits.max_message_size {
                return;
            }
        }
    }

    /// Hands whole messages on; tells how many frames there were, `None` when the stream is broken.
    async fn frames(
        &self,
        parser: &mut StreamParser,
        keep_alive: &mpsc::WeakSender<Bytes>,
    ) -> Option<usize> {
        let net = &self.shared.net;
        let mut frames = 0;
        while let Some(frame) = parser.poll_frame().ok()? {
            frames += 1;
            match frame {
                Frame::Message(data) if data.len() > net.config.limits.max_message_size => {
                    return None;
                }
                Frame::Message(data) => {
                    net.counters.received.fetch_add(1, Ordering::Relaxed);
                    net.inbound
                        .send(Inbound::Message(self.path, data))
                        .await
                        .ok()?;
                }
                Frame::KeepAlive => {
                    keep_alive
                        .upgrade()?
                        .try_send(Bytes::from_static(b"\r\n"))
                        .ok()?;
                }
            }
        }
        Some(frames)
    }
}

/// Writes what comes until the connection is to be closed or its peer does not take it.
async fn write_all(mut stream: OwnedWriteHalf, mut outgoing: mpsc::Receiver<Bytes>) {
    while let Some(data) = outgoing.recv().await {
        if !matches!(timeout(WRITE, stream.write_all(&data)).await, Ok(Ok(()))) {
            return;
        }
    }
    stream.shutdown().await.ok();
}
