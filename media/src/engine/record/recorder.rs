//! The recorder: one thread that turns tapped packets into two parties on one time line. It touches
//! no disk: writers do, and what they are too slow for is left out, counted and told.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::{CallId, RecordingId};
use rtrb::Consumer;

use super::disk::Disk;
use super::running::{Handed, Running, WriterHandle};
use super::writer::{Backlog, Begin, Job, Writer, make_safe};
use crate::engine::command::{Command, CommandSender};
use crate::engine::config::EngineConfig;
use crate::engine::event::{EngineEvent, Outbox, RecordingFailure};
use crate::engine::handle::Recordings;
use crate::graph::recording::Recording;
use crate::graph::tap::{TapFrame, TapReader};

/// How often the rings are emptied while something is recorded.
const TURN: Duration = Duration::from_millis(50);

/// How often audio is written, at the latest: with the time line's delay and what encoders keep
/// inside, what a crash can take stays under a second.
const WRITE: Duration = Duration::from_millis(250);

/// Threads that write. Two, so that one file whose making takes long holds up half of the others
/// only; a core encodes hundreds of recordings.
const WRITERS: usize = 2;

/// How long writers may take to come to an end. A disk that is stuck for longer leaves its files to
/// the next start.
const FAREWELL: Duration = Duration::from_secs(10);

/// What the handle, the shards and the writers tell the recorder.
#[derive(Debug)]
pub(crate) enum RecorderCommand {
    /// Begin a recording. So many legs will be tapped for it.
    Start(Box<Begin>, usize),
    /// One more leg will be tapped.
    AddLeg(RecordingId),
    /// A leg is tapped from now on.
    LegJoined(RecordingId),
    /// A leg that was to be tapped no longer is. Without any, the recording ends.
    LegEnded(RecordingId),
    /// So much of what a leg said found no room in its shard's ring.
    Missed(RecordingId, Duration),
    /// All hear a beep that begins then.
    Beep(RecordingId, Instant),
    /// What is said from then on is left out.
    Pause(RecordingId, Instant),
    /// What is said from then on is heard again.
    Resume(RecordingId, Instant),
    /// All that was said is in the rings: end it.
    Stop(RecordingId),
    /// It cannot be written and is over.
    Broken(RecordingId),
    /// End everything, and the thread.
    Shutdown,
}

/// A shard's ring of tapped frames, and how to tell that shard to stop.
pub(crate) type Tap = (Consumer<TapFrame>, Arc<CommandSender>);

/// The recorder thread's state.
pub(crate) struct Recorder {
    outbox: Outbox,
    commands: Receiver<RecorderCommand>,
    /// Shared with the handle, which asks it whether a recording runs.
    known: Recordings,
    running: AHashMap<RecordingId, Running>,
    /// All that was said for these is in the rings.
    ending: Vec<RecordingId>,
    writers: Vec<WriterHandle>,
    next_writer: usize,
    parts: Parts,
}

/// What writers are made from.
struct Parts {
    config: EngineConfig,
    disk: Arc<dyn Disk>,
    sender: Sender<RecorderCommand>,
    degraded: Degradations,
}

/// Counts for everybody to read.
pub(crate) type Degradations = Arc<std::sync::atomic::AtomicU64>;

impl Recorder {
    /// A recorder that writes to `disk`, below the folder of the settings.
    pub(crate) fn new(
        config: &EngineConfig,
        disk: Arc<dyn Disk>,
        outbox: &Outbox,
        known: &Recordings,
        degraded: Degradations,
    ) -> (Self, Sender<RecorderCommand>) {
        let (sender, commands) = channel();
        let recorder = Self {
            outbox: outbox.clone(),
            commands,
            known: known.clone(),
            running: AHashMap::new(),
            ending: Vec::new(),
            writers: Vec::new(),
            next_writer: 0,
            parts: Parts {
                config: config.clone(),
                disk,
                sender: sender.clone(),
                degraded,
            },
        };
        (recorder, sender)
    }

    /// Runs until told to end.
    pub(crate) fn run(mut self, taps: Vec<Tap>) {
        let mut taps: Vec<_> = taps
            .into_iter()
            .map(|(ring, shard)| (ring, TapReader::default(), shard))
            .collect();
        let ended = self.start_writers();
        while let Some(command) = self.next() {
            // A pause counts from when it was asked for, so all that were asked for by now are heeded
            // before what is later is written.
            let heeded = now();
            let mut goes_on = command.is_none_or(|command| self.handle(command, &taps));
            while let Ok(command) = self.commands.try_recv() {
                goes_on &= self.handle(command, &taps);
            }
            if !goes_on {
                break;
            }
            if self.ending.is_empty() {
                self.drain(&mut taps, heeded);
            } else {
                self.drain(&mut taps, now());
                for recording in std::mem::take(&mut self.ending) {
                    self.finish(recording);
                }
            }
            self.write_due(heeded);
        }
        self.drain(&mut taps, now());
        let all: Vec<_> = self.running.keys().copied().collect();
        for recording in all {
            self.finish(recording);
        }
        drop(self);
        // Each holds a sender until its files are safe: when none is left, all are.
        if ended.recv_timeout(FAREWELL) == Err(RecvTimeoutError::Timeout) {
            tracing::error!("the disk is stuck: recordings are finished at the next start");
        }
    }

