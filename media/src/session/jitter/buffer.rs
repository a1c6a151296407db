//! Which packet is next, and how long packets wait.

use std::time::{Duration, Instant};

use crate::codec::Coding;
use crate::session::jitter::copies::Copies;
use crate::session::jitter::delay::DelayEstimate;
use crate::session::jitter::frame::{AudioPacket, JitterFrame, Joint, Pace, Pushed};
use crate::session::jitter::line::Line;
use crate::session::jitter::settings::JitterSettings;
use crate::session::jitter::stats::{Counted, JitterStats};
use crate::session::jitter::store::{PacketStore, Slot};
use crate::session::jitter::units;

/// Made up for a gap at most this long; then it is silence.
const MAX_CONCEALED: Duration = Duration::from_millis(100);

/// Sequence numbers this far back are of a restarted sender.
const MAX_MISORDER: u32 = 1000;

/// Packets after which the network is known.
const KNOWN_AFTER: usize = 25;

/// Decoded packets in a row that must have waited too long before sound is taken out.
const PATIENCE: u32 = 5;

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
    line: Line,
    /// The sequence number whose turn is next.
    next: Option<u32>,
    play: Play,
    copies: Copies,
    /// Decoded packets in a row that waited too long.
    too_long: u32,
    /// Where the sound ended and how much was made up since, once that was given up.
    ended: Option<(i64, i64)>,
    counted: Counted,
}

#[derive(Debug, Clone, Copy)]
enum Play {
    /// Silence until a packet has waited long enough.
    Waiting,
    /// Sound; the next unit to decode, and what was made up since the last packet.
    Playing { position: i64, made_up: i64 },
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
            line: Line::new(clock),
            next: None,
            play: Play::Waiting,
            copies: Copies::default(),
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
        let time = self.line.place(packet, arrived);
        self.delay.add(arrived, arrived - time, self.clock);
        if self.next.is_some_and(|next| packet.sequence < next) {
            self.counted.stats.late += 1;
            return Pushed::Late;
        }
        self.copies.came(packet.units, packet.copied);
        let slot = Slot::new(packet.sequence, time, packet.units, arrived);
        // No frame is longer than 60 ms.
        let slot = slot.of(packet.coding, packet.copied.min(self.clock * 6 / 100));
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
        self.line.restart();
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
        // A copy is of the gap's end, and has to be decoded at once.
        let has_copy = slot.copied > 0 && gap < i64::from(slot.copied) + self.step() / 2;
        let frame = i64::from(self.clock / 50);
        let most = if has_copy { gap.max(frame) } else { frame };
        let units = self.conceal(position, made_up, gap, most);
        let rest = gap - i64::from(units);
        if rest < self.step() / 2 {
            // The gap is filled: what comes of it now is late.
            self.next = Some(slot.sequence);
            self.lose(missing);
        }
        let next = has_copy.then(|| self.store.payload(&slot));
        JitterFrame::Lost { units, next }
    }

    /// The figures so far.
    #[must_use]
    pub fn stats(&self) -> JitterStats {
        let target = u64::try_from(self.target()).unwrap_or(0);
        self.counted.stats(self.clock, target)
    }

    /// Notes that a lost packet's sound, so many units of it, was had from its copy.
    pub(super) fn recovered(&mut self, units: u32) {
        self.counted.stats.recovered += 1;
        let concealed = &mut self.counted.concealed;
        *concealed = concealed.saturating_sub(u64::from(units));
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
        self.lose(missing);
        Some(noise)
    }

    /// Nothing is there.
    fn run_dry(&mut self) -> JitterFrame<'_> {
        if let Play::Playing { position, made_up } = self.play {
            if made_up < self.longest_concealed() {
                let frame = i64::from(self.clock / 50);
                let units = self.conceal(position, made_up, frame, frame);
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
        self.lose(missing);
        self.copies.taken(slot.units);
        self.counted.wait(now - slot.arrived + i64::from(held));
        let spare = self.spare(now, &slot, held);
        let pace = self.pace(wait, held, spare);
        self.store.remove(slot.sequence);
        JitterFrame::Packet {
            payload: self.store.payload(&slot),
            coding: slot.coding.unwrap_or(Coding::Pcmu),
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
        // A copy is of use only if the packet that holds it is there in time.
        let least = least + i64::from(self.copies.worth_waiting_for(self.clock));
        self.delay.lateness().max(least).min(self.max)
    }

    fn lose(&mut self, missing: u32) {
        self.counted.stats.lost += u64::from(missing);
        if missing > 0 {
            self.copies.lost();
        }
    }

    /// Makes up for a gap, but for no more of it than `most`; how much.
    fn conceal(&mut self, position: i64, made_up: i64, gap: i64, most: i64) -> u32 {
        let step = self.step();
        let steps = ((gap + step / 2) / step).clamp(1, most / step);
        let units = steps * step;
        self.play = Play::Playing {
            position,
            made_up: made_up + units,
        };
        let units = u32::try_from(units).unwrap_or(0);
        self.counted.concealed += u64::from(units);
        units
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

    fn units_at(&mut self, now: Instant) -> i64 {
        let origin = *self.origin.get_or_insert(now);
        let passed = now.saturating_duration_since(origin);
        i64::try_from(units(passed, self.clock)).unwrap_or(i64::MAX / 4)
    }

    /// 2.5 ms: what gaps are counted in, since no decoder can fill less.
    fn step(&self) -> i64 {
        i64::from(self.clock / 400)
    }

    fn longest_concealed(&self) -> i64 {
        i64::try_from(units(MAX_CONCEALED, self.clock)).unwrap_or(0)
    }
}
