//! Connections that peers open: accepted, greeted, served.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use offhook_core::sip::endpoint::SipTransport;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::connections::Remote;
use super::handle::Shared;
use super::seats::{Opener, Seat};
use super::sockopt;
use super::stream::Serving;
use super::tls::names_of;
use super::websocket;
use crate::alarm;

/// How long to wait after the system refused to accept, for want of descriptors mostly.
const PAUSE: Duration = Duration::from_millis(100);

/// Accepts connections for as long as the process lives.
pub(crate) async fn accept(
    shared: Arc<Shared>,
    transport: SipTransport,
    listener: Arc<TcpListener>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Whoever is kept out is hung up on without a word.
                if shared.guard.admits_connection(peer.ip())
                    && let Ok(seat) = shared.seat(peer.ip(), Opener::Peer)
                {
                    spawn(welcome(Arc::clone(&shared), transport, stream, peer, seat));
                }
            }
            Err(_) => {
                tokio::time::sleep_until((alarm::now() + PAUSE).into()).await;
            }
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a connection outlives the signalling task; it is bounded by its seat and ends when its \
              entry in the connection table is removed"
)]
pub(super) fn spawn(connection: impl Future<Output = ()> + Send + 'static) {
    tokio::spawn(connection);
}

/// One connection from its first byte to its last.
async fn welcome(
    shared: Arc<Shared>,
    transport: SipTransport,
    stream: TcpStream,
    peer: SocketAddr,
    seat: Seat,
) {
    sockopt::set(&stream);
    let Ok(local) = stream.local_addr() else {
        return;
    };
    let remote = Remote {
        transport,
        address: peer,
        name: None,
    };
    match transport {
        SipTransport::Udp | SipTransport::Tcp => {
            let opened = shared.net.open(seat, remote, local, None);
            let (read, write) = stream.into_split();
            Serving::new(shared, opened).carry(read, write).await;
        }
        SipTransport::Tls => {
            let Some(stream) = greet(&shared, transport, stream, peer).await else {
                return;
            };
            let names = names_of(stream.get_ref().1.peer_certificates());
            let opened = shared.net.open(seat, remote, local, names);
            let (read, write) = tokio::io::split(stream);
            Serving::new(shared, opened).carry(read, write).await;
        }
        SipTransport::Ws => websocket::serve(shared, stream, remote, local, seat).await,
        SipTransport::Wss => {
            if let Some(stream) = greet(&shared, transport, stream, peer).await {
                websocket::serve(shared, stream, remote, local, seat).await;
            }
        }
    }
}

/// The TLS handshake. Whoever does not finish it in time, or speaks something else, is hung up on.
async fn greet(
    shared: &Shared,
    transport: SipTransport,
    stream: TcpStream,
    peer: SocketAddr,
) -> Option<TlsStream<TcpStream>> {
    let keeper = shared.net.tls.keeper.as_ref()?;
    let acceptor = TlsAcceptor::from(keeper.greeting(transport));
    let patience = shared.net.config.limits.message_timeout;
    match timeout(patience, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => Some(stream),
        Ok(Err(error)) => {
            tracing::debug!(%peer, %error, "no TLS handshake");
            None
        }
        Err(_) => {
            tracing::debug!(%peer, "a TLS handshake took too long");
            None
        }
    }
}
