//! The one RTP stream a leg's far end receives, whatever it is fed from.

use std::time::{Duration, Instant};

use crate::rtp::{Arrival, ClockRate, RtpHeader};
use crate::time::RtpTime;

/// A relayed timestamp this far from the time that passed begins a new mapping.
const MAX_TIME_JUMP: Duration = Duration::from_secs(2);

/// Where a stream begins; random, so that nobody can guess it (RFC 3550 section 5.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSeed {
    /// The synchronisation source.
    pub ssrc: u32,
    /// The first sequence number.
    pub sequence: u16,
    /// The first timestamp.
    pub time: RtpTime,
}

/// Sequence numbers and timestamps of what we send. One SSRC for the leg's life; numbers have no
/// gaps but those of a relayed source; timestamps follow elapsed time across changes of the feed.
#[derive(Debug, Clone)]
pub struct OutStream {
    ssrc: u32,
    clock: ClockRate,
    /// The next new sequence number.
    next: u16,
    /// The first packet's moment and timestamp: what other timestamps are counted from.
    origin: Option<(Instant, RtpTime)>,
    first_time: RtpTime,
    /// The newest timestamp, and when it was sent.
    newest: Option<(Instant, RtpTime)>,
    /// Where the newest audio ends: nothing new may begin before.
    end: RtpTime,
    feed: Feed,
    packets: u32,
    octets: u32,
}

#[derive(Debug, Clone, Copy)]
enum Feed {
    None,
    Wheel {
        /// The half frame after the last packet.
        next: u64,
    },
    Relay {
        epoch: u32,
        /// The extended number the mapping began with; older packets have no place any more.
        first: u32,
        newest: u32,
        /// Added to the source's numbers.
        sequence: u16,
        time: u32,
    },
}

/// What a relayed packet is, as far as its place in the stream goes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Relayed {
    pub(crate) arrival: Arrival,
    pub(crate) time: RtpTime,
    pub(crate) marker: bool,
    /// Timestamp units it covers.
    pub(crate) length: u32,
    /// A report on a pressed key: its timestamp is the key's beginning and says nothing of now.
    pub(crate) is_event: bool,
}

impl OutStream {
    /// A stream from this seed, whose timestamps run at 8 kHz until told otherwise.
    #[must_use]
    pub fn new(seed: StreamSeed) -> Self {
        Self {
            ssrc: seed.ssrc,
            clock: ClockRate::new(8000),
            next: seed.sequence,
            origin: None,
            first_time: seed.time,
            newest: None,
            end: seed.time,
            feed: Feed::None,
            packets: 0,
            octets: 0,
        }
    }

    /// Its synchronisation source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// From now on timestamps run at this clock: another codec was agreed on. They go on from where
    /// they are, so that the far end never sees them go back (RFC 7160 section 4.2).
    pub fn set_clock(&mut self, now: Instant, clock: ClockRate) {
        if clock == self.clock {
            return;
        }
        if self.origin.is_some() {
            let time = self.resume(now);
            self.origin = Some((now, time));
            self.newest = self.newest.map(|_| (now, time));
            self.end = time;
        }
        self.clock = clock;
        self.feed = Feed::None;
    }

    /// The clock of its timestamps.
    #[must_use]
    pub fn clock(&self) -> ClockRate {
        self.clock
    }

    /// Packets and payload bytes sent so far; they wrap, as they do in reports.
    #[must_use]
    pub fn sent(&self) -> (u32, u32) {
        (self.packets, self.octets)
    }

    /// The timestamp of `now`; `None` before the first packet.
    #[must_use]
    pub fn time_at(&self, now: Instant) -> Option<RtpTime> {
        let (at, time) = self.newest?;
        Some(time.plus(self.clock.units(now.saturating_duration_since(at))))
    }

    /// The feed changes or pauses: the next packet begins a talk spurt.
    pub fn interrupt(&mut self) {
        self.feed = Feed::None;
    }

