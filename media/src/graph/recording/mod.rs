//! Two parties on one time line: what a recording sounds like, without the disk.

mod beep;
mod mapping;
mod track;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use offhook_core::recording::RecordingRate;
pub use offhook_core::recording::{Keys, Layout};

use crate::graph::tap::{Side, TapPacket};
use beep::Beeps;
use track::Track;

/// How long audio is waited for: what comes later than this is left out.
pub const DELAY: Duration = Duration::from_millis(300);

/// Most samples that are taken from both parties at once: 10 ms at 16 kHz.
const BLOCK: usize = 160;

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
    /// Samples per channel taken from both parties so far.
    taken: u64,
    /// How many of them are held back, so that keys are known before their sound is given away.
    behind: u64,
    beeps: Beeps,
    /// From and until, in samples; the last one may be open.
    pauses: Vec<(u64, Option<u64>)>,
}

impl Recording {
    /// A recording that begins now.
    #[must_use]
    pub fn new(layout: Layout, rate: RecordingRate, keys: Keys, started: Instant) -> Self {
        let (left, right) = (Track::new(rate, keys), Track::new(rate, keys));
        Self {
            layout,
            rate,
            started,
            taken: 0,
            behind: left.delay(),
            left,
            right,
            beeps: Beeps::new(rate),
            pauses: Vec::new(),
        }
    }

    /// Puts a packet in its place. Packets must come in the order they arrived; when one is so far
    /// ahead that there is no room, what is old enough is appended to `out` first.
    pub fn push(&mut self, packet: &TapPacket<'_>, out: &mut Vec<i16>) {
        let arrived = self.position(packet.header.arrived);
        self.make_room(arrived, packet.header.arrived, out);
        let taken = self.taken;
        self.track(packet.header.side).push(packet, arrived, taken);
    }

    /// What is said from `at` on is left out, until [`resume`](Self::resume). How much of that was
    /// given away already and can be left out no more: nothing, if it is told within [`DELAY`].
    #[must_use]
    pub fn pause(&mut self, at: Instant) -> Duration {
        let from = u64::try_from(self.position(at)).unwrap_or(0);
        if self.is_paused() {
            return Duration::ZERO;
        }
        self.pauses.push((from, None));
        let late = self.written().saturating_sub(from);
        Duration::from_micros(late * 1_000_000 / u64::from(self.rate.hertz()))
    }

    /// Both hear a beep that begins then.
    pub fn beep(&mut self, at: Instant) {
        let from = u64::try_from(self.position(at)).unwrap_or(0);
        self.beeps.add(from);
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
            track.stop_waiting(arrived, self.taken);
        }
        self.drain(now.checked_sub(DELAY).unwrap_or(now), out);
    }

    /// Appends to `out` all there is up to `now`.
    pub fn finish(&mut self, now: Instant, out: &mut Vec<i16>) {
        for track in [&mut self.left, &mut self.right] {
            track.stop_waiting(i64::MAX, self.taken);
        }
        self.drain(now, out);
        // What is held back comes out when something follows.
        self.take_until(self.taken + self.behind, out);
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
        let ahead = arrived.saturating_sub_unsigned(self.taken);
        if ahead > window / 2 {
            self.advance(at, out);
        }
    }

    fn drain(&mut self, until: Instant, out: &mut Vec<i16>) {
        self.take_until(u64::try_from(self.position(until)).unwrap_or(0), out);
        let written = self.written();
        self.pauses
            .retain(|(_, until)| until.is_none_or(|until| until > written));
        self.beeps.forget(written);
    }

    fn take_until(&mut self, until: u64, out: &mut Vec<i16>) {
        let (mut left, mut right) = ([0; BLOCK], [0; BLOCK]);
        while self.taken < until {
            let left_over = usize::try_from(until - self.taken).unwrap_or(BLOCK);
            let count = left_over.min(BLOCK);
            self.left.take(self.taken, &mut left[..count]);
            self.right.take(self.taken, &mut right[..count]);
            // What comes first is what was held back when nothing was.
            let nothing = self.behind.saturating_sub(self.taken);
            let nothing = usize::try_from(nothing).unwrap_or(count).min(count);
            let position = self.written();
            self.taken += count as u64;
            let (left, right) = (&mut left[nothing..count], &mut right[nothing..count]);
            self.change(position, left, right);
            self.write(left, right, out);
        }
    }

    /// Leaves out what was said in a pause, and beeps over the rest.
    fn change(&self, position: u64, left: &mut [i16], right: &mut [i16]) {
        if self.pauses.is_empty() && self.beeps.are_none() {
            return;
        }
        for (position, (left, right)) in (position..).zip(left.iter_mut().zip(right)) {
            if self.is_silenced(position) {
                (*left, *right) = (0, 0);
                continue;
            }
            let beep = self.beeps.sample(position);
            *left = left.saturating_add(beep);
            *right = right.saturating_add(beep);
        }
    }

    fn write(&self, left: &[i16], right: &[i16], out: &mut Vec<i16>) {
        let start = out.len();
        let both = left.iter().zip(right);
        match self.layout {
            Layout::Stereo => {
                out.resize(start + 2 * left.len(), 0);
                for (pair, (left, right)) in out[start..].chunks_exact_mut(2).zip(both) {
                    pair.copy_from_slice(&[*left, *right]);
                }
            }
            Layout::Mono => out.extend(both.map(|(left, right)| left.saturating_add(*right))),
        }
    }

    /// Samples per channel given away so far.
    fn written(&self) -> u64 {
        self.taken.saturating_sub(self.behind)
    }

    /// Whether this sample is in a pause.
    fn is_silenced(&self, position: u64) -> bool {
        self.pauses
            .iter()
            .any(|(from, until)| position >= *from && until.is_none_or(|until| position < until))
    }

    fn position(&self, at: Instant) -> i64 {
        let passed = at.saturating_duration_since(self.started).as_micros();
        let samples = passed * u128::from(self.rate.hertz()) / 1_000_000;
        i64::try_from(samples).unwrap_or(i64::MAX)
    }
}
