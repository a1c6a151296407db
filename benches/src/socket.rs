//! A UDP socket whose packets carry the kernel's time of arrival.

use std::io::{self, IoSliceMut};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};

use anyhow::{Result, bail};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, SockaddrIn, recvmsg, setsockopt, sockopt};
use nix::sys::time::TimeSpec;

use crate::clock::{self, Nanos};

/// What is kept for us while we are busy.
const RECEIVE_BUFFER: usize = 16 << 20;

/// The socket.
#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    ancillary: Vec<u8>,
}

/// What arrived.
#[derive(Debug, Clone, Copy)]
pub struct Arrived {
    /// How many bytes.
    pub length: usize,
    /// From which port of loopback.
    pub port: u16,
    /// When the kernel put it into our socket.
    pub at: Nanos,
}

impl Socket {
    /// On a free port of loopback.
    pub fn open() -> Result<Self> {
        Self::on(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?)
    }

    /// On a free even port, with a socket on the next for RTCP.
    pub fn open_pair() -> Result<(Self, UdpSocket)> {
        for _ in 0..1000 {
            let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            let port = rtp.local_addr()?.port();
            if !port.is_multiple_of(2) {
                continue;
            }
            if let Ok(rtcp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)) {
                return Ok((Self::on(rtp)?, rtcp));
            }
        }
        bail!("no two free ports in a row")
    }

    fn on(socket: UdpSocket) -> Result<Self> {
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        // Beyond the system's limit only as root; without, the limit has to do.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        }
        Ok(Self {
            socket,
            ancillary: nix::cmsg_space!(TimeSpec),
        })
    }

    /// Its address.
    pub fn address(&self) -> Result<SocketAddr> {
        Ok(self.socket.local_addr()?)
    }

    /// Sends one packet; false when the kernel did not take it.
    pub fn send(&self, packet: &[u8], to: SocketAddr) -> bool {
        self.socket.send_to(packet, to).is_ok()
    }

    /// The next packet, if there is one already.
    pub fn receive(&mut self, buffer: &mut [u8]) -> Option<Arrived> {
        loop {
            let mut parts = [IoSliceMut::new(buffer)];
            let received = recvmsg::<SockaddrIn>(
                self.socket.as_raw_fd(),
                &mut parts,
                Some(&mut self.ancillary),
                MsgFlags::MSG_DONTWAIT,
            );
            let message = match received {
                Ok(message) => message,
                // The answer to something of ours that met a closed port.
                Err(Errno::ECONNREFUSED | Errno::EINTR) => continue,
                Err(_) => return None,
            };
            let from = message.address.map(SocketAddrV4::from);
            let stamp = message.cmsgs().ok().and_then(|mut all| {
                all.find_map(|one| {
                    let ControlMessageOwned::ScmTimestampns(time) = one else {
                        return None;
                    };
                    stamp(time)
                })
            });
            return Some(Arrived {
                length: message.bytes,
                port: from.map_or(0, |from| from.port()),
                at: stamp.unwrap_or_else(clock::now),
            });
        }
    }

    /// Waits for a packet, at most so long, to the millisecond.
    pub fn wait(&self, at_most: Nanos) -> Result<()> {
        let ms = u16::try_from(at_most.div_ceil(clock::MS)).unwrap_or(u16::MAX);
        let mut fds = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        match poll(&mut fds, PollTimeout::from(ms)) {
            Ok(_) | Err(Errno::EINTR) => Ok(()),
            Err(error) => Err(io::Error::from(error).into()),
        }
    }
}

fn stamp(time: TimeSpec) -> Option<Nanos> {
    let seconds = Nanos::try_from(time.tv_sec()).ok()?;
    let nanos = Nanos::try_from(time.tv_nsec()).ok()?;
    Some(seconds * clock::SECOND + nanos)
}
