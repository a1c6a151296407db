//! The two UDP sockets of a leg.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime};

use mio::net::UdpSocket;
use nix::sys::socket::sockopt::ReceiveTimestampns;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt};

/// Bytes of the ancillary data that carries a time stamp, with room to spare.
const ANCILLARY: usize = 64;

/// A packet that had waited to be fetched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetched {
    /// How many bytes.
    pub(crate) length: usize,
    pub(crate) from: SocketAddr,
    /// How long it had waited, by the kernel's stamp.
    pub(crate) waited: Duration,
}

/// A leg's RTP socket on an even port and its RTCP socket on the odd one after it.
#[derive(Debug)]
pub(crate) struct LegSockets {
    pub(crate) rtp: UdpSocket,
    pub(crate) rtcp: UdpSocket,
}

impl LegSockets {
    /// Binds both.
    pub(crate) fn bind(ip: IpAddr, port: u16) -> io::Result<Self> {
        let rtp = UdpSocket::bind(SocketAddr::new(ip, port))?;
        setsockopt(&rtp, ReceiveTimestampns, &true)?;
        Ok(Self {
            rtp,
            rtcp: UdpSocket::bind(SocketAddr::new(ip, port + 1))?,
        })
    }

    /// The next RTP packet, and since when it has been there.
    pub(crate) fn fetch(&self, buffer: &mut [u8], wall: SystemTime) -> io::Result<Fetched> {
        let mut ancillary = [0; ANCILLARY];
        let mut parts = [IoSliceMut::new(buffer)];
        let fd = self.rtp.as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        let message = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut ancillary), flags)?;
        let from = message.address.as_ref().and_then(address);
        let from = from.ok_or(io::ErrorKind::InvalidData)?;
        let stamp = message.cmsgs().ok().and_then(|mut all| {
            all.find_map(|one| {
                let ControlMessageOwned::ScmTimestampns(time) = one else {
                    return None;
                };
                Some(Duration::from(time))
            })
        });
        let arrived = stamp.map_or(wall, |stamp| SystemTime::UNIX_EPOCH + stamp);
        Ok(Fetched {
            length: message.bytes,
            from,
            // A clock that was set meanwhile says nothing.
            waited: wall.duration_since(arrived).unwrap_or_default(),
        })
    }

    /// Lets the RTP socket take packets from anywhere again.
    pub(crate) fn disconnect(&self) -> io::Result<()> {
        Ok(rustix::net::connect_unspec(&self.rtp)?)
    }
}

fn address(storage: &SockaddrStorage) -> Option<SocketAddr> {
    let four = storage
        .as_sockaddr_in()
        .map(|address| SocketAddr::V4((*address).into()));
    four.or_else(|| {
        storage
            .as_sockaddr_in6()
            .map(|address| SocketAddr::V6((*address).into()))
    })
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the kernel stamps in real time")]
    fn wall() -> SystemTime {
        SystemTime::now()
    }

    #[test]
    fn what_is_fetched_late_says_since_when_it_was_there() {
        for ip in [IpAddr::from(Ipv4Addr::LOCALHOST), "::1".parse().unwrap()] {
            let sockets = (19_000..19_900)
                .step_by(2)
                .find_map(|port| LegSockets::bind(ip, port).ok());
            let sockets = sockets.unwrap();
            let to = sockets.rtp.local_addr().unwrap();
            let phone = std::net::UdpSocket::bind(SocketAddr::new(ip, 0)).unwrap();
            let none = sockets.fetch(&mut [0; 64], wall()).unwrap_err();
            assert_eq!(none.kind(), io::ErrorKind::WouldBlock);
            phone
                .set_read_timeout(Some(Duration::from_millis(10)))
                .unwrap();
            let fetch_late = || {
                phone.send_to(b"one", to).unwrap();
                let sent = wall();
                phone.recv(&mut [0; 1]).unwrap_err();
                let mut buffer = [0; 64];
                let wall = wall();
                let fetched = sockets.fetch(&mut buffer, wall).unwrap();
                assert_eq!(&buffer[..fetched.length], b"one");
                assert_eq!(fetched.from, phone.local_addr().unwrap());
                (fetched, wall.duration_since(sent).unwrap())
            };
            // The first socket of a machine to ask for stamps gets them a little later.
            let tries = std::iter::repeat_with(fetch_late).take(100);
            let mut stamped = tries.map(|(fetched, waited)| (fetched.waited, waited));
            let found = stamped.find(|(stamp, waited)| stamp >= waited);
            let (stamp, _) = found.unwrap();
            assert!(stamp < Duration::from_secs(10));
        }
    }
}
