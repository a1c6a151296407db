//! Resampling of a stream between 8, 16 and 48 kHz, as it comes.

use std::fmt;
use std::sync::LazyLock;

use super::filter::LowPass;
use crate::time::Rate;

/// How far the filter reaches to each side, in samples of the lower rate; also its delay.
const REACH: usize = 14;

/// Taps of one phase.
const TAPS: usize = 2 * REACH;

/// The same with zeros in front: a whole number of vectors, which is three times as fast.
const WIDTH: usize = 32;

/// Half the amplitude is left at the lower rate's Nyquist frequency. That passes 3.4 kHz at 8 kHz,
/// and what folds comes to lie above that.
const FILTER: LowPass = LowPass {
    cutoff: 1.0,
    reach: REACH as f64,
    beta: 6.2,
};

/// Bits behind the point of the taps that interpolate. The greatest sum of their magnitudes is
/// 2.4, so that no sum of products leaves 32 bits.
const UP_BITS: u32 = 14;

/// The same for those that decimate, whose magnitudes sum up to less than 2.
const DOWN_BITS: u32 = 15;

/// Samples of 10 ms at the highest rate: what is worked on at once.
const BLOCK: usize = 480;

/// One stream resampled between two [`Rate`]s. Up to the lower rate's 3.4 kHz (of 4) nothing
/// changes, from 4.6 on nothing is left; sums are exact, nothing is allocated after set-up.
pub struct Resampler {
    from: Rate,
    to: Rate,
    step: Step,
    /// What was heard before, as much as the filter reaches back, then a block.
    window: Box<[i16]>,
}

enum Step {
    Same,
    /// Each sample becomes as many as there are phases.
    Up(&'static [[i16; WIDTH]]),
    Down {
        /// Of so many samples one is left.
        factor: usize,
        taps: &'static [i16],
        /// Samples to pass over before the next that is left.
        wait: usize,
    },
}

static UP: [LazyLock<Vec<[i16; WIDTH]>>; 3] = [
    LazyLock::new(|| up_taps(2)),
    LazyLock::new(|| up_taps(3)),
    LazyLock::new(|| up_taps(6)),
];

static DOWN: [LazyLock<Vec<i16>>; 3] = [
    LazyLock::new(|| down_taps(2)),
    LazyLock::new(|| down_taps(3)),
    LazyLock::new(|| down_taps(6)),
];

impl Resampler {
    /// A resampler that has heard silence so far. From a rate to itself it only copies.
    #[must_use]
    pub fn new(from: Rate, to: Rate) -> Self {
        let table = match from.max(to).hertz() / from.min(to).hertz() {
            2 => 0,
            3 => 1,
            _ => 2,
        };
        let step = match from.cmp(&to) {
            std::cmp::Ordering::Equal => Step::Same,
            std::cmp::Ordering::Less => Step::Up(&UP[table]),
            std::cmp::Ordering::Greater => Step::Down {
                factor: from.per_millisecond() / to.per_millisecond(),
                taps: &DOWN[table],
                wait: 0,
            },
        };
        let window = match &step {
            Step::Same => 0,
            Step::Up(_) => WIDTH - 1 + BLOCK,
            Step::Down { taps, .. } => taps.len() - 1 + BLOCK,
        };
        Self {
            from,
            to,
            step,
            window: vec![0; window].into(),
        }
    }

    /// By how many samples at the rate it comes from the output is behind: 1.75 ms at 8 kHz and
    /// 0.9 ms between the higher rates.
    #[must_use]
    pub fn delay(&self) -> usize {
        match self.step {
            Step::Same => 0,
            Step::Up(_) => REACH,
            Step::Down { factor, .. } => REACH * factor,
        }
    }

    /// The most samples that `samples` can become.
    #[must_use]
    pub fn most_samples(&self, samples: usize) -> usize {
        (samples * self.to.per_millisecond()).div_ceil(self.from.per_millisecond())
    }

