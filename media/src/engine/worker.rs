//! The shard: one thread and the legs it owns.

use std::collections::VecDeque;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant, SystemTime};

use ahash::AHashMap;
use mio::{Events, Poll, Token, Waker};
use offhook_core::LegId;
use rtrb::{Consumer, Producer, PushError, RingBuffer};
use slab::Slab;

use crate::engine::command::{Command, CommandReceiver, CommandSender};
use crate::engine::config::EngineConfig;
use crate::engine::event::{EngineEvent, LegFailure, Outbox, Wake};
use crate::engine::leg::Leg;
use crate::engine::record::recorder::RecorderCommand;
use crate::engine::room::Rooms;
use crate::engine::stats::{PublishedStats, ShardStats};
use crate::engine::wheel::Wheel;
use crate::graph::tap::TapFrame;
use crate::rtcp::NtpClock;
use crate::session::{PACKET_LEN, SessionSettings};
use crate::time::MAX_FRAME_SAMPLES;

/// The token of the eventfd that commands come with.
const WAKER: Token = Token(0);

/// Sockets that one wait can report.
const READY: usize = 1024;

/// Largest packet that is taken; audio never needs more.
pub(crate) const BUFFER: usize = 2048;

/// Events that fit into the ring before they wait in the shard.
const EVENTS: usize = 1024;

/// Events that may wait in the shard before those are dropped that a far end can make at will.
const MAX_WAITING: usize = 65_536;

/// Tapped frames that fit into the ring: 0.8 s of 100 recorded calls.
const TAPS: usize = 8192;

/// Time-outs are looked at this often: they are seconds.
const SWEEP: Duration = Duration::from_millis(50);

/// Sockets handled between two readings of the clock.
const PER_READING: usize = 16;

/// What a shard is made from.
pub(crate) struct ShardParts {
    pub(crate) config: EngineConfig,
    pub(crate) wake: Arc<Wake>,
    pub(crate) outbox: Outbox,
    pub(crate) ports: Sender<u16>,
    pub(crate) recorder: Sender<RecorderCommand>,
    /// When turns of the wheel are counted from: the same for all shards, so that they agree on what
    /// plays now.
    pub(crate) started: Instant,
}

/// The ends of a shard's rings that others hold.
pub(crate) struct ShardEnds {
    pub(crate) commands: Arc<CommandSender>,
    pub(crate) stats: Arc<PublishedStats>,
    pub(crate) events: Consumer<EngineEvent>,
    pub(crate) taps: Consumer<TapFrame>,
}

/// One media thread's state.
pub(crate) struct Shard {
    pub(super) poll: Poll,
    pub(super) commands: CommandReceiver,
    sender: Arc<CommandSender>,
    pub(super) events: EventSink,
    pub(super) legs: Slab<Leg>,
    pub(super) index: AHashMap<LegId, usize>,
    /// When each leg, by its key, has a time-out to be looked at.
    pub(super) deadlines: Vec<Option<Instant>>,
    pub(super) next_sweep: Option<Instant>,
    pub(super) wheel: Wheel,
    pub(super) rooms: Rooms,
    pub(super) taps: Producer<TapFrame>,
    pub(super) recorder: Sender<RecorderCommand>,
    pub(super) ports: Sender<u16>,
    pub(super) settings: SessionSettings,
    pub(super) stats: ShardStats,
    published: Arc<PublishedStats>,
    /// The packet that was received last.
    pub(super) buffer: Box<[u8; BUFFER]>,
    /// The packet to be sent.
    pub(super) packet: Box<[u8; PACKET_LEN]>,
    /// The frame that was decoded last.
    pub(super) pcm: Box<[i16; MAX_FRAME_SAMPLES]>,
    /// The legs being handled: those that end should that panic.
    pub(super) touched: [Option<usize>; 2],
    /// Legs whose sockets were not read empty.
    pub(super) unfinished: VecDeque<usize>,
    /// Legs that come from other shards.
    pub(super) expected: Vec<LegId>,
    /// What is to be done once they are here.
    pub(super) held: VecDeque<Command>,
}

