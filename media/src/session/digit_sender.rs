//! Keys we press: telephone events to the far end (RFC 4733 section 2.5.1).

use std::collections::VecDeque;
use std::time::Instant;

use crate::rtp::{RtpHeader, TELEPHONE_EVENT_LEN, TelephoneEvent};
use crate::session::stream::OutStream;
use crate::time::RtpTime;

/// Frames a key is pressed for: 100 ms, well above what receivers need.
const PRESSED: u16 = 5;

/// Times the end is sent, so that losing some does not matter.
const ENDS: u16 = 3;

/// Frames between the last end and the next key or audio.
const PAUSE: u16 = 3;

/// Sends keys one after the other: the first report with the marker, reports of growing duration
/// every frame, three ends, a pause. Nothing else goes out meanwhile.
#[derive(Debug, Clone, Default)]
pub struct DigitSender {
    waiting: VecDeque<char>,
    /// The key under way, where its time is and how many frames have passed.
    current: Option<(TelephoneEvent, RtpTime, u16)>,
}

impl DigitSender {
    /// Adds keys to those that wait.
    pub fn push(&mut self, digits: impl Iterator<Item = char>) {
        self.waiting.extend(digits);
    }

    /// Whether a key is under way or waits.
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.current.is_some() || !self.waiting.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// One frame passes: the packet to send in it, without its payload type. `None` in a pause.
    pub fn tick(
        &mut self,
        now: Instant,
        stream: &mut OutStream,
    ) -> Option<(RtpHeader, [u8; TELEPHONE_EVENT_LEN])> {
        let Some((mut event, time, passed)) = self.current else {
            let mut event = TelephoneEvent::of_key(self.waiting.pop_front()?)?;
            event.duration = units(1, stream);
            let header = stream.key(now, u32::from(units(PRESSED, stream)));
            self.current = Some((event, header.time, 1));
            return Some((header, event.to_bytes()));
        };
        let passed = passed + 1;
        let last = PRESSED + ENDS - 1;
        self.current = (passed < last + PAUSE).then_some((event, time, passed));
        if passed > last {
            return None;
        }
        event.duration = units(passed.min(PRESSED), stream);
        event.end = passed >= PRESSED;
        Some((stream.key_again(time), event.to_bytes()))
    }
}

/// So many frames by the clock of the stream.
fn units(frames: u16, stream: &OutStream) -> u16 {
    let units = u32::from(frames).saturating_mul(stream.clock().frame());
    u16::try_from(units).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::session::stream::StreamSeed;
    use crate::test_time::epoch;

    #[test]
    fn two_keys_go_out_one_after_the_other() {
        let mut stream = OutStream::new(StreamSeed {
            ssrc: 1,
            sequence: 10,
            time: RtpTime(0),
        });
        let mut sender = DigitSender::default();
        sender.push("1#".chars());
        let mut now = epoch();
        let mut sent = Vec::new();
        while sender.is_active() {
            sent.push(sender.tick(now, &mut stream));
            now += Duration::from_millis(20);
        }
        assert_eq!(sent.len(), 20);
        let key: Vec<_> = sent[..10].iter().flatten().collect();
        assert_eq!(key.len(), 7);
        let event = |n: usize| TelephoneEvent::parse(&key[n].1).unwrap();
        assert_eq!(event(0).key(), Some('1'));
        let durations: Vec<u16> = (0..7).map(|n| event(n).duration).collect();
        assert_eq!(durations, [160, 320, 480, 640, 800, 800, 800]);
        let ends: Vec<bool> = (0..7).map(|n| event(n).end).collect();
        assert_eq!(ends, [false, false, false, false, true, true, true]);
        assert!(key[0].0.marker && key[1..].iter().all(|(header, _)| !header.marker));
        assert!(key.iter().all(|(header, _)| header.time == key[0].0.time));
        assert!(
            key.windows(2)
                .all(|two| two[1].0.sequence == two[0].0.sequence + 1)
        );
        let second = sent[10].as_ref().unwrap();
        assert_eq!(TelephoneEvent::parse(&second.1).unwrap().key(), Some('#'));
        assert_eq!(second.0.time.since(key[0].0.time), 10 * 160);
    }
}
