//! The recorder: one thread that turns tapped frames into files, and one that makes them safe, so
//! that a slow disk sync delays no other recording.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::{CallId, RecordingId};
use rtrb::Consumer;

use crate::engine::command::{Command, CommandSender};
use crate::engine::event::{EngineEvent, Outbox, RecordingFailure};
use crate::engine::handle::Recordings;
use crate::engine::record::GrowingFile;
use crate::graph::recording::{Layout, Recording};
use crate::graph::tap::TapFrame;

/// How often the rings are emptied while something is recorded.
const TURN: Duration = Duration::from_millis(50);

/// How often audio is written, at the latest: with the time line's delay, what a crash can take
/// stays under a second.
const WRITE: Duration = Duration::from_millis(500);

/// What the handle and the shards tell the recorder.
#[derive(Debug)]
pub(crate) enum RecorderCommand {
    /// Begin a file. So many legs will be tapped for it.
    Start {
        recording: RecordingId,
        call: CallId,
        layout: Layout,
        file: String,
        legs: usize,
    },
    /// One more leg will be tapped.
    AddLeg(RecordingId),
    /// A leg is tapped from now on.
    LegJoined(RecordingId),
    /// A leg that was to be tapped no longer is. Without any, the recording ends.
    LegEnded(RecordingId),
    /// All that was said is in the rings: end it.
    Stop(RecordingId),
    /// End everything, and the thread.
    Shutdown,
}

/// A shard's ring of tapped frames, and how to tell that shard to stop.
pub(crate) type Tap = (Consumer<TapFrame>, Arc<CommandSender>);

/// The recorder thread's state.
pub(crate) struct Recorder {
    folder: PathBuf,
    outbox: Outbox,
    commands: Receiver<RecorderCommand>,
    /// Shared with the handle, which asks it whether a recording runs.
    known: Recordings,
    running: AHashMap<RecordingId, Running>,
}

struct Running {
    call: CallId,
    name: String,
    file: GrowingFile,
    recording: Recording,
    pending: Vec<u8>,
    written: Instant,
    /// Legs that are tapped or will be.
    legs: usize,
    /// Whether any leg was ever tapped.
    heard: bool,
}

/// A finished file that is not safe yet.
struct Finished {
    recording: RecordingId,
    running: Running,
}

impl Recorder {
    /// A recorder that writes below `folder`.
    pub(crate) fn new(
        folder: &Path,
        outbox: &Outbox,
        known: &Recordings,
    ) -> (Self, Sender<RecorderCommand>) {
        let (sender, commands) = channel();
        let recorder = Self {
            folder: folder.to_owned(),
            outbox: outbox.clone(),
            commands,
            known: known.clone(),
            running: AHashMap::new(),
        };
        (recorder, sender)
    }

