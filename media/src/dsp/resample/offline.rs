//! Resampling of whole sounds, from any rate in use.

use super::filter::LowPass;
use crate::dsp::tone::clamp;
use crate::time::Rate;

/// Zero crossings of the sinc on each side, at the lower of both rates.
const CROSSINGS: f64 = 24.0;

/// Kaiser's beta: about 80 dB of stop-band attenuation.
const BETA: f64 = 8.0;

/// Share of the lower Nyquist frequency that passes.
const PASS: f64 = 0.92;

/// Highest input rate that is taken.
const MAX_RATE: u32 = 192_000;

/// Most phases: from 11 025 to 16 000 Hz takes as many, and each has taps of its own.
const MAX_PHASES: u32 = 640;

/// Whether audio of this rate can be resampled to every rate of the engine: all rates in use can,
/// but not just any number.
#[must_use]
pub fn is_supported(rate: u32) -> bool {
    let few_phases = |to: Rate| to.hertz() / gcd(rate, to.hertz()) <= MAX_PHASES;
    (4000..=MAX_RATE).contains(&rate) && Rate::ALL.into_iter().all(few_phases)
}

/// `pcm` at `rate` hertz as samples at 8 kHz; nothing if the rate is not supported.
#[must_use]
pub fn to_8k(pcm: &[i16], rate: u32) -> Vec<i16> {
    convert(pcm, rate, Rate::Narrow)
}

/// `pcm` at `rate` hertz as samples at the rate `to`, without delay; nothing if the rate is not
/// supported.
#[must_use]
pub fn convert(pcm: &[i16], rate: u32, to: Rate) -> Vec<i16> {
    if !is_supported(rate) {
        return Vec::new();
    }
    if rate == to.hertz() {
        return pcm.to_vec();
    }
    let common = gcd(rate, to.hertz());
    let (up, down) = (to.hertz() / common, rate / common);
    let filter = Polyphase::new(up, down);
    let length = (pcm.len() as u64 * u64::from(up)).div_ceil(u64::from(down));
    (0..length)
        .map(|n| filter.output(pcm, n * u64::from(down)))
        .collect()
}

struct Polyphase {
    up: u64,
    half: i64,
    /// Taps of phase 0, then of phase 1, …; `2 * half` each.
    taps: Vec<f64>,
}

impl Polyphase {
    fn new(up: u32, down: u32) -> Self {
        // Cut-off relative to the input rate, so that neither rate folds.
        let ratio = (f64::from(up) / f64::from(down)).min(1.0);
        let half = ceil(CROSSINGS / ratio);
        let filter = LowPass {
            cutoff: ratio * PASS,
            reach: half as f64,
            beta: BETA,
        };
        let mut taps = Vec::new();
        for phase in 0..up {
            let offset = f64::from(phase) / f64::from(up);
            let start = taps.len();
            for k in (1 - half)..=half {
                taps.push(filter.response(k as f64 - offset));
            }
            // Unity gain for a constant, whatever the phase.
            let gain: f64 = taps[start..].iter().sum();
            taps[start..].iter_mut().for_each(|tap| *tap /= gain);
        }
        Self {
            up: u64::from(up),
            half,
            taps,
        }
    }

    /// The sample at `position / up` of the input.
    fn output(&self, pcm: &[i16], position: u64) -> i16 {
        let phase = usize::try_from(position % self.up).unwrap_or(0);
        let centre = i64::try_from(position / self.up).unwrap_or(i64::MAX / 2);
        let count = usize::try_from(2 * self.half).unwrap_or(0);
        let taps = &self.taps[phase * count..(phase + 1) * count];
        let first = centre + 1 - self.half;
        let mut sum = 0.0;
        for (index, tap) in (first..).zip(taps) {
            let sample = usize::try_from(index).ok().and_then(|i| pcm.get(i));
            sum += tap * f64::from(sample.copied().unwrap_or(0));
        }
        clamp(sum)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "at most 24 times the ratio of MAX_RATE to 8 kHz"
)]
fn ceil(x: f64) -> i64 {
    x.ceil() as i64
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}
