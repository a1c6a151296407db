//! Where the timestamps of a stream lie on a recording's line.

use crate::time::RtpTime;

/// The mean error is over about this many packets.
const MEAN_OVER: i64 = 64;

/// What a mapping is of: streams, codings and clocks cannot be compared with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    /// The stream.
    pub(super) stream: (u32, u32),
    /// Units of its timestamps in a second.
    pub(super) clock: i64,
    /// Samples of the recording in a second.
    pub(super) rate: i64,
}

impl Scale {
    /// A packet this far from where its timestamp puts it ends the mapping at once: a second.
    fn most_error(self) -> i64 {
        self.rate
    }

    /// A mean error above this moves the mapping, for the sender's clock drifts or its delay
    /// changed: 40 ms.
    fn most_drift(self) -> i64 {
        self.rate / 25
    }
}

/// Where timestamps lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mapping {
    scale: Scale,
    time: RtpTime,
    position: i64,
    /// Mean of how much later packets come than they are placed, times [`MEAN_OVER`].
    error: i64,
}

impl Mapping {
    pub(super) fn new(scale: Scale, time: RtpTime, position: i64) -> Self {
        Self {
            scale,
            time,
            position,
            error: 0,
        }
    }

    /// Where a packet of so many samples belongs by its timestamp; `None` when this mapping does not
    /// hold for it.
    pub(super) fn place(
        &mut self,
        scale: Scale,
        time: RtpTime,
        samples: i64,
        arrived: i64,
    ) -> Option<i64> {
        if scale != self.scale {
            return None;
        }
        let moved = i64::from(time.since(self.time)) * scale.rate / scale.clock;
        let position = self.position + moved;
        let error = arrived - (position + samples);
        if error.abs() > scale.most_error() {
            return None;
        }
        self.error += error - self.error / MEAN_OVER;
        let mean = self.error / MEAN_OVER;
        if mean.abs() > scale.most_drift() {
            self.error = 0;
            self.position += mean;
        }
        // Kept near, so that differences of timestamps stay far from their wrap; in whole samples,
        // so that nothing is rounded away in the long run.
        if moved > 0 {
            let units = u32::try_from(moved * scale.clock / scale.rate).unwrap_or(0);
            self.time = self.time.plus(units);
            self.position += moved;
        }
        Some(position)
    }
}
