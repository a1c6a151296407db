//! A bad network between real sockets on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::net::UdpSocket;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::JoinHandle;
use tokio::time::{Instant as TokioInstant, sleep_until, timeout};

use super::{Impairment, Link, LinkStats};

/// What both directions did so far: towards the far end, and back.
pub type RelayStats = (LinkStats, LinkStats);

/// Passes datagrams between whoever writes to it first and a far end, each way over its own
/// [`Link`]. Ends with its owner, or when its time is over.
#[derive(Debug)]
pub struct Relay {
    near: SocketAddr,
    stats: Arc<Mutex<RelayStats>>,
    rebind: UnboundedSender<()>,
    task: JoinHandle<()>,
}

impl Relay {
    /// Between `far` and a new port, for at most `life`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(
        far: SocketAddr,
        there: Impairment,
        back: Impairment,
        seed: u64,
        life: Duration,
    ) -> Result<Self> {
        let near = bind(0).await?;
        Self::start_at(near, far, there, back, seed, life).await
    }

    pub(super) async fn start_at(
        near: UdpSocket,
        far: SocketAddr,
        there: Impairment,
        back: Impairment,
        seed: u64,
        life: Duration,
    ) -> Result<Self> {
        let stats = Arc::new(Mutex::new(RelayStats::default()));
        let (rebind, rebinds) = unbounded_channel();
        let address = near.local_addr()?;
        let ends = Ends {
            far_side: bind(0).await?,
            near,
            far,
            client: None,
            there: Link::new(there, seed),
            back: Link::new(back, seed.wrapping_add(1)),
            stats: Arc::clone(&stats),
        };
        let task = tokio::spawn(async move {
            // Whoever forgets it does not keep it for ever.
            timeout(life, ends.run(rebinds)).await.ok();
        });
        Ok(Self {
            near: address,
            stats,
            rebind,
            task,
        })
    }

    /// Where to write to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.near
    }

    /// What it did so far.
    #[must_use]
    pub fn stats(&self) -> RelayStats {
        self.stats.lock().map(|stats| *stats).unwrap_or_default()
    }

    /// From now on the far end sees another port, as when a NAT forgets.
    pub fn rebinds(&self) {
        self.rebind.send(()).ok();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Ends {
    near: UdpSocket,
    /// What the far end sees.
    far_side: UdpSocket,
    far: SocketAddr,
    client: Option<SocketAddr>,
    there: Link,
    back: Link,
    stats: Arc<Mutex<RelayStats>>,
}

impl Ends {
    async fn run(mut self, mut rebinds: UnboundedReceiver<()>) {
        let (mut near, mut far) = ([0; 2048], [0; 2048]);
        loop {
            let due = [self.there.poll_timeout(), self.back.poll_timeout()];
            let due = due.into_iter().flatten().min();
            let idle = Instant::now() + Duration::from_secs(1);
            tokio::select! {
                Ok((length, from)) = self.near.recv_from(&mut near) => {
                    self.client = Some(from);
                    self.there.send(Instant::now(), &near[..length]);
                }
                Ok((length, _)) = self.far_side.recv_from(&mut far) => {
                    self.back.send(Instant::now(), &far[..length]);
                }
                Some(()) = rebinds.recv() => {
                    if let Ok(other) = bind(0).await {
                        self.far_side = other;
                    }
                }
                () = sleep_until(TokioInstant::from_std(due.unwrap_or(idle))) => {}
            }
            self.deliver().await;
        }
    }

    async fn deliver(&mut self) {
        let now = Instant::now();
        while let Some(packet) = self.there.poll(now) {
            self.far_side.send_to(&packet, self.far).await.ok();
        }
        while let Some(packet) = self.back.poll(now) {
            if let Some(client) = self.client {
                self.near.send_to(&packet, client).await.ok();
            }
        }
        if let Ok(mut stats) = self.stats.lock() {
            *stats = (self.there.stats(), self.back.stats());
        }
    }
}

pub(super) async fn bind(port: u16) -> Result<UdpSocket> {
    Ok(UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::impair::Loss;

    #[tokio::test]
    async fn datagrams_pass_both_ways_and_a_rebound_nat_has_another_port() -> Result<()> {
        let far = bind(0).await?;
        let half = Impairment {
            loss: Loss::Random(0.5),
            ..Impairment::default()
        };
        let life = Duration::from_secs(20);
        let good = Impairment::default();
        let relay = Relay::start(far.local_addr()?, good, half, 7, life).await?;
        let near = bind(0).await?;
        let mut buffer = [0; 64];
        near.send_to(b"one", relay.address()).await?;
        let (length, first) = timeout(life, far.recv_from(&mut buffer)).await??;
        assert_eq!(&buffer[..length], b"one");
        for _ in 0..100 {
            far.send_to(b"back", first).await?;
        }
        let (length, _) = timeout(life, near.recv_from(&mut buffer)).await??;
        assert_eq!(&buffer[..length], b"back");
        relay.rebinds();
        let mut second = first;
        // The order goes to the relay's task by another way than the datagrams.
        while second == first {
            near.send_to(b"two", relay.address()).await?;
            (_, second) = timeout(life, far.recv_from(&mut buffer)).await??;
        }
        let (there, back) = relay.stats();
        assert_eq!(there.lost, 0);
        assert!(back.lost > 0, "{back:?}");
        Ok(())
    }
}
