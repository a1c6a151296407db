//! The engine's handle: named verbs for everybody who is not the engine.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender};
use std::thread::JoinHandle;
use std::time::Instant;

use ahash::AHashMap;
use arc_swap::ArcSwap;
use offhook_core::{CallId, LegId, RecordingId};
use parking_lot::Mutex;

use crate::engine::command::{Command, CommandSender};
use crate::engine::config::{EngineConfig, EngineError};
use crate::engine::event::{EngineEvent, EngineEvents, Outbox, RecordingFailure, Refusal, Wake};
use crate::engine::leg::NewLeg;
use crate::engine::ports::{PortError, PortPool};
use crate::engine::record::disk::{Disk, FileSystem};
use crate::engine::record::recorder::{Degradations, Recorder, RecorderCommand};
use crate::engine::record::writer::Begin;
use crate::engine::record::{RecordSpec, is_allowed_name};
use crate::engine::socket::LegSockets;
use crate::engine::stats::{EngineStats, PublishedStats};
use crate::engine::worker::{Shard, ShardParts, now};
use crate::graph::bank::SoundBank;
use crate::graph::encoding::{EncodeQueue, Order};
use crate::graph::player::{Background, Player};
use crate::graph::playlist::{PlayControl, PlayEnd, PlayId, PlayOptions, Playlist, Source};
use crate::graph::tap::Side;
use crate::session::{RemoteMedia, is_digit};
use crate::time::FRAME;

/// Most digits one `send_digits` takes.
const MAX_DIGITS: usize = 128;

/// Where a leg takes RTP: what goes into its session description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegPort {
    /// The advertised RTP address.
    pub rtp: SocketAddr,
    /// The advertised RTCP address.
    pub rtcp: SocketAddr,
}

/// The media engine. A cheap clone; the threads end at [`Engine::shutdown`] or with the last clone.
///
/// Commands take effect in the order they are given, by whatever clone. What cannot be done is
/// answered with an [`EngineEvent::CommandRefused`] or, for `play`, `PlaybackEnded`, and for
/// recordings `RecordingFailed`; nothing is ever dropped in silence.
#[derive(Clone)]
pub struct Engine {
    inner: Arc<Inner>,
    hearing: Hearing,
}

/// When shards hear of commands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hearing {
    AtOnce,
    /// At [`Engine::wake`].
    WhenWoken,
}

struct Inner {
    config: EngineConfig,
    bank: ArcSwap<SoundBank>,
    /// Held while the bank is changed, so that no change is lost.
    changing: Mutex<()>,
    started: Instant,
    shards: Vec<ShardHandle>,
    ports: Mutex<PortPool>,
    outbox: Outbox,
    recorder: Sender<RecorderCommand>,
    recordings: Recordings,
    degraded: Degradations,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    shards: Vec<JoinHandle<()>>,
    recorder: Option<JoinHandle<()>>,
}

/// The recordings that run and the call each belongs to.
pub(crate) type Recordings = Arc<Mutex<AHashMap<RecordingId, CallId>>>;

struct ShardHandle {
    commands: Arc<CommandSender>,
    stats: Arc<PublishedStats>,
}

impl Engine {
    /// Starts the threads. `wake` is called, from any thread, when an event waits after
    /// [`EngineEvents::pop`] had returned `None`; it must not block.
    ///
    /// # Errors
    /// When the port range is empty, the recordings folder cannot be made, or the system refuses
    /// a thread.
    pub fn start(
        config: EngineConfig,
        bank: SoundBank,
        wake: Arc<dyn Fn() + Send + Sync>,
    ) -> Result<(Self, EngineEvents), EngineError> {
        Self::start_on(config, bank, wake, Arc::new(FileSystem))
    }

