//! The phone's voice and ear: RTP every 20 ms, and what comes back.

use std::collections::{HashSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::mouth::{Mouth, Voice};
use super::sdp::PeerAudio;
use crate::ears;
use crate::g711::Law;

/// Samples per second of everything the phone speaks.
pub const RATE: u32 = 8000;
/// What is kept of what was heard: ten minutes.
const KEPT: usize = 8000 * 600;

/// Everything the phone has received on one call.
#[derive(Debug, Clone, Default)]
pub struct Heard {
    /// The audio, packet after packet; gaps are not filled.
    pub samples: Vec<i16>,
    /// Keys the peer pressed, by RFC 4733.
    pub digits: String,
    /// RTP packets, duplicates included.
    pub packets: u64,
    /// Sequence numbers that never came, so far.
    pub lost: u64,
    /// Packets whose sequence number had come before.
    pub duplicates: u64,
    /// RTP sources seen one after another: 1 as long as nobody new speaks.
    pub sources: u32,
    /// RTCP packets.
    pub rtcp: u64,
    /// The longest time between two packets.
    pub longest_gap: Duration,
    /// Where the last packet came from.
    pub from: Option<SocketAddr>,
}

impl Heard {
    /// What came in after the first `count` samples.
    #[must_use]
    pub fn since(&self, count: usize) -> &[i16] {
        self.samples.get(count..).unwrap_or_default()
    }

    /// The last `length` of it, if there is as much.
    #[must_use]
    pub fn last(&self, length: Duration) -> Option<&[i16]> {
        let count = ears::samples_in(length, RATE);
        let start = self.samples.len().checked_sub(count)?;
        self.samples.get(start..)
    }
}

/// One call's RTP and RTCP sockets and the task that serves them.
#[derive(Debug)]
pub(crate) struct Audio {
    address: SocketAddr,
    voice: Arc<Mutex<Voice>>,
    heard: watch::Receiver<Heard>,
    keys_sent: watch::Receiver<usize>,
    keys_asked: Mutex<usize>,
    task: AbortHandle,
}

impl Drop for Audio {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Audio {
    /// Opens an even port and the odd one above it on loopback; silent until told where to send.
    pub(crate) async fn open() -> Result<Self> {
        let (rtp, rtcp) = bind_pair().await?;
        let voice = Arc::new(Mutex::new(Voice {
            remote: None,
            said: 0,
            law: Law::Mu,
            payload_type: 0,
            events: None,
            allowed: true,
            muted: false,
            streams: 0,
            tone: None,
            instead: None,
            keys: VecDeque::new(),
        }));
        let (heard_in, heard) = watch::channel(Heard::default());
        let (sent_in, keys_sent) = watch::channel(0);
        let address = rtp.local_addr()?;
        let mouth = Mouth::new(Arc::clone(&voice), u32::from(address.port()), sent_in);
        let ear = Ear::new(Arc::clone(&voice), heard_in);
        let task = tokio::spawn(serve(rtp, rtcp, mouth, ear)).abort_handle();
        Ok(Self {
            address,
            voice,
            heard,
            keys_sent,
            keys_asked: Mutex::new(0),
            task,
        })
    }

    /// Where RTP is received.
    #[must_use]
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends to `peer` in the law it shares with `ours`, if `sends`.
    pub(crate) fn connect(&self, peer: &PeerAudio, law: (Law, u8), sends: bool) {
        let mut voice = lock(&self.voice);
        voice.remote = Some(peer.rtp);
        (voice.law, voice.payload_type) = law;
        voice.events = peer.events;
        voice.allowed = sends && !peer.rtp.ip().is_unspecified();
    }

    /// From now on a sine of this frequency at −12 dBFS; `None` for digital silence.
    pub(crate) fn play(&self, frequency: Option<f64>) {
        // 0.355 · full scale is a sine of −12 dBFS root mean square.
        lock(&self.voice).tone = frequency.map(|frequency| (frequency, 0.355));
    }

    /// From now on these payloads, one in a packet, over and over; the number is their payload type.
    pub(crate) fn play_instead(&self, payload_type: u8, payloads: Vec<Vec<u8>>) {
        lock(&self.voice).instead = Some((payload_type, payloads));
    }

    /// Stops sending RTP altogether, or takes it up again.
    pub(crate) fn mute(&self, muted: bool) {
        lock(&self.voice).muted = muted;
    }

    /// Begins a new stream with the next packet.
    pub(crate) fn restart(&self) {
        lock(&self.voice).streams += 1;
    }

    /// Sends keys by RFC 4733 and waits until the last packet of the last one is out.
    pub(crate) async fn press(&self, keys: &str) -> Result<()> {
        let asked = {
            let mut asked = lock(&self.keys_asked);
            let mut voice = lock(&self.voice);
            if voice.events.is_none() {
                bail!("the peer takes no telephone events");
            }
            voice.keys.extend(keys.chars());
            *asked += keys.chars().count();
            *asked
        };
        let mut sent = self.keys_sent.clone();
        let all = sent.wait_for(|sent| *sent >= asked);
        tokio::time::timeout(crate::PATIENCE, all)
            .await
            .context("keys were not sent: is the call held?")??;
        Ok(())
    }

    /// How many packets went out so far.
    pub(crate) fn said(&self) -> u64 {
        lock(&self.voice).said
    }

    /// What has been heard so far.
    pub(crate) fn heard(&self) -> watch::Receiver<Heard> {
        self.heard.clone()
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn bind_pair() -> Result<(UdpSocket, UdpSocket)> {
    for _ in 0..100 {
        let rtp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let port = rtp.local_addr()?.port();
        if port % 2 == 0
            && let Ok(rtcp) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port + 1)).await
        {
            return Ok((rtp, rtcp));
        }
    }
    bail!("no pair of ports is free")
}

async fn serve(rtp: UdpSocket, rtcp: UdpSocket, mut mouth: Mouth, mut ear: Ear) {
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let (mut packet, mut report) = ([0; 2048], [0; 2048]);
    loop {
        tokio::select! {
            _ = tick.tick() => {
                if let Some((packet, to)) = mouth.speak() {
                    rtp.send_to(&packet, to).await.ok();
                }
            }
            // An ICMP error of an earlier send shows up here; the next packet is as good.
            Ok((length, from)) = rtp.recv_from(&mut packet) => {
                ear.listen(packet.get(..length).unwrap_or_default(), from);
            }
            Ok(_) = rtcp.recv_from(&mut report) => ear.count_report(),
        }
    }
}

/// Takes packets.
struct Ear {
    voice: Arc<Mutex<Voice>>,
    heard: watch::Sender<Heard>,
    source: Option<Source>,
    last_key: Option<u32>,
    last_packet: Option<Instant>,
    /// Losses of sources that have ended.
    lost_before: u64,
}

/// The sequence numbers of one SSRC, extended beyond 16 bits.
struct Source {
    ssrc: u32,
    first: u64,
    highest: u64,
    seen: HashSet<u64>,
}

impl Source {
    fn lost(&self) -> u64 {
        let seen = u64::try_from(self.seen.len()).unwrap_or(u64::MAX);
        (self.highest - self.first + 1).saturating_sub(seen)
    }

    /// The extended number nearest to the highest one so far.
    fn extend(&self, sequence: u16) -> u64 {
        let around = self.highest & !0xffff | u64::from(sequence);
        if around + 0x8000 < self.highest {
            around + 0x1_0000
        } else if around > self.highest + 0x8000 {
            around - 0x1_0000
        } else {
            around
        }
    }
}

impl Ear {
    fn new(voice: Arc<Mutex<Voice>>, heard: watch::Sender<Heard>) -> Self {
        Self {
            voice,
            heard,
            source: None,
            last_key: None,
            last_packet: None,
            lost_before: 0,
        }
    }

    fn count_report(&self) {
        self.heard.send_modify(|heard| heard.rtcp += 1);
    }

    fn listen(&mut self, packet: &[u8], from: SocketAddr) {
        let Some((header, payload)) = split(packet) else {
            return;
        };
        let (fresh, sources) = self.track(header.ssrc, header.sequence);
        let now = Instant::now();
        let gap = self.last_packet.replace(now).map(|last| now - last);
        let lost = self.lost_before + self.source.as_ref().map_or(0, Source::lost);
        let key = self.key(&header, payload);
        let law = self.law(header.payload_type);
        self.heard.send_modify(|heard| {
            heard.packets += 1;
            heard.lost = lost;
            heard.sources += sources;
            heard.from = Some(from);
            heard.longest_gap = heard.longest_gap.max(gap.unwrap_or_default());
            heard.digits.extend(key);
            if !fresh {
                heard.duplicates += 1;
            } else if let Some(law) = law
                && heard.samples.len() < KEPT
            {
                heard
                    .samples
                    .extend(payload.iter().map(|&octet| law.decode(octet)));
            }
        });
    }

    /// Notes a sequence number: whether it is new, and 1 if its source is.
    fn track(&mut self, ssrc: u32, sequence: u16) -> (bool, u32) {
        if let Some(source) = self.source.as_mut().filter(|source| source.ssrc == ssrc) {
            let number = source.extend(sequence);
            source.highest = source.highest.max(number);
            source.first = source.first.min(number);
            return (source.seen.insert(number), 0);
        }
        self.lost_before += self.source.as_ref().map_or(0, Source::lost);
        // One turn up, so that a packet from before the first has a number, too.
        let number = 0x1_0000 + u64::from(sequence);
        self.source = Some(Source {
            ssrc,
            first: number,
            highest: number,
            seen: HashSet::from([number]),
        });
        (true, 1)
    }

    fn key(&mut self, header: &Header, payload: &[u8]) -> Option<char> {
        if Some(header.payload_type) != lock(&self.voice).events {
            return None;
        }
        // One event keeps its timestamp; its packets are sent again and again (RFC 4733 2.5.1.2).
        let again = self.last_key.replace(header.timestamp) == Some(header.timestamp);
        let event = payload.first()?;
        let key = "0123456789*#ABCD".chars().nth(usize::from(*event));
        key.filter(|_| !again)
    }

    fn law(&self, payload_type: u8) -> Option<Law> {
        let voice = lock(&self.voice);
        match payload_type {
            number if Some(number) == voice.events => None,
            number if number == voice.payload_type => Some(voice.law),
            0 => Some(Law::Mu),
            8 => Some(Law::A),
            _ => None,
        }
    }
}

struct Header {
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
}

fn split(packet: &[u8]) -> Option<(Header, &[u8])> {
    let (fixed, rest) = packet.split_first_chunk::<12>()?;
    let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
    if first >> 6 != 2 {
        return None;
    }
    let mut rest = rest.get(usize::from(first & 0x0f) * 4..)?;
    if first & 0x10 != 0 {
        let (extension, after) = rest.split_first_chunk::<4>()?;
        let words = u16::from_be_bytes([extension[2], extension[3]]);
        rest = after.get(usize::from(words) * 4..)?;
    }
    if first & 0x20 != 0 {
        let padding = usize::from(*rest.last()?);
        rest = rest.get(..rest.len().checked_sub(padding)?)?;
    }
    let header = Header {
        payload_type: second & 0x7f,
        sequence: u16::from_be_bytes([s0, s1]),
        timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
        ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
    };
    Some((header, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_and_duplicates_are_counted_across_the_wrap() {
        let mut ear = Ear::new(
            Arc::new(Mutex::new(Voice {
                remote: None,
                said: 0,
                law: Law::Mu,
                payload_type: 0,
                events: Some(101),
                allowed: true,
                muted: false,
                streams: 0,
                instead: None,
                tone: None,
                keys: VecDeque::new(),
            })),
            watch::channel(Heard::default()).0,
        );
        let mut packet = vec![0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff];
        for sequence in [65_534_u16, 65_535, 1, 2, 2, 0, 4] {
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            ear.listen(&packet, ([127, 0, 0, 1], 9).into());
        }
        let heard = ear.heard.borrow().clone();
        assert_eq!((heard.packets, heard.lost, heard.duplicates), (7, 1, 1));
        assert_eq!((heard.sources, heard.samples.len()), (1, 6));
        packet[11] = 2;
        ear.listen(&packet, ([127, 0, 0, 1], 9).into());
        let heard = ear.heard.borrow().clone();
        assert_eq!((heard.sources, heard.lost), (2, 1));
    }

    #[test]
    fn what_is_no_rtp_is_not_heard() {
        assert!(split(&[0x80; 11]).is_none());
        assert!(split(&[0; 12]).is_none());
        assert!(split(&[0x8f; 12]).is_none());
        let mut padded = vec![0xa0; 12];
        padded.push(9);
        assert!(split(&padded).is_none());
    }
}
