//! The beep that tells both parties that they are recorded, as it stands in the recording.

use std::collections::VecDeque;
use std::f64::consts::TAU;

use offhook_core::recording::{BEEP_HERTZ, BEEP_LENGTH, RecordingRate};

/// About as loud as the parties: -20 dB of full scale.
const AMPLITUDE: f64 = 3277.0;

/// Beeps that are remembered at once; they come seconds apart.
const MOST: usize = 8;

/// When beeps are heard, in samples.
#[derive(Debug)]
pub(super) struct Beeps {
    rate: u32,
    length: u64,
    starts: VecDeque<u64>,
}

impl Beeps {
    pub(super) fn new(rate: RecordingRate) -> Self {
        let rate = rate.hertz();
        let length = BEEP_LENGTH.as_millis() * u128::from(rate) / 1000;
        Self {
            rate,
            length: u64::try_from(length).unwrap_or(0),
            starts: VecDeque::new(),
        }
    }

    /// One begins there.
    pub(super) fn add(&mut self, start: u64) {
        if self.starts.len() < MOST {
            self.starts.push_back(start);
        }
    }

    /// Whether there are none to come or under way.
    pub(super) fn are_none(&self) -> bool {
        self.starts.is_empty()
    }

    /// What is heard of them at this sample.
    pub(super) fn sample(&self, position: u64) -> i16 {
        let inside = self.starts.iter().find_map(|start| {
            let inside = position.checked_sub(*start)?;
            (inside < self.length).then_some(inside)
        });
        let Some(inside) = inside.and_then(|inside| u32::try_from(inside).ok()) else {
            return 0;
        };
        let angle = TAU * f64::from(BEEP_HERTZ) * f64::from(inside) / f64::from(self.rate);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a tenth of what an i16 holds"
        )]
        let sample = (angle.sin() * AMPLITUDE) as i16;
        sample
    }

    /// Forgets those that are over before this sample.
    pub(super) fn forget(&mut self, written: u64) {
        let length = self.length;
        self.starts.retain(|start| start + length > written);
    }
}