    /// The header of a packet of our own, without its payload type: where its audio begins and how
    /// long it is, both counted in half frames of the wheel. Where audio was left out, the next
    /// begins a talk spurt.
    pub fn frame(&mut self, now: Instant, begins: u64, halves: u32) -> RtpHeader {
        let half = self.clock.frame() / 2;
        let (time, marker) = match self.feed {
            Feed::Wheel { next } => {
                let missed = begins.saturating_sub(next);
                let units = u32::try_from(missed).unwrap_or(0).saturating_mul(half);
                (self.end.plus(units), missed > 0)
            }
            Feed::None | Feed::Relay { .. } => (self.resume(now), true),
        };
        self.feed = Feed::Wheel {
            next: begins + u64::from(halves),
        };
        self.sent_new(now, time, halves.saturating_mul(half));
        self.header(time, marker)
    }

    /// The header of the first report on a key we press; the others repeat its time. Audio goes on
    /// after the key's `length` in timestamp units, or what [`OutStream::occupy`] says later.
    pub fn key(&mut self, now: Instant, length: u32) -> RtpHeader {
        let time = self.resume(now);
        self.feed = Feed::None;
        self.sent_new(now, time, length);
        self.header(time, true)
    }

    /// Something lasts from `time` on for so many units: nothing new begins before its end.
    pub fn occupy(&mut self, time: RtpTime, length: u32) {
        let end = time.plus(length);
        if end.since(self.end) > 0 {
            self.end = end;
        }
    }

    /// The header of a further report on a key pressed at `time`.
    pub fn key_again(&mut self, time: RtpTime) -> RtpHeader {
        self.header(time, false)
    }

    /// The header of a relayed packet, without its payload type; `None` when it is older than what
    /// its source's part of the stream began with.
    pub(crate) fn relay(&mut self, now: Instant, packet: &Relayed) -> Option<RtpHeader> {
        let Relayed { arrival, .. } = *packet;
        let began = if self.continues(now, packet) {
            false
        } else {
            let time = self.resume(now);
            self.feed = Feed::Relay {
                epoch: arrival.epoch,
                first: arrival.extended,
                newest: arrival.extended,
                sequence: self.next.wrapping_sub(low(arrival.extended)),
                time: time.0.wrapping_sub(packet.time.0),
            };
            true
        };
        let Feed::Relay {
            first,
            newest,
            sequence: sequence_offset,
            time: time_offset,
            ..
        } = &mut self.feed
        else {
            return None;
        };
        if arrival.extended < *first {
            return None;
        }
        let sequence = low(arrival.extended).wrapping_add(*sequence_offset);
        let time = packet.time.plus(*time_offset);
        if began || arrival.extended > *newest {
            *newest = arrival.extended;
            self.next = sequence.wrapping_add(1);
            self.sent_new(now, time, packet.length);
        }
        Some(RtpHeader {
            marker: began || packet.marker,
            payload_type: 0,
            sequence,
            time,
            ssrc: self.ssrc,
        })
    }

    /// A relayed packet is kept back although its source counted it: the numbers close the gap.
    pub(crate) fn skip(&mut self, arrival: Arrival) {
        if let Feed::Relay {
            epoch,
            newest,
            sequence,
            ..
        } = &mut self.feed
            && *epoch == arrival.epoch
            && arrival.extended > *newest
        {
            *newest = arrival.extended;
            *sequence = sequence.wrapping_sub(1);
        }
    }

    /// The header of a packet that says nothing, without its payload type. What was passed on before
    /// begins anew after it: its number is taken.
    pub fn nothing(&mut self, now: Instant) -> RtpHeader {
        let time = self.resume(now);
        self.feed = Feed::None;
        self.sent_new(now, time, 0);
        self.header(time, false)
    }

    /// When the newest packet was sent.
    #[must_use]
    pub fn last_sent(&self) -> Option<Instant> {
        self.newest.map(|(sent, _)| sent)
    }

    /// Counts a packet that went out.
    pub fn count(&mut self, payload_len: usize) {
        self.packets = self.packets.wrapping_add(1);
        let octets = u32::try_from(payload_len).unwrap_or(0);
        self.octets = self.octets.wrapping_add(octets);
    }

