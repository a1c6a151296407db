//! Making audio louder or quieter.

/// A factor in dB, applied in fixed point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gain {
    /// In 1/4096.
    factor: i32,
}

/// One, in the unit of the factor.
const ONE: i32 = 4096;

impl Gain {
    /// As it is.
    pub const UNITY: Self = Self { factor: ONE };

    /// Loudest and quietest that is taken, in dB either way; beyond it, this.
    pub const MOST: f32 = 24.0;

    /// By this many dB, at most [`Gain::MOST`] either way. What is no number changes nothing.
    #[must_use]
    pub fn decibels(decibels: f32) -> Self {
        if decibels.is_nan() {
            return Self::UNITY;
        }
        let decibels = f64::from(decibels.clamp(-Self::MOST, Self::MOST));
        #[expect(clippy::cast_possible_truncation, reason = "at most 16 times 4096")]
        let factor = (10f64.powf(decibels / 20.0) * f64::from(ONE)).round() as i32;
        Self { factor }
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn is_unity(self) -> bool {
        self == Self::UNITY
    }

    /// One sample, kept within its range.
    #[must_use]
    pub fn sample(self, sample: i16) -> i16 {
        let loud = (i32::from(sample) * self.factor + ONE / 2) >> 12;
        i16::try_from(loud).unwrap_or(if loud < 0 { i16::MIN } else { i16::MAX })
    }

    /// All of them.
    pub fn apply(self, pcm: &mut [i16]) {
        if !self.is_unity() {
            pcm.iter_mut()
                .for_each(|sample| *sample = self.sample(*sample));
        }
    }
}

impl Default for Gain {
    fn default() -> Self {
        Self::UNITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_decibels_are_twice_as_much_and_nothing_wraps() {
        assert_eq!(Gain::decibels(6.0206).sample(1000), 2000);
        assert_eq!(Gain::decibels(-6.0206).sample(-1000), -500);
        assert_eq!(Gain::decibels(20.0).sample(i16::MAX), i16::MAX);
        assert_eq!(Gain::decibels(20.0).sample(i16::MIN), i16::MIN);
        assert_eq!(Gain::decibels(100.0), Gain::decibels(24.0));
        for nothing in [0.0, f32::NAN] {
            assert!(Gain::decibels(nothing).is_unity());
        }
    }
}
