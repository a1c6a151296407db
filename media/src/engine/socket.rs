//! The two UDP sockets of a leg.

use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::net::UdpSocket;

/// A leg's RTP socket on an even port and its RTCP socket on the odd one after it.
#[derive(Debug)]
pub(crate) struct LegSockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl LegSockets {
    /// Binds both.
    pub(crate) fn bind(ip: IpAddr, port: u16) -> io::Result<Self> {
        Ok(Self {
            rtp: UdpSocket::bind(SocketAddr::new(ip, port))?,
            rtcp: UdpSocket::bind(SocketAddr::new(ip, port + 1))?,
        })
    }

    /// Lets the RTP socket take packets from anywhere again.
    pub(crate) fn disconnect(&self) -> io::Result<()> {
        Ok(rustix::net::connect_unspec(&self.rtp)?)
    }
}