    /// Resamples; how many samples were written. As many as `pcm` lasts, when that is a whole
    /// number at both rates, as every frame is; what does not fit into `out` is lost.
    pub fn resample(&mut self, pcm: &[i16], out: &mut [i16]) -> usize {
        if matches!(self.step, Step::Same) {
            let length = pcm.len().min(out.len());
            out[..length].copy_from_slice(&pcm[..length]);
            return length;
        }
        let mut written = 0;
        for block in pcm.chunks(BLOCK) {
            written += self.block(block, &mut out[written..]);
        }
        written
    }

    fn block(&mut self, block: &[i16], out: &mut [i16]) -> usize {
        let before = self.window.len() - BLOCK;
        self.window[before..before + block.len()].copy_from_slice(block);
        let heard = &self.window[..before + block.len()];
        let written = match &mut self.step {
            Step::Same => 0,
            Step::Up(phases) => up(phases, heard, out),
            Step::Down { factor, taps, wait } => {
                let written = down(taps, heard, *factor, *wait, out);
                *wait = match block.len().checked_sub(*wait) {
                    Some(behind) => behind.next_multiple_of(*factor) - behind,
                    None => *wait - block.len(),
                };
                written
            }
        };
        self.window
            .copy_within(block.len()..block.len() + before, 0);
        written
    }
}

fn up(phases: &[[i16; WIDTH]], heard: &[i16], out: &mut [i16]) -> usize {
    let mut written = 0;
    for (heard, out) in heard
        .array_windows::<WIDTH>()
        .zip(out.chunks_mut(phases.len()))
    {
        for (sample, taps) in out.iter_mut().zip(phases) {
            *sample = rounded(products(taps, heard), UP_BITS);
        }
        written += out.len();
    }
    written
}

fn down(taps: &[i16], heard: &[i16], factor: usize, wait: usize, out: &mut [i16]) -> usize {
    let windows = heard.windows(taps.len()).skip(wait).step_by(factor);
    let mut written = 0;
    for (sample, heard) in out.iter_mut().zip(windows) {
        *sample = rounded(products(taps, heard), DOWN_BITS);
        written += 1;
    }
    written
}

fn products(taps: &[i16], heard: &[i16]) -> i32 {
    let pairs = taps.iter().zip(heard);
    pairs.map(|(&tap, &x)| i32::from(tap) * i32::from(x)).sum()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to the range first"
)]
fn rounded(sum: i32, bits: u32) -> i16 {
    let value = (sum + (1 << (bits - 1))) >> bits;
    value.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16
}

/// The taps that make `factor` samples of one, a set for each; the oldest sample's first.
fn up_taps(factor: usize) -> Vec<[i16; WIDTH]> {
    let phase = |phase: usize| {
        let mut taps = [0.0; TAPS];
        for (k, tap) in taps.iter_mut().rev().enumerate() {
            *tap = FILTER.response(k as f64 + phase as f64 / factor as f64 - REACH as f64);
        }
        let mut fixed = [0; WIDTH];
        fixed[WIDTH - TAPS..].copy_from_slice(&fixed_point(&taps, UP_BITS));
        fixed
    };
    (0..factor).map(phase).collect()
}

/// The taps that make one sample of `factor`.
fn down_taps(factor: usize) -> Vec<i16> {
    let count = TAPS * factor;
    let taps: Vec<f64> = (0..count)
        .map(|k| FILTER.response(k as f64 / factor as f64 - REACH as f64))
        .rev()
        .collect();
    fixed_point(&taps, DOWN_BITS)
}

/// Taps in fixed point whose sum is exactly one: a constant stays what it is.
fn fixed_point(taps: &[f64], bits: u32) -> Vec<i16> {
    let one = f64::from(1 << bits);
    let gain: f64 = taps.iter().sum();
    let mut fixed: Vec<i16> = taps
        .iter()
        .map(|tap| crate::dsp::tone::clamp(tap / gain * one))
        .collect();
    let sum: i32 = fixed.iter().map(|&tap| i32::from(tap)).sum();
    let error = i16::try_from((1 << bits) - sum).unwrap_or(0);
    // The greatest hardly notices.
    if let Some(greatest) = fixed.iter_mut().max() {
        *greatest += error;
    }
    fixed
}

impl fmt::Debug for Resampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resampler")
            .field("from", &self.from)
            .field("to", &self.to)
            .finish_non_exhaustive()
    }
}
