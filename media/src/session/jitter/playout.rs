//! Decoded sound on its way out of the jitter buffer.

use std::time::{Duration, Instant};

use crate::codec::Coding;
use crate::dsp::stretch;
use crate::session::jitter::buffer::JitterBuffer;
use crate::session::jitter::frame::{AudioPacket, JitterFrame, Joint, Pace, Pushed};
use crate::session::jitter::settings::JitterSettings;
use crate::session::jitter::stats::JitterStats;

/// The longest packet (120 ms), a frame not yet played (20 ms) and a pitch period added (15 ms),
/// as a divisor of the rate: 160 ms.
const ROOM: (u32, u32) = (16, 100);

/// A step in the waveform is spread over this part of a second: 2.5 ms.
const SMOOTHED: u32 = 400;

/// Steps taken for one frame at most: packets that decode to nothing must not keep a thread.
const MAX_STEPS: usize = 80;

/// What a [`Playout`] needs of a decoder.
pub trait AudioDecoder {
    /// Decodes a packet; how many samples it had, `None` if it was no packet.
    fn decode(&mut self, coding: Coding, payload: &[u8], pcm: &mut [i16]) -> Option<usize>;
    /// Fills `pcm`, up to 20 ms and a multiple of 2.5 ms, in place of a lost packet.
    fn conceal(&mut self, pcm: &mut [i16]);
    /// Fills `pcm` with the end of what is lost by its copy in the next packet; false if there is
    /// none.
    fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> bool;
    /// The far end is silent from here on, and says how that sounds (RFC 3389).
    fn take_noise(&mut self, _payload: &[u8]) {}
    /// Fills `pcm` while the far end says nothing: with its comfort noise, or, which is false, with
    /// silence.
    fn rest(&mut self, pcm: &mut [i16]) -> bool {
        pcm.fill(0);
        false
    }
}

/// What a frame consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Heard {
    /// Silence: the far end says nothing.
    Silence,
    /// Something made up, at least in part.
    Concealed,
    /// What the far end said.
    Audio,
}

/// A jitter buffer with the decoded sound behind it: frames of any length come out, whatever the
/// packets' length. Allocates nothing after it was made.
#[derive(Debug)]
pub struct Playout {
    buffer: JitterBuffer,
    clock: u32,
    rate: u32,
    /// Decoded sound: `start..end` was not played yet.
    pcm: Box<[i16]>,
    start: usize,
    end: usize,
    /// The last sample that was put in, to join the next ones to.
    last: i16,
    /// What was put in last.
    before: Heard,
}

impl Playout {
    /// For a codec whose RTP clock has `clock` units per second and whose decoder gives `rate`
    /// samples per second.
    #[must_use]
    pub fn new(clock: u32, rate: u32, settings: JitterSettings) -> Self {
        let room = rate * ROOM.0 / ROOM.1;
        Self {
            buffer: JitterBuffer::new(clock, settings),
            clock,
            rate,
            pcm: vec![0; room as usize].into_boxed_slice(),
            start: 0,
            end: 0,
            last: 0,
            before: Heard::Silence,
        }
    }

    /// Takes a packet in.
    pub fn push(&mut self, now: Instant, packet: &AudioPacket<'_>) -> Pushed {
        self.buffer.push(now, packet)
    }

    /// Notes a packet of the stream that has no sound.
    pub fn skip(&mut self, sequence: u32) {
        self.buffer.skip(sequence);
    }

    /// Takes in a packet that says how the far end's silence sounds.
    pub fn push_noise(&mut self, sequence: u32, payload: &[u8]) {
        self.buffer.push_noise(sequence, payload);
    }

    /// The far end's stream begins anew. The decoder should, too.
    pub fn restart(&mut self) {
        self.buffer.restart();
    }

    /// Fills `out`, at most 20 ms, with what is heard next.
    pub fn pull(
        &mut self,
        now: Instant,
        decoder: &mut impl AudioDecoder,
        out: &mut [i16],
    ) -> Heard {
        let mut heard = if self.end > self.start {
            self.before
        } else {
            Heard::Audio
        };
        let mut steps = 0;
        while self.end - self.start < out.len() {
            let wanted = out.len() - (self.end - self.start);
            steps += 1;
            let step = if steps > MAX_STEPS {
                self.quiet(decoder, wanted)
            } else {
                self.fetch(now, decoder, wanted)
            };
            heard = heard.min(step);
        }
        let taken = self.start + out.len();
        out.copy_from_slice(&self.pcm[self.start..taken]);
        self.start = taken;
        heard
    }

