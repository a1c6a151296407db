//! Keys we press: telephone events to the far end (RFC 4733 section 2.5.1), or their tones.

use std::collections::VecDeque;
use std::time::Instant;

use crate::rtp::{ClockRate, RtpHeader, TELEPHONE_EVENT_LEN, TelephoneEvent};
use crate::session::stream::OutStream;
use crate::time::RtpTime;

/// Frames a key is pressed for: 100 ms, well above what receivers need.
const PRESSED: u32 = 5;

/// Frames a key that somebody else presses goes out for at least.
const SHORTEST: u32 = 3;

/// Times the end is sent, so that losing some does not matter.
const ENDS: u32 = 3;

/// Frames between the last end and the next key or audio.
const PAUSE: u32 = 3;

/// Frames a key that somebody else presses goes out for at most: ten seconds, longer than any menu
/// asks for. Meanwhile nothing else is heard, so the word that it was let go must not be needed.
const LONGEST: u32 = 500;

/// Keys of a far end that wait at most; whoever presses faster than they go out loses some.
const MAX_FOLLOWED: usize = 32;

/// Keys that wait at most, whoever asked for them: half a minute of them.
const MAX_WAITING: usize = 128;

/// Sends keys one after the other: the first report with the marker, reports of growing duration
/// every frame, three ends, a pause. Nothing else goes out meanwhile. A key that another far end
/// presses goes out as long as it is held there.
#[derive(Debug, Clone, Default)]
pub struct DigitSender {
    waiting: VecDeque<Press>,
    current: Option<Current>,
}

/// A key to be pressed.
#[derive(Debug, Clone, Copy)]
struct Press {
    key: char,
    held: Held,
}

/// How long a key is pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Held {
    /// As long as keys usually are.
    Usually,
    /// Until it is let go.
    Down,
    /// It was let go already.
    Up,
}

/// The key under way.
#[derive(Debug, Clone, Copy)]
struct Current {
    event: TelephoneEvent,
    held: Held,
    /// Where its segment began; `None` until a report of it went out.
    time: Option<RtpTime>,
    /// Frames since it was pressed, and since it was let go.
    pressed: u32,
    over: u32,
    /// Units of the events' clock in the segments before this one, or before its first report.
    before: u32,
}

/// What a frame holds for somebody who hears keys as tones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToneFrame {
    /// The tone of this key.
    Key(char),
    /// The pause after it.
    Pause,
}

impl DigitSender {
    /// Adds keys to those that wait: all of them, or none, and false, when they are too many.
    pub fn push(&mut self, digits: impl Iterator<Item = char>) -> bool {
        let (held, before) = (Held::Usually, self.waiting.len());
        let room = MAX_WAITING.saturating_sub(before);
        // One more than there is room for is enough to know.
        let presses = digits.take(room + 1).map(|key| Press { key, held });
        self.waiting.extend(presses);
        let fits = self.waiting.len() <= MAX_WAITING;
        if !fits {
            self.waiting.truncate(before);
        }
        fits
    }

    /// Another far end pressed a key and holds it.
    pub fn press(&mut self, key: char) {
        if self.waiting.len() < MAX_FOLLOWED {
            let held = Held::Down;
            self.waiting.push_back(Press { key, held });
        }
    }

