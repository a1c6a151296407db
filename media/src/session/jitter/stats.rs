//! What a jitter buffer did to the sound.

use std::time::Duration;

/// Totals since the stream began, and the wait as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JitterStats {
    /// Packets taken in.
    pub received: u64,
    /// Packets whose turn came and that were not there, late ones included.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came twice.
    pub duplicate: u64,
    /// Packets skipped because they would have waited too long, or for want of room.
    pub discarded: u64,
    /// Times that the far end's stream began anew.
    pub resets: u64,
    /// Sound that was made up in place of what did not come.
    pub concealed: Duration,
    /// Made-up sound that stood in for nothing lost: its packets came after all and were played
    /// later.
    pub stalled: Duration,
    /// Sound added to make the wait longer.
    pub grown: Duration,
    /// Sound taken out to make the wait shorter.
    pub shrunk: Duration,
    /// From a packet's arrival to when its sound is heard, of late.
    pub delay: Duration,
    /// The same over the whole stream.
    pub mean_delay: Duration,
    /// The wait aimed at, for a packet that comes by the quickest way.
    pub target: Duration,
}

impl JitterStats {
    /// Packets that came and were not heard.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.late + self.discarded
    }
}
