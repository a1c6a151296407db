//! Which packet is next, and how long packets wait.

use std::time::{Duration, Instant};

use crate::session::jitter::delay::DelayEstimate;
use crate::session::jitter::settings::JitterSettings;
use crate::session::jitter::stats::JitterStats;
use crate::session::jitter::store::{PacketStore, Slot};
use crate::time::RtpTime;

/// Made up for a gap at most this long; then it is silence.
const MAX_CONCEALED: Duration = Duration::from_millis(100);

/// A packet whose timestamp is off by more than this against its arrival begins a new line.
const MAX_TIME_JUMP: Duration = Duration::from_millis(500);

/// Sequence numbers this far back are of a restarted sender.
const MAX_MISORDER: u32 = 1000;

/// Packets after which the network is known.
const KNOWN_AFTER: usize = 25;

/// Decoded packets in a row that must have waited too long before sound is taken out.
const PATIENCE: u32 = 5;

/// One packet with sound, as it came.
#[derive(Debug, Clone, Copy)]
pub struct AudioPacket<'a> {
    /// Its sequence number, extended so that it does not wrap.
    pub sequence: u32,
    /// Its timestamp.
    pub time: RtpTime,
    /// How long it lasts, in units of the codec's RTP clock.
    pub units: u32,
    /// Its payload.
    pub payload: &'a [u8],
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It waits for its turn.
    Kept,
    /// Its turn was over.
    Late,
    /// It is there already.
    Duplicate,
    /// It is longer than any packet that is played, or lasts no time.
    Unusable,
}

/// What to play next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JitterFrame<'a> {
    /// Decode this.
    Packet {
        /// The payload.
        payload: &'a [u8],
        /// What to do about the wait with the sound it decodes to.
        pace: Pace,
        /// How its sound joins what was played before.
        joint: Joint,
    },
    /// Make something up: a packet is missing, or late.
    Lost {
        /// For how long, in units: 20 ms or less, a multiple of 2.5 ms.
        units: u32,
        /// The packet that follows at once, if it is there: it may hold a copy of the lost one.
        next: Option<&'a [u8]>,
    },
    /// The far end says that it is silent from here on, and how that sounds (RFC 3389): no time
    /// passes with it.
    Noise(&'a [u8]),
    /// Nothing: the far end says nothing, or its first packets still have to wait.
    Silence,
}

/// How a packet's sound joins what was played before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Joint {
    /// It goes on from it.
    Seamless,
    /// Sound between the two was passed over.
    Cut,
}

/// What to do about the wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// It is right.
    Keep,
    /// Packets wait too short: add sound.
    Grow,
    /// Packets wait too long: take sound out, at most so many units.
    Shrink {
        /// The most that can be spared.
        most: u32,
    },
}

/// Orders one stream's packets and says when each is played. Pure: time is given, nothing is
/// allocated after it was made (about 17 KB).
///
/// The wait is measured where it matters: from the moment a packet would have come by the quickest
/// way to the moment it is decoded. It is to cover the lateness of all but one in 200 packets; a
/// wait that is too short grows at once (a buffer that runs dry grows it by itself), one that is too
/// long shrinks when it has been so for a while.
#[derive(Debug)]
pub struct JitterBuffer {
    clock: u32,
    min: i64,
    max: i64,
    start: i64,
    /// Where the caller's time begins.
    origin: Option<Instant>,
    store: PacketStore,
    delay: DelayEstimate,
    newest: Option<Newest>,
    /// The sequence number whose turn is next.
    next: Option<u32>,
    play: Play,
    /// Decoded packets in a row that waited too long.
    too_long: u32,
    /// Where the sound ended and how much was made up since, once that was given up.
    ended: Option<(i64, i64)>,
    counted: Counted,
}

/// The newest packet by sequence number: where the next one is placed from.
#[derive(Debug, Clone, Copy)]
struct Newest {
    sequence: u32,
    stamp: RtpTime,
    time: i64,
    units: u32,
    arrived: i64,
}

#[derive(Debug, Clone, Copy)]
enum Play {
    /// Silence until a packet has waited long enough.
    Waiting,
    /// Sound; the next unit to decode, and what was made up since the last packet.
    Playing { position: i64, made_up: i64 },
}

#[derive(Debug, Default)]
struct Counted {
    stats: JitterStats,
    concealed: u64,
    stalled: u64,
    /// Waits of decoded packets, in units.
    waits: u64,
    waited: u64,
    /// The wait of late, in 1/16 unit.
    recent: i64,
}

