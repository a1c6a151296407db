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

impl StreamSeed {
    /// Where another stream of the same leg begins. As hard to guess as the first, from which it
    /// follows; its numbers are from the lower half, so that they do not roll over at once: a far
    /// end that missed the packets before that would take the first one's index for another (RFC
    /// 3711 section 3.3.1).
    #[must_use]
    pub fn another(self) -> Self {
        let own = (u64::from(self.ssrc) << 32) | u64::from(self.time.0);
        let mixed = mix(own ^ (u64::from(self.sequence) << 16));
        let [a, b, c, d, e, f, g, h] = mixed.to_be_bytes();
        let [i, j, ..] = mix(mixed).to_be_bytes();
        Self {
            ssrc: u32::from_be_bytes([a, b, c, d]),
            sequence: u16::from_be_bytes([i, j]) >> 1,
            time: RtpTime(u32::from_be_bytes([e, f, g, h])),
        }
    }
}

/// Spreads every bit over all others (the finalizer of MurmurHash3).
fn mix(mut bits: u64) -> u64 {
    for factor in [0xFF51_AFD7_ED55_8CCD, 0xC4CE_B9FE_1A85_EC53] {
        bits ^= bits >> 33;
        bits = bits.wrapping_mul(factor);
    }
    bits ^ (bits >> 33)
}

/// Sequence numbers and timestamps of what we send. One SSRC for the leg's life, but for legs whose
/// keys or address change; numbers have no gaps but those of a relayed source; timestamps follow
/// elapsed time across changes of the feed.
#[derive(Debug, Clone)]
pub struct OutStream {
    seed: StreamSeed,
    clock: ClockRate,
    /// The next new sequence number.
    next: u16,
    /// The first packet's moment and timestamp: what other timestamps are counted from.
    origin: Option<(Instant, RtpTime)>,
    /// The newest timestamp, and when it was sent.
    newest: Option<(Instant, RtpTime)>,
    /// When anything was sent last.
    sent_at: Option<Instant>,
    /// Where the newest audio ends, in units after the first timestamp: nothing new may begin
    /// before. They do not wrap, however long nothing is sent.
    end: i64,
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
        spurt: Spurt,
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
    Cut {
        epoch: u32,
        /// Added to the source's timestamps.
        time: u32,
    },
}

