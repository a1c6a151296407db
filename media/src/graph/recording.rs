//! Two parties on one time line: what a recording sounds like, without the disk.

use std::time::{Duration, Instant};

use crate::graph::tap::{Side, TapFrame};
use crate::time::{self, FRAME_SAMPLES, RtpTime, SAMPLE_RATE};

/// How long audio is waited for: what comes later than this is left out.
pub const DELAY: Duration = Duration::from_millis(300);

/// Samples a party may be ahead of what is written.
const WINDOW: usize = 16_000;

/// A packet this far from where its timestamp puts it ends the mapping at once.
const MAX_ERROR: i64 = SAMPLE_RATE as i64;

/// A mean error above this moves the mapping: the sender's clock drifts, or its delay changed.
const MAX_DRIFT: i64 = 320;

/// The mean is over about this many frames.
const MEAN_OVER: i64 = 64;

/// How two parties become one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// A channel each.
    #[default]
    Stereo,
    /// One channel with both.
    Mono,
}

/// Places the frames of both parties by their timestamps on a line that begins when the recording
/// does, and gives it away piece by piece, as 16-bit samples. What was lost is silence.
#[derive(Debug)]
pub struct Recording {
    layout: Layout,
    started: Instant,
    left: Track,
    right: Track,
    /// Samples per channel given away so far.
    written: u64,
}

/// One party's samples between what is written and what may still come.
#[derive(Debug)]
struct Track {
    ring: Box<[i16]>,
    mapping: Option<Mapping>,
}

/// Where timestamps of a stream lie on the line.
#[derive(Debug, Clone, Copy)]
struct Mapping {
    stream: (u32, u32),
    time: RtpTime,
    position: i64,
    /// Mean of how much later frames come than they are placed, times [`MEAN_OVER`].
    error: i64,
}

impl Recording {
    /// A recording that begins now.
    #[must_use]
    pub fn new(layout: Layout, started: Instant) -> Self {
        Self {
            layout,
            started,
            left: Track::new(),
            right: Track::new(),
            written: 0,
        }
    }

    /// Channels of the file.
    #[must_use]
    pub fn channels(&self) -> u16 {
        match self.layout {
            Layout::Stereo => 2,
            Layout::Mono => 1,
        }
    }

    /// Puts a frame in its place. Frames must come in the order they arrived; when one is so far
    /// ahead that there is no room, what is old enough is appended to `out` first.
    pub fn push(&mut self, frame: &TapFrame, out: &mut Vec<u8>) {
        let arrived = self.position(frame.arrived);
        let track = match frame.side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        };
        let position = track.place(frame, arrived);
        let end = position.saturating_add_unsigned(frame.payload().len() as u64);
        let room = i64::try_from(self.written).unwrap_or(i64::MAX) + WINDOW as i64;
        if end > room {
            self.advance(frame.arrived, out);
        }
        let mut pcm = [0; FRAME_SAMPLES];
        let law = frame.coding.law();
        let count = law.map_or(0, |law| law.decode_frame(frame.payload(), &mut pcm));
        let written = self.written;
        let track = match frame.side {
            Side::Left => &mut self.left,
            Side::Right => &mut self.right,
        };
        track.write(position, &pcm[..count], written);
    }

    /// Appends to `out` what is old enough at `now` that nothing is waited for any more.
    pub fn advance(&mut self, now: Instant, out: &mut Vec<u8>) {
        self.drain(now.checked_sub(DELAY).unwrap_or(now), out);
    }

    /// Appends to `out` all there is up to `now`.
    pub fn finish(&mut self, now: Instant, out: &mut Vec<u8>) {
        self.drain(now, out);
    }

    fn drain(&mut self, until: Instant, out: &mut Vec<u8>) {
        let until = u64::try_from(self.position(until)).unwrap_or(0);
        while self.written < until {
            let index = slot(self.written);
            let left = std::mem::take(&mut self.left.ring[index]);
            let right = std::mem::take(&mut self.right.ring[index]);
            match self.layout {
                Layout::Stereo => {
                    out.extend(left.to_le_bytes());
                    out.extend(right.to_le_bytes());
                }
                Layout::Mono => out.extend(left.saturating_add(right).to_le_bytes()),
            }
            self.written += 1;
        }
    }

    fn position(&self, at: Instant) -> i64 {
        let passed = at.saturating_duration_since(self.started);
        i64::from(time::samples(passed))
    }
}