    /// Whether a packet fits the mapping that is under way.
    fn continues(&self, now: Instant, packet: &Relayed) -> bool {
        let Feed::Relay {
            epoch,
            newest,
            time,
            ..
        } = self.feed
        else {
            return false;
        };
        if epoch != packet.arrival.epoch {
            return false;
        }
        if packet.is_event || packet.arrival.extended < newest {
            return true;
        }
        let due = self.time_at(now).unwrap_or_default();
        packet.time.plus(time).since(due).unsigned_abs() <= self.clock.units(MAX_TIME_JUMP)
    }

    /// The timestamp for something new at `now`: as much later as time passed since the beginning,
    /// but not before the last audio's end.
    fn resume(&mut self, now: Instant) -> RtpTime {
        let (began, first) = *self.origin.get_or_insert((now, self.first_time));
        let time = first.plus(self.clock.units(now.saturating_duration_since(began)));
        if time.since(self.end) < 0 {
            self.end
        } else {
            time
        }
    }

    fn sent_new(&mut self, now: Instant, time: RtpTime, length: u32) {
        let newer = |(_, newest): (Instant, RtpTime)| time.since(newest) > 0;
        if self.newest.is_none_or(newer) {
            self.newest = Some((now, time));
        }
        self.occupy(time, length);
    }