    /// The same with recordings on this disk.
    pub(crate) fn start_on(
        config: EngineConfig,
        bank: SoundBank,
        wake: Arc<dyn Fn() + Send + Sync>,
        disk: Arc<dyn Disk>,
    ) -> Result<(Self, EngineEvents), EngineError> {
        let (ports, give_back) = PortPool::new(&config.ports);
        if ports.size() == 0 {
            return Err(EngineError::NoPortPair);
        }
        let unusable = |source| EngineError::Recordings {
            path: config.recordings.clone(),
            source,
        };
        std::fs::create_dir_all(&config.recordings).map_err(unusable)?;
        let wake = Wake::new(wake);
        let outbox = Outbox::new(wake.clone());
        let recordings = Recordings::default();
        let count = match config.shards {
            0 => std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2)),
            count => count,
        };
        let mut threads = Threads::default();
        let degraded = Degradations::default();
        let (recorder, sender) =
            Recorder::new(&config, disk, &outbox, &recordings, degraded.clone());
        let started = now();
        let mut made = Vec::new();
        for _ in 0..count {
            let parts = ShardParts {
                config: config.clone(),
                wake: wake.clone(),
                outbox: outbox.clone(),
                ports: give_back.clone(),
                recorder: sender.clone(),
                started,
            };
            made.push(Shard::new(parts).map_err(EngineError::Thread)?);
        }
        let (mut shards, mut rings, mut taps) = (Vec::new(), Vec::new(), Vec::new());
        for (shard, ends) in made {
            let thread = spawn("offhook-media", move || shard.run())?;
            threads.shards.push(thread);
            taps.push((ends.taps, ends.commands.clone()));
            shards.push(ShardHandle {
                commands: ends.commands,
                stats: ends.stats,
            });
            rings.push(ends.events);
        }
        threads.recorder = Some(spawn("offhook-record", move || recorder.run(taps))?);
        let orders = bank.orders().clone();
        if let Some(orders) = orders.take() {
            // It ends by itself, with the last sound that could be ordered.
            spawn("offhook-encode", move || encode(&orders))?;
        }
        let inner = Inner {
            config,
            bank: ArcSwap::from_pointee(bank),
            changing: Mutex::new(()),
            started,
            shards,
            ports: Mutex::new(ports),
            outbox: outbox.clone(),
            recorder: sender,
            recordings,
            degraded,
            threads: Mutex::new(threads),
        };
        let events = EngineEvents {
            rings,
            outbox,
            next: 0,
        };
        let inner = Arc::new(inner);
        let engine = Self {
            inner,
            hearing: Hearing::AtOnce,
        };
        Ok((engine, events))
    }

    /// The same engine for somebody who says many things in a row: its threads are not woken for
    /// each, but by [`wake`](Self::wake) after the last. Waking costs more than most commands.
    #[must_use]
    pub fn gathering(&self) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            hearing: Hearing::WhenWoken,
        }
    }

    /// Has the threads look at what was said since they were woken last, unless all of it may wait
    /// some hundredths of a second: legs added and removed. True: something waits, and
    /// [`wake_for_all`](Self::wake_for_all) has to follow.
    #[must_use]
    pub fn wake(&self) -> bool {
        let wake = |waits: bool, shard: &ShardHandle| shard.commands.wake() || waits;
        self.inner.shards.iter().fold(false, wake)
    }

    /// Has the threads look at everything that was said since they were woken last.
    pub fn wake_for_all(&self) {
        for shard in &self.inner.shards {
            shard.commands.wake_for_all();
        }
    }

    /// Opens the ports of a new leg. Nothing is received or sent before [`Engine::set_remote`].
    ///
    /// # Errors
    /// When all ports are in use, the system refuses a socket, or the engine is shut down.
    pub fn add_leg(&self, leg: LegId) -> Result<LegPort, EngineError> {
        let inner = &self.inner;
        let ip = inner.config.ip;
        let taken = inner.ports.lock().take(|port| LegSockets::bind(ip, port));
        let (port, sockets) = taken.map_err(|error| match error {
            PortError::Exhausted => EngineError::PortsExhausted,
            PortError::Bind(source) => EngineError::Socket { ip, source },
        })?;
        let new = NewLeg::new(leg, port, sockets);
        if !self.push(leg, Command::AddLeg(Box::new(new))) {
            return Err(EngineError::ShutDown);
        }
        let advertised = inner.config.advertised_ip.unwrap_or(ip);
        Ok(LegPort {
            rtp: SocketAddr::new(advertised, port),
            rtcp: SocketAddr::new(advertised, port + 1),
        })
    }

    /// Says where and what the far end wants, after each offer and answer. A changed address may
    /// be latched anew; the RTP time-out starts again.
    pub fn set_remote(&self, leg: LegId, remote: RemoteMedia) {
        self.command(leg, "set_remote", Command::SetRemote(leg, Box::new(remote)));
    }

    /// Sets what the leg hears while no playlist runs. In a bridge the other leg goes on hearing
    /// this one.
    pub fn set_source(&self, leg: LegId, source: &Source) {
        match Background::find(source, &self.inner.bank.load()) {
            Some(background) => {
                self.command(leg, "set_source", Command::SetSource(leg, background));
            }
            None => {
                let reason = match source {
                    Source::Tone(_) => Refusal::UnknownTone,
                    Source::Silence | Source::HoldMusic(_) | Source::Echo => Refusal::UnknownMusic,
                };
                self.refuse(leg, "set_source", reason);
            }
        }
    }

    /// Lets two legs of one call hear each other. Former bridges of both end.
    pub fn bridge(&self, a: LegId, b: LegId) {
        if a.call != b.call {
            self.refuse(a, "bridge", Refusal::OtherCall);
        } else if a == b {
            self.refuse(a, "bridge", Refusal::SameLeg);
        } else {
            self.command(a, "bridge", Command::Bridge(a, b));
        }
    }

    /// Ends the bridge of this leg: both sides hear silence until told otherwise. Does nothing
    /// when it has none.
    pub fn unbridge(&self, leg: LegId) {
        self.command(leg, "unbridge", Command::Unbridge(leg));
    }

    /// The turn of the wheel that plays now: what a class of hold music plays is a question of it.
    #[must_use]
    pub fn tick(&self) -> u64 {
        let passed = now().saturating_duration_since(self.inner.started);
        u64::try_from(passed.as_millis() / FRAME.as_millis()).unwrap_or(u64::MAX)
    }

    /// What the engine can play now.
    #[must_use]
    pub fn bank(&self) -> Arc<SoundBank> {
        self.inner.bank.load_full()
    }

    /// Changes what the engine can play. Whoever hears something that is gone hears it to its end;
    /// hold music changes for its listeners at once.
    pub fn change_bank(&self, change: impl FnOnce(&mut SoundBank)) {
        let _alone = self.inner.changing.lock();
        let mut bank = SoundBank::clone(&self.inner.bank.load());
        change(&mut bank);
        self.inner.bank.store(Arc::new(bank));
    }

    /// Plays a playlist to the leg, over whatever it hears; a former one ends as `Stopped`. Waits
    /// for the remote to be set. Its end is told exactly once, also when the leg is unknown or an
    /// item is missing.
    pub fn play(&self, leg: LegId, play: PlayId, playlist: &Playlist) {
        self.play_with(leg, play, playlist, &PlayOptions::default());
    }

    /// The same, louder or quieter, more than once, or from its middle on.
    pub fn play_with(&self, leg: LegId, play: PlayId, playlist: &Playlist, options: &PlayOptions) {
        let player = match Player::with(play, playlist, options, &self.inner.bank.load()) {
            Ok(player) => player,
            Err(error) => {
                tracing::warn!(%leg, %error, "a playlist cannot be played");
                return self.fail_play(leg, play);
            }
        };
        if !self.push(leg, Command::Play(leg, player)) {
            self.fail_play(leg, play);
        }
    }

    /// Pauses what is played to the leg, goes on with it, goes elsewhere in it, or makes it louder.
    pub fn control_play(&self, leg: LegId, control: PlayControl) {
        self.command(leg, "control_play", Command::ControlPlay(leg, control));
    }

    /// Stops what is played to the leg, if anything.
    pub fn stop_play(&self, leg: LegId) {
        self.command(leg, "stop_play", Command::StopPlay(leg));
    }

    /// Sends telephone events (RFC 4733) to the far end, after those still under way.
    pub fn send_digits(&self, leg: LegId, digits: &str) {
        let fits = !digits.is_empty() && digits.len() <= MAX_DIGITS;
        if !fits || !digits.chars().all(is_digit) {
            return self.refuse(leg, "send_digits", Refusal::BadDigits);
        }
        let digits = digits.as_bytes().into();
        self.command(leg, "send_digits", Command::SendDigits(leg, digits));
    }

    /// Records what the legs say until [`Engine::stop_record`] or until none of them exists.
    pub fn record(&self, spec: &RecordSpec) {
        let recording = spec.recording;
        if !self.begin_record(spec, 1 + usize::from(spec.right.is_some())) {
            return;
        }
        self.command(
            spec.left,
            "record",
            Command::Tap(spec.left, recording, Side::Left),
        );
        if let Some(right) = spec.right {
            self.command(right, "record", Command::Tap(right, recording, Side::Right));
        }
    }

    /// Has the recorder begin a file for so many sources; false when it does not, which is told.
    pub(super) fn begin_record(&self, spec: &RecordSpec, sources: usize) -> bool {
        let (recording, call) = (spec.recording, spec.left.call);
        let fail = |reason| {
            self.inner.outbox.push(EngineEvent::RecordingFailed {
                recording,
                call,
                reason,
            });
            false
        };
        if !is_allowed_name(spec) {
            return fail(RecordingFailure::BadFileName);
        }
        {
            let mut recordings = self.inner.recordings.lock();
            if recordings.contains_key(&recording) {
                return fail(RecordingFailure::AlreadyRunning);
            }
            recordings.insert(recording, call);
        }
        let begin = Box::new(Begin {
            recording,
            call,
            style: spec.style,
            keys: spec.keys,
            seal: spec.seal.clone(),
            name: spec.file.clone(),
        });
        if self
            .inner
            .recorder
            .send(RecorderCommand::Start(begin, sources))
            .is_err()
        {
            self.inner.recordings.lock().remove(&recording);
            return fail(RecordingFailure::ShutDown);
        }
        true
    }

    /// Puts a leg on the right channel of a running recording, for example the agent who answered
    /// later. A leg that was there before is no longer recorded.
    pub fn record_right(&self, recording: RecordingId, right: LegId) {
        let known = self.inner.recordings.lock().contains_key(&recording);
        if known
            && self
                .inner
                .recorder
                .send(RecorderCommand::AddLeg(recording))
                .is_ok()
        {
            let tap = Command::Tap(right, recording, Side::Right);
            self.command(right, "record_right", tap);
        } else {
            self.refuse(right, "record_right", Refusal::UnknownRecording);
        }
    }

    /// Leaves out what is said from now on, until [`Engine::resume_record`]: the recording goes on in
    /// silence, so that its times stay true. One that has ended is left alone.
    pub fn pause_record(&self, recording: RecordingId) {
        // Without a recorder there is nothing to be left out of.
        self.inner
            .recorder
            .send(RecorderCommand::Pause(recording, now()))
            .ok();
    }

    /// Lets be heard what is said from now on.
    pub fn resume_record(&self, recording: RecordingId) {
        self.inner
            .recorder
            .send(RecorderCommand::Resume(recording, now()))
            .ok();
    }

    /// Both parties hear a beep now: it stands in the recording, too.
    pub fn beep_in_record(&self, recording: RecordingId) {
        self.inner
            .recorder
            .send(RecorderCommand::Beep(recording, now()))
            .ok();
    }

    /// Ends a recording; the event comes when it is safe on disk. One that has ended already is
    /// left alone.
    pub fn stop_record(&self, recording: RecordingId) {
        let call = self.inner.recordings.lock().get(&recording).copied();
        if let Some(call) = call {
            // Without its shard there is nobody to tell, and the recorder is finishing anyway.
            self.put(call, Command::Untap(recording));
        }
    }

    /// Closes the ports of a leg, with a BYE by RTCP. Its bridge, playlist and share in recordings
    /// end.
    pub fn remove_leg(&self, leg: LegId) {
        self.command(leg, "remove_leg", Command::RemoveLeg(leg));
    }

    /// Gives a leg another name, and with it to another call. Its bridge, playlist and share in
    /// recordings end; its ports, what was said with [`Engine::set_remote`] and its stream go on.
    /// From now on it is known as `to`.
    pub fn move_leg(&self, from: LegId, to: LegId) {
        let (old, new) = (self.shard(from.call), self.shard(to.call));
        if Arc::ptr_eq(&old.commands, &new.commands) {
            return self.command(from, "move_leg", Command::Rename(from, to));
        }
        new.commands.push(Command::Expect(to));
        let out = Command::MoveOut(from, to, Arc::clone(&new.commands));
        if !old.commands.push(out) {
            new.commands.push(Command::NotComing(to));
        }
    }

    /// What the engine did so far and holds now.
    #[must_use]
    pub fn stats(&self) -> EngineStats {
        let mut ports = self.inner.ports.lock();
        EngineStats {
            shards: self.inner.shards.iter().map(|s| s.stats.read()).collect(),
            ports_in_use: ports.in_use(),
            ports: ports.size(),
            recordings: self.inner.recordings.lock().len(),
            recording_gaps: self.inner.degraded.load(Ordering::Relaxed),
        }
    }

    /// Ends all legs, finishes all recordings and waits for both. Events of that can still be
    /// popped.
    pub fn shutdown(&self) {
        self.inner.end_shards();
        let threads = std::mem::take(&mut *self.inner.threads.lock());
        threads.shards.into_iter().for_each(join);
        // Only now: what the shards still had to record is in the rings.
        self.inner.end_recorder();
        threads.recorder.into_iter().for_each(join);
    }

    fn shard(&self, call: CallId) -> &ShardHandle {
        let bits = call.bits();
        let mixed = bits ^ (bits >> 64);
        let count = self.inner.shards.len() as u128;
        let index = usize::try_from(mixed % count).unwrap_or(0);
        &self.inner.shards[index]
    }

    fn push(&self, leg: LegId, command: Command) -> bool {
        self.put(leg.call, command)
    }

    pub(super) fn put(&self, call: CallId, command: Command) -> bool {
        let commands = &self.shard(call).commands;
        match self.hearing {
            Hearing::AtOnce => commands.push(command),
            Hearing::WhenWoken => commands.put(command),
        }
    }

    fn command(&self, leg: LegId, name: &'static str, command: Command) {
        if !self.push(leg, command) {
            self.refuse(leg, name, Refusal::ShutDown);
        }
    }

    pub(super) fn refuse(&self, leg: LegId, command: &'static str, reason: Refusal) {
        self.inner.outbox.push(EngineEvent::CommandRefused {
            leg,
            command,
            reason,
        });
    }

    pub(super) fn tell(&self, event: EngineEvent) {
        self.inner.outbox.push(event);
    }

    fn fail_play(&self, leg: LegId, play: PlayId) {
        let end = PlayEnd::Failed;
        let event = EngineEvent::PlaybackEnded { leg, play, end };
        self.inner.outbox.push(event);
    }

    #[cfg(test)]
    pub(crate) fn panic(&self, leg: LegId) {
        self.push(leg, Command::Panic(leg));
    }

    #[cfg(test)]
    pub(crate) fn panic_at_packet(&self, leg: LegId) {
        self.push(leg, Command::PanicAtPacket(leg));
    }
}

impl Inner {
    fn end_shards(&self) {
        for shard in &self.shards {
            shard.commands.push(Command::Shutdown);
        }
    }

    fn end_recorder(&self) {
        // Nobody takes it when the recorder has ended already, which is as good.
        self.recorder.send(RecorderCommand::Shutdown).ok();
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end_shards();
        self.end_recorder();
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("ip", &self.inner.config.ip)
            .field("shards", &self.inner.shards.len())
            .finish_non_exhaustive()
    }
}

/// Encodes what sounds are wanted in, as long as there are sounds.
fn encode(orders: &Receiver<Order>) {
    let mut queue = EncodeQueue::default();
    loop {
        if queue.is_empty() {
            match orders.recv() {
                Ok(order) => queue.add(order),
                Err(_) => return,
            }
        }
        orders.try_iter().for_each(|order| queue.add(order));
        queue.work();
    }
}

fn join(thread: JoinHandle<()>) {
    if thread.join().is_err() {
        tracing::error!("a media thread had ended by a panic");
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, EngineError> {
    let builder = std::thread::Builder::new().name(name.to_owned());
    builder.spawn(run).map_err(EngineError::Thread)
}
