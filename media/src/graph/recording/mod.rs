//! Two parties on one time line: what a recording sounds like, without the disk.

mod mapping;
mod track;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

pub use offhook_core::recording::Layout;
use offhook_core::recording::RecordingRate;

use crate::graph::tap::{Side, TapPacket};
use track::Track;

/// How long audio is waited for: what comes later than this is left out.
pub const DELAY: Duration = Duration::from_millis(300);

/// Places the packets of both parties by their timestamps on a line that begins when the recording
/// does, and gives it away piece by piece, as samples whose channels stand beside each other. What
/// was lost is silence, and so is what was said in a pause.
#[derive(Debug)]
pub struct Recording {
    layout: Layout,
    rate: RecordingRate,
    started: Instant,
    left: Track,
    right: Track,
    /// Samples per channel given away so far.
    written: u64,
    /// From and until, in samples; the last one may be open.
    pauses: Vec<(u64, Option<u64>)>,
}

impl Recording {
    /// A recording that begins now.
    #[must_use]
    pub fn new(layout: Layout, rate: RecordingRate, started: Instant) -> Self {
        Self {
            layout,
            rate,
            started,
            left: Track::new(rate),
            right: Track::new(rate),
            written: 0,
            pauses: Vec::new(),
        }
    }

    /// Puts a packet in its place. Packets must come in the order they arrived; when one is so far
    /// ahead that there is no room, what is old enough is appended to `out` first.
    pub fn push(&mut self, packet: &TapPacket<'_>, out: &mut Vec<i16>) {
        let arrived = self.position(packet.header.arrived);
        self.make_room(arrived, packet.header.arrived, out);
        let written = self.written;
        self.track(packet.header.side)
            .push(packet, arrived, written);
    }

    /// What is said from `at` on is left out, until [`resume`](Self::resume).
    pub fn pause(&mut self, at: Instant) {
        let from = u64::try_from(self.position(at)).unwrap_or(0);
        if !self.is_paused() {
            self.pauses.push((from, None));
        }
    }

    /// What is said from `at` on is heard again.
    pub fn resume(&mut self, at: Instant) {
        let end = u64::try_from(self.position(at)).unwrap_or(0);
        if let Some((from, until)) = self.pauses.last_mut() {
            let end = end.max(*from);
            until.get_or_insert(end);
        }
    }

    fn is_paused(&self) -> bool {
        matches!(self.pauses.last(), Some((_, None)))
    }

    /// Appends to `out` what is old enough at `now` that nothing is waited for any more.
    pub fn advance(&mut self, now: Instant, out: &mut Vec<i16>) {
        let arrived = self.position(now);
        for track in [&mut self.left, &mut self.right] {
            track.stop_waiting(arrived, self.written);
        }
        self.drain(now.checked_sub(DELAY).unwrap_or(now), out);
    }

    /// Appends to `out` all there is up to `now`.
    pub fn finish(&mut self, now: Instant, out: &mut Vec<i16>) {
        for track in [&mut self.left, &mut self.right] {
            track.stop_waiting(i64::MAX, self.written);
        }
        self.drain(now, out);
    }

    fn track(&mut self, side: Side) -> &mut Track {
        match side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        }
    }

    /// A burst after a stall of whoever pushes: what arrived long before is old enough by now.
    fn make_room(&mut self, arrived: i64, at: Instant, out: &mut Vec<i16>) {
        let window = i64::try_from(self.left.window()).unwrap_or(i64::MAX);
        let ahead = arrived.saturating_sub_unsigned(self.written);
        if ahead > window / 2 {
            self.advance(at, out);
        }
    }

    fn drain(&mut self, until: Instant, out: &mut Vec<i16>) {
        let until = u64::try_from(self.position(until)).unwrap_or(0);
        while self.written < until {
            let (left, right) = (self.left.take(self.written), self.right.take(self.written));
            let (left, right) = if self.is_silenced() {
                (0, 0)
            } else {
                (left, right)
            };
            match self.layout {
                Layout::Stereo => out.extend([left, right]),
                Layout::Mono => out.push(left.saturating_add(right)),
            }
            self.written += 1;
        }
        let written = self.written;
        self.pauses
            .retain(|(_, until)| until.is_none_or(|until| until > written));
    }

    /// Whether the next sample is in a pause.
    fn is_silenced(&self) -> bool {
        self.pauses.iter().any(|(from, until)| {
            self.written >= *from && until.is_none_or(|until| self.written < until)
        })
    }

    fn position(&self, at: Instant) -> i64 {
        let passed = at.saturating_duration_since(self.started).as_micros();
        let samples = passed * u128::from(self.rate.hertz()) / 1_000_000;
        i64::try_from(samples).unwrap_or(i64::MAX)
    }
}