impl Shard {
    pub(crate) fn new(parts: ShardParts) -> io::Result<(Self, ShardEnds)> {
        let poll = Poll::new()?;
        let (sender, commands) = CommandSender::new(Waker::new(poll.registry(), WAKER)?);
        let sender = Arc::new(sender);
        let (event_ring, events) = RingBuffer::new(EVENTS);
        let (tap_ring, taps) = RingBuffer::new(TAPS);
        let published = Arc::new(PublishedStats::default());
        let now = now();
        let shard = Self {
            poll,
            commands,
            sender: sender.clone(),
            events: EventSink {
                ring: event_ring,
                waiting: VecDeque::new(),
                told: false,
                wake: parts.wake,
                outbox: parts.outbox,
            },
            legs: Slab::new(),
            index: AHashMap::new(),
            deadlines: Vec::new(),
            next_sweep: None,
            wheel: Wheel::new(parts.started),
            rooms: Rooms::new(parts.started),
            taps: tap_ring,
            recorder: parts.recorder,
            ports: parts.ports,
            settings: SessionSettings {
                encoder: parts.config.encoder,
                fec: parts.config.fec,
                fax: parts.config.fax,
                jitter: parts.config.jitter,
                rtp_timeout: parts.config.rtp_timeout,
                rtp_keepalive: parts.config.rtp_keepalive,
                rtcp_interval: parts.config.rtcp_interval,
                quality_interval: parts.config.quality_interval,
                clock: NtpClock::new(now, wall()),
            },
            stats: ShardStats::default(),
            published: published.clone(),
            buffer: Box::new([0; BUFFER]),
            packet: Box::new([0; PACKET_LEN]),
            pcm: Box::new([0; MAX_FRAME_SAMPLES]),
            touched: [None; 2],
            unfinished: VecDeque::new(),
            expected: Vec::new(),
            held: VecDeque::new(),
        };
        let ends = ShardEnds {
            commands: sender,
            stats: published,
            events,
            taps,
        };
        Ok((shard, ends))
    }

    /// Runs until told to end.
    pub(crate) fn run(mut self) {
        let mut ready = Events::with_capacity(READY);
        while self.turn(&mut ready) {}
        self.end();
    }

    /// Waits, then does all that is due; false when told to end.
    pub(super) fn turn(&mut self, ready: &mut Events) -> bool {
        let timeout = self.timeout(now());
        if let Err(error) = self.poll.poll(ready, timeout)
            && error.kind() != io::ErrorKind::Interrupted
        {
            tracing::error!(%error, "a media thread cannot wait for its sockets");
        }
        let woke = now();
        self.wheel.pass(woke);
        self.rooms.wheel.pass(woke);
        let goes_on = self.take_commands(woke);
        let reached = self.take_packets(ready, woke);
        self.run_wheel(reached);
        self.run_rooms(reached);
        self.sweep(reached);
        self.events.flush();
        self.stats.busy += now().saturating_duration_since(woke);
        self.stats.legs = self.legs.len() as u64;
        self.published.publish(&self.stats);
        goes_on
    }

    /// Does something with legs; should it panic, only those end. What is being done around it goes
    /// on being about its own legs.
    pub(super) fn guarded(&mut self, leg: usize, work: impl FnOnce(&mut Self)) {
        let around = std::mem::replace(&mut self.touched, [Some(leg), None]);
        // What is left half done belongs to the legs that are removed.
        if catch_unwind(AssertUnwindSafe(|| work(self))).is_err() {
            for leg in std::mem::take(&mut self.touched).into_iter().flatten() {
                self.fail(leg);
            }
        }
        self.touched = around;
    }

    fn fail(&mut self, key: usize) {
        let Some(id) = self.legs.get(key).map(|leg| leg.id) else {
            return;
        };
        tracing::error!(leg = %id, "a fault in the media engine ended a leg");
        if catch_unwind(AssertUnwindSafe(|| self.remove(key, now()))).is_err() {
            self.drop_leg(key);
        }
        self.events.push(EngineEvent::LegFailed {
            leg: id,
            reason: LegFailure::Panicked,
        });
    }

    fn take_commands(&mut self, now: Instant) -> bool {
        let mut goes_on = true;
        loop {
            while let Some(command) = self.commands.pop() {
                goes_on &= self.execute(command, now);
            }
            if !self.commands.has_overflowed() {
                return goes_on;
            }
            let sender = self.sender.clone();
            if !sender.try_flush() {
                return goes_on;
            }
        }
    }

