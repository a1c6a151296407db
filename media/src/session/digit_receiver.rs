//! Keys the far end presses, out of its telephone events (RFC 4733 section 2.5).

use std::time::{Duration, Instant};

use crate::rtp::{ClockRate, TelephoneEvent};
use crate::time::RtpTime;

/// Without a report for this long the key counts as let go, should all ends be lost.
const END_TIMEOUT: Duration = Duration::from_millis(250);

/// What a telephone event turned out to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DigitInput {
    /// A key was pressed.
    Pressed(char),
    /// It was let go, or its end is taken for lost.
    Released {
        /// The key.
        digit: char,
        /// How long it was pressed, as far as is known.
        held: Duration,
    },
}

/// Tells each key once, at its first packet. All packets of a key carry the timestamp of its
/// beginning, which tells repeated packets and ends from a new key. Which of two keys is the later
/// one is told by sequence numbers alone: the timestamps of a source that is switched may jump back.
#[derive(Debug, Clone)]
pub struct DigitReceiver {
    clock: ClockRate,
    latest: Option<Key>,
    /// The timestamp of the key before, whose ends some send once more.
    former: Option<RtpTime>,
}

impl Default for DigitReceiver {
    fn default() -> Self {
        Self::new(ClockRate::new(8000))
    }
}

#[derive(Debug, Clone, Copy)]
struct Key {
    began: RtpTime,
    /// The extended sequence number of its newest report.
    number: u32,
    /// The timestamp of its newest segment; differs from `began` when held for over 8 s.
    segment: RtpTime,
    event: TelephoneEvent,
    reported: Instant,
    released: bool,
}

impl DigitReceiver {
    /// A receiver of reports whose durations are counted by this clock.
    #[must_use]
    pub fn new(clock: ClockRate) -> Self {
        Self {
            clock,
            latest: None,
            former: None,
        }
    }

    /// From now on durations are counted by this clock.
    pub fn set_clock(&mut self, clock: ClockRate) {
        self.clock = clock;
    }

    /// Takes one report, whose packet had this extended sequence number. Up to three inputs come at
    /// once, in order: the release of a key whose ends were lost, the press of the one that follows,
    /// and its release when nothing but its end came.
    pub fn receive(
        &mut self,
        now: Instant,
        number: u32,
        time: RtpTime,
        event: TelephoneEvent,
    ) -> [Option<DigitInput>; 3] {
        if let Some(key) = &mut self.latest {
            if key.continues(time, event) {
                key.number = key.number.max(number);
                return [key.update(now, time, event, self.clock), None, None];
            }
            if number < key.number || self.former == Some(time) {
                return [None; 3];
            }
        }
        let lost_end = self.release();
        self.former = self.latest.map(|key| key.segment);
        self.latest = Some(Key {
            began: time,
            number,
            segment: time,
            event,
            reported: now,
            released: false,
        });
        let pressed = event.key().map(DigitInput::Pressed);
        let let_go = if event.end { self.release() } else { None };
        [lost_end, pressed, let_go]
    }

    /// Takes a key for let go when its reports have stopped.
    pub fn handle_timeout(&mut self, now: Instant) -> Option<DigitInput> {
        if self.poll_timeout()? > now {
            return None;
        }
        self.release()
    }

    /// When [`DigitReceiver::handle_timeout`] is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let key = self.latest.filter(|key| !key.released)?;
        Some(key.reported + END_TIMEOUT)
    }

    /// The far end began another stream: its timestamps mean nothing here. A key that was down is
    /// let go.
    #[must_use]
    pub fn restart(&mut self) -> Option<DigitInput> {
        let released = self.release();
        self.latest = None;
        self.former = None;
        released
    }

    fn release(&mut self) -> Option<DigitInput> {
        let key = self.latest.as_mut().filter(|key| !key.released)?;
        key.released = true;
        key.input(self.clock)
    }
}

impl Key {
    /// Whether a report is of this key: the same beginning, or the next segment of a long press
    /// (RFC 4733 section 2.5.1.3), which begins where the duration field was full.
    fn continues(&self, time: RtpTime, event: TelephoneEvent) -> bool {
        let next_segment = self.segment.plus(u32::from(u16::MAX));
        let same_time = time == self.segment;
        same_time || (!self.released && event.event == self.event.event && time == next_segment)
    }

    fn update(
        &mut self,
        now: Instant,
        time: RtpTime,
        event: TelephoneEvent,
        clock: ClockRate,
    ) -> Option<DigitInput> {
        if event.event != self.event.event {
            return None;
        }
        self.reported = now;
        let longer = time != self.segment || event.duration > self.event.duration;
        self.segment = time;
        if longer {
            self.event.duration = event.duration;
        }
        if !event.end || self.released {
            return None;
        }
        self.released = true;
        self.input(clock)
    }

