//! A far end and the network between, both made up.

use std::collections::BinaryHeap;

use super::*;

/// A generator of numbers that are the same in every run.
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// From 0 to 1.
    pub(super) fn roll(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        f64::from(u32::try_from(self.0 >> 32).unwrap()) / f64::from(u32::MAX)
    }

    /// From nothing to `most`.
    pub(super) fn up_to(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.roll())
    }

    /// Normally distributed, with a mean of 0 and a deviation of 1.
    pub(super) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.roll().max(1e-9).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.roll()).cos()
    }
}

/// Packets on their way, and who listens to them.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) playout: Playout,
    decoder: Plain,
    /// Packets on their way: arrival in nanoseconds since the epoch, negated for the heap's order.
    way: BinaryHeap<(i128, u32)>,
    ptime: Duration,
    /// The far end's clock against ours.
    drift: f64,
    /// When we listen next.
    turn: Duration,
    pub(super) sent: u32,
    /// What the far end says.
    says: fn(u32) -> f64,
}

impl Line {
    pub(super) fn new(ptime: Duration) -> Self {
        Self {
            playout: Playout::new(8000, 8000, JitterSettings::default()),
            decoder: Plain::default(),
            way: BinaryHeap::new(),
            ptime,
            drift: 0.0,
            turn: Duration::from_millis(3),
            sent: 0,
            says: |n| (f64::from(n) * std::f64::consts::TAU * 400.0 / 8000.0).sin() * 8000.0,
        }
    }

    /// The far end's clock is quicker by so many parts of a million.
    pub(super) fn drifting(mut self, parts: f64) -> Self {
        self.drift = parts / 1e6;
        self
    }

    pub(super) fn saying(mut self, says: fn(u32) -> f64) -> Self {
        self.says = says;
        self
    }

    /// Talks for so many packets; the network delays each by what it is told, or loses it. What
    /// was heard.
    pub(super) fn talk(
        &mut self,
        packets: u32,
        mut network: impl FnMut(u32) -> Option<Duration>,
    ) -> Vec<i16> {
        let end = self.sent + packets;
        for number in self.sent..end {
            if let Some(delay) = network(number) {
                let arrival = self.sent_at(number + 1) + delay;
                let nanos = i128::try_from(arrival.as_nanos()).unwrap();
                self.way.push((-nanos, number));
            }
        }
        self.sent = end;
        let until = self.sent_at(end);
        let mut heard = Vec::new();
        while self.turn < until {
            self.deliver();
            let mut frame = [0; 160];
            let now = epoch() + self.turn;
            self.playout.pull(now, &mut self.decoder, &mut frame);
            heard.extend(frame);
            self.turn += FRAME;
        }
        heard
    }

    /// The far end says nothing for a while, and its timestamps say so or not.
    pub(super) fn listens(&mut self, frames: u32) -> Vec<(Heard, [i16; 160])> {
        let turn = |line: &mut Self| {
            let mut frame = [0; 160];
            let now = epoch() + line.turn;
            let heard = line.playout.pull(now, &mut line.decoder, &mut frame);
            line.turn += FRAME;
            (heard, frame)
        };
        (0..frames).map(|_| turn(self)).collect()
    }

    fn sent_at(&self, number: u32) -> Duration {
        (self.ptime * number).mul_f64(1.0 - self.drift)
    }

    fn deliver(&mut self) {
        let turn = i128::try_from(self.turn.as_nanos()).unwrap();
        let units = crate::time::samples(self.ptime);
        while self.way.peek().is_some_and(|&(at, _)| -at <= turn) {
            let (at, number) = self.way.pop().unwrap();
            let arrived = epoch() + Duration::from_nanos(u64::try_from(-at).unwrap());
            let first = number * units;
            let payload: Vec<u8> = (first..first + units)
                .map(|n| Law::Mu.encode(crate::dsp::tone::clamp((self.says)(n))))
                .collect();
            let packet = AudioPacket {
                sequence: 0x1_0000 + number,
                // Wraps within the first second.
                time: RtpTime(u32::MAX - 4000).plus(first),
                units,
                coding: Coding::Pcmu,
                copied: 0,
                payload: &payload,
            };
            self.playout.push(arrived, &packet);
        }
    }
}
