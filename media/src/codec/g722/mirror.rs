//! The quadrature mirror filter that splits and joins the bands (table 11 of G.722).

use super::BLOCK;

/// Half of the 24 symmetric taps: those of every other sample.
const TAPS: [i16; 12] = [3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11];

/// The same from behind: those of the samples between.
const REVERSED: [i16; 12] = {
    let mut taps = [0; 12];
    let mut n = 0;
    while n < 12 {
        taps[n] = TAPS[11 - n];
        n += 1;
    }
    taps
};

/// Samples the filter reaches back to, of each kind.
const BEFORE: usize = 11;

/// Both halves of the filter over the last samples: the first and the second of each pair.
#[derive(Debug, Clone)]
pub(super) struct Mirror {
    first: [i16; BEFORE + BLOCK],
    second: [i16; BEFORE + BLOCK],
}

impl Mirror {
    pub(super) fn new() -> Self {
        Self {
            first: [0; BEFORE + BLOCK],
            second: [0; BEFORE + BLOCK],
        }
    }

    /// Puts pair number `at` of the block where the filter finds it.
    pub(super) fn put(&mut self, at: usize, first: i16, second: i16) {
        self.first[BEFORE + at] = first;
        self.second[BEFORE + at] = second;
    }

    /// What the halves give at pair `at`.
    pub(super) fn filtered(&self, at: usize) -> (i32, i32) {
        let sum = |taps: &[i16; 12], samples: &[i16]| -> i32 {
            let pairs = taps.iter().zip(samples);
            pairs.map(|(&tap, &x)| i32::from(tap) * i32::from(x)).sum()
        };
        (
            sum(&TAPS, &self.first[at..at + 12]),
            sum(&REVERSED, &self.second[at..at + 12]),
        )
    }

    /// Ends a block of `count` pairs.
    pub(super) fn pass(&mut self, count: usize) {
        self.first.copy_within(count..count + BEFORE, 0);
        self.second.copy_within(count..count + BEFORE, 0);
    }
}
