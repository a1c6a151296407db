//! An engine with phones at its legs.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Result, bail};
use tempfile::TempDir;

use offhook_benches::clock::{self, MS, Nanos, SECOND};
use offhook_benches::process::{Usage, resident_kb};
use offhook_benches::rtp::{Hears, LegNumber, Line, LineKeys, Rtp, Says};
use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::CryptoSuite;
use offhook_core::{CallId, LegId};
use offhook_media::engine::{
    Engine, EngineConfig, EngineEvent, EngineEvents, EngineStats, RemoteMedia, ShardStats,
};

use crate::Common;
use crate::measured::Measured;
use crate::voices;

/// What telephone events are called in all descriptions here.
const EVENTS: u8 = 101;
/// Until all legs are as they were told to be, and jitter buffers know their network.
const SETTLE: Nanos = 2 * SECOND;
/// Nothing that is under way on loopback is under way for longer.
pub(crate) const UNDER_WAY: Nanos = 300 * MS;
/// A machine that does something else beside may be slow.
const PATIENCE: Nanos = 30 * SECOND;

/// The engine, and everybody who calls it.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) engine: Engine,
    pub(crate) rtp: Rtp,
    pub(crate) seen: Seen,
    events: EngineEvents,
    open: Vec<(LegId, LegNumber)>,
    rooms: Vec<CallId>,
    next: LegNumber,
    /// Resident memory when nobody had called yet.
    empty_kb: f64,
    /// Recordings are in it.
    _folder: TempDir,
}

/// What the engine told, counted.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Commands that could not be done.
    pub(crate) refused: u32,
    /// Legs, rooms and recordings that failed.
    pub(crate) failed: u32,
    /// Recordings that are complete.
    pub(crate) saved: u32,
    /// Members who began or ended to talk.
    pub(crate) talk: u32,
}

/// A leg whose phone is still silent.
#[derive(Debug)]
pub(crate) struct Leg {
    pub(crate) id: LegId,
    number: LegNumber,
    port: SocketAddr,
    keys: Option<Box<LineKeys>>,
}

