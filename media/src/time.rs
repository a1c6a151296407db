//! RTP time: what a timestamp is, and how it relates to elapsed time.

use std::time::Duration;

/// Samples per second of G.711, of prompts and of tones; also the clock of G.711's timestamps.
pub const SAMPLE_RATE: u32 = 8000;

/// Samples in one frame of the wheel.
pub const FRAME_SAMPLES: usize = 160;

/// The same in RTP timestamp units.
pub const FRAME_UNITS: u16 = 160;

/// How long one frame of the wheel lasts.
pub const FRAME: Duration = Duration::from_millis(20);

/// How often audio is sampled inside the engine. Ordered: a greater rate carries more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Rate {
    /// 8 kHz: telephone band.
    #[default]
    Narrow,
    /// 16 kHz: wideband.
    Wide,
    /// 48 kHz: all that can be heard.
    Full,
}

impl Rate {
    /// Every rate, the lowest first.
    pub const ALL: [Self; 3] = [Self::Narrow, Self::Wide, Self::Full];

    /// Samples per second.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        match self {
            Self::Narrow => 8000,
            Self::Wide => 16_000,
            Self::Full => 48_000,
        }
    }

    /// The rate of so many samples per second.
    #[must_use]
    pub fn of_hertz(hertz: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|rate| rate.hertz() == hertz)
    }

    /// Samples per millisecond: 8, 16 or 48.
    #[must_use]
    pub const fn per_millisecond(self) -> usize {
        match self {
            Self::Narrow => 8,
            Self::Wide => 16,
            Self::Full => 48,
        }
    }

    /// Samples in one frame of the wheel, 20 ms.
    #[must_use]
    pub const fn frame_samples(self) -> usize {
        20 * self.per_millisecond()
    }

    /// How long so many samples last at this rate.
    #[must_use]
    pub fn duration(self, samples: usize) -> Duration {
        let samples = u64::try_from(samples).unwrap_or(u64::MAX);
        Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(self.hertz()))
    }
}

/// Samples in the longest frame of the wheel: 20 ms at [`Rate::Full`].
pub const MAX_FRAME_SAMPLES: usize = Rate::Full.frame_samples();

/// An RTP timestamp, in units of its stream's clock: wraps, and only differences mean anything (RFC 3550 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RtpTime(pub u32);

impl RtpTime {
    /// This time `units` later.
    #[must_use]
    pub fn plus(self, units: u32) -> Self {
        Self(self.0.wrapping_add(units))
    }

    /// Units from `earlier` to this time; negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i32 {
        self.0.wrapping_sub(earlier.0).cast_signed()
    }
}

/// Samples that pass in `duration`, cut off at `u32::MAX` (six days).
#[must_use]
pub fn samples(duration: Duration) -> u32 {
    let whole = duration.as_micros() * u128::from(SAMPLE_RATE) / 1_000_000;
    u32::try_from(whole).unwrap_or(u32::MAX)
}

/// How long `samples` last.
#[must_use]
pub fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples.saturating_mul(1_000_000) / u64::from(SAMPLE_RATE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_compare_across_the_wrap() {
        let before = RtpTime(u32::MAX - 10);
        assert_eq!(before.plus(20).since(before), 20);
        assert_eq!(before.since(before.plus(20)), -20);
    }

    #[test]
    fn a_frame_lasts_20_milliseconds_at_every_rate() {
        for rate in Rate::ALL {
            assert_eq!(rate.duration(rate.frame_samples()), FRAME);
            assert_eq!(Rate::of_hertz(rate.hertz()), Some(rate));
            assert!(rate.frame_samples() <= MAX_FRAME_SAMPLES);
        }
        assert_eq!(Rate::of_hertz(44_100), None);
        assert!(Rate::Narrow < Rate::Wide && Rate::Wide < Rate::Full);
    }

    #[test]
    fn a_frame_is_160_samples() {
        assert_eq!(samples(FRAME) as usize, FRAME_SAMPLES);
        assert_eq!(duration(160), FRAME);
        assert_eq!(samples(Duration::MAX), u32::MAX);
    }
}
