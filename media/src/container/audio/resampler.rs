//! From any usual rate to another, block by block, in the quality of files.

use std::f64::consts::PI;

use super::AudioError;

/// Zero crossings of the filter on each side, at the lower of the two rates.
const CROSSINGS: f64 = 20.0;

/// Kaiser's beta: about 80 dB of stop-band attenuation.
const BETA: f64 = 8.0;

/// Share of the lower Nyquist frequency that passes.
const PASS: f64 = 0.92;

/// Rates that are taken, in hertz.
const RATES: std::ops::RangeInclusive<u32> = 4_000..=192_000;

/// Most phases, each with taps of its own: 11,025 Hz to 16 kHz needs 640.
const MAX_PHASES: u32 = 960;

/// Sums that are kept apart, so that the compiler can use wide registers.
const LANES: usize = 8;

/// A polyphase filter over a stream of samples. Its output is aligned with its input: the delay of
/// the filter is made up for.
#[derive(Debug, Clone)]
pub struct FileResampler {
    up: usize,
    down: usize,
    /// Taps per phase, a multiple of the lanes.
    count: usize,
    /// Taps of phase 0, then of phase 1, …
    taps: Vec<f32>,
    /// Input that is still needed.
    window: Vec<f32>,
    /// Where in `window` the next output's taps begin, and its phase.
    at: usize,
    phase: usize,
    /// Samples to append at the end so that nothing is cut off; none before there is anything.
    tail: usize,
    half: usize,
    /// Samples that came in, and that went out.
    taken: u64,
    given: u64,
}

impl FileResampler {
    /// Between these rates, in hertz.
    ///
    /// # Errors
    /// When a rate is not one in use.
    pub fn new(from: u32, to: u32) -> Result<Self, AudioError> {
        let common = gcd(from, to).max(1);
        let (up, down) = (to / common, from / common);
        if !RATES.contains(&from) || !RATES.contains(&to) || up > MAX_PHASES {
            return Err(AudioError::SampleRate(from));
        }
        let ratio = (f64::from(up) / f64::from(down)).min(1.0);
        let half = whole((CROSSINGS / ratio).ceil());
        let count = (2 * half).next_multiple_of(LANES);
        Ok(Self {
            up: up as usize,
            down: down as usize,
            count,
            taps: taps(up, ratio * PASS, half, count),
            // The first output is centred on the first input.
            window: vec![0.0; half - 1],
            at: 0,
            phase: 0,
            tail: 0,
            half,
            taken: 0,
            given: 0,
        })
    }

    /// Appends to `output` what `input` makes possible.
    pub fn push(&mut self, input: &[f32], output: &mut Vec<f32>) {
        if self.up == self.down {
            output.extend_from_slice(input);
            return;
        }
        if !input.is_empty() {
            self.tail = self.count - self.half + 1;
            self.taken += input.len() as u64;
        }
        self.filter(input, output);
    }

    fn filter(&mut self, input: &[f32], output: &mut Vec<f32>) {
        let before = output.len();
        self.window.extend_from_slice(input);
        while let Some(samples) = self.window.get(self.at..self.at + self.count) {
            let taps = &self.taps[self.phase * self.count..][..self.count];
            output.push(dot(samples, taps));
            let next = self.phase + self.down;
            self.phase = next % self.up;
            self.at += next / self.up;
        }
        self.given += (output.len() - before) as u64;
        let used = self.at.min(self.window.len());
        self.window.drain(..used);
        self.at -= used;
    }

    /// The end of the stream: appends what the filter still holds, so that all of it lasts as long as
    /// what came in.
    pub fn finish(&mut self, output: &mut Vec<f32>) {
        if self.up == self.down {
            return;
        }
        let silence = vec![0.0; self.tail.min(self.count)];
        self.filter(&silence, output);
        let whole = (self.taken * self.up as u64).div_ceil(self.down as u64);
        let surplus = usize::try_from(self.given.saturating_sub(whole)).unwrap_or(0);
        output.truncate(output.len() - surplus.min(output.len()));
    }
}

fn taps(up: u32, cutoff: f64, half: usize, count: usize) -> Vec<f32> {
    let width = half as f64;
    let mut taps = Vec::with_capacity(up as usize * count);
    for phase in 0..up {
        let offset = f64::from(phase) / f64::from(up);
        let row: Vec<f64> = (0..count)
            .map(|k| {
                let x = k as f64 + 1.0 - width - offset;
                sinc(cutoff * x) * kaiser(x / width)
            })
            .collect();
        // Unity gain for a constant, whatever the phase.
        let gain: f64 = row.iter().sum();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "taps are far below f32's range"
        )]
        taps.extend(row.iter().map(|tap| (tap / gain) as f32));
    }
    taps
}

fn dot(samples: &[f32], taps: &[f32]) -> f32 {
    let mut sums = [0.0f32; LANES];
    for (samples, taps) in samples.chunks_exact(LANES).zip(taps.chunks_exact(LANES)) {
        for ((sum, sample), tap) in sums.iter_mut().zip(samples).zip(taps) {
            *sum += sample * tap;
        }
    }
    sums.iter().sum()
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
}

/// Kaiser's window at `x` in -1..=1, 0 outside.
fn kaiser(x: f64) -> f64 {
    if x.abs() >= 1.0 {
        return 0.0;
    }
    bessel(BETA * (1.0 - x * x).sqrt()) / bessel(BETA)
}

/// The modified Bessel function of order 0, by its power series.
fn bessel(x: f64) -> f64 {
    let quarter = x * x / 4.0;
    let (mut sum, mut term, mut k) = (1.0, 1.0, 1.0);
    while term > sum * 1e-12 {
        term *= quarter / (k * k);
        sum += term;
        k += 1.0;
    }
    sum
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positive, and at most the crossings times the ratio of the extreme rates"
)]
fn whole(x: f64) -> usize {
    x as usize
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
