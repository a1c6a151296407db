//! Connections that we open.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use offhook_core::sip::endpoint::{Path, SipTransport};
use rustls::pki_types::ServerName;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::accept::spawn;
use super::command::Command;
use super::connections::Remote;
use super::handle::Shared;
use super::net::Net;
use super::owed::Owed;
use super::seats::Opener;
use super::sockopt;
use super::stream::Serving;
use super::tls::names_of;

/// Opens a connection within so long, its greeting included, and tells the signalling task how that
/// went.
pub(crate) async fn connect(shared: Arc<Shared>, remote: Remote, patience: Duration) {
    let nothing = Command::Connected(remote.clone(), None);
    let owed = Owed::new(shared.net.commands.clone(), nothing);
    let path = match timeout(patience, open(&shared, &remote)).await {
        Ok(Ok(path)) => Some(path),
        Ok(Err(error)) => {
            let (transport, peer) = (remote.transport.as_str(), remote.address);
            tracing::debug!(transport, %peer, %error, "no connection");
            None
        }
        Err(_) => None,
    };
    owed.pay(Command::Connected(remote, path));
}

async fn open(shared: &Arc<Shared>, remote: &Remote) -> io::Result<Path> {
    let peer = remote.address;
    let seat = shared.seat(peer.ip(), Opener::Us);
    let seat = seat.map_err(|_| io::Error::other("too many connections"))?;
    let stream = dial(&shared.net, peer).await?;
    sockopt::set(&stream);
    let local = stream.local_addr()?;
    match remote.transport {
        SipTransport::Tcp => {
            let opened = shared.net.open(seat, remote.clone(), local, None);
            let path = opened.path;
            let (read, write) = stream.into_split();
            spawn(Serving::new(Arc::clone(shared), opened).carry(read, write));
            Ok(path)
        }
        SipTransport::Tls => {
            let stream = greet(shared, remote, stream).await?;
            // Where anybody is believed, a certificate proves nothing.
            let proved = shared.net.config.encryption.verify_peers;
            let shown = stream.get_ref().1.peer_certificates();
            let names = names_of(shown.filter(|_| proved));
            let opened = shared.net.open(seat, remote.clone(), local, names);
            let path = opened.path;
            let (read, write) = tokio::io::split(stream);
            spawn(Serving::new(Arc::clone(shared), opened).carry(read, write));
            Ok(path)
        }
        SipTransport::Udp | SipTransport::Ws | SipTransport::Wss => {
            Err(io::ErrorKind::Unsupported.into())
        }
    }
}

/// The TLS handshake with a peer that has to prove the name it was asked for by (RFC 5922 section
/// 7.3).
async fn greet(
    shared: &Arc<Shared>,
    remote: &Remote,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let name = match remote.name.as_deref() {
        Some(name) => ServerName::try_from(name.to_owned())
            .map_err(|_| io::Error::other("its name is none that can be proved"))?,
        None => ServerName::IpAddress(remote.address.ip().into()),
    };
    let keeper = Arc::clone(shared);
    // Files are read, the first time and when they have changed.
    let greeting = tokio::task::spawn_blocking(move || keeper.net.tls.dialer.greeting());
    let greeting = greeting.await.map_err(io::Error::other)?;
    let connector = TlsConnector::from(greeting.map_err(io::Error::other)?);
    match connector.connect(name, stream).await {
        Ok(stream) => Ok(stream),
        Err(error) => {
            if shared.net.tls.dialer.is_news(remote) {
                let name = remote.name.as_deref().unwrap_or_default();
                tracing::warn!(peer = %remote.address, name, %error, "a peer cannot be reached over TLS");
            }
            Err(error)
        }
    }
}

async fn dial(net: &Net, peer: SocketAddr) -> io::Result<TcpStream> {
    let socket = if peer.is_ipv4() {
        TcpSocket::new_v4()
    } else {
        TcpSocket::new_v6()
    }?;
    // Leave by the address we are known by; the port is any.
    if let Some(ip) = net.source_ip(peer) {
        socket.bind(SocketAddr::new(ip, 0))?;
    }
    socket.connect(peer).await
}
