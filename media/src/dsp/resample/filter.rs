//! The filter both resamplers are made of: a sinc under Kaiser's window.

use std::f64::consts::PI;

/// A low-pass filter's impulse response, in the samples of the lower rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct LowPass {
    /// Share of the lower rate's Nyquist frequency at which half the amplitude is left.
    pub(super) cutoff: f64,
    /// How far the response reaches to each side.
    pub(super) reach: f64,
    /// Kaiser's beta: the greater, the deeper the stop band and the wider the transition.
    pub(super) beta: f64,
}

impl LowPass {
    /// The response `at` so many samples from its middle.
    pub(super) fn response(&self, at: f64) -> f64 {
        self.cutoff * sinc(self.cutoff * at) * self.window(at / self.reach)
    }

    fn window(&self, x: f64) -> f64 {
        if x.abs() >= 1.0 {
            return 0.0;
        }
        bessel(self.beta * (1.0 - x * x).sqrt()) / bessel(self.beta)
    }
}

fn sinc(x: f64) -> f64 {
    if x.abs() < 1e-9 {
        1.0
    } else {
        (PI * x).sin() / (PI * x)
    }
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