impl JitterBuffer {
    /// A buffer for a codec whose RTP clock has `clock` units per second.
    #[must_use]
    pub fn new(clock: u32, settings: JitterSettings) -> Self {
        let units = |time| i64::try_from(units(time, clock)).unwrap_or(i64::MAX);
        let max = units(settings.max);
        Self {
            clock,
            min: units(settings.min).min(max),
            max,
            start: units(settings.start).min(max),
            origin: None,
            store: PacketStore::new(),
            delay: DelayEstimate::new(),
            newest: None,
            next: None,
            play: Play::Waiting,
            too_long: 0,
            ended: None,
            counted: Counted::default(),
        }
    }

    /// Takes a packet in.
    pub fn push(&mut self, now: Instant, packet: &AudioPacket<'_>) -> Pushed {
        // 120 ms is the longest packet any codec has (RFC 6716 section 2).
        if packet.units == 0 || packet.units > self.clock / 8 {
            return Pushed::Unusable;
        }
        let arrived = self.units_at(now);
        self.follow(packet.sequence);
        if self.store.holds(packet.sequence) {
            self.counted.stats.duplicate += 1;
            return Pushed::Duplicate;
        }
        self.counted.stats.received += 1;
        let time = self.place(packet, arrived);
        self.delay.add(arrived, arrived - time, self.clock);
        if self.next.is_some_and(|next| packet.sequence < next) {
            self.counted.stats.late += 1;
            return Pushed::Late;
        }
        let slot = Slot::new(packet.sequence, time, packet.units, arrived);
        let Some(evicted) = self.store.put(slot, packet.payload) else {
            return Pushed::Unusable;
        };
        self.counted.stats.discarded += evicted;
        Pushed::Kept
    }

    /// Notes a packet of the stream that has no sound, such as a pressed key: its number is not
    /// missing.
    pub fn skip(&mut self, sequence: u32) {
        self.follow(sequence);
        if self.next.is_some_and(|next| sequence >= next) && !self.store.holds(sequence) {
            self.store.note(sequence);
        }
    }

    /// Takes in a packet of the stream that says how the far end's silence sounds. It has its turn
    /// like any other; one that comes after its turn is of no use.
    pub fn push_noise(&mut self, sequence: u32, payload: &[u8]) {
        self.follow(sequence);
        if self.next.is_some_and(|next| sequence >= next) && !self.store.holds(sequence) {
            let evicted = self.store.put_noise(sequence, payload);
            self.counted.stats.discarded += evicted.unwrap_or(0);
        }
    }

    /// The far end's stream begins anew, with other numbers: another SSRC, or a restart of it. What
    /// waits is dropped, what is known of the network stays.
    pub fn restart(&mut self) {
        self.store.clear();
        self.next = None;
        self.play = Play::Waiting;
        self.ended = None;
        self.counted.stats.resets += 1;
        if let Some(newest) = &mut self.newest {
            // Whatever comes next is newer.
            newest.sequence = 0;
            newest.units = 0;
        }
    }

