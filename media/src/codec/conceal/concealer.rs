//! Substitution of lost sound by its last pitch periods.

use super::pitch::{LONGEST, LOOKED_AT, pitch};
use crate::codec::comfort_noise::ComfortNoise;
use crate::time::Rate;

/// Full gain.
const ONE: i32 = 1 << 15;

/// For so long the substitute keeps its level, in milliseconds; then it fades.
const KEPT: usize = 10;

/// After so long it is silent, in milliseconds.
const SILENT: usize = 60;

/// A substitute gives way to comfort noise within so many milliseconds.
const TO_NOISE: usize = 10;

/// The most periods that are repeated in turn: one in the first 10 ms, two in the next, then three.
/// More of them sound less like a buzzer.
const MOST_PERIODS: usize = 3;

/// Samples at 8 kHz that are kept: three periods and a quarter more to join them.
const KEPT_SAMPLES: usize = LONGEST * MOST_PERIODS + LONGEST / 4;

const _: () = assert!(KEPT_SAMPLES >= LOOKED_AT);

/// Listens to what is decoded, and continues it where something is missing. The caller hears what
/// was decoded without delay; the joints are made of what was made up.
#[derive(Debug)]
pub(crate) struct Concealer {
    rate: Rate,
    /// What was heard last.
    heard: Box<[i16]>,
    /// What was heard before the gap.
    kept: Box<[i16]>,
    gap: Option<Gap>,
    noise: Option<Box<ComfortNoise>>,
    /// The far end said that it is silent.
    resting: bool,
}

/// What is missing since the last decoded sample.
#[derive(Debug, Clone, Copy)]
struct Gap {
    /// Samples made up so far.
    filled: usize,
    pitch: usize,
    /// By how much the last sample missed the one a period before: the substitute starts with it.
    step: i32,
    /// When comfort noise took over, in samples made up.
    rests_from: Option<usize>,
}

impl Concealer {
    /// A concealer that has heard silence.
    pub(crate) fn new(rate: Rate) -> Self {
        let length = KEPT_SAMPLES * finer(rate);
        Self {
            rate,
            heard: vec![0; length].into(),
            kept: vec![0; length].into(),
            gap: None,
            noise: None,
            resting: false,
        }
    }

    /// Takes note of what was decoded. After a gap its beginning is blended with what was made up.
    pub(crate) fn decoded(&mut self, pcm: &mut [i16]) {
        if let Some(gap) = self.gap.take() {
            let length = self.overlap(gap).min(pcm.len());
            let whole = count(length) + 1;
            let mut made_up = [0; 10 * Rate::Full.per_millisecond()];
            let made_up = &mut made_up[..length];
            self.continues(gap, made_up);
            for ((sample, made_up), n) in pcm.iter_mut().zip(made_up).zip(1..) {
                *sample = blend(*made_up, *sample, n, whole);
            }
        }
        self.resting = false;
        self.note(pcm);
    }

    /// Fills `pcm` with what may have been there.
    pub(crate) fn conceal(&mut self, pcm: &mut [i16]) {
        let mut gap = self.gap.unwrap_or_else(|| self.open());
        if self.resting {
            gap.rests_from = gap.rests_from.or(Some(gap.filled));
        }
        self.continues(gap, pcm);
        gap.filled = gap.filled.saturating_add(pcm.len());
        self.gap = Some(gap);
        self.note(pcm);
    }

    /// The far end is silent and says how that sounds (RFC 3389): what is missing from now on is
    /// that, until something is decoded again. False if it says nothing.
    pub(crate) fn rest(&mut self, payload: &[u8]) -> bool {
        let rate = self.rate;
        let noise = self
            .noise
            .get_or_insert_with(|| Box::new(ComfortNoise::new(rate)));
        let understood = noise.take(payload);
        self.resting |= understood;
        understood
    }

    /// Whether the far end said that it is silent.
    pub(crate) fn is_resting(&self) -> bool {
        self.resting
    }

    /// What the far end said of its silence holds no longer.
    pub(crate) fn end_rest(&mut self) {
        self.resting = false;
    }