    /// The figures so far.
    #[must_use]
    pub fn stats(&self) -> JitterStats {
        self.buffer.stats()
    }

    fn fetch(&mut self, now: Instant, decoder: &mut impl AudioDecoder, wanted: usize) -> Heard {
        self.pcm.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let held =
            u64::try_from(self.end).unwrap_or(0) * u64::from(self.clock) / u64::from(self.rate);
        let held = u32::try_from(held).unwrap_or(0);
        match self.buffer.pull(now, held) {
            JitterFrame::Packet {
                payload,
                coding,
                pace,
                joint,
            } => {
                let room = self.pcm.len() - stretch::longest(self.rate);
                let pcm = &mut self.pcm[self.end..room];
                let Some(count) = decoder.decode(coding, payload, pcm) else {
                    return self.damaged(decoder);
                };
                self.put(count.min(room - self.end), Heard::Audio, joint);
                self.stretch(pace);
                Heard::Audio
            }
            JitterFrame::Lost { units, next } => {
                let count = u64::from(units) * u64::from(self.rate) / u64::from(self.clock);
                let count = usize::try_from(count).unwrap_or(0);
                let room = &mut self.pcm[self.end..self.end + count];
                if next.is_some_and(|next| decoder.recover(next, room)) {
                    self.buffer.recovered(units);
                } else {
                    decoder.conceal(room);
                }
                self.put(count, Heard::Concealed, Joint::Seamless);
                Heard::Concealed
            }
            JitterFrame::Noise(payload) => {
                decoder.take_noise(payload);
                Heard::Audio
            }
            JitterFrame::Silence => self.quiet(decoder, wanted),
        }
    }

    /// A packet that is none is as good as lost.
    fn damaged(&mut self, decoder: &mut impl AudioDecoder) -> Heard {
        let count = (self.rate / 50) as usize;
        decoder.conceal(&mut self.pcm[self.end..self.end + count]);
        self.put(count, Heard::Concealed, Joint::Seamless);
        Heard::Concealed
    }

    fn quiet(&mut self, decoder: &mut impl AudioDecoder, count: usize) -> Heard {
        self.pcm.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let heard = if decoder.rest(&mut self.pcm[self.end..self.end + count]) {
            Heard::Concealed
        } else {
            Heard::Silence
        };
        self.put(count, heard, Joint::Seamless);
        heard
    }

    /// Takes over what was written behind the end; a step against what was there is spread.
    fn put(&mut self, count: usize, what: Heard, joint: Joint) {
        let from = self.end;
        self.end += count;
        let new = &mut self.pcm[from..self.end];
        let goes_on = what == Heard::Audio && self.before == Heard::Audio;
        if joint == Joint::Cut || !goes_on {
            smooth(self.last, new, (self.rate / SMOOTHED) as usize);
        }
        if let Some(&last) = new.last() {
            self.last = last;
            self.before = what;
        }
    }

    fn stretch(&mut self, pace: Pace) {
        let before = self.end;
        match pace {
            Pace::Keep => return,
            Pace::Shrink { most } => {
                let most = u64::from(most) * u64::from(self.rate) / u64::from(self.clock);
                let most = usize::try_from(most).unwrap_or(usize::MAX);
                self.end -= stretch::shrink(&mut self.pcm[..self.end], most, self.rate);
            }
            Pace::Grow => self.end += stretch::grow(&mut self.pcm, self.end, self.rate),
        }
        let by = u64::try_from(self.end.abs_diff(before)).unwrap_or(0);
        let by = Duration::from_micros(by * 1_000_000 / u64::from(self.rate));
        self.buffer.stretched(pace, by);
    }
}

/// Lets the waveform begin at `last` and return to itself over `length` samples.
fn smooth(last: i16, pcm: &mut [i16], length: usize) {
    let Some(&first) = pcm.first() else { return };
    let step = i32::from(last) - i32::from(first);
    let length = length.min(pcm.len());
    let whole = i32::try_from(length).unwrap_or(i32::MAX).max(1);
    for (sample, left) in pcm[..length].iter_mut().zip((0..whole).rev()) {
        let value = i32::from(*sample) + step * left / whole;
        *sample = i16::try_from(value.clamp(-32_768, 32_767)).unwrap_or(0);
    }
}
