//! The recorder: one thread that turns tapped packets into two parties on one time line. It touches
//! no disk: writers do, and what they are too slow for is left out, counted and told.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::recording::RecordingStyle;
use offhook_core::{CallId, RecordingId};
use rtrb::Consumer;

use super::disk::Disk;
use super::writer::{Backlog, Begin, Job, Writer, make_safe};
use crate::engine::command::{Command, CommandSender};
use crate::engine::config::EngineConfig;
use crate::engine::event::{EngineEvent, Outbox};
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

/// Bytes of samples that may wait for one writer: ten seconds of 50 calls in stereo.
const MOST_WAITING: usize = 16 << 20;

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

struct WriterHandle {
    jobs: Sender<Job>,
    backlog: Arc<Backlog>,
}

struct Running {
    call: CallId,
    style: RecordingStyle,
    line: Recording,
    pending: Vec<i16>,
    written: Instant,
    writer: usize,
    /// Samples per channel that the writer had no room for.
    missing: u64,
    /// Legs that are tapped or will be.
    legs: usize,
    /// Whether any leg was ever tapped.
    heard: bool,
}

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
            if let Some(command) = command
                && !self.handle(command, &mut taps)
            {
                break;
            }
            self.drain(&mut taps);
            self.write_due();
        }
        self.drain(&mut taps);
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
        spawn(
            "offhook-keep",
            Box::new(move || make_safe(&to_finish, &outbox)),
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

    fn handle(&mut self, command: RecorderCommand, taps: &mut [Source]) -> bool {
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
                    self.drain(taps);
                    self.finish(recording);
                }
            }
            RecorderCommand::Pause(recording, at) => {
                self.with(recording, |running| running.line.pause(at));
            }
            RecorderCommand::Resume(recording, at) => {
                self.with(recording, |running| running.line.resume(at));
            }
            RecorderCommand::Stop(recording) => {
                self.drain(taps);
                self.finish(recording);
            }
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
            line: Recording::new(style.layout, style.rate, now),
            pending: Vec::new(),
            written: now,
            writer: self.next_writer,
            missing: 0,
            legs,
            heard: false,
        };
        self.next_writer = (self.next_writer + 1) % WRITERS;
        let recording = begin.recording;
        self.tell(running.writer, Job::Begin(begin));
        self.running.insert(recording, running);
    }

    /// Tells a writer. One that could not be started is gone, and so are its recordings, as was
    /// logged then.
    fn tell(&self, writer: usize, job: Job) {
        if let Some(handle) = self.writers.get(writer) {
            handle.jobs.send(job).ok();
        }
    }

    fn with(&mut self, recording: RecordingId, change: impl FnOnce(&mut Running)) {
        // One that has failed is still tapped until its shard hears of it.
        if let Some(running) = self.running.get_mut(&recording) {
            change(running);
        }
    }

    fn drain(&mut self, taps: &mut [Source]) {
        for (ring, reader, _) in taps {
            while let Ok(frame) = ring.pop() {
                let Some(packet) = reader.push(&frame) else {
                    continue;
                };
                if let Some(running) = self.running.get_mut(&packet.header.recording) {
                    running.line.push(&packet, &mut running.pending);
                }
            }
        }
    }

    fn write_due(&mut self) {
        let now = now();
        for (&recording, running) in &mut self.running {
            if now.saturating_duration_since(running.written) < WRITE {
                continue;
            }
            running.written = now;
            running.line.advance(now, &mut running.pending);
            if let Some(writer) = self.writers.get(running.writer)
                && running.hand_over(recording, writer) == Handed::NoMore
            {
                self.parts
                    .degraded
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                let call = running.call;
                tracing::error!(%recording, %call, "the disk is too slow: audio is missing in a recording");
                self.outbox
                    .push(EngineEvent::RecordingDegraded { recording, call });
            }
        }
    }

    fn finish(&mut self, recording: RecordingId) {
        let Some(mut running) = self.running.remove(&recording) else {
            return;
        };
        self.known.lock().remove(&recording);
        if !running.heard {
            return self.tell(running.writer, Job::Discard(recording));
        }
        running.line.finish(now(), &mut running.pending);
        if let Some(writer) = self.writers.get(running.writer) {
            running.hand_over(recording, writer);
            if running.missing > 0 {
                writer.jobs.send(Job::Gap(recording, running.missing)).ok();
            }
        }
        self.tell(running.writer, Job::End(recording));
    }
}

/// A shard's ring, and what puts its pieces together.
type Source = (Consumer<TapFrame>, TapReader, Arc<CommandSender>);

/// What became of samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Handed {
    /// The writer has them.
    Over,
    /// The writer has too many, and had not before.
    NoMore,
    /// Nor had it room for the last ones.
    StillNoMore,
}

impl Running {
    /// Gives the writer what is pending, or leaves it out when too much waits there already.
    fn hand_over(&mut self, recording: RecordingId, writer: &WriterHandle) -> Handed {
        if self.pending.is_empty() {
            return Handed::Over;
        }
        // Once there was no room, half of it has to be free before it goes on: few long gaps are
        // better than many short ones.
        let room = if self.missing > 0 {
            MOST_WAITING / 2
        } else {
            MOST_WAITING
        };
        if writer.backlog.bytes() >= room {
            let samples = self.pending.len() / usize::from(self.style.layout.channels());
            let first = self.missing == 0;
            self.missing += samples as u64;
            self.pending.clear();
            return if first {
                Handed::NoMore
            } else {
                Handed::StillNoMore
            };
        }
        let gap = std::mem::take(&mut self.missing);
        // A writer that could not be started is gone, and so are its recordings.
        if gap > 0 {
            writer.jobs.send(Job::Gap(recording, gap)).ok();
        }
        let pcm = std::mem::take(&mut self.pending);
        writer.backlog.add(&pcm);
        writer.jobs.send(Job::Audio(recording, pcm)).ok();
        Handed::Over
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the recorder thread is a shell of its own: it has to know when a file is due"
)]
fn now() -> Instant {
    Instant::now()
}