    /// Starts the writers and the thread that makes files safe, so that a slow sync delays no
    /// writing. What is given back is disconnected when all of them have ended.
    fn start_writers(&mut self) -> Receiver<()> {
        let (alive, ended) = channel::<()>();
        let (finished, to_finish) = channel();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let alive = alive.clone();
            let thread = std::thread::Builder::new().name(name.to_owned());
            let spawned = thread.spawn(move || {
                run();
                drop(alive);
            });
            if let Err(error) = spawned {
                tracing::error!(name, %error, "no thread for recordings: they fail or wait for the next start");
            }
        };
        let outbox = self.outbox.clone();
        let folder = self.parts.config.recordings.clone();
        spawn(
            "offhook-keep",
            Box::new(move || make_safe(&to_finish, &folder, &outbox)),
        );
        for _ in 0..WRITERS {
            let (jobs, receiver) = channel();
            let backlog = Arc::new(Backlog::default());
            let writer = Writer {
                disk: self.parts.disk.clone(),
                folder: self.parts.config.recordings.clone(),
                min_free: self.parts.config.min_free,
                backlog: backlog.clone(),
                outbox: self.outbox.clone(),
                recorder: self.parts.sender.clone(),
                finished: finished.clone(),
                open: AHashMap::new(),
            };
            spawn("offhook-write", Box::new(move || writer.run(&receiver)));
            self.writers.push(WriterHandle { jobs, backlog });
        }
        ended
    }

    /// The next command; `Some(None)` when a turn has passed without; `None` at the end.
    fn next(&self) -> Option<Option<RecorderCommand>> {
        if self.running.is_empty() {
            return self.commands.recv().ok().map(Some);
        }
        match self.commands.recv_timeout(TURN) {
            Ok(command) => Some(Some(command)),
            Err(RecvTimeoutError::Timeout) => Some(None),
            Err(RecvTimeoutError::Disconnected) => None,
        }
    }

    /// Does what a command says; false when it says to end.
    fn handle(&mut self, command: RecorderCommand, taps: &[Source]) -> bool {
        match command {
            RecorderCommand::Start(begin, legs) => self.start(begin, legs),
            RecorderCommand::AddLeg(recording) => {
                self.with(recording, |running| running.legs += 1);
            }
            RecorderCommand::LegJoined(recording) => {
                self.with(recording, |running| running.heard = true);
            }
            RecorderCommand::LegEnded(recording) => {
                self.with(recording, |running| {
                    running.legs = running.legs.saturating_sub(1);
                });
                let legs = self.running.get(&recording).map(|running| running.legs);
                if legs == Some(0) {
                    self.ending.push(recording);
                }
            }
            RecorderCommand::Missed(recording, missed) => self.miss(recording, missed),
            RecorderCommand::Beep(recording, at) => {
                self.with(recording, |running| running.line.beep(at));
            }
            RecorderCommand::Pause(recording, at) => {
                self.with(recording, |running| {
                    let late = running.line.pause(at);
                    if !late.is_zero() {
                        let call = running.call;
                        tracing::error!(%recording, %call, ?late, "a pause came too late for its beginning");
                    }
                });
            }
            RecorderCommand::Resume(recording, at) => {
                self.with(recording, |running| running.line.resume(at));
            }
            RecorderCommand::Stop(recording) => self.ending.push(recording),
            RecorderCommand::Broken(recording) => {
                self.running.remove(&recording);
                self.known.lock().remove(&recording);
                for (_, _, shard) in taps {
                    // A shard that is gone taps nothing.
                    shard.push(Command::Untap(recording));
                }
            }
            RecorderCommand::Shutdown => return false,
        }
        true
    }

    fn start(&mut self, begin: Box<Begin>, legs: usize) {
        let now = now();
        let style = begin.style;
        let running = Running {
            call: begin.call,
            style,
            line: Recording::new(style.layout, style.rate, begin.keys, now),
            pending: Vec::new(),
            written: now,
            writer: self.next_writer,
            left_out: 0,
            missed: Duration::ZERO,
            legs,
            heard: false,
        };
        self.next_writer = (self.next_writer + 1) % WRITERS;
        let (recording, call) = (begin.recording, begin.call);
        let (writer, job) = (running.writer, Job::Begin(begin));
        self.running.insert(recording, running);
        if !self.tell(writer, job) {
            // It could not be started, as was logged then.
            self.parts
                .sender
                .send(RecorderCommand::Broken(recording))
                .ok();
            let reason = RecordingFailure::Fault;
            self.outbox.push(EngineEvent::RecordingFailed {
                recording,
                call,
                reason,
            });
        }
    }

    /// Tells a writer; false if there is none.
    fn tell(&self, writer: usize, job: Job) -> bool {
        let handle = self.writers.get(writer);
        handle.is_some_and(|handle| handle.jobs.send(job).is_ok())
    }

    /// What was said is missing in a recording because it was not taken out of a ring in time.
    fn miss(&mut self, recording: RecordingId, missed: Duration) {
        let Some(running) = self.running.get_mut(&recording) else {
            return;
        };
        let first = running.missed.is_zero();
        running.missed += missed;
        let samples = missed.as_micros() * u128::from(running.style.rate.hertz()) / 1_000_000;
        let samples = u64::try_from(samples).unwrap_or(0);
        let (call, writer) = (running.call, running.writer);
        self.tell(writer, Job::Missed(recording, samples));
        if first {
            self.degrade(recording, call);
        }
    }

    fn degrade(&self, recording: RecordingId, call: CallId) {
        self.parts
            .degraded
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        tracing::error!(%recording, %call, "disk or processor are too slow: audio is missing in a recording");
        self.outbox
            .push(EngineEvent::RecordingDegraded { recording, call });
    }

    fn with(&mut self, recording: RecordingId, change: impl FnOnce(&mut Running)) {
        // One that has failed is still tapped until its shard hears of it.
        if let Some(running) = self.running.get_mut(&recording) {
            change(running);
        }
    }

    /// Takes what arrived by then out of the rings.
    fn drain(&mut self, taps: &mut [Source], until: Instant) {
        let mut fallen = Vec::new();
        for (ring, reader, _) in taps {
            while ring.peek().is_ok_and(|frame| frame.arrived() <= until)
                && let Ok(frame) = ring.pop()
            {
                let Some(packet) = reader.push(&frame) else {
                    continue;
                };
                let recording = packet.header.recording;
                let Some(running) = self.running.get_mut(&recording) else {
                    continue;
                };
                if !guarded(|| running.line.push(&packet, &mut running.pending)) {
                    fallen.push(recording);
                }
            }
        }
        self.break_off(&fallen);
    }

    /// Ends recordings that code of ours has fallen over; what was written of them is kept.
    fn break_off(&mut self, fallen: &[RecordingId]) {
        for recording in fallen {
            if let Some(running) = self.running.remove(recording) {
                self.known.lock().remove(recording);
                self.tell(running.writer, Job::Broken(*recording));
            }
        }
    }

    /// Has written what is old enough by then, where it is due.
    fn write_due(&mut self, now: Instant) {
        let (mut degraded, mut fallen) = (Vec::new(), Vec::new());
        for (&recording, running) in &mut self.running {
            if now.saturating_duration_since(running.written) < WRITE {
                continue;
            }
            running.written = now;
            if !guarded(|| running.line.advance(now, &mut running.pending)) {
                fallen.push(recording);
            } else if let Some(writer) = self.writers.get(running.writer)
                && running.hand_over(recording, writer) == Handed::NoMore
            {
                degraded.push((recording, running.call));
            }
        }
        for (recording, call) in degraded {
            self.degrade(recording, call);
        }
        self.break_off(&fallen);
    }

    fn finish(&mut self, recording: RecordingId) {
        let Some(mut running) = self.running.remove(&recording) else {
            return;
        };
        self.known.lock().remove(&recording);
        let writer = running.writer;
        if !running.heard {
            self.tell(writer, Job::Discard(recording));
            return;
        }
        let whole = guarded(|| running.line.finish(now(), &mut running.pending));
        if let Some(handle) = self.writers.get(writer) {
            if running.hand_over(recording, handle) == Handed::NoMore {
                self.degrade(recording, running.call);
            }
            running.tell_gap(recording, handle);
        }
        self.tell(
            writer,
            if whole {
                Job::End(recording)
            } else {
                Job::Broken(recording)
            },
        );
    }
}

/// Does what decodes; false if that fell. A fault in a decoder is that of one party: the others'
/// recordings go on.
fn guarded(decode: impl FnOnce()) -> bool {
    catch_unwind(AssertUnwindSafe(decode)).is_ok()
}

/// A shard's ring, and what puts its pieces together.
type Source = (Consumer<TapFrame>, TapReader, Arc<CommandSender>);

#[expect(
    clippy::disallowed_methods,
    reason = "the recorder thread is a shell of its own: it has to know when a file is due"
)]
fn now() -> Instant {
    Instant::now()
}
