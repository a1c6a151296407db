//! Percentiles.

use crate::clock::Nanos;

/// Measured times, exactly kept: for thousands of them.
#[derive(Debug, Default)]
pub struct Samples {
    values: Vec<Nanos>,
}

impl Samples {
    /// Adds one.
    pub fn push(&mut self, value: Nanos) {
        self.values.push(value);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The value that `per_mille` of a thousand do not exceed; 1000 is the largest.
    pub fn percentile(&mut self, per_mille: usize) -> Option<Nanos> {
        self.values.sort_unstable();
        let last = self.values.len().checked_sub(1)?;
        let at = (self.values.len() * per_mille).div_ceil(1000);
        self.values.get(at.saturating_sub(1).min(last)).copied()
    }
}

/// Measured times, counted by the microsecond: for millions of them.
#[derive(Debug)]
pub struct Histogram {
    buckets: Vec<u32>,
    count: u64,
    max: Nanos,
}

/// What is longer than this counts as this.
const LONGEST_US: usize = 200_000;

impl Default for Histogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; LONGEST_US + 1],
            count: 0,
            max: 0,
        }
    }
}

impl Histogram {
    /// Adds one.
    pub fn push(&mut self, value: Nanos) {
        let bucket = usize::try_from(value / 1000).unwrap_or(LONGEST_US);
        if let Some(bucket) = self.buckets.get_mut(bucket.min(LONGEST_US)) {
            *bucket += 1;
        }
        self.count += 1;
        self.max = self.max.max(value);
    }

    /// Adds those of another.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            // Writing nothing takes no memory, of which most buckets have none yet.
            if *theirs > 0 {
                *mine += theirs;
            }
        }
        self.count += other.count;
        self.max = self.max.max(other.max);
    }

    /// The value that `per_mille` of a thousand do not exceed, to the microsecond; 1000 is the
    /// largest.
    pub fn percentile(&self, per_mille: u64) -> Option<Nanos> {
        if self.count == 0 {
            return None;
        }
        if per_mille == 1000 {
            return Some(self.max);
        }
        let wanted = (self.count * per_mille).div_ceil(1000);
        let mut seen = 0;
        for (us, count) in (0..).zip(&self.buckets) {
            seen += u64::from(*count);
            if seen >= wanted {
                return Some(us * 1000);
            }
        }
        Some(self.max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_a_hundred_values_are_not_above_the_fiftieth() {
        let (mut samples, mut histogram) = (Samples::default(), Histogram::default());
        for us in (1..=100).rev() {
            samples.push(us * 1000);
            histogram.push(us * 1000);
        }
        for (per_mille, us) in [(500, 50), (990, 99), (1000, 100)] {
            assert_eq!(samples.percentile(per_mille), Some(us * 1000));
            assert_eq!(histogram.percentile(per_mille as u64), Some(us * 1000));
        }
        assert_eq!(Samples::default().percentile(500), None);
        assert_eq!(Histogram::default().percentile(500), None);
    }
}
