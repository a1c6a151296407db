//! The sockets that are listened on.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;

use offhook_core::config::SipConfig;
use offhook_core::sip::endpoint::SipTransport;
use socket2::{Domain, Protocol, Socket, Type};

/// Socket buffers: a burst of a few thousand messages.
const BUFFER: usize = 4 << 20;

/// How often a port that is free for both kinds of sockets is looked for.
const CHOICES: usize = 32;

/// A socket for datagrams.
#[derive(Debug)]
pub(crate) struct UdpPort {
    /// For receiving.
    pub(crate) receiver: Arc<tokio::net::UdpSocket>,
    /// The same socket, for sending at once or not at all.
    pub(crate) sender: UdpSocket,
    pub(crate) local: SocketAddr,
}

/// A socket that accepts connections.
#[derive(Debug)]
pub(crate) struct StreamPort {
    pub(crate) transport: SipTransport,
    pub(crate) listener: Arc<tokio::net::TcpListener>,
    pub(crate) local: SocketAddr,
}

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen for SIP over {} on {address}: {source}", transport.as_str())]
pub struct BindError {
    /// Over which transport.
    pub transport: SipTransport,
    /// The address, as configured.
    pub address: SocketAddr,
    /// Why not.
    pub source: io::Error,
}

/// Everything the configuration names.
pub(crate) fn bind(config: &SipConfig) -> Result<(Vec<UdpPort>, Vec<StreamPort>), BindError> {
    let (udp, mut streams) = bind_alike(config)?;
    for (transport, addresses) in [
        (SipTransport::Tls, &config.tls),
        (SipTransport::Ws, &config.ws),
        (SipTransport::Wss, &config.wss),
    ] {
        let ports = bind_all(transport, addresses, |at| bind_stream(transport, at, None))?;
        streams.extend(ports);
    }
    Ok((udp, streams))
}

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

/// Binds UDP and TCP. Port 0 is the same port for both, because whoever is told one address tries it
/// either way, and a request too large for a datagram goes to the same port by TCP: where the
/// system's choice for datagrams is taken for streams, it chooses again.
fn bind_alike(config: &SipConfig) -> Result<(Vec<UdpPort>, Vec<StreamPort>), BindError> {
    let tcp = SipTransport::Tcp;
    let mut wishes = config.udp.iter().chain(&config.tcp);
    let any = wishes.any(|address| address.port() == 0);
    for _ in 1..CHOICES {
        let udp = bind_all(SipTransport::Udp, &config.udp, bind_udp)?;
        let like = udp.first().map(|port| port.local.port());
        match bind_all(tcp, &config.tcp, |at| bind_stream(tcp, at, like)) {
            Err(error) if any && error.source.kind() == io::ErrorKind::AddrInUse => {}
            streams => return Ok((udp, streams?)),
        }
    }
    let udp = bind_all(SipTransport::Udp, &config.udp, bind_udp)?;
    let streams = bind_all(tcp, &config.tcp, |at| bind_stream(tcp, at, None))?;
    Ok((udp, streams))
}

/// Port 0 takes `like`, the port of the first datagram socket, if there is one.
fn bind_stream(
    transport: SipTransport,
    at: SocketAddr,
    like: Option<u16>,
) -> io::Result<StreamPort> {
    let port = like.filter(|_| at.port() == 0).unwrap_or(at.port());
    let listener = listen(SocketAddr::new(at.ip(), port))?;
    let local = listener.local_addr()?;
    Ok(StreamPort {
        transport,
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
