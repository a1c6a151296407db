//! A phone's whole way to the server over a bad network: its SIP passes untouched, its RTP and RTCP
//! do not.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::relay::{Relay, RelayStats, bind};
use super::{Impairment, LinkStats};

/// Where relays for RTP are bound: above the harness's other ports.
const PORTS: std::ops::Range<u16> = 50_000..60_000;

/// A stand-in for the server, for one phone: it is given as the phone's proxy. In descriptions that
/// come from the server the port becomes that of a [`Relay`] with the impairments; the server finds
/// the phone behind it as behind any NAT.
#[derive(Debug)]
pub struct Path {
    address: SocketAddr,
    relays: Arc<Mutex<Vec<Relay>>>,
    task: JoinHandle<()>,
}

impl Path {
    /// To the server's SIP port, for at most `life`: `up` is what happens to what the phone sends,
    /// `down` to what it is sent.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(
        server: SocketAddr,
        up: Impairment,
        down: Impairment,
        seed: u64,
        life: Duration,
    ) -> Result<Self> {
        let near = bind(0).await?;
        let address = near.local_addr()?;
        let relays = Arc::new(Mutex::new(Vec::new()));
        let mut wire = Wire {
            near,
            far_side: bind(0).await?,
            server,
            up,
            down,
            seed,
            life,
            ports: HashMap::new(),
            relays: Arc::clone(&relays),
        };
        let task = tokio::spawn(async move {
            timeout(life, wire.run()).await.ok();
        });
        Ok(Self {
            address,
            relays,
            task,
        })
    }

    /// The phone's proxy.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What happened to RTP and RTCP so far: up, and down.
    #[must_use]
    pub fn stats(&self) -> RelayStats {
        let relays = self.relays.lock();
        let all = relays.iter().flat_map(|relays| relays.iter());
        all.map(Relay::stats)
            .fold(RelayStats::default(), |(up, down), (more_up, more_down)| {
                (sum(up, more_up), sum(down, more_down))
            })
    }

    /// The NAT forgets: from now on the server sees other ports.
    pub fn rebinds(&self) {
        if let Ok(relays) = self.relays.lock() {
            relays.iter().for_each(Relay::rebinds);
        }
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn sum(one: LinkStats, other: LinkStats) -> LinkStats {
    LinkStats {
        sent: one.sent + other.sent,
        lost: one.lost + other.lost,
        doubled: one.doubled + other.doubled,
        delivered: one.delivered + other.delivered,
    }
}

struct Wire {
    near: UdpSocket,
    far_side: UdpSocket,
    server: SocketAddr,
    up: Impairment,
    down: Impairment,
    seed: u64,
    life: Duration,
    /// The relay's port for each of the server's.
    ports: HashMap<u16, u16>,
    relays: Arc<Mutex<Vec<Relay>>>,
}

impl Wire {
    async fn run(&mut self) -> Result<()> {
        let (mut near, mut far) = (vec![0; 65_536], vec![0; 65_536]);
        let mut phone = None;
        loop {
            tokio::select! {
                Ok((length, from)) = self.near.recv_from(&mut near) => {
                    phone = Some(from);
                    self.far_side.send_to(&near[..length], self.server).await.ok();
                }
                Ok((length, _)) = self.far_side.recv_from(&mut far) => {
                    let message = self.led_through_relays(&far[..length]).await?;
                    if let Some(phone) = phone {
                        self.near.send_to(&message, phone).await.ok();
                    }
                }
            }
        }
    }

    /// A message of the server with the relay's port in its description, if it has one.
    async fn led_through_relays(&mut self, message: &[u8]) -> Result<Vec<u8>> {
        let Some((start, end)) = audio_port(message) else {
            return Ok(message.to_vec());
        };
        let port: u16 = std::str::from_utf8(&message[start..end])?.parse()?;
        let relay = match self.ports.get(&port) {
            Some(relay) => *relay,
            None => self.relay_to(port).await?,
        };
        // Five digits either way: the length of the body stays.
        let mut led = message.to_vec();
        led.splice(start..end, relay.to_string().bytes());
        Ok(led)
    }

    async fn relay_to(&mut self, port: u16) -> Result<u16> {
        let mut free = PORTS.step_by(2);
        let (rtp, rtcp) = loop {
            let port = free.next().context("no port is free")?;
            if let (Ok(rtp), Ok(rtcp)) = (bind(port).await, bind(port + 1).await) {
                break (rtp, rtcp);
            }
        };
        let relay = rtp.local_addr()?.port();
        for (near, port) in [(rtp, port), (rtcp, port + 1)] {
            let far = (Ipv4Addr::LOCALHOST, port).into();
            self.seed += 2;
            let (up, down) = (self.up, self.down);
            let relay = Relay::start_at(near, far, up, down, self.seed, self.life).await?;
            if let Ok(mut relays) = self.relays.lock() {
                relays.push(relay);
            }
        }
        self.ports.insert(port, relay);
        Ok(relay)
    }
}

/// Where the audio's port is, if it has one of five digits.
fn audio_port(message: &[u8]) -> Option<(usize, usize)> {
    let name = b"\r\nm=audio ";
    let line = message.windows(name.len()).position(|part| part == name)?;
    let start = line + name.len();
    let digits = message[start..]
        .iter()
        .take_while(|byte| byte.is_ascii_digit());
    let count = digits.count();
    (count == 5).then_some((start, start + count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn descriptions_lead_through_a_relay_and_everything_else_passes() -> Result<()> {
        let server = bind(0).await?;
        let good = Impairment::default();
        let life = Duration::from_secs(20);
        let path = Path::start(server.local_addr()?, good, good, 1, life).await?;
        let phone = bind(0).await?;
        let mut buffer = [0; 512];
        phone.send_to(b"INVITE", path.address()).await?;
        let (length, seen) = timeout(life, server.recv_from(&mut buffer)).await??;
        assert_eq!(&buffer[..length], b"INVITE");
        let rtp = bind(0).await?;
        let port = rtp.local_addr()?.port();
        let answer = format!("SIP/2.0 200 OK\r\n\r\nv=0\r\nm=audio {port} RTP/AVP 0\r\n");
        server.send_to(answer.as_bytes(), seen).await?;
        let (length, _) = timeout(life, phone.recv_from(&mut buffer)).await??;
        let (start, end) = audio_port(&buffer[..length]).context("a port")?;
        let relay: u16 = std::str::from_utf8(&buffer[start..end])?.parse()?;
        assert_ne!(relay, port);
        assert_eq!(length, answer.len());
        phone
            .send_to(b"sound", (Ipv4Addr::LOCALHOST, relay))
            .await?;
        let (length, _) = timeout(life, rtp.recv_from(&mut buffer)).await??;
        assert_eq!(&buffer[..length], b"sound");
        server.send_to(b"BYE", seen).await?;
        let (length, _) = timeout(life, phone.recv_from(&mut buffer)).await??;
        assert_eq!(&buffer[..length], b"BYE");
        Ok(())
    }
}
