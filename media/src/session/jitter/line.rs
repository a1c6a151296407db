//! Where packets lie on the receiver's own line of time.

use std::time::Duration;

use crate::session::jitter::frame::AudioPacket;
use crate::session::jitter::units;
use crate::time::RtpTime;

/// A packet whose timestamp is off by more than this against its arrival begins a new line.
const MAX_TIME_JUMP: Duration = Duration::from_millis(500);

/// A line that neither wraps nor jumps, whatever a stream's timestamps do: packets are placed from
/// the newest before them.
#[derive(Debug)]
pub(super) struct Line {
    /// The greatest jump of a timestamp that is believed, in units.
    limit: i64,
    newest: Option<Newest>,
}

/// The newest packet by sequence number.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u32,
    stamp: RtpTime,
    time: i64,
    units: u32,
    arrived: i64,
}

impl Line {
    /// A line without packets, for a clock of so many units per second.
    pub(super) fn new(clock: u32) -> Self {
        let limit = i64::try_from(units(MAX_TIME_JUMP, clock)).unwrap_or(i64::MAX);
        Self {
            limit,
            newest: None,
        }
    }

    /// The stream begins anew: whatever comes next is newer.
    pub(super) fn restart(&mut self) {
        if let Some(newest) = &mut self.newest {
            newest.sequence = 0;
            newest.units = 0;
        }
    }

    /// Where a packet that came at `arrived` lies.
    pub(super) fn place(&mut self, packet: &AudioPacket<'_>, arrived: i64) -> i64 {
        let Some(newest) = self.newest else {
            self.set_newest(packet, 0, arrived);
            return 0;
        };
        let sent = i64::from(packet.time.since(newest.stamp));
        let passed = arrived - newest.arrived;
        let is_newer = packet.sequence > newest.sequence;
        let jumps = (sent - passed).abs() > self.limit;
        let time = match (jumps, is_newer) {
            (false, _) => newest.time + sent,
            // As much later as it came later, but not before the end of what is there.
            (true, true) => newest.time + passed.max(i64::from(newest.units)),
            (true, false) => newest.time,
        };
        if is_newer {
            self.set_newest(packet, time, arrived);
        }
        time
    }

    fn set_newest(&mut self, packet: &AudioPacket<'_>, time: i64, arrived: i64) {
        self.newest = Some(Newest {
            sequence: packet.sequence,
            stamp: packet.time,
            time,
            units: packet.units,
            arrived,
        });
    }
}
