//! Many RTP streams on few sockets.
//!
//! Each thread owns one socket and a wheel of 80 slots a quarter of a millisecond apart; a leg has a
//! place on it and sends 20 ms of PCMU each time round. A leg is told by the server's port it talks
//! to. Payloads name their call, count up and carry the time they were sent at, so that whoever hears
//! them knows what was lost, how long it took, and whether it is of the right call.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use crate::clock::{self, MS, Nanos};
use crate::figures::Histogram;
use crate::socket::Socket;

const SLOTS: usize = 80;
const SLOT: Nanos = MS / 4;
const FRAME: Nanos = 20 * MS;
const HEADER: usize = 12;
const PAYLOAD: usize = 160;
const MAGIC: [u8; 4] = *b"load";
/// PCMU's silence.
const SILENCE: u8 = 0xff;
/// Slots a thread makes up for when it did not get to run in time.
const MAX_BEHIND: Nanos = 100 * MS;

/// Names one leg.
pub(crate) type LegNumber = u32;

/// The threads.
#[derive(Debug)]
pub(crate) struct Rtp {
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    orders: Sender<Order>,
    port: u16,
    join: JoinHandle<()>,
}

enum Order {
    Add(LegNumber, u32, SocketAddr),
    Remove(LegNumber),
    Begin,
    Report(Sender<RtpFigures>),
    End,
}

/// What was heard since measuring began.
#[derive(Debug, Default)]
pub(crate) struct RtpFigures {
    /// Legs there are.
    pub(crate) legs: u64,
    /// Legs that heard nothing.
    pub(crate) silent: u64,
    /// Packets sent.
    pub(crate) sent: u64,
    /// Packets heard, of whatever kind.
    pub(crate) heard: u64,
    /// Packets of the other leg missing between its first and its last that were heard.
    pub(crate) lost: u64,
    /// Packets of another call.
    pub(crate) crossed: u64,
    /// From sending to arrival, of packets of the other leg.
    pub(crate) delays: Histogram,
    /// How far the time between two packets was from 20 ms, of what the server itself plays.
    pub(crate) unevenness: Histogram,
}

impl Rtp {
    /// Starts the threads.
    pub(crate) fn start(threads: u16) -> Result<Self> {
        let start = |number: u16| -> Result<Thread> {
            let (socket, rtcp) = Socket::open_pair()?;
            let port = socket.address()?.port();
            let (orders, inbox) = mpsc::channel();
            let mut worker = Worker::new(socket, rtcp, inbox);
            let builder = thread::Builder::new().name(format!("rtp-{number}"));
            let join = builder.spawn(move || worker.run())?;
            Ok(Thread { orders, port, join })
        };
        Ok(Self {
            threads: (0..threads).map(start).collect::<Result<_>>()?,
        })
    }

    fn thread(&self, leg: LegNumber) -> Option<&Thread> {
        let at = usize::try_from(leg).unwrap_or(0) % self.threads.len().max(1);
        self.threads.get(at)
    }

    /// The port a leg will be on.
    pub(crate) fn port(&self, leg: LegNumber) -> u16 {
        self.thread(leg).map_or(9, |thread| thread.port)
    }

    fn tell(&self, leg: LegNumber, order: Order) {
        if let Some(thread) = self.thread(leg) {
            // A thread that fell is noticed when it is asked for its figures.
            thread.orders.send(order).ok();
        }
    }

    /// A leg begins to talk.
    pub(crate) fn add(&self, leg: LegNumber, call: u32, to: SocketAddr) {
        self.tell(leg, Order::Add(leg, call, to));
    }

    /// A leg falls silent.
    pub(crate) fn remove(&self, leg: LegNumber) {
        self.tell(leg, Order::Remove(leg));
    }

    /// Forgets what was measured.
    pub(crate) fn begin(&self) {
        for thread in &self.threads {
            thread.orders.send(Order::Begin).ok();
        }
    }

    /// What was measured since.
    pub(crate) fn figures(&self) -> Result<RtpFigures> {
        let mut all = RtpFigures::default();
        for thread in &self.threads {
            let (reply, answer) = mpsc::channel();
            thread.orders.send(Order::Report(reply)).ok();
            all.merge(&answer.recv().context("an RTP thread fell")?);
        }
        Ok(all)
    }
}

impl Drop for Rtp {
    fn drop(&mut self) {
        for thread in self.threads.drain(..) {
            thread.orders.send(Order::End).ok();
            thread.join.join().ok();
        }
    }
}

impl RtpFigures {
    fn merge(&mut self, other: &Self) {
        self.legs += other.legs;
        self.silent += other.silent;
        self.sent += other.sent;
        self.heard += other.heard;
        self.lost += other.lost;
        self.crossed += other.crossed;
        self.delays.merge(&other.delays);
        self.unevenness.merge(&other.unevenness);
    }
}

#[derive(Debug)]
struct Leg {
    call: u32,
    to: SocketAddr,
    slot: usize,
    packet: [u8; HEADER + PAYLOAD],
    counter: u32,
    /// First, last and number of the other leg's packets.
    peer: Option<(u32, u32, u32)>,
    heard: u32,
    /// When the server's own packet before was heard.
    before: Option<Nanos>,
}

struct Worker {
    socket: Socket,
    /// Kept open so that reports do not come back as errors; nobody reads it.
    _rtcp: UdpSocket,
    orders: Receiver<Order>,
    legs: HashMap<LegNumber, Leg>,
    by_port: HashMap<u16, LegNumber>,
    wheel: Vec<Vec<LegNumber>>,
    figures: RtpFigures,
}

