//! Which telephone events a side takes (RFC 4733 section 2.4.1).

use std::fmt;

/// Telephone events as one side describes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TelephoneEvents {
    pub(crate) payload_type: u8,
    /// What their time is counted by: that of the audio they stand between.
    pub(crate) clock_rate: u32,
    pub(crate) events: Events,
}

/// A set of DTMF events: digits 0–9, `*` 10, `#` 11, A–D 12–15, flash 16. Others are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Events(u32);

impl Events {
    /// What we take: all digits and flash.
    pub(crate) const OURS: Self = Self(0x1_ffff);
    /// What a side takes that does not say (RFC 4733 section 2.5.1.1).
    pub(crate) const DEFAULT: Self = Self(0x0_ffff);

    /// Reads an `fmtp` value such as `0-15,66`. `None` when it is no such list.
    pub(crate) fn parse(list: &str) -> Option<Self> {
        let mut set = 0;
        for part in list.trim().split(',') {
            let (first, last) = part.trim().split_once('-').unwrap_or((part, part));
            let first: u8 = first.trim().parse().ok()?;
            let last: u8 = last.trim().parse().ok()?;
            for event in first..=last.min(16) {
                set |= 1 << event;
            }
        }
        Some(Self(set))
    }

    /// The events both sets have.
    pub(crate) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    fn has(self, event: u8) -> bool {
        event <= 16 && self.0 & (1 << event) != 0
    }

    /// True when the set has no event.
    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut comma = "";
        let mut event = 0;
        while event <= 16 {
            if !self.has(event) {
                event += 1;
                continue;
            }
            let first = event;
            while self.has(event + 1) {
                event += 1;
            }
            if first == event {
                write!(f, "{comma}{first}")?;
            } else {
                write!(f, "{comma}{first}-{event}")?;
            }
            comma = ",";
            event += 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_list_survives_its_text_form() {
        for text in ["0-15", "0-16", "0-11,16", "0,2,4-6"] {
            assert_eq!(Events::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Events::OURS.to_string(), "0-16");
        assert_eq!(Events::DEFAULT.to_string(), "0-15");
    }

    #[test]
    fn events_that_are_no_digits_are_dropped() {
        let offered = Events::parse(" 0-15, 32-49,66 ").unwrap();
        assert_eq!(offered.and(Events::OURS).to_string(), "0-15");
        assert!(Events::parse("200-255").unwrap().is_empty());
        assert!(Events::parse("9-3").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for text in ["", "a", "0-", "-1", "0-15;", "0-256", "0,,1"] {
            assert_eq!(Events::parse(text), None, "{text}");
        }
    }
}