    /// It was let go.
    pub fn release(&mut self) {
        let current = self.current.iter_mut().map(|current| &mut current.held);
        let waiting = self.waiting.iter_mut().map(|press| &mut press.held);
        for held in current.chain(waiting) {
            if *held == Held::Down {
                *held = Held::Up;
            }
        }
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
    /// Durations are counted by `clock`, which need not be that of the stream. A key of which
    /// nothing could be sent before begins now.
    pub fn tick(
        &mut self,
        now: Instant,
        stream: &mut OutStream,
        clock: ClockRate,
    ) -> Option<(RtpHeader, [u8; TELEPHONE_EVENT_LEN])> {
        let frame = clock.frame();
        self.step()?;
        let current = self.current.as_mut()?;
        let header = if let Some(time) = current.time {
            stream.key_again(now, time)
        } else {
            current.before = (current.pressed - 1).saturating_mul(frame);
            stream.key(now, stream.clock().frame())
        };
        let time = current.time.unwrap_or(header.time);
        let total = current.pressed.saturating_mul(frame);
        let here = total.saturating_sub(current.before);
        // A key held for longer than the field can say goes on in another segment (RFC 4733 section
        // 2.5.1.3).
        let full = u32::from(u16::MAX);
        current.event.duration = u16::try_from(here).unwrap_or(u16::MAX);
        current.event.end = current.over > 0;
        let in_stream = |units| clock.counted_by(units, stream.clock());
        let (length, segment) = (in_stream(here.min(full)), in_stream(full));
        stream.occupy(time, length);
        let payload = current.event.to_bytes();
        current.time = Some(time);
        if here > full {
            current.before += full;
            current.time = Some(time.plus(segment));
        }
        Some((header, payload))
    }

    /// One frame passes in which nothing may be sent.
    pub fn pass(&mut self) {
        self.step();
    }

    /// One frame passes for somebody who hears keys as tones.
    pub fn tone(&mut self) -> ToneFrame {
        let began = self.step();
        let current = self.current.filter(|current| current.over == 0);
        let key = current.filter(|_| began.is_some());
        let key = key.and_then(|current| current.event.key());
        key.map_or(ToneFrame::Pause, ToneFrame::Key)
    }

    /// The key under way grows by a frame, ends, or makes place for the next: whether one begins
    /// now. `None` in a pause.
    fn step(&mut self) -> Option<bool> {
        let Some(current) = &mut self.current else {
            let press = self.waiting.pop_front()?;
            self.current = Some(Current {
                event: TelephoneEvent::of_key(press.key)?,
                held: press.held,
                time: None,
                pressed: 1,
                over: 0,
                before: 0,
            });
            return Some(true);
        };
        if current.is_held() {
            current.pressed += 1;
            // The last frame of a key whose length is known says already that it ends.
            if current.held == Held::Usually && current.pressed == PRESSED {
                current.over = 1;
            }
            return Some(false);
        }
        current.over += 1;
        let over = current.over;
        if over == ENDS + PAUSE {
            self.current = None;
        }
        (over <= ENDS).then_some(false)
    }
}

impl Current {
    fn is_held(&self) -> bool {
        match self.held {
            Held::Usually => self.pressed < PRESSED,
            Held::Down => self.pressed < LONGEST,
            Held::Up => self.pressed < SHORTEST,
        }
    }
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
            sent.push(sender.tick(now, &mut stream, ClockRate::new(8000)));
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

    /// A key held at another far end, at 48 kHz: its reports.
    fn followed(frames: u32) -> Vec<(RtpHeader, TelephoneEvent)> {
        let mut stream = OutStream::new(StreamSeed {
            ssrc: 1,
            sequence: 10,
            time: RtpTime(0),
        });
        stream.set_clock(epoch(), ClockRate::new(48_000));
        let mut sender = DigitSender::default();
        sender.press('7');
        let mut sent = Vec::new();
        for n in 0..frames + 10 {
            if n == frames {
                sender.release();
            }
            let now = epoch() + Duration::from_millis(20) * n;
            let report = sender.tick(now, &mut stream, ClockRate::new(48_000));
            sent.extend(
                report.map(|(header, bytes)| (header, TelephoneEvent::parse(&bytes).unwrap())),
            );
        }
        assert!(!sender.is_active());
        sent
    }

    #[test]
    fn a_followed_key_is_as_long_as_it_is_held() {
        for (frames, heard) in [(1, 3), (4, 4), (20, 20)] {
            let sent = followed(frames);
            let ends: Vec<_> = sent.iter().filter(|(_, event)| event.end).collect();
            assert_eq!(ends.len(), 3);
            assert!(ends.iter().all(|(_, event)| event.duration == heard * 960));
            assert_eq!(sent.len(), usize::from(heard) + 3);
        }
    }

    /// RFC 4733 section 2.5.1.3.
    #[test]
    fn a_key_held_for_longer_than_its_field_goes_on_in_another_segment() {
        let sent = followed(100);
        let begins = sent[0].0.time;
        let full = sent
            .iter()
            .position(|(_, event)| event.duration == u16::MAX);
        let (header, _) = sent[full.unwrap()];
        assert_eq!(header.time, begins);
        let (after, event) = sent[full.unwrap() + 1];
        assert_eq!(after.time.since(begins), 65_535);
        assert!(event.duration < 3000 && !after.marker);
        let (last, event) = sent.last().unwrap();
        assert!(event.end);
        let length = last.time.since(begins).unsigned_abs() + u32::from(event.duration);
        assert_eq!(length, 100 * 960);
    }

    #[test]
    fn tones_and_pauses_take_turns() {
        let mut sender = DigitSender::default();
        sender.push("1#".chars());
        let mut tones = Vec::new();
        while sender.is_active() {
            tones.push(sender.tone());
        }
        let of = |wanted| tones.iter().filter(|tone| **tone == wanted).count();
        assert_eq!(of(ToneFrame::Key('1')), 4);
        assert_eq!(of(ToneFrame::Key('#')), 4);
        assert_eq!(of(ToneFrame::Pause), 12);
    }

    #[test]
    fn somebody_who_presses_too_fast_fills_no_memory() {
        let mut sender = DigitSender::default();
        for _ in 0..10_000 {
            sender.press('1');
            sender.release();
        }
        assert_eq!(sender.waiting.len(), MAX_FOLLOWED);
    }

    #[test]
    fn keys_that_are_asked_for_too_fast_fill_no_memory() {
        let mut sender = DigitSender::default();
        for _ in 0..10_000 {
            sender.push("12".chars());
        }
        assert_eq!(sender.waiting.len(), 128);
    }
}