    fn open(&mut self) -> Gap {
        self.kept.copy_from_slice(&self.heard);
        let end = self.kept.len();
        let finer = finer(self.rate);
        let pitch = pitch(&self.kept[end - LOOKED_AT * finer..], finer);
        Gap {
            filled: 0,
            pitch,
            step: i32::from(self.kept[end - 1]) - i32::from(self.kept[end - 1 - pitch]),
            rests_from: None,
        }
    }

    fn note(&mut self, pcm: &[i16]) {
        let length = self.heard.len();
        let new = &pcm[pcm.len().saturating_sub(length)..];
        self.heard.copy_within(new.len().., 0);
        self.heard[length - new.len()..].copy_from_slice(new);
    }

    /// For how long the substitute is heard beside what is decoded again: the longer the gap, the
    /// less it fits.
    fn overlap(&self, gap: Gap) -> usize {
        let millisecond = self.rate.per_millisecond();
        let tens = gap.filled / (10 * millisecond);
        (gap.pitch / 4 + 4 * tens * millisecond).min(10 * millisecond)
    }

    /// What comes next in the gap; the gap itself goes on only when the caller says so.
    fn continues(&mut self, gap: Gap, pcm: &mut [i16]) {
        let silent = SILENT * self.rate.per_millisecond();
        for (sample, n) in pcm.iter_mut().zip(gap.filled..) {
            *sample = if n < silent {
                self.substitute(gap, n)
            } else {
                0
            };
        }
        if let (Some(from), Some(noise)) = (gap.rests_from, &mut self.noise) {
            let length = TO_NOISE * self.rate.per_millisecond();
            noise.add(pcm, gap.filled.saturating_sub(from), length);
        }
    }

    /// Sample number `n` of the substitute.
    fn substitute(&self, gap: Gap, n: usize) -> i16 {
        let millisecond = self.rate.per_millisecond();
        let turn = n / (10 * millisecond);
        let periods = (turn + 1).min(MOST_PERIODS);
        let quarter = gap.pitch / 4;
        let into = n - turn * 10 * millisecond;
        let mut value = self.repeated(gap, periods, n);
        if turn > 0 && turn < MOST_PERIODS && into < quarter {
            // One period more is taken up gradually.
            let before = self.repeated(gap, periods - 1, n);
            value = mix(before, value, count(into) + 1, count(quarter) + 1);
        }
        if n < quarter {
            value += gap.step * count(quarter - n) / (count(quarter) + 1);
        }
        let mut gain = fade(n, KEPT * millisecond, SILENT * millisecond);
        if let Some(from) = gap.rests_from {
            let resting = fade(n, from, from + TO_NOISE * millisecond);
            gain = gain.min(resting);
        }
        saturate((i32::from(saturate(value)) * gain) >> 15)
    }

    /// Sample `n` of the last `periods` periods, over and over, their end joined to their beginning
    /// within the last quarter of a period.
    fn repeated(&self, gap: Gap, periods: usize, n: usize) -> i32 {
        let length = periods * gap.pitch;
        let quarter = gap.pitch / 4;
        let end = self.kept.len();
        let at = n % length;
        let value = i32::from(self.kept[end - length + at]);
        let left = length - at;
        if left > quarter {
            return value;
        }
        // As far before the beginning as this is before the end.
        let before = i32::from(self.kept[end - length - left]);
        mix(value, before, count(quarter - left) + 1, count(quarter) + 1)
    }
}

/// The rate in units of 8 kHz.
fn finer(rate: Rate) -> usize {
    rate.per_millisecond() / Rate::Narrow.per_millisecond()
}

/// From full gain at `from` to none at `to`.
fn fade(n: usize, from: usize, to: usize) -> i32 {
    if n <= from {
        return ONE;
    }
    let left = count(to.saturating_sub(n));
    ONE / count(to - from).max(1) * left
}

/// From `from` to `to`, at `n` of `whole`.
fn mix(from: i32, to: i32, n: i32, whole: i32) -> i32 {
    from + (to - from) * n / whole
}

fn blend(from: i16, to: i16, n: i32, whole: i32) -> i16 {
    saturate(mix(i32::from(from), i32::from(to), n, whole))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to the range first"
)]
fn saturate(value: i32) -> i16 {
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// A number of samples; none here is greater than a second.
fn count(samples: usize) -> i32 {
    i32::try_from(samples).unwrap_or(i32::MAX)
}