impl Track {
    fn new() -> Self {
        Self {
            ring: vec![0; WINDOW].into_boxed_slice(),
            mapping: None,
        }
    }

    /// Where a frame belongs that arrived at this position.
    fn place(&mut self, frame: &TapFrame, arrived: i64) -> i64 {
        if let Some(mapping) = &mut self.mapping
            && let Some(position) = mapping.place(frame, arrived)
        {
            return position;
        }
        // What has just arrived was said before: it ends now rather than beginning now.
        let position = (arrived - frame.payload().len() as i64).max(0);
        self.mapping = Some(Mapping {
            stream: frame.stream,
            time: frame.time,
            position,
            error: 0,
        });
        position
    }

    fn write(&mut self, position: i64, pcm: &[i16], written: u64) {
        for (position, &sample) in (position..).zip(pcm) {
            let Ok(position) = u64::try_from(position) else {
                continue;
            };
            if position >= written && position < written + WINDOW as u64 {
                self.ring[slot(position)] = sample;
            }
        }
    }
}

impl Mapping {
    /// Where a frame belongs by its timestamp; `None` when this mapping does not hold for it.
    fn place(&mut self, frame: &TapFrame, arrived: i64) -> Option<i64> {
        if frame.stream != self.stream {
            return None;
        }
        let position = self.position + i64::from(frame.time.since(self.time));
        let due = position + frame.payload().len() as i64;
        let error = arrived - due;
        if error.abs() > MAX_ERROR {
            return None;
        }
        self.error += error - self.error / MEAN_OVER;
        let mean = self.error / MEAN_OVER;
        if mean.abs() > MAX_DRIFT {
            self.error = 0;
            self.position += mean;
        }
        // Kept near, so that differences of timestamps stay far from their wrap.
        let moved = i64::from(frame.time.since(self.time));
        if moved > 0 {
            self.time = frame.time;
            self.position += moved;
        }
        Some(position)
    }
}