    /// Runs until told to end, or until nobody is left who could.
    pub(crate) fn run(mut self, mut taps: Vec<Tap>) {
        let (finished, to_finish) = channel();
        let outbox = self.outbox.clone();
        let keeper = std::thread::Builder::new()
            .name("offhook-keep".to_owned())
            .spawn(move || make_safe(&to_finish, &outbox));
        if let Err(error) = &keeper {
            tracing::error!(%error, "no thread to finish recordings: they wait for the next start");
        }
        while let Some(command) = self.next() {
            if let Some(command) = command
                && !self.handle(command, &mut taps, &finished)
            {
                break;
            }
            self.drain(&mut taps);
            self.write_due(&taps);
        }
        self.drain(&mut taps);
        let all: Vec<_> = self.running.keys().copied().collect();
        for recording in all {
            self.finish(recording, &finished);
        }
        drop(finished);
        if let Ok(Err(_)) = keeper.map(std::thread::JoinHandle::join) {
            tracing::error!("the thread that finishes recordings had ended by a panic");
        }
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

    fn handle(
        &mut self,
        command: RecorderCommand,
        taps: &mut [Tap],
        finished: &Sender<Finished>,
    ) -> bool {
        match command {
            RecorderCommand::Start {
                recording,
                call,
                layout,
                file,
                legs,
            } => {
                if let Err(error) = self.start(recording, call, layout, file, legs) {
                    let reason = RecordingFailure::Create(error.kind());
                    self.fail(recording, call, reason, taps);
                }
            }
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
                    self.finish(recording, finished);
                }
            }
            RecorderCommand::Stop(recording) => {
                self.drain(taps);
                self.finish(recording, finished);
            }
            RecorderCommand::Shutdown => return false,
        }
        true
    }

    fn start(
        &mut self,
        recording: RecordingId,
        call: CallId,
        layout: Layout,
        name: String,
        legs: usize,
    ) -> io::Result<()> {
        let now = now();
        let line = Recording::new(layout, now);
        let file = GrowingFile::create(&self.folder.join(&name), line.channels())?;
        let running = Running {
            call,
            name,
            file,
            recording: line,
            pending: Vec::new(),
            written: now,
            legs,
            heard: false,
        };
        self.running.insert(recording, running);
        Ok(())
    }

    fn with(&mut self, recording: RecordingId, change: impl FnOnce(&mut Running)) {
        // One that has failed is still tapped until its shard hears of it.
        if let Some(running) = self.running.get_mut(&recording) {
            change(running);
        }
    }

    fn drain(&mut self, taps: &mut [Tap]) {
        for (ring, _) in taps {
            while let Ok(frame) = ring.pop() {
                if let Some(running) = self.running.get_mut(&frame.recording) {
                    running.recording.push(&frame, &mut running.pending);
                }
            }
        }
    }

    fn write_due(&mut self, taps: &[Tap]) {
        let now = now();
        let mut failed = Vec::new();
        for (&recording, running) in &mut self.running {
            if now.saturating_duration_since(running.written) < WRITE {
                continue;
            }
            running.written = now;
            running.recording.advance(now, &mut running.pending);
            if let Err(error) = running.write() {
                failed.push((recording, running.call, error.kind()));
            }
        }
        for (recording, call, error) in failed {
            // What was written stays, for the start-up scan to finish.
            self.running.remove(&recording);
            self.fail(recording, call, RecordingFailure::Write(error), taps);
        }
    }

    fn finish(&mut self, recording: RecordingId, finished: &Sender<Finished>) {
        let Some(mut running) = self.running.remove(&recording) else {
            return;
        };
        self.known.lock().remove(&recording);
        let call = running.call;
        running.recording.finish(now(), &mut running.pending);
        let reason = if !running.heard {
            running.file.discard().ok();
            RecordingFailure::NoLeg
        } else if let Err(error) = running.write() {
            RecordingFailure::Write(error.kind())
        } else {
            match finished.send(Finished { recording, running }) {
                Ok(()) => return,
                Err(_) => RecordingFailure::Finish(io::ErrorKind::BrokenPipe),
            }
        };
        self.outbox.push(EngineEvent::RecordingFailed {
            recording,
            call,
            reason,
        });
    }

    fn fail(&self, recording: RecordingId, call: CallId, reason: RecordingFailure, taps: &[Tap]) {
        self.known.lock().remove(&recording);
        for (_, shard) in taps {
            // A shard that is gone taps nothing.
            shard.push(Command::Untap(recording));
        }
        self.outbox.push(EngineEvent::RecordingFailed {
            recording,
            call,
            reason,
        });
    }
}

impl Running {
    fn write(&mut self) -> io::Result<()> {
        let written = self.file.append(&self.pending);
        self.pending.clear();
        written
    }
}

/// Syncs and renames files, and tells that they are safe.
fn make_safe(files: &Receiver<Finished>, outbox: &Outbox) {
    while let Ok(Finished { recording, running }) = files.recv() {
        let (milliseconds, bytes) = (running.file.milliseconds(), running.file.bytes());
        let (call, file) = (running.call, running.name);
        outbox.push(match running.file.finish() {
            Ok(()) => EngineEvent::RecordingSaved {
                recording,
                call,
                file,
                milliseconds,
                bytes,
            },
            Err(error) => EngineEvent::RecordingFailed {
                recording,
                call,
                reason: RecordingFailure::Finish(error.kind()),
            },
        });
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the recorder thread is a shell of its own: it has to know when a file is due"
)]
fn now() -> Instant {
    Instant::now()
}
