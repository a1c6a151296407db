//! Gains: how much louder or quieter something gets, and how a change of it comes without a click.

/// A factor for samples: none at all, or about -66 to +18 dB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gain(u16);

/// Bits behind the point of a gain.
const POINT: u32 = 12;

/// Bits a ramp has beside, so that the steps of a frame of 960 samples do not vanish.
const FINE: u32 = 15;

impl Gain {
    /// Nothing is left.
    pub const SILENT: Self = Self(0);
    /// Nothing changes.
    pub const UNITY: Self = Self(1 << POINT);
    /// Eight times the amplitude, 18 dB.
    pub const LOUDEST: Self = Self(8 << POINT);

    /// The nearest gain there is: silent below -66 dB, and 18 dB at most.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range first; what is not a number becomes silence"
    )]
    pub fn of_decibels(decibels: f64) -> Self {
        let factor = 10f64.powf(decibels / 20.0) * f64::from(Self::UNITY.0);
        Self(factor.round().clamp(0.0, f64::from(Self::LOUDEST.0)) as u16)
    }

    /// In decibels; minus infinity for silence.
    #[must_use]
    pub fn decibels(self) -> f64 {
        20.0 * (f64::from(self.0) / f64::from(Self::UNITY.0)).log10()
    }
}

impl Default for Gain {
    fn default() -> Self {
        Self::UNITY
    }
}

/// The gain of one frame: steady, or moving from its first to its last sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ramp {
    from: Gain,
    to: Gain,
}

impl Ramp {
    pub(super) const SILENT: Self = Self::steady(Gain::SILENT);

    pub(super) const fn steady(gain: Gain) -> Self {
        Self {
            from: gain,
            to: gain,
        }
    }

    /// As it was before it began to move.
    pub(super) fn before(self) -> Self {
        Self::steady(self.from)
    }

    /// Goes there in the frame that comes.
    pub(super) fn set(&mut self, to: Gain) {
        self.to = to;
    }

    pub(super) fn goal(self) -> Gain {
        self.to
    }

    /// The frame is over.
    pub(super) fn settle(&mut self) {
        self.from = self.to;
    }

    pub(super) fn is_unity(self) -> bool {
        self == Self::steady(Gain::UNITY)
    }

    pub(super) fn is_silent(self) -> bool {
        self == Self::SILENT
    }

    /// Samples times the gain.
    pub(super) fn scale(self, pcm: &[i16], scaled: &mut [i32]) {
        if self.is_unity() {
            for (scaled, &sample) in scaled.iter_mut().zip(pcm) {
                *scaled = i32::from(sample);
            }
            return;
        }
        let mut factor = Factor::new(self, pcm.len());
        for (scaled, &sample) in scaled.iter_mut().zip(pcm) {
            // 16 bits times 16 bits: at most 2^30.
            *scaled = (i32::from(sample) * factor.next() + HALF) >> POINT;
        }
    }

    /// The same in place.
    pub(super) fn scale_in_place(self, sum: &mut [i32]) {
        if self.is_unity() {
            return;
        }
        let mut factor = Factor::new(self, sum.len());
        for sample in sum {
            *sample = times(*sample, factor.next());
        }
    }

    /// Adds samples times the gain.
    pub(super) fn add<S: Copy + Into<i32>>(self, pcm: &[S], sum: &mut [i32]) {
        self.combine(pcm, sum, |sum, sample| sum + sample);
    }

    /// Takes away exactly what [`add`](Self::add) adds.
    pub(super) fn subtract(self, pcm: &[i32], sum: &mut [i32]) {
        self.combine(pcm, sum, |sum, sample| sum - sample);
    }

    fn combine<S: Copy + Into<i32>>(
        self,
        pcm: &[S],
        sum: &mut [i32],
        with: impl Fn(i32, i32) -> i32,
    ) {
        if self.is_silent() {
            return;
        }
        if self.is_unity() {
            for (sum, &sample) in sum.iter_mut().zip(pcm) {
                *sum = with(*sum, sample.into());
            }
            return;
        }
        let mut factor = Factor::new(self, pcm.len());
        for (sum, &sample) in sum.iter_mut().zip(pcm) {
            *sum = with(*sum, times(sample.into(), factor.next()));
        }
    }
}

const HALF: i32 = 1 << (POINT - 1);

/// The factor of each sample of a frame.
struct Factor {
    fine: i32,
    step: i32,
}

impl Factor {
    fn new(ramp: Ramp, count: usize) -> Self {
        let [from, to] = [ramp.from, ramp.to].map(|gain| i32::from(gain.0) << FINE);
        let count = i32::try_from(count.max(1)).unwrap_or(i32::MAX);
        Self {
            fine: from,
            step: (to - from) / count,
        }
    }

    fn next(&mut self) -> i32 {
        self.fine += self.step;
        self.fine >> FINE
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "sums are of a few dozen voices of 19 bits, and a gain is at most eight"
)]
fn times(sample: i32, factor: i32) -> i32 {
    ((i64::from(sample) * i64::from(factor) + i64::from(HALF)) >> POINT) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decibels_become_factors_and_back() {
        assert_eq!(Gain::of_decibels(0.0), Gain::UNITY);
        assert_eq!(Gain::of_decibels(f64::NEG_INFINITY), Gain::SILENT);
        assert_eq!(Gain::of_decibels(f64::NAN), Gain::SILENT);
        assert_eq!(Gain::of_decibels(f64::INFINITY), Gain::LOUDEST);
        assert_eq!(Gain::of_decibels(-90.0), Gain::SILENT);
        for decibels in [-40.0, -20.0, -6.0, -0.5, 3.0, 12.0, 18.0] {
            let gain = Gain::of_decibels(decibels).decibels();
            assert!((gain - decibels).abs() < 0.1, "{decibels}: {gain}");
        }
    }

    #[test]
    fn a_ramp_moves_from_one_gain_to_the_other_without_a_step() {
        let mut ramp = Ramp::steady(Gain::UNITY);
        ramp.set(Gain::SILENT);
        let mut scaled = [0; 160];
        ramp.scale(&[16_000; 160], &mut scaled);
        assert!(
            scaled
                .windows(2)
                .all(|pair| (96..=104).contains(&(pair[0] - pair[1])))
        );
        assert!(scaled[0] > 15_800 && scaled[159] == 0, "{scaled:?}");
        ramp.settle();
        assert!(ramp.is_silent());
    }

    #[test]
    fn what_was_added_can_be_taken_away_to_the_last_bit() {
        let pcm: Vec<i32> = (-480..480).map(|n| n * 273).collect();
        let mut rising = Ramp::SILENT;
        rising.set(Gain::LOUDEST);
        for ramp in [
            Ramp::steady(Gain::UNITY),
            Ramp::steady(Gain::of_decibels(-7.3)),
            rising,
        ] {
            let mut sum = vec![77; pcm.len()];
            ramp.add(&pcm, &mut sum);
            assert_ne!(sum[0], 77);
            ramp.subtract(&pcm, &mut sum);
            assert!(sum.iter().all(|&sample| sample == 77));
        }
    }

    #[test]
    fn the_loudest_gain_of_the_loudest_sample_does_not_wrap() {
        let mut scaled = [0; 2];
        Ramp::steady(Gain::LOUDEST).scale(&[i16::MIN, i16::MAX], &mut scaled);
        assert_eq!(scaled, [-262_144, 262_136]);
    }
}