impl Worker {
    fn new(socket: Socket, rtcp: UdpSocket, orders: Receiver<Order>) -> Self {
        Self {
            socket,
            _rtcp: rtcp,
            orders,
            legs: HashMap::new(),
            by_port: HashMap::new(),
            wheel: vec![Vec::new(); SLOTS],
            figures: RtpFigures::default(),
        }
    }

    fn run(&mut self) {
        let mut due = clock::now();
        let mut slot = 0;
        while self.obey() {
            let now = clock::now();
            if now < due {
                clock::pause(due - now);
                continue;
            }
            due = due.max(now.saturating_sub(MAX_BEHIND)) + SLOT;
            self.talk(slot);
            slot = (slot + 1) % SLOTS;
            self.listen();
        }
    }

    /// False when it is time to end.
    fn obey(&mut self) -> bool {
        loop {
            match self.orders.try_recv() {
                Ok(Order::Add(leg, call, to)) => self.add(leg, call, to),
                Ok(Order::Remove(leg)) => self.remove(leg),
                Ok(Order::Begin) => self.begin(),
                Ok(Order::Report(reply)) => {
                    reply.send(self.report()).ok();
                }
                Ok(Order::End) | Err(TryRecvError::Disconnected) => return false,
                Err(TryRecvError::Empty) => return true,
            }
        }
    }

    fn add(&mut self, number: LegNumber, call: u32, to: SocketAddr) {
        self.remove(number);
        let emptiest = self
            .wheel
            .iter_mut()
            .enumerate()
            .min_by_key(|(_, s)| s.len());
        let Some((slot, legs)) = emptiest else {
            return;
        };
        legs.push(number);
        let mut packet = [SILENCE; HEADER + PAYLOAD];
        packet[..2].copy_from_slice(&[0x80, 0]);
        packet[8..12].copy_from_slice(&(number ^ 0x5eed_0000).to_be_bytes());
        packet[12..16].copy_from_slice(&MAGIC);
        packet[16..20].copy_from_slice(&call.to_be_bytes());
        self.by_port.insert(to.port(), number);
        let leg = Leg {
            call,
            to,
            slot,
            packet,
            counter: 0,
            peer: None,
            heard: 0,
            before: None,
        };
        self.legs.insert(number, leg);
    }

    fn remove(&mut self, number: LegNumber) {
        let Some(leg) = self.legs.remove(&number) else {
            return;
        };
        if let Some(slot) = self.wheel.get_mut(leg.slot) {
            slot.retain(|other| *other != number);
        }
        // The server may have given the port to another leg already.
        if self.by_port.get(&leg.to.port()) == Some(&number) {
            self.by_port.remove(&leg.to.port());
        }
        self.figures.lost += u64::from(leg.lost());
    }

    fn begin(&mut self) {
        self.figures = RtpFigures::default();
        for leg in self.legs.values_mut() {
            (leg.peer, leg.heard, leg.before) = (None, 0, None);
        }
    }

    fn report(&mut self) -> RtpFigures {
        let mut figures = std::mem::take(&mut self.figures);
        for leg in self.legs.values() {
            figures.legs += 1;
            figures.silent += u64::from(leg.heard == 0);
            figures.lost += u64::from(leg.lost());
        }
        figures
    }

    fn talk(&mut self, slot: usize) {
        for number in self.wheel.get(slot).into_iter().flatten() {
            let Some(leg) = self.legs.get_mut(number) else {
                continue;
            };
            leg.counter = leg.counter.wrapping_add(1);
            let [.., high, low] = leg.counter.to_be_bytes();
            leg.packet[2..4].copy_from_slice(&[high, low]);
            leg.packet[4..8].copy_from_slice(&leg.counter.wrapping_mul(160).to_be_bytes());
            leg.packet[20..24].copy_from_slice(&leg.counter.to_be_bytes());
            leg.packet[24..32].copy_from_slice(&clock::now().to_be_bytes());
            self.figures.sent += u64::from(self.socket.send(&leg.packet, leg.to));
        }
    }

    fn listen(&mut self) {
        let mut buffer = [0; 1500];
        while let Some(arrived) = self.socket.receive(&mut buffer) {
            let number = self.by_port.get(&arrived.port);
            let Some(leg) = number.and_then(|number| self.legs.get_mut(number)) else {
                continue;
            };
            self.figures.heard += 1;
            leg.heard += 1;
            let packet = buffer.get(..arrived.length).unwrap_or_default();
            let Some(mark) = Mark::of(packet) else {
                if let Some(before) = leg.before.replace(arrived.at) {
                    let gap = arrived.at.saturating_sub(before);
                    self.figures.unevenness.push(gap.abs_diff(FRAME));
                }
                continue;
            };
            if mark.call != leg.call {
                self.figures.crossed += 1;
                continue;
            }
            let delay = arrived.at.saturating_sub(mark.sent_at);
            self.figures.delays.push(delay);
            let (_, last, count) = leg.peer.get_or_insert((mark.counter, mark.counter, 0));
            *last = mark.counter.max(*last);
            *count += 1;
        }
    }
}

impl Leg {
    fn lost(&self) -> u32 {
        self.peer.map_or(0, |(first, last, count)| {
            (last - first + 1).saturating_sub(count)
        })
    }
}

/// What our payloads say.
struct Mark {
    call: u32,
    counter: u32,
    sent_at: Nanos,
}

impl Mark {
    fn of(packet: &[u8]) -> Option<Self> {
        let (magic, rest) = packet.get(HEADER..)?.split_first_chunk::<4>()?;
        let (call, rest) = rest.split_first_chunk()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let (sent_at, _) = rest.split_first_chunk()?;
        (*magic == MAGIC).then_some(Self {
            call: u32::from_be_bytes(*call),
            counter: u32::from_be_bytes(*counter),
            sent_at: u64::from_be_bytes(*sent_at),
        })
    }
}