/// Whether the far end is in the middle of a talk spurt (RFC 3551 section 4.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spurt {
    Open,
    /// It was told how silence sounds: what comes next begins another.
    Ended,
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
            seed,
            clock: ClockRate::new(8000),
            next: seed.sequence,
            origin: None,
            newest: None,
            sent_at: None,
            end: 0,
            feed: Feed::None,
            packets: 0,
            octets: 0,
        }
    }

    /// Its synchronisation source.
    #[must_use]
    pub fn ssrc(&self) -> u32 {
        self.seed.ssrc
    }

    /// Goes on as another stream, whose numbers begin anew, if anything was sent by this one: whoever
    /// receives it knows nothing of what was before.
    pub fn begin_anew(&mut self) {
        if self.sent_at.is_some() {
            *self = Self {
                clock: self.clock,
                ..Self::new(self.seed.another())
            };
        }
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
            self.end = 0;
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
        Some(time.plus(low(self.units_since(at, now))))
    }

    /// The feed changes or pauses: the next packet begins a talk spurt.
    pub fn interrupt(&mut self) {
        self.feed = Feed::None;
    }

    /// The header of a packet of our own, without its payload type: where its audio begins and how
    /// long it is, both counted in half frames of the wheel. Where audio was left out, the next
    /// begins a talk spurt.
    pub fn frame(&mut self, now: Instant, begins: u64, halves: u32) -> RtpHeader {
        self.on_wheel(now, begins, halves, Spurt::Open)
    }

    /// The same for a packet that says how silence sounds: the audio behind it begins a talk spurt.
    pub fn noise(&mut self, now: Instant, begins: u64, halves: u32) -> RtpHeader {
        RtpHeader {
            marker: false,
            ..self.on_wheel(now, begins, halves, Spurt::Ended)
        }
    }

    fn on_wheel(&mut self, now: Instant, begins: u64, halves: u32, spurt: Spurt) -> RtpHeader {
        let half = self.clock.frame() / 2;
        let (time, marker) = match self.feed {
            Feed::Wheel { next, spurt } => {
                let missed = begins.saturating_sub(next);
                let units = u32::try_from(missed).unwrap_or(0).saturating_mul(half);
                let marker = missed > 0 || spurt == Spurt::Ended;
                (self.at(self.end).plus(units), marker)
            }
            Feed::None | Feed::Relay { .. } | Feed::Cut { .. } => (self.resume(now), true),
        };
        self.feed = Feed::Wheel {
            next: begins + u64::from(halves),
            spurt,
        };
        self.sent_new(now, time, halves.saturating_mul(half));
        self.header(now, time, marker)
    }

    /// The header of the first report on a key we press; the others repeat its time. Audio goes on
    /// after the key's `length` in timestamp units, or what [`OutStream::occupy`] says later.
    pub fn key(&mut self, now: Instant, length: u32) -> RtpHeader {
        let time = self.resume(now);
        self.feed = Feed::None;
        self.sent_new(now, time, length);
        self.header(now, time, true)
    }

    /// Something lasts from `time` on for so many units: nothing new begins before its end.
    pub fn occupy(&mut self, time: RtpTime, length: u32) {
        let from_end = time.plus(length).since(self.at(self.end));
        self.end += i64::from(from_end.max(0));
    }

    /// The header of a further report on a key pressed at `time`.
    pub fn key_again(&mut self, now: Instant, time: RtpTime) -> RtpHeader {
        self.header(now, time, false)
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
                sequence: self.next.wrapping_sub(low_half(arrival.extended)),
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
        let sequence = low_half(arrival.extended).wrapping_add(*sequence_offset);
        let time = packet.time.plus(*time_offset);
        if began || arrival.extended > *newest {
            *newest = arrival.extended;
            self.next = sequence.wrapping_add(1);
            self.sent_new(now, time, packet.length);
        }
        self.sent_at = Some(now);
        Some(RtpHeader {
            marker: began || packet.marker,
            payload_type: 0,
            sequence,
            time,
            ssrc: self.seed.ssrc,
        })
    }

    /// The header of a packet cut anew from relayed ones, without its payload type: how its first
    /// sample was stamped by its source, and how many units it has. Numbers have no gaps.
    pub(crate) fn cut(&mut self, now: Instant, epoch: u32, time: RtpTime, units: u32) -> RtpHeader {
        let mapped = match self.feed {
            Feed::Cut {
                epoch: known,
                time: offset,
            } if known == epoch => {
                let mapped = time.plus(offset);
                let ahead = mapped.since(self.time_at(now).unwrap_or_default());
                let limit = self.clock.units(MAX_TIME_JUMP);
                (ahead.unsigned_abs() <= limit).then_some(mapped)
            }
            Feed::None | Feed::Wheel { .. } | Feed::Relay { .. } | Feed::Cut { .. } => None,
        };
        let began = mapped.is_none();
        let mapped = mapped.unwrap_or_else(|| {
            let resumed = self.resume(now);
            self.feed = Feed::Cut {
                epoch,
                time: resumed.0.wrapping_sub(time.0),
            };
            resumed
        });
        self.sent_new(now, mapped, units);
        self.header(now, mapped, began)
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
        self.header(now, time, false)
    }

    /// When a packet was sent last.
    #[must_use]
    pub fn last_sent(&self) -> Option<Instant> {
        self.sent_at
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
        if packet.arrival.extended < newest {
            return true;
        }
        let due = self.time_at(now).unwrap_or_default();
        let ahead = packet.time.plus(time).since(due);
        // A key's reports lie back the further the longer it is held.
        let lies_back = packet.is_event && ahead < 0;
        lies_back || ahead.unsigned_abs() <= self.clock.units(MAX_TIME_JUMP)
    }

    /// The timestamp for something new at `now`: as much later as time passed since the beginning,
    /// but not before the last audio's end.
    fn resume(&mut self, now: Instant) -> RtpTime {
        let (began, _) = *self.origin.get_or_insert((now, self.seed.time));
        let passed = i64::try_from(self.units_since(began, now)).unwrap_or(i64::MAX);
        self.at(passed.max(self.end))
    }

    /// The timestamp so many units after the first.
    fn at(&self, units: i64) -> RtpTime {
        let first = self.origin.map_or(self.seed.time, |(_, first)| first);
        first.plus(low(units.unsigned_abs()))
    }

    fn units_since(&self, began: Instant, now: Instant) -> u64 {
        self.clock.all_units(now.saturating_duration_since(began))
    }

    fn sent_new(&mut self, now: Instant, time: RtpTime, length: u32) {
        let newer = |(_, newest): (Instant, RtpTime)| time.since(newest) > 0;
        if self.newest.is_none_or(newer) {
            self.newest = Some((now, time));
        }
        self.occupy(time, length);
    }

    fn header(&mut self, now: Instant, time: RtpTime, marker: bool) -> RtpHeader {
        let sequence = self.next;
        self.next = self.next.wrapping_add(1);
        self.sent_at = Some(now);
        RtpHeader {
            marker,
            payload_type: 0,
            sequence,
            time,
            ssrc: self.seed.ssrc,
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the low half is meant")]
fn low_half(extended: u32) -> u16 {
    extended as u16
}

#[expect(clippy::cast_possible_truncation, reason = "timestamps wrap")]
fn low(units: u64) -> u32 {
    units as u32
}
