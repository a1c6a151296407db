//! Goertzel's algorithm: how much of one frequency there is in some samples.

use std::f64::consts::TAU;

use crate::time::SAMPLE_RATE;

/// A detector of one frequency at 8 kHz.
#[derive(Debug, Clone, Copy)]
pub struct Goertzel {
    coefficient: f64,
}

impl Goertzel {
    /// A detector for `hertz`.
    #[must_use]
    pub fn new(hertz: f64) -> Self {
        Self {
            coefficient: 2.0 * (TAU * hertz / f64::from(SAMPLE_RATE)).cos(),
        }
    }

    /// Mean power of the frequency in `pcm`, in squared sample units: a sine of peak A has A²/2.
    #[must_use]
    pub fn power(&self, pcm: &[i16]) -> f64 {
        let (mut one, mut two) = (0.0, 0.0);
        for &sample in pcm {
            (one, two) = (f64::from(sample) + self.coefficient * one - two, one);
        }
        let energy = one * one + two * two - self.coefficient * one * two;
        let count = (pcm.len().max(1)) as f64;
        2.0 * energy / (count * count)
    }

    /// The part of all power in `pcm` that this frequency has: 1 for a pure sine, 0 for none of it
    /// or for silence.
    #[must_use]
    pub fn share(&self, pcm: &[i16]) -> f64 {
        let total = pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
        if total == 0.0 {
            return 0.0;
        }
        self.power(pcm) * pcm.len() as f64 / total
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::tone::sine;

    #[test]
    fn a_pure_tone_is_all_of_itself_and_none_of_another() {
        let pcm = sine(440.0, 1600, 8000.0);
        assert!((Goertzel::new(440.0).share(&pcm) - 1.0).abs() < 0.01);
        assert!(Goertzel::new(1000.0).share(&pcm) < 0.001);
        let power = Goertzel::new(440.0).power(&pcm);
        assert!((power / (8000.0f64.powi(2) / 2.0) - 1.0).abs() < 0.01);
    }

    #[test]
    fn silence_has_nothing() {
        assert_eq!(Goertzel::new(440.0).share(&[0; 160]), 0.0);
        assert_eq!(Goertzel::new(440.0).share(&[]), 0.0);
    }
}