    /// What to play next. `held` is the decoded sound not yet played, in units; it only adds to the
    /// measured wait. To be asked until there are 20 ms.
    pub fn pull(&mut self, now: Instant, held: u32) -> JitterFrame<'_> {
        let now = self.units_at(now);
        if let Some(noise) = self.noise_due() {
            return JitterFrame::Noise(self.store.payload(&noise));
        }
        let first = self.next.and_then(|next| self.store.first_from(next));
        let Some((slot, missing)) = first else {
            return self.run_dry();
        };
        let Play::Playing { position, made_up } = self.play else {
            return self.begin(now, slot, missing, held);
        };
        let gap = slot.time - (position + made_up);
        if gap < self.step() / 2 {
            return self.take(now, slot, missing, held);
        }
        if missing == 0 || made_up >= self.longest_concealed() {
            // The far end paused, or too much is missing to make up.
            self.play = Play::Waiting;
            self.ended = Some((position, made_up));
            return self.begin(now, slot, missing, held);
        }
        let units = self.conceal(position, made_up, gap);
        let rest = gap - i64::from(units);
        let next = (rest < self.step() / 2).then(|| {
            // The gap is filled: what comes of it now is late.
            self.next = Some(slot.sequence);
            self.counted.stats.lost += u64::from(missing);
            self.store.payload(&slot)
        });
        JitterFrame::Lost { units, next }
    }

    /// The figures so far.
    #[must_use]
    pub fn stats(&self) -> JitterStats {
        let counted = &self.counted;
        let mean = counted.waited.checked_div(counted.waits).unwrap_or(0);
        JitterStats {
            concealed: self.lasting(counted.concealed),
            stalled: self.lasting(counted.stalled),
            delay: self.lasting(u64::try_from(counted.recent / 16).unwrap_or(0)),
            mean_delay: self.lasting(mean),
            target: self.lasting(u64::try_from(self.target()).unwrap_or(0)),
            ..counted.stats
        }
    }

    /// Notes how long the sound became that was added or taken out.
    pub(super) fn stretched(&mut self, pace: Pace, by: Duration) {
        match pace {
            Pace::Keep => {}
            Pace::Grow => self.counted.stats.grown += by,
            Pace::Shrink { .. } => self.counted.stats.shrunk += by,
        }
    }

    /// The packet about silence whose turn it is: what was before it is played, or given up.
    fn noise_due(&mut self) -> Option<Slot> {
        let (noise, missing) = self.store.noise_from(self.next?)?;
        let lacking = i64::from(missing) * i64::from(self.clock / 50);
        if let Play::Playing { made_up, .. } = self.play
            && made_up < lacking.min(self.longest_concealed())
        {
            return None;
        }
        self.store.remove(noise.sequence);
        self.next = Some(noise.sequence.saturating_add(1));
        self.counted.stats.lost += u64::from(missing);
        Some(noise)
    }

    /// Nothing is there.
    fn run_dry(&mut self) -> JitterFrame<'_> {
        if let Play::Playing { position, made_up } = self.play {
            if made_up < self.longest_concealed() {
                let frame = i64::from(self.clock / 50);
                let units = self.conceal(position, made_up, frame);
                return JitterFrame::Lost { units, next: None };
            }
            self.play = Play::Waiting;
            self.ended = Some((position, made_up));
        }
        JitterFrame::Silence
    }

    /// Plays the first packet after silence, once it has waited long enough.
    fn begin(&mut self, now: i64, slot: Slot, missing: u32, held: u32) -> JitterFrame<'_> {
        let waited = now - slot.time - self.delay.base();
        if waited >= self.target() || now - slot.arrived >= self.max {
            return self.take(now, slot, missing, held);
        }
        JitterFrame::Silence
    }

    fn take(&mut self, now: i64, slot: Slot, missing: u32, held: u32) -> JitterFrame<'_> {
        let due = slot.sequence;
        let (slot, missing) = self.skip_overdue(now, slot, missing);
        let joint = if slot.sequence == due {
            Joint::Seamless
        } else {
            Joint::Cut
        };
        let wait = now - slot.time - self.delay.base();
        self.count_stall(&slot);
        self.play = Play::Playing {
            position: slot.time + i64::from(slot.units),
            made_up: 0,
        };
        self.next = Some(slot.sequence.saturating_add(1));
        self.counted.stats.lost += u64::from(missing);
        self.count_wait(now - slot.arrived + i64::from(held));
        let spare = self.spare(now, &slot, held);
        let pace = self.pace(wait, held, spare);
        self.store.remove(slot.sequence);
        JitterFrame::Packet {
            payload: self.store.payload(&slot),
            pace,
            joint,
        }
    }

    /// Passes over packets that have waited beyond the bound, if later ones are there.
    fn skip_overdue(&mut self, now: i64, slot: Slot, missing: u32) -> (Slot, u32) {
        let (mut slot, mut missing) = (slot, missing);
        let wait = |slot: &Slot, base| now - slot.time - base;
        if wait(&slot, self.delay.base()) <= self.max + i64::from(self.clock / 50) {
            return (slot, missing);
        }
        let enough = self.target() + i64::from(self.clock / 50);
        while wait(&slot, self.delay.base()) > enough {
            let Some((later, between)) = self.store.first_from(slot.sequence.saturating_add(1))
            else {
                break;
            };
            self.store.remove(slot.sequence);
            self.counted.stats.discarded += 1;
            slot = later;
            missing += between;
        }
        (slot, missing)
    }

    /// How much sound can go without running dry before the next packet is there, which comes no
    /// later than this one did.
    fn spare(&self, now: i64, slot: &Slot, held: u32) -> u32 {
        let frame = i64::from(self.clock / 50);
        let units = i64::from(slot.units);
        let behind = self.store.first_from(slot.sequence.saturating_add(1));
        let behind = behind.map_or(0, |(next, missing)| match missing {
            0 => i64::from(next.units),
            _ => 0,
        });
        // Sound is asked for once in a frame.
        let until_next = (units - (now - slot.arrived)).max(0);
        let turns = (until_next + frame - 1) / frame;
        let spare = i64::from(held) + behind.max(units - turns * frame).max(0);
        u32::try_from(spare).unwrap_or(0)
    }

    fn pace(&mut self, wait: i64, held: u32, most: u32) -> Pace {
        let slack = wait - self.target();
        if slack < 0 {
            self.too_long = 0;
            return Pace::Grow;
        }
        let frame = i64::from(self.clock / 50);
        // A fifth of a frame keeps it from growing again at once.
        let spare = slack - frame / 5;
        // Either a whole frame can be spared, or what is held is of no use.
        let most = if spare >= frame { most } else { most.min(held) };
        if spare >= frame || (spare >= 0 && i64::from(held) >= frame / 4) {
            self.too_long += 1;
        } else {
            self.too_long = 0;
        }
        // The more there is to spare, the quicker.
        let patience = if spare > 4 * frame { 1 } else { PATIENCE };
        if self.too_long < patience || most == 0 {
            return Pace::Keep;
        }
        self.too_long = patience.saturating_sub(3);
        Pace::Shrink { most }
    }

    /// The wait aimed at, in units.
    fn target(&self) -> i64 {
        let least = if self.delay.count() < KNOWN_AFTER {
            self.start
        } else {
            self.min
        };
        self.delay.lateness().max(least).min(self.max)
    }

    /// Makes up for at most a frame of a gap; how much.
    fn conceal(&mut self, position: i64, made_up: i64, gap: i64) -> u32 {
        let step = self.step();
        let steps = ((gap + step / 2) / step).clamp(1, i64::from(self.clock / 50) / step);
        let units = steps * step;
        self.play = Play::Playing {
            position,
            made_up: made_up + units,
        };
        let units = u32::try_from(units).unwrap_or(0);
        self.counted.concealed += u64::from(units);
        units
    }

    /// Where a packet lies on the line that neither wraps nor jumps.
    fn place(&mut self, packet: &AudioPacket<'_>, arrived: i64) -> i64 {
        let Some(newest) = self.newest else {
            self.set_newest(packet, 0, arrived);
            return 0;
        };
        let sent = i64::from(packet.time.since(newest.stamp));
        let passed = arrived - newest.arrived;
        let limit = i64::try_from(units(MAX_TIME_JUMP, self.clock)).unwrap_or(i64::MAX);
        let is_newer = packet.sequence > newest.sequence;
        let jumps = (sent - passed).abs() > limit;
        let time = match (jumps, is_newer) {
            (false, _) => newest.time + sent,
            // As much later as it came later, but not before the end of what is there.
            (true, true) => newest.time + passed.max(i64::from(newest.units)),
            (true, false) => newest.time,
        };
        if is_newer {
            self.set_newest(packet, time, arrived);
        }
        time
    }

    fn set_newest(&mut self, packet: &AudioPacket<'_>, time: i64, arrived: i64) {
        self.newest = Some(Newest {
            sequence: packet.sequence,
            stamp: packet.time,
            time,
            units: packet.units,
            arrived,
        });
    }

    /// Sets the next number by a packet's: at the start, and when they have leapt back.
    fn follow(&mut self, sequence: u32) {
        let Some(next) = self.next else {
            self.next = Some(sequence);
            return;
        };
        if sequence.saturating_add(MAX_MISORDER) < next {
            self.restart();
            self.next = Some(sequence);
        } else if sequence < next && matches!(self.play, Play::Waiting) && self.is_untouched() {
            self.next = Some(sequence);
        }
    }

    /// Whether nothing of the stream was played yet.
    fn is_untouched(&self) -> bool {
        self.counted.waits == 0
    }

    /// What was made up since the last packet and is not missing before this one.
    fn count_stall(&mut self, slot: &Slot) {
        let ended = self.ended.take();
        let (position, made_up) = match self.play {
            Play::Playing { position, made_up } => (position, made_up),
            Play::Waiting => ended.unwrap_or((slot.time, 0)),
        };
        let stalled = made_up - (slot.time - position).clamp(0, made_up);
        self.counted.stalled += u64::try_from(stalled).unwrap_or(0);
    }

    fn count_wait(&mut self, wait: i64) {
        let wait = wait.max(0);
        let counted = &mut self.counted;
        if counted.waits == 0 {
            counted.recent = wait * 16;
        }
        counted.recent += wait - counted.recent / 16;
        counted.waits += 1;
        counted.waited += u64::try_from(wait).unwrap_or(0);
    }

    fn units_at(&mut self, now: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(now);
        let passed = now.saturating_duration_since(origin);
        i64::try_from(units(passed, self.clock)).unwrap_or(i64::MAX / 4)
    }

    fn lasting(&self, units: u64) -> Duration {
        Duration::from_micros(units.saturating_mul(1_000_000) / u64::from(self.clock))
    }

    /// 2.5 ms: what gaps are counted in, since no decoder can fill less.
    fn step(&self) -> i64 {
        i64::from(self.clock / 400)
    }

    fn longest_concealed(&self) -> i64 {
        i64::try_from(units(MAX_CONCEALED, self.clock)).unwrap_or(0)
    }
}

fn units(time: Duration, clock: u32) -> u64 {
    let units = time.as_micros() * u128::from(clock) / 1_000_000;
    u64::try_from(units).unwrap_or(u64::MAX)
}
