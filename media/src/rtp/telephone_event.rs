//! Telephone events: pressed keys as RTP payloads (RFC 4733 section 2.3).

/// Length of the payload.
pub const TELEPHONE_EVENT_LEN: usize = 4;

/// The keys by their event codes (RFC 4733 section 3.2).
const KEYS: [char; 16] = [
    '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', '*', '#', 'A', 'B', 'C', 'D',
];

/// One report on a pressed key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TelephoneEvent {
    /// The event code; 0 to 15 are keys.
    pub event: u8,
    /// The key was let go.
    pub end: bool,
    /// The power level, in dBm0 without its sign.
    pub volume: u8,
    /// How long it has been pressed, in timestamp units.
    pub duration: u16,
}

impl TelephoneEvent {
    /// The event of a key, not yet ended; `None` when there is no such key.
    #[must_use]
    pub fn of_key(key: char) -> Option<Self> {
        let event = KEYS.iter().position(|&known| known == key)?;
        Some(Self {
            event: u8::try_from(event).ok()?,
            end: false,
            volume: 10,
            duration: 0,
        })
    }

    /// The key, unless the event is something else, such as a flash.
    #[must_use]
    pub fn key(&self) -> Option<char> {
        KEYS.get(usize::from(self.event)).copied()
    }

    /// Reads a payload; `None` when it is too short. What follows the first event is left alone.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let &[event, flags, high, low] = payload.first_chunk()?;
        Some(Self {
            event,
            end: flags & 0x80 != 0,
            volume: flags & 0x3F,
            duration: u16::from_be_bytes([high, low]),
        })
    }

    /// Its wire form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; TELEPHONE_EVENT_LEN] {
        let [high, low] = self.duration.to_be_bytes();
        let flags = u8::from(self.end) << 7 | (self.volume & 0x3F);
        [self.event, flags, high, low]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_key_has_its_event_and_nothing_else_does() {
        for key in "0123456789*#ABCD".chars() {
            assert_eq!(TelephoneEvent::of_key(key).unwrap().key(), Some(key));
        }
        assert_eq!(TelephoneEvent::of_key('a'), None);
        let flash = TelephoneEvent::parse(&[16, 10, 0, 160]).unwrap();
        assert_eq!(flash.key(), None);
    }

    proptest! {
        #[test]
        fn an_event_survives_its_bytes(event: u8, end: bool, volume in 0u8..64, duration: u16) {
            let event = TelephoneEvent { event, end, volume, duration };
            prop_assert_eq!(TelephoneEvent::parse(&event.to_bytes()), Some(event));
        }

        #[test]
        fn a_short_payload_is_no_event(payload in proptest::collection::vec(any::<u8>(), 0..4)) {
            prop_assert_eq!(TelephoneEvent::parse(&payload), None);
        }
    }
}
