//! Whether packets hold copies of the ones before them, and whether that is of use.

/// For so many seconds of sound a loss, or a copy, is remembered.
const REMEMBERED: (u32, u32) = (10, 2);

/// What was seen of copies (in-band FEC) and of losses of late.
///
/// The copy of a packet comes with the next one. Where the network loses packets and the far end
/// sends copies, every packet has to wait for the one behind it; anywhere else that would be delay
/// for nothing.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// How long the last packet that held a copy was.
    packet: u32,
    /// Units of sound since it, and since a packet was lost.
    since_copy: u32,
    since_loss: Option<u32>,
}

impl Copies {
    /// A packet of so many units came, with a copy of so many before it.
    pub(super) fn came(&mut self, units: u32, copied: u32) {
        if copied > 0 {
            self.packet = units;
            self.since_copy = 0;
        } else {
            self.since_copy = self.since_copy.saturating_add(units);
        }
    }

    /// A packet of so many units was played.
    pub(super) fn taken(&mut self, units: u32) {
        if let Some(since) = &mut self.since_loss {
            *since = since.saturating_add(units);
        }
    }

    /// One was lost.
    pub(super) fn lost(&mut self) {
        self.since_loss = Some(0);
    }

    /// How much longer packets should wait so that the copy of each is there in time, in units.
    pub(super) fn worth_waiting_for(&self, clock: u32) -> u32 {
        let (loss, copy) = REMEMBERED;
        let lossy = self.since_loss.is_some_and(|since| since < loss * clock);
        if lossy && self.since_copy < copy * clock {
            self.packet
        } else {
            0
        }
    }
}