fn slot(position: u64) -> usize {
    usize::try_from(position % WINDOW as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use offhook_core::RecordingId;
    use rtrb::RingBuffer;

    use super::*;
    use crate::codec::{Coding, Law};
    use crate::graph::tap::{TapHeader, tap};
    use crate::test_time::epoch;

    /// A party who says the same loud sample all the time.
    struct Party {
        side: Side,
        sample: i16,
        stream: (u32, u32),
    }

    impl Party {
        fn new(side: Side, sample: i16) -> Self {
            Self {
                side,
                sample,
                stream: (1, 0),
            }
        }

        /// The frame said from `said` on, arriving a frame and `delay` later.
        fn says(&self, recording: &mut Recording, said: u64, delay: u64, out: &mut Vec<u8>) {
            let (mut producer, mut consumer) = RingBuffer::new(8);
            let header = TapHeader {
                recording: RecordingId::random(),
                side: self.side,
                arrived: epoch() + Duration::from_millis(said + 20 + delay),
                stream: self.stream,
                time: RtpTime(u32::MAX - 5000).plus(u32::try_from(said * 8).unwrap()),
                coding: Coding::Pcmu,
            };
            let payload = [Law::Mu.encode(self.sample); 160];
            assert!(tap(&mut producer, header, &payload));
            while let Ok(frame) = consumer.pop() {
                recording.push(&frame, out);
            }
        }
    }

    fn samples(out: &[u8]) -> Vec<i16> {
        let (pairs, _) = out.as_chunks();
        pairs.iter().map(|&pair| i16::from_le_bytes(pair)).collect()
    }

    fn at(milliseconds: u64) -> Instant {
        epoch() + Duration::from_millis(milliseconds)
    }

    /// The left and the right channel.
    fn channels(out: &[u8]) -> (Vec<i16>, Vec<i16>) {
        let samples = samples(out);
        let pick = |from: usize| samples.iter().copied().skip(from).step_by(2).collect();
        (pick(0), pick(1))
    }

    fn loud(samples: &[i16]) -> usize {
        samples.iter().filter(|sample| **sample != 0).count()
    }

    #[test]
    fn each_party_has_its_channel_and_its_time() {
        let mut recording = Recording::new(Layout::Stereo, epoch());
        let mut out = Vec::new();
        for n in 0..50 {
            Party::new(Side::Left, 1000).says(&mut recording, n * 20, 0, &mut out);
        }
        for n in 25..50 {
            Party::new(Side::Right, -1000).says(&mut recording, n * 20, 0, &mut out);
        }
        recording.finish(at(1000), &mut out);
        let (left, right) = channels(&out);
        assert_eq!((left.len(), right.len()), (8000, 8000));
        assert!(left.iter().all(|sample| *sample > 900));
        assert_eq!(loud(&right[..4000]), 0);
        assert!(right[4000..].iter().all(|sample| *sample < -900));
    }

    #[test]
    fn mono_is_the_sum_of_both() {
        let mut recording = Recording::new(Layout::Mono, epoch());
        let mut out = Vec::new();
        Party::new(Side::Left, 1000).says(&mut recording, 0, 0, &mut out);
        Party::new(Side::Right, 2000).says(&mut recording, 0, 0, &mut out);
        recording.finish(at(20), &mut out);
        let samples = samples(&out);
        assert_eq!(samples.len(), 160);
        assert!(samples.iter().all(|sample| (2900..3100).contains(sample)));
    }

    #[test]
    fn jitter_and_reordering_leave_no_mark_and_loss_is_silence() {
        let mut recording = Recording::new(Layout::Mono, epoch());
        let mut out = Vec::new();
        let party = Party::new(Side::Left, 1000);
        for (n, delay) in [(0, 0), (2, 0), (1, 45), (3, 30), (5, 10)] {
            party.says(&mut recording, n * 20, delay, &mut out);
        }
        recording.finish(at(120), &mut out);
        let samples = samples(&out);
        assert_eq!(loud(&samples[..640]), 640);
        assert_eq!(loud(&samples[640..800]), 0);
        assert_eq!(loud(&samples[800..]), 160);
    }

    #[test]
    fn what_comes_after_its_place_is_written_is_left_out() {
        let mut recording = Recording::new(Layout::Mono, epoch());
        let mut out = Vec::new();
        let party = Party::new(Side::Left, 1000);
        party.says(&mut recording, 0, 0, &mut out);
        recording.advance(at(500), &mut out);
        assert_eq!(samples(&out).len(), 1600);
        party.says(&mut recording, 20, 470, &mut out);
        recording.finish(at(500), &mut out);
        assert_eq!(loud(&samples(&out)), 160);
    }

    #[test]
    fn a_clock_that_drifts_is_followed() {
        let mut recording = Recording::new(Layout::Mono, epoch());
        let mut out = Vec::new();
        let party = Party::new(Side::Left, 1000);
        // 1000 ppm slow for 20 minutes: 1.2 s in all.
        for n in 0..60_000u64 {
            party.says(&mut recording, n * 20, n * 20 / 1000, &mut out);
            if n % 10 == 0 {
                recording.advance(at(n * 20 + n * 20 / 1000), &mut out);
            }
            if n % 1000 == 999 {
                let samples = samples(&out);
                assert!(samples.len() - loud(&samples) < 500, "{n}");
                out.clear();
            }
        }
    }

    #[test]
    fn another_stream_is_placed_by_its_arrival() {
        let mut recording = Recording::new(Layout::Mono, epoch());
        let mut out = Vec::new();
        let mut party = Party::new(Side::Left, 1000);
        party.says(&mut recording, 0, 0, &mut out);
        party.stream = (2, 0);
        party.says(&mut recording, 40, 0, &mut out);
        recording.finish(at(60), &mut out);
        let samples = samples(&out);
        assert_eq!(loud(&samples[..160]), 160);
        assert_eq!(loud(&samples[160..320]), 0);
        assert_eq!(loud(&samples[320..]), 160);
    }

    #[test]
    fn a_burst_after_a_stall_of_the_recorder_is_kept() {
        let mut recording = Recording::new(Layout::Mono, epoch());
        let mut out = Vec::new();
        let party = Party::new(Side::Left, 1000);
        for n in 0..500 {
            party.says(&mut recording, n * 20, 0, &mut out);
        }
        recording.finish(at(10_000), &mut out);
        assert_eq!(loud(&samples(&out)), 80_000);
    }
}
