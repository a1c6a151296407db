//! How much there is of a few known frequencies in each 10 ms of sound at 8 kHz, and by how much
//! they are off.

use std::f64::consts::TAU;

/// Samples in a block: 10 ms.
pub(crate) const BLOCK: usize = 80;

/// The tables for `N` frequencies, under a Hann window so that the tones of a pair do not leak into
/// each other; made once, shared by all detectors.
#[derive(Debug)]
pub(crate) struct Correlator<const N: usize> {
    cosines: [[f32; N]; BLOCK],
    sines: [[f32; N]; BLOCK],
    /// The square of the window.
    weights: [f32; BLOCK],
    /// What a tone of exactly the frequency turns by from one block to the next.
    turns: [(f32, f32); N],
}

/// What one block has of each frequency.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spectrum<const N: usize> {
    real: [f32; N],
    imaginary: [f32; N],
    /// Mean square of all of it.
    pub(crate) power: f32,
}

impl<const N: usize> Default for Spectrum<N> {
    fn default() -> Self {
        Self {
            real: [0.0; N],
            imaginary: [0.0; N],
            power: 0.0,
        }
    }
}

impl<const N: usize> Correlator<N> {
    /// For these frequencies, in hertz.
    pub(crate) fn new(hertz: [f64; N]) -> Self {
        let angle = |n: usize, f: usize| TAU * hertz[f] * n as f64 / 8000.0;
        let table = |of: fn(f64) -> f64| {
            std::array::from_fn(|n| std::array::from_fn(|f| narrow(of(angle(n, f)) * window(n))))
        };
        // Mean square: the squares of a Hann window have a mean of 3/8.
        let weight = |n: usize| narrow(window(n).powi(2) / (0.375 * BLOCK as f64));
        Self {
            weights: std::array::from_fn(weight),
            cosines: table(f64::cos),
            sines: table(f64::sin),
            turns: std::array::from_fn(|f| {
                let (sine, cosine) = angle(BLOCK, f).sin_cos();
                (narrow(cosine), narrow(sine))
            }),
        }
    }

    /// Looks at one block.
    pub(crate) fn look(&self, pcm: &[i16; BLOCK]) -> Spectrum<N> {
        let mut seen = Spectrum::default();
        let tables = self.cosines.iter().zip(&self.sines).zip(&self.weights);
        for (&sample, ((cosines, sines), weight)) in pcm.iter().zip(tables) {
            let value = f32::from(sample);
            seen.power += value * value * weight;
            for f in 0..N {
                seen.real[f] += value * cosines[f];
                seen.imaginary[f] -= value * sines[f];
            }
        }
        seen
    }

    /// By how many hertz the tone near frequency `f` is off, from two blocks in a row: between -50
    /// and 50, beyond which it wraps.
    pub(crate) fn offset(&self, one: &Spectrum<N>, two: &Spectrum<N>, f: usize) -> f32 {
        // two · conj(one) · conj(turn)
        let real = two.real[f] * one.real[f] + two.imaginary[f] * one.imaginary[f];
        let imaginary = two.imaginary[f] * one.real[f] - two.real[f] * one.imaginary[f];
        let (cosine, sine) = self.turns[f];
        let (real, imaginary) = (
            real * cosine + imaginary * sine,
            imaginary * cosine - real * sine,
        );
        imaginary.atan2(real) / std::f32::consts::TAU * 100.0
    }
}

impl<const N: usize> Spectrum<N> {
    /// Mean square of frequency `f`.
    pub(crate) fn of(&self, f: usize) -> f32 {
        let square = self.real[f] * self.real[f] + self.imaginary[f] * self.imaginary[f];
        // The window has a mean of a half.
        8.0 * square / (BLOCK * BLOCK) as f32
    }
}

/// The share of a tone's power that a block shows at a frequency it is off by so many hertz.
pub(crate) fn leakage(offset: f32) -> f32 {
    let bins = offset / 100.0;
    let x = std::f32::consts::PI * bins;
    if x.abs() < 0.01 {
        return 1.0;
    }
    (x.sin() / x / (1.0 - bins * bins)).powi(2)
}

/// Hann's, symmetric about the middle of the block.
fn window(n: usize) -> f64 {
    0.5 - 0.5 * (TAU * (n as f64 + 0.5) / BLOCK as f64).cos()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "a cosine keeps enough of it"
)]
fn narrow(value: f64) -> f32 {
    value as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::sine;

    #[test]
    fn power_and_offset_of_a_tone_are_found() {
        let correlator = Correlator::new([1000.0, 1700.0]);
        for off in [-40.0, -10.0, 0.0, 3.0, 25.0] {
            let pcm = sine(1000.0 + off, 160, 8000.0);
            let one = correlator.look(pcm[..80].try_into().unwrap());
            let two = correlator.look(pcm[80..].try_into().unwrap());
            let found = correlator.offset(&one, &two, 0);
            assert!((f64::from(found) - off).abs() < 1.0, "{off}: {found}");
            let share = one.of(0) / leakage(found) / one.power;
            assert!((share - 1.0).abs() < 0.08, "{off}: {share}");
            assert!(one.of(1) < one.power * 0.02);
        }
    }
}