    fn take_packets(&mut self, ready: &Events, woke: Instant) -> Instant {
        let mut reached = woke;
        for _ in 0..self.unfinished.len() {
            let Some(leg) = self.unfinished.pop_front() else {
                break;
            };
            self.guarded(leg, |shard| shard.receive_rtp(leg, reached));
        }
        for (count, event) in ready.iter().enumerate() {
            if count % PER_READING == PER_READING - 1 {
                reached = now();
            }
            let Some(number) = event.token().0.checked_sub(1) else {
                continue;
            };
            let leg = number / 2;
            self.guarded(leg, |shard| {
                if number % 2 == 0 {
                    shard.receive_rtp(leg, reached);
                } else {
                    shard.receive_rtcp(leg, reached);
                }
            });
        }
        reached
    }

    fn run_wheel(&mut self, now: Instant) {
        while let Some(mut due) = self.wheel.pop_due(now, &mut self.stats.skipped_slots) {
            let before = due.legs.len();
            due.legs.retain(|&leg| {
                // It may have gone since, and another have its key.
                let here = self
                    .legs
                    .get(leg)
                    .is_some_and(|leg| leg.slot == Some(due.slot));
                if here {
                    self.guarded(leg, |shard| shard.tick(leg, due.at, due.tick));
                }
                here && self.stays_in_wheel(leg)
            });
            let left = before - due.legs.len();
            self.wheel.give_back(due.slot, due.legs, left);
        }
    }

    /// Looks at the time-outs that have passed.
    fn sweep(&mut self, now: Instant) {
        if self.next_sweep.is_none_or(|due| due > now) {
            return;
        }
        for leg in 0..self.deadlines.len() {
            if self.deadlines[leg].is_some_and(|due| due <= now) {
                self.guarded(leg, |shard| shard.handle_timeout(leg, now));
            }
        }
        let first = self.deadlines.iter().flatten().min();
        self.next_sweep = first.map(|first| (*first).max(now + SWEEP));
    }

    fn timeout(&self, now: Instant) -> Option<Duration> {
        if !self.unfinished.is_empty() || !self.events.waiting.is_empty() {
            return Some(Duration::from_millis(u64::from(self.unfinished.is_empty())));
        }
        let frames = [self.wheel.next_due(), self.rooms.wheel.next_due()];
        let due = [frames[0], frames[1], self.next_sweep];
        let first = due.into_iter().flatten().min()?;
        Some(first.saturating_duration_since(now))
    }

    fn end(mut self) {
        self.end_rooms();
        let all: Vec<usize> = self.legs.iter().map(|(key, _)| key).collect();
        for key in all {
            self.guarded(key, |shard| shard.remove(key, now()));
        }
        self.events.end();
        self.stats.legs = 0;
        self.published.publish(&self.stats);
    }
}

/// Where a shard's events go: the ring, and in order behind it what the ring had no room for.
pub(super) struct EventSink {
    ring: Producer<EngineEvent>,
    waiting: VecDeque<EngineEvent>,
    /// Whether something was put into the ring in this turn.
    told: bool,
    wake: Arc<Wake>,
    outbox: Outbox,
}

impl EventSink {
    pub(super) fn extend(&mut self, event: Option<EngineEvent>) {
        if let Some(event) = event {
            self.push(event);
        }
    }

    pub(super) fn push(&mut self, event: EngineEvent) {
        if self.waiting.is_empty() {
            match self.ring.push(event) {
                Ok(()) => self.told = true,
                Err(PushError::Full(event)) => self.waiting.push_back(event),
            }
            return;
        }
        // Nobody has fetched events for long: what far ends make at will is not kept for ever.
        let at_will = matches!(
            event,
            EngineEvent::Digit { .. }
                | EngineEvent::Quality { .. }
                | EngineEvent::TalkStarted { .. }
                | EngineEvent::TalkStopped { .. }
        );
        if self.waiting.len() < MAX_WAITING || !at_will {
            self.waiting.push_back(event);
        }
    }

    /// Ends a turn: whoever fetches events is woken once for all of them.
    fn flush(&mut self) {
        while let Some(event) = self.waiting.pop_front() {
            if let Err(PushError::Full(event)) = self.ring.push(event) {
                self.waiting.push_front(event);
                break;
            }
            self.told = true;
        }
        if std::mem::take(&mut self.told) {
            self.wake.signal();
        }
    }

    fn end(&mut self) {
        self.flush();
        for event in self.waiting.drain(..) {
            self.outbox.push(event);
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the media thread is the shell that tells its sessions the time"
)]
pub(crate) fn now() -> Instant {
    Instant::now()
}

#[expect(
    clippy::disallowed_methods,
    reason = "read once per thread, to anchor the wall clock RTCP carries"
)]
fn wall() -> SystemTime {
    SystemTime::now()
}
