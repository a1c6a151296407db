//! How long packets may wait.

use std::time::Duration;

/// Bounds of the wait in the jitter buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JitterSettings {
    /// The least time between the moment a packet would come by the quickest way and the moment it
    /// is decoded. Since sound is asked for every 20 ms, the wait is up to 20 ms longer.
    pub min: Duration,
    /// The longest such time: packets that would have to wait longer are skipped.
    pub max: Duration,
    /// The same at the start of a stream, until the network is known.
    pub start: Duration,
}

impl Default for JitterSettings {
    fn default() -> Self {
        Self {
            // Covers a late turn of the far end's own timer.
            min: Duration::from_millis(10),
            // Beyond 200 ms a conversation falls apart sooner than by loss (ITU-T G.114).
            max: Duration::from_millis(200),
            start: Duration::from_millis(40),
        }
    }
}