impl Rig {
    /// With the settings a server has by default.
    pub(crate) fn start(common: &Common) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let config = EngineConfig {
            shards: common.shards.into(),
            ports: 10_000..=29_999,
            recordings: folder.path().to_owned(),
            ..EngineConfig::default()
        };
        let rtp = Rtp::start(common.rtp_threads)?;
        let (engine, events) = Engine::start(config, voices::bank(), Arc::new(|| {}))?;
        // The threads set themselves up.
        clock::pause(UNDER_WAY);
        Ok(Self {
            engine,
            rtp,
            seen: Seen::default(),
            events,
            open: Vec::new(),
            rooms: Vec::new(),
            next: 0,
            empty_kb: resident_kb(std::process::id())?,
            _folder: folder,
        })
    }

    /// Opens a leg for a phone with this codec, under keys of this suite if there is one.
    pub(crate) fn leg(
        &mut self,
        id: LegId,
        codec: Codec,
        suite: Option<CryptoSuite>,
    ) -> Result<Leg> {
        let number = self.next;
        self.next += 1;
        let port = self.engine.add_leg(id)?.rtp;
        self.open.push((id, number));
        let phone = SocketAddr::from((Ipv4Addr::LOCALHOST, self.rtp.port(number)));
        let mut remote = RemoteMedia::new(phone, codec).with_events(EVENTS);
        let keys = suite.map(LineKeys::agree).map(|(agreed, keys)| {
            remote.srtp = Some(agreed);
            Box::new(keys)
        });
        self.engine.set_remote(id, remote);
        Ok(Leg {
            id,
            number,
            port,
            keys,
        })
    }

    /// Opens two legs of a new call and bridges them.
    pub(crate) fn pair(
        &mut self,
        codecs: [Codec; 2],
        suite: Option<CryptoSuite>,
    ) -> Result<[Leg; 2]> {
        let call = CallId::random();
        let a = self.leg(LegId::new(call, 0), codecs[0], suite)?;
        let b = self.leg(LegId::new(call, 1), codecs[1], suite)?;
        self.engine.bridge(a.id, b.id);
        Ok([a, b])
    }

    /// Notes that a call has a room, to be closed with its legs.
    pub(crate) fn has_room(&mut self, call: CallId) {
        self.rooms.push(call);
    }

    /// The phone of a leg begins.
    pub(crate) fn begin(&self, leg: Leg, call: u32, says: Says, hears: Hears) {
        let line = Line {
            call,
            to: leg.port,
            says,
            hears,
            keys: leg.keys,
        };
        self.rtp.add(leg.number, line);
    }

    /// Lets time pass.
    pub(crate) fn settle(&mut self, length: Nanos) {
        let until = clock::now() + length;
        loop {
            self.listen();
            let left = until.saturating_sub(clock::now());
            if left == 0 {
                return;
            }
            clock::pause(left.min(20 * MS));
        }
    }

    /// Waits until the engine has done what it was told so far.
    pub(crate) fn wait(&mut self, what: &str, done: impl Fn(&EngineStats) -> bool) -> Result<()> {
        let until = clock::now() + PATIENCE;
        while !done(&self.engine.stats()) {
            if clock::now() > until {
                let seconds = clock::seconds(PATIENCE);
                bail!("{what} after {seconds} s: {:?}", self.engine.stats());
            }
            self.settle(MS);
        }
        Ok(())
    }

    /// Waits until all legs are there and were told the rest of it.
    pub(crate) fn wait_for_legs(&mut self) -> Result<()> {
        let legs = self.open.len() as u64;
        self.wait("legs are missing", |stats| {
            total(stats, |shard| shard.legs) == legs
        })?;
        self.settle(UNDER_WAY);
        Ok(())
    }

    /// Measures for so long what everybody does, once they have settled to it.
    pub(crate) fn measure(&mut self, seconds: u64) -> Result<Measured> {
        self.settle(SETTLE);
        self.rtp.begin();
        let (before, stats) = (Usage::own()?, self.engine.stats());
        self.settle(seconds * SECOND);
        Ok(Measured {
            used: Usage::own()?.since(&before),
            stats: [stats, self.engine.stats()],
            grown_kb: self.grown_kb()?,
            rtp: self.rtp.figures()?,
        })
    }

    /// By how much resident memory has grown since nobody had called yet.
    pub(crate) fn grown_kb(&self) -> Result<f64> {
        Ok(resident_kb(std::process::id())? - self.empty_kb)
    }

    /// Everybody falls silent, and for so long what is under way may arrive.
    pub(crate) fn hush(&mut self, length: Nanos) {
        self.rtp.hush();
        self.settle(length);
    }

    /// Ends all calls and waits until the engine holds nothing of them. Phones go on listening.
    pub(crate) fn end_calls(&mut self) -> Result<()> {
        for room in self.rooms.drain(..) {
            self.engine.close_room(room);
        }
        for (leg, _) in &self.open {
            self.engine.remove_leg(*leg);
        }
        self.wait("legs or recordings are left", |stats| {
            let legs = total(stats, |shard| shard.legs);
            legs == 0 && stats.ports_in_use == 0 && stats.recordings == 0
        })
    }

    /// Ends all calls, and with them their phones.
    pub(crate) fn hang_up(&mut self) -> Result<()> {
        for (_, number) in &self.open {
            self.rtp.remove(*number);
        }
        self.end_calls()?;
        self.open.clear();
        Ok(())
    }

    /// Waits until so many recordings are complete or failed, but not for ever.
    pub(crate) fn wait_for_recordings(&mut self, count: u32) {
        let until = clock::now() + PATIENCE;
        while self.seen.saved + self.seen.failed < count && clock::now() < until {
            self.settle(MS);
        }
    }

    fn listen(&mut self) {
        while let Some(event) = self.events.pop() {
            self.seen.count(&event);
        }
    }
}

impl Drop for Rig {
    fn drop(&mut self) {
        self.engine.shutdown();
    }
}

impl Seen {
    fn count(&mut self, event: &EngineEvent) {
        use EngineEvent::{
            CommandRefused, LegFailed, RecordingFailed, RecordingSaved, RoomFailed, RoomRefused,
            TalkStarted, TalkStopped,
        };
        let is = |yes: bool| u32::from(yes);
        self.refused += is(matches!(event, CommandRefused { .. } | RoomRefused { .. }));
        self.failed += is(matches!(
            event,
            LegFailed { .. } | RoomFailed { .. } | RecordingFailed { .. }
        ));
        self.saved += is(matches!(event, RecordingSaved { .. }));
        self.talk += is(matches!(event, TalkStarted { .. } | TalkStopped { .. }));
    }
}

/// A counter of all shards.
pub(crate) fn total(stats: &EngineStats, of: impl Fn(&ShardStats) -> u64) -> u64 {
    stats.shards.iter().map(of).sum()
}
