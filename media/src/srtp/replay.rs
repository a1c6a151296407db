//! Which packet of a stream this is, and whether it came before (RFC 3711 sections 3.3.1, 3.3.2).

/// Packets back that are still known one by one.
const WINDOW: u64 = 128;

/// Half the sequence numbers: further apart, and the other way round is shorter.
const HALF: u16 = 1 << 15;

/// The highest packet index of a stream, and which of the 128 up to it were seen. For RTP an index
/// is the rollover counter and the sequence number, for SRTCP it is sent along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayWindow {
    highest: u64,
    /// Bit n: `highest - n` was seen.
    seen: u128,
}

impl ReplayWindow {
    /// A window that has seen this one packet.
    #[must_use]
    pub fn starting_at(index: u64) -> Self {
        Self {
            highest: index,
            seen: 1,
        }
    }

    /// The index that a packet with this sequence number most likely has: the nearest to the
    /// highest one. `None` for one from before the stream's first rollover.
    #[must_use]
    pub fn guess(&self, sequence: u16) -> Option<u64> {
        let [.., high, low] = self.highest.to_be_bytes();
        let newest = u16::from_be_bytes([high, low]);
        let start = self.highest - u64::from(newest);
        let start = if newest < HALF && sequence > newest + HALF {
            start.checked_sub(1 << 16)?
        } else if newest >= HALF && sequence < newest - HALF {
            start + (1 << 16)
        } else {
            start
        };
        Some(start + u64::from(sequence))
    }

    /// The highest index so far.
    #[must_use]
    pub fn highest(&self) -> u64 {
        self.highest
    }

    /// Whether a packet of this index was not seen and is not too old to know.
    #[must_use]
    pub fn is_fresh(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => true,
            Some(age) => age < WINDOW && self.seen & (1 << age) == 0,
        }
    }

    /// Takes note of a packet, once it is known to be authentic.
    pub fn accept(&mut self, index: u64) {
        match self.highest.checked_sub(index) {
            None => {
                let ahead = u32::try_from(index - self.highest).unwrap_or(u32::MAX);
                self.seen = self.seen.checked_shl(ahead).unwrap_or(0) | 1;
                self.highest = index;
            }
            Some(age) if age < WINDOW => self.seen |= 1 << age,
            Some(_) => {}
        }
    }
}
