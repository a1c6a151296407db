//! How fast the timestamps of a stream run.

use std::time::Duration;

use crate::time::FRAME;

/// Timestamp units per second of a stream: 8000, 16 000 or 48 000. Of the codec, not of its samples:
/// G.722 counts 8000 units for 16 000 samples (RFC 3551 section 4.5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockRate(u32);

impl ClockRate {
    /// The clock of this many units per second; one of nothing would never move and counts as 8000.
    #[must_use]
    pub const fn new(hertz: u32) -> Self {
        Self(if hertz == 0 { 8000 } else { hertz })
    }

    /// Units per second.
    #[must_use]
    pub const fn hertz(self) -> u32 {
        self.0
    }

    /// Units that pass in `duration`, cut off at `u32::MAX`.
    #[must_use]
    pub fn units(self, duration: Duration) -> u32 {
        u32::try_from(self.all_units(duration)).unwrap_or(u32::MAX)
    }

    /// Units that pass in `duration`, however many: timestamps count them modulo 2^32.
    #[must_use]
    pub fn all_units(self, duration: Duration) -> u64 {
        let whole = duration.as_micros() * u128::from(self.0) / 1_000_000;
        u64::try_from(whole).unwrap_or(u64::MAX)
    }

    /// How long `units` last.
    #[must_use]
    pub fn duration(self, units: u64) -> Duration {
        Duration::from_micros(units.saturating_mul(1_000_000) / u64::from(self.0))
    }

    /// So many units of this clock counted by another.
    #[must_use]
    pub fn counted_by(self, units: u32, other: Self) -> u32 {
        let units = u64::from(units) * u64::from(other.0) / u64::from(self.0);
        u32::try_from(units).unwrap_or(u32::MAX)
    }

    /// Units in a frame of the wheel.
    #[must_use]
    pub fn frame(self) -> u32 {
        self.units(FRAME)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_its_units_at_every_clock() {
        let frames = [8000, 16_000, 48_000].map(|hertz| ClockRate::new(hertz).frame());
        assert_eq!(frames, [160, 320, 960]);
        assert_eq!(ClockRate::new(48_000).duration(960), FRAME);
        assert_eq!(ClockRate::new(48_000).units(Duration::MAX), u32::MAX);
        assert_eq!(ClockRate::new(0).hertz(), 8000);
        let (narrow, full) = (ClockRate::new(8000), ClockRate::new(48_000));
        assert_eq!(narrow.counted_by(65_535, full), 6 * 65_535);
        assert_eq!(full.counted_by(65_535, narrow), 10_922);
    }
}