    fn input(&self, clock: ClockRate) -> Option<DigitInput> {
        let segments = u64::from(self.segment.since(self.began).unsigned_abs());
        Some(DigitInput::Released {
            digit: self.event.key()?,
            held: clock.duration(segments + u64::from(self.event.duration)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_time::epoch;

    fn event(key: char, duration: u16, end: bool) -> TelephoneEvent {
        TelephoneEvent {
            duration,
            end,
            ..TelephoneEvent::of_key(key).unwrap()
        }
    }

    /// Feeds reports 20 ms apart, and gives what came of them.
    fn inputs(receiver: &mut DigitReceiver, reports: &[(u32, TelephoneEvent)]) -> Vec<DigitInput> {
        let mut now = epoch();
        let mut inputs = Vec::new();
        for (&(time, event), number) in reports.iter().zip(0x1_0000..) {
            now += Duration::from_millis(20);
            let told = receiver.receive(now, number, RtpTime(time), event);
            inputs.extend(told.iter().flatten());
        }
        inputs
    }

    fn released(digit: char, milliseconds: u64) -> DigitInput {
        DigitInput::Released {
            digit,
            held: Duration::from_millis(milliseconds),
        }
    }

    #[test]
    fn a_key_is_told_once_whatever_is_repeated() {
        let mut receiver = DigitReceiver::default();
        let reports: Vec<_> = [160, 320, 480]
            .map(|duration| (1000, event('5', duration, false)))
            .into_iter()
            .chain([(1000, event('5', 640, true)); 3])
            .collect();
        assert_eq!(
            inputs(&mut receiver, &reports),
            [DigitInput::Pressed('5'), released('5', 80)]
        );
    }

    #[test]
    fn the_same_key_twice_is_two_digits() {
        let mut receiver = DigitReceiver::default();
        let reports = [
            (1000, event('5', 160, false)),
            (1000, event('5', 320, true)),
            (3000, event('5', 160, false)),
        ];
        let pressed = inputs(&mut receiver, &reports);
        assert_eq!(pressed.len(), 3);
        assert_eq!(pressed[2], DigitInput::Pressed('5'));
    }

    #[test]
    fn a_lost_end_is_inferred_from_the_next_key_or_from_quiet() {
        let mut receiver = DigitReceiver::default();
        let reports = [
            (1000, event('1', 160, false)),
            (3000, event('2', 160, false)),
        ];
        assert_eq!(
            inputs(&mut receiver, &reports),
            [
                DigitInput::Pressed('1'),
                released('1', 20),
                DigitInput::Pressed('2')
            ]
        );
        let due = receiver.poll_timeout().unwrap();
        assert_eq!(
            receiver.handle_timeout(due - Duration::from_millis(1)),
            None
        );
        assert_eq!(receiver.handle_timeout(due), Some(released('2', 20)));
        assert_eq!(receiver.poll_timeout(), None);
        // Its end comes after all: nothing new.
        let late = [(3000, event('2', 640, true))];
        assert_eq!(inputs(&mut receiver, &late), []);
    }

    #[test]
    fn a_key_of_which_only_the_end_came_is_a_digit() {
        let mut receiver = DigitReceiver::default();
        let reports = [(1000, event('#', 800, true)); 3];
        assert_eq!(
            inputs(&mut receiver, &reports),
            [DigitInput::Pressed('#'), released('#', 100)]
        );
        assert_eq!(receiver.poll_timeout(), None);
    }

    #[test]
    fn reports_out_of_order_are_no_new_digits() {
        let mut receiver = DigitReceiver::default();
        let reports = [
            (1000, event('1', 320, true)),
            (3000, event('2', 160, false)),
            (1000, event('1', 160, false)),
            (3000, event('2', 320, true)),
        ];
        let told = inputs(&mut receiver, &reports);
        let pressed = |input: &&DigitInput| matches!(input, DigitInput::Pressed(_));
        assert_eq!(told.iter().filter(pressed).count(), 2);
    }

    #[test]
    fn a_press_longer_than_the_duration_field_stays_one_digit() {
        let mut receiver = DigitReceiver::default();
        let reports = [
            (1000, event('9', 65_535, false)),
            (1000 + 65_535, event('9', 160, false)),
            (1000 + 65_535, event('9', 800, true)),
        ];
        let held = crate::time::duration(65_535 + 800);
        assert_eq!(
            inputs(&mut receiver, &reports),
            [
                DigitInput::Pressed('9'),
                DigitInput::Released { digit: '9', held }
            ]
        );
    }

    #[test]
    fn events_that_are_no_keys_are_told_to_nobody() {
        let mut receiver = DigitReceiver::default();
        let flash = TelephoneEvent {
            event: 16,
            ..event('1', 160, false)
        };
        assert_eq!(inputs(&mut receiver, &[(1000, flash)]), []);
    }
}
