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
    /// Lost packets whose sound was had from the copy that the one after them held.
    pub recovered: u64,
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
    /// The longest it ever was for a while.
    pub longest_delay: Duration,
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

/// What is counted, in units of the stream's clock.
#[derive(Debug, Default)]
pub(super) struct Counted {
    pub(super) stats: JitterStats,
    pub(super) concealed: u64,
    pub(super) stalled: u64,
    /// Waits of decoded packets.
    pub(super) waits: u64,
    waited: u64,
    /// The wait of late, in 1/16 unit, and the longest it was.
    recent: i64,
    longest: i64,
}

impl Counted {
    /// A packet was decoded after it had waited for so long.
    pub(super) fn wait(&mut self, wait: i64) {
        let wait = wait.max(0);
        if self.waits == 0 {
            self.recent = wait * 16;
        }
        self.recent += wait - self.recent / 16;
        self.longest = self.longest.max(self.recent);
        self.waits += 1;
        self.waited += u64::try_from(wait).unwrap_or(0);
    }

    /// The figures, with the wait aimed at.
    pub(super) fn stats(&self, clock: u32, target: u64) -> JitterStats {
        let lasting =
            |units: u64| Duration::from_micros(units.saturating_mul(1_000_000) / u64::from(clock));
        JitterStats {
            concealed: lasting(self.concealed),
            stalled: lasting(self.stalled),
            delay: lasting(u64::try_from(self.recent / 16).unwrap_or(0)),
            longest_delay: lasting(u64::try_from(self.longest / 16).unwrap_or(0)),
            mean_delay: lasting(self.waited.checked_div(self.waits).unwrap_or(0)),
            target: lasting(target),
            ..self.stats
        }
    }
}
