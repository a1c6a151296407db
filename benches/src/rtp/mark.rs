//! What marked payloads say.

use crate::clock::Nanos;

const MAGIC: [u8; 4] = *b"load";

/// Bytes of a payload that a mark takes.
const LENGTH: usize = 20;

/// A packet's own account of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    /// The call it belongs to.
    pub(super) call: u32,
    /// Counts up by one per packet of a leg.
    pub(super) counter: u32,
    /// When it was sent.
    pub(super) sent_at: Nanos,
}

impl Mark {
    /// The mark a payload begins with, if it does.
    pub(super) fn of(payload: &[u8]) -> Option<Self> {
        let (magic, rest) = payload.split_first_chunk::<4>()?;
        let (call, rest) = rest.split_first_chunk()?;
        let (counter, rest) = rest.split_first_chunk()?;
        let (sent_at, _) = rest.split_first_chunk()?;
        (*magic == MAGIC).then_some(Self {
            call: u32::from_be_bytes(*call),
            counter: u32::from_be_bytes(*counter),
            sent_at: u64::from_be_bytes(*sent_at),
        })
    }

    /// Puts it at the beginning of a payload that has room for it.
    pub(super) fn write(&self, payload: &mut [u8]) {
        let Some(begin) = payload.first_chunk_mut::<LENGTH>() else {
            return;
        };
        begin[..4].copy_from_slice(&MAGIC);
        begin[4..8].copy_from_slice(&self.call.to_be_bytes());
        begin[8..12].copy_from_slice(&self.counter.to_be_bytes());
        begin[12..].copy_from_slice(&self.sent_at.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_nothing_else_is_one() {
        let mark = Mark {
            call: 7,
            counter: 70_000,
            sent_at: 1_790_000_000_000_000_000,
        };
        let mut payload = [0xff; 160];
        assert_eq!(Mark::of(&payload), None);
        mark.write(&mut payload);
        assert_eq!(Mark::of(&payload), Some(mark));
        assert_eq!(Mark::of(&payload[..LENGTH - 1]), None);
    }
}
