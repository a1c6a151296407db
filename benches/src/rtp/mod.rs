//! Many RTP streams on few sockets.
//!
//! Each thread owns one socket and a wheel of 80 slots a quarter of a millisecond apart; a leg that
//! talks has a place on it and sends 20 ms of sound each time round. A leg is told by the server's
//! port it talks to. What is said may be [`Says::Marks`]: payloads that name their call, count up and
//! carry the time they were sent at, so that whoever hears them knows what was lost, how long it took,
//! and whether it is of the right call. Other sound comes from a [`Clip`], and in it a [`Word`] that
//! is timed from mouth to ear.

mod clip;
mod leg;
mod line;
mod mark;
#[cfg(test)]
mod tests;
mod worker;

use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use crate::clock::{MS, Nanos};
use crate::figures::Histogram;
use crate::socket::Socket;

pub use clip::{Clip, Word};
pub use line::{Ear, Hears, Line, LineKeys, Says};

use worker::Worker;

/// The sound in a packet.
const FRAME: Nanos = 20 * MS;

/// Names one leg.
pub type LegNumber = u32;

/// The threads.
#[derive(Debug)]
pub struct Rtp {
    threads: Vec<Thread>,
}

#[derive(Debug)]
struct Thread {
    orders: Sender<Order>,
    port: u16,
    join: JoinHandle<()>,
}

enum Order {
    Add(LegNumber, Box<Line>),
    Remove(LegNumber),
    Hush,
    Begin,
    Report(Sender<RtpFigures>),
    End,
}

/// What was heard since measuring began.
#[derive(Debug, Default)]
pub struct RtpFigures {
    /// Legs there are.
    pub legs: u64,
    /// Legs that heard nothing.
    pub silent: u64,
    /// Packets sent.
    pub sent: u64,
    /// Packets heard, of whatever kind.
    pub heard: u64,
    /// Marked packets of the other leg missing between its first and its last that were heard.
    pub lost: u64,
    /// Marked packets of another call.
    pub crossed: u64,
    /// Protected packets that were not authentic.
    pub forged: u64,
    /// From sending to arrival, of marked packets of the other leg.
    pub delays: Histogram,
    /// From the saying of a word until a packet with it arrived.
    pub words: Histogram,
    /// How far the time between two packets was from 20 ms where they arrived.
    pub unevenness: Histogram,
    /// The same where they were sent.
    pub pace: Histogram,
    /// Packets sent since the threads were started.
    pub sent_ever: u64,
    /// Packets that came since the threads were started, also for legs that were not there yet or
    /// not any more.
    pub heard_ever: u64,
}

impl Rtp {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system refuses a socket or a thread.
    pub fn start(threads: u16) -> Result<Self> {
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

    /// The port a leg will be on; RTCP is taken, and not read, on the next.
    pub fn port(&self, leg: LegNumber) -> u16 {
        self.thread(leg).map_or(9, |thread| thread.port)
    }

    fn tell(&self, leg: LegNumber, order: Order) {
        if let Some(thread) = self.thread(leg) {
            // A thread that fell is noticed when it is asked for its figures.
            thread.orders.send(order).ok();
        }
    }

    fn tell_all(&self, order: impl Fn() -> Order) {
        for thread in &self.threads {
            thread.orders.send(order()).ok();
        }
    }

    /// A leg begins to talk and to listen. A former one of this number ends.
    pub fn add(&self, leg: LegNumber, line: Line) {
        self.tell(leg, Order::Add(leg, Box::new(line)));
    }

    /// A leg falls silent and listens no more.
    pub fn remove(&self, leg: LegNumber) {
        self.tell(leg, Order::Remove(leg));
    }

    /// All legs fall silent; they go on listening.
    pub fn hush(&self) {
        self.tell_all(|| Order::Hush);
    }

    /// Forgets what was measured.
    pub fn begin(&self) {
        self.tell_all(|| Order::Begin);
    }

    /// What was measured since.
    ///
    /// # Errors
    /// When one of the threads fell.
    pub fn figures(&self) -> Result<RtpFigures> {
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
        self.forged += other.forged;
        self.delays.merge(&other.delays);
        self.words.merge(&other.words);
        self.unevenness.merge(&other.unevenness);
        self.pace.merge(&other.pace);
        self.sent_ever += other.sent_ever;
        self.heard_ever += other.heard_ever;
    }
}
