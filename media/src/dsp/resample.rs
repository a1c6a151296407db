//! Offline resampling to 8 kHz by a polyphase FIR: a Kaiser-windowed sinc, one set of taps per
//! phase. For loading sounds, not for the media path.

use std::f64::consts::PI;

use crate::dsp::tone::clamp;
use crate::time::SAMPLE_RATE;

/// Zero crossings of the sinc on each side, at the lower of both rates.
const CROSSINGS: f64 = 24.0;

/// Kaiser's beta: about 80 dB of stop-band attenuation.
const BETA: f64 = 8.0;

/// Share of the lower Nyquist frequency that passes.
const PASS: f64 = 0.92;

/// Highest input rate that is taken.
const MAX_RATE: u32 = 96_000;

/// Most phases: 11 025 Hz needs as many, and each has taps of its own.
const MAX_PHASES: u32 = 320;

/// Whether audio of this rate can be resampled: all rates in use, but not just any number.
#[must_use]
pub fn is_supported(rate: u32) -> bool {
    let range = (4000..=MAX_RATE).contains(&rate);
    range && SAMPLE_RATE / gcd(rate, SAMPLE_RATE) <= MAX_PHASES
}

/// `pcm` at `rate` hertz as samples at 8 kHz; nothing if the rate is not supported.
#[must_use]
pub fn to_8k(pcm: &[i16], rate: u32) -> Vec<i16> {
    if !is_supported(rate) {
        return Vec::new();
    }
    if rate == SAMPLE_RATE {
        return pcm.to_vec();
    }
    let common = gcd(rate, SAMPLE_RATE);
    let (up, down) = (SAMPLE_RATE / common, rate / common);
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
        let cutoff = ratio * PASS;
        let half = ceil(CROSSINGS / ratio);
        let width = half as f64;
        let mut taps = Vec::new();
        for phase in 0..up {
            let offset = f64::from(phase) / f64::from(up);
            let start = taps.len();
            for k in (1 - half)..=half {
                let x = k as f64 - offset;
                taps.push(sinc(cutoff * x) * kaiser(x / width));
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
    reason = "at most 24 times the ratio of MAX_RATE to 8 kHz"
)]
fn ceil(x: f64) -> i64 {
    x.ceil() as i64
}

fn gcd(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { gcd(b, a % b) }
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::dsp::goertzel::Goertzel;

    fn sine_at(rate: u32, hertz: f64) -> Vec<i16> {
        (0..rate)
            .map(|n| clamp(10_000.0 * (TAU * hertz * f64::from(n) / f64::from(rate)).sin()))
            .collect()
    }

    #[test]
    fn a_tone_below_the_cutoff_keeps_its_level_from_any_rate() {
        for rate in [11_025, 16_000, 22_050, 44_100, 48_000, 6_000] {
            let pcm = to_8k(&sine_at(rate, 1000.0), rate);
            assert_eq!(pcm.len(), 8000, "{rate}");
            let middle = &pcm[800..7200];
            let power = Goertzel::new(1000.0).power(middle);
            let decibels = 10.0 * (power / (10_000.0f64.powi(2) / 2.0)).log10();
            assert!(decibels.abs() < 0.1, "{rate}: {decibels}");
            assert!(Goertzel::new(1000.0).share(middle) > 0.999, "{rate}");
        }
    }

    #[test]
    fn a_tone_above_the_new_nyquist_frequency_is_gone() {
        for (rate, hertz) in [(16_000, 5000.0), (48_000, 5000.0), (48_000, 15_000.0)] {
            let pcm = to_8k(&sine_at(rate, hertz), rate);
            let loudest = pcm[800..7200].iter().map(|s| s.unsigned_abs()).max();
            assert!(loudest < Some(10), "{rate} {hertz}: {loudest:?}");
        }
    }

    #[test]
    fn an_impossible_rate_gives_nothing() {
        for rate in [0, 1, 3999, 47_999, 96_001, u32::MAX] {
            assert!(!is_supported(rate) && to_8k(&[1, 2, 3], rate).is_empty());
        }
        assert!(to_8k(&[], 48_000).is_empty());
    }
}