    fn header(&mut self, time: RtpTime, marker: bool) -> RtpHeader {
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        RtpHeader {
            marker,
            payload_type: 0,
            sequence,
            time,
            ssrc: self.ssrc,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low(extended: u32) -> u16 {
    extended as u16
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::test_time::epoch;

    const FRAME: Duration = Duration::from_millis(20);

    fn stream() -> OutStream {
        OutStream::new(StreamSeed {
            ssrc: 5,
            sequence: 65_535,
            time: RtpTime(u32::MAX - 100),
        })
    }

    fn relayed(extended: u32, time: u32) -> Relayed {
        Relayed {
            arrival: Arrival { extended, epoch: 0 },
            time: RtpTime(time),
            marker: false,
            length: 160,
            is_event: false,
        }
    }

    #[test]
    fn frames_of_the_wheel_follow_each_other() {
        let (mut stream, start) = (stream(), epoch());
        let first = stream.frame(start, 20, 2);
        let second = stream.frame(start + FRAME, 22, 2);
        assert!(first.marker && !second.marker);
        assert_eq!((first.sequence, second.sequence), (65_535, 0));
        assert_eq!(second.time.since(first.time), 160);
        // Three ticks were missed: the time goes on as if they had been sent.
        let later = stream.frame(start + FRAME * 5, 30, 2);
        assert_eq!(later.time.since(second.time), 640);
        assert_eq!(later.sequence, 1);
        assert!(later.marker);
        // Packets of 10, 30 and 60 ms.
        let begins = [32, 33, 36, 42];
        let lengths = [1, 3, 6, 2];
        let mut ends = later.time.plus(160);
        for (begins, halves) in begins.into_iter().zip(lengths) {
            let header = stream.frame(start + FRAME * 6, begins, halves);
            assert_eq!((header.time, header.marker), (ends, false));
            ends = header.time.plus(halves * 80);
        }
    }

    #[test]
    fn a_relayed_source_keeps_its_gaps_and_its_order() {
        let (mut stream, start) = (stream(), epoch());
        let first = stream.relay(start, &relayed(100, 5000)).unwrap();
        let third = stream
            .relay(start + FRAME * 2, &relayed(102, 5320))
            .unwrap();
        let second = stream
            .relay(start + FRAME * 2, &relayed(101, 5160))
            .unwrap();
        let fourth = stream
            .relay(start + FRAME * 3, &relayed(103, 5480))
            .unwrap();
        assert!(first.marker && !third.marker);
        let sequences = [first, second, third, fourth].map(|header| header.sequence);
        assert_eq!(sequences, [65_535, 0, 1, 2]);
        assert_eq!(fourth.time.since(first.time), 480);
        assert_eq!(second.time.since(first.time), 160);
    }

    #[test]
    fn time_follows_the_clock_when_the_feed_changes() {
        let (mut stream, start) = (stream(), epoch());
        let music = stream.frame(start, 2, 2);
        let talk = stream.relay(start + FRAME * 50, &relayed(7, 123)).unwrap();
        assert!(talk.marker);
        assert_eq!(talk.sequence, 0);
        assert_eq!(talk.time.since(music.time), 50 * 160);
        // Music again 5 ms later: not before the end of what was said.
        let at = start + FRAME * 50 + Duration::from_millis(5);
        let music = stream.frame(at, 104, 2);
        assert!(music.marker);
        assert_eq!(music.time.since(talk.time), 160);
        assert_eq!(music.sequence, 1);
    }

    #[test]
    fn a_packet_from_before_the_bridge_is_left_out() {
        let (mut stream, start) = (stream(), epoch());
        stream.relay(start, &relayed(100, 5000)).unwrap();
        assert_eq!(stream.relay(start, &relayed(99, 4840)), None);
    }

    #[test]
    fn a_restarted_source_or_a_wild_timestamp_begins_anew() {
        let (mut stream, start) = (stream(), epoch());
        let first = stream.relay(start, &relayed(100, 5000)).unwrap();
        let mut other = relayed(9, 77);
        other.arrival.epoch = 1;
        let restarted = stream.relay(start + FRAME, &other).unwrap();
        assert!(restarted.marker);
        assert_eq!(restarted.sequence, first.sequence.wrapping_add(1));
        assert_eq!(restarted.time.since(first.time), 160);
        let mut wild = relayed(10, 3_000_000_000);
        wild.arrival.epoch = 1;
        let wild = stream.relay(start + FRAME * 2, &wild).unwrap();
        assert_eq!(wild.time.since(first.time), 320);
    }

    #[test]
    fn silence_suppression_is_passed_on_as_it_is() {
        let (mut stream, start) = (stream(), epoch());
        let first = stream.relay(start, &relayed(100, 5000)).unwrap();
        let mut packet = relayed(101, 5000 + 8000 * 30);
        packet.marker = true;
        let later = stream
            .relay(start + Duration::from_secs(30), &packet)
            .unwrap();
        assert_eq!(later.time.since(first.time), 8000 * 30);
        assert!(later.marker);
    }

    #[test]
    fn a_packet_kept_back_leaves_no_gap() {
        let (mut stream, start) = (stream(), epoch());
        let first = stream.relay(start, &relayed(100, 5000)).unwrap();
        stream.skip(relayed(101, 5160).arrival);
        let third = stream
            .relay(start + FRAME * 2, &relayed(102, 5320))
            .unwrap();
        assert_eq!(third.sequence, first.sequence.wrapping_add(1));
    }

    #[test]
    fn audio_after_a_relayed_key_keeps_its_time() {
        let (mut stream, start) = (stream(), epoch());
        let first = stream.relay(start, &relayed(100, 5000)).unwrap();
        for n in 1..=200u32 {
            let mut report = relayed(100 + n, 5160);
            report.is_event = true;
            report.length = n * 160;
            let report = stream.relay(start + FRAME * n, &report).unwrap();
            assert_eq!(report.time.since(first.time), 160);
        }
        let audio = relayed(301, 5000 + 201 * 160);
        let audio = stream.relay(start + FRAME * 201, &audio).unwrap();
        assert_eq!(audio.time.since(first.time), 201 * 160);
        assert!(!audio.marker);
    }

    /// RFC 7160 section 4.2.
    #[test]
    fn another_clock_goes_on_from_the_old_ones_time() {
        let (mut stream, start) = (stream(), epoch());
        let narrow = stream.frame(start, 0, 2);
        stream.set_clock(start + FRAME, ClockRate::new(48_000));
        let full = stream.frame(start + FRAME, 2, 2);
        assert_eq!(full.time.since(narrow.time), 160);
        assert!(full.marker);
        let next = stream.frame(start + FRAME * 2, 4, 2);
        assert_eq!(next.time.since(full.time), 960);
        assert_eq!(stream.time_at(start + FRAME * 3), Some(next.time.plus(960)));
        stream.set_clock(start + FRAME * 3, ClockRate::new(8000));
        let narrow = stream.frame(start + FRAME * 3, 6, 2);
        assert_eq!(narrow.time.since(next.time), 960);
        assert_eq!(narrow.sequence, next.sequence.wrapping_add(1));
    }
}
