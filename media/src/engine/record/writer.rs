//! Threads that turn samples into files: they encode, seal and write, at a low priority. Whatever a
//! disk does to them, nobody else waits for them: they are told things by channels, and what waits in
//! those is counted.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use ahash::AHashMap;
use offhook_core::recording::{AudioFormat, Keys, RecordingEnd, RecordingStyle};
use offhook_core::{CallId, RecordingId};

use super::disk::Disk;
use super::file::GrowingFile;
use super::recorder::RecorderCommand;
use super::{Seal, key_path, part_path, peaks_path};
use crate::container::encoder::{EncoderError, RecordingEncoder};
use crate::container::peaks::{self, Peaks};
use crate::container::sealed::{Inside, SealedHeader};
use crate::container::wav;
use crate::engine::event::{EngineEvent, Outbox, RecordingFailure};

/// How much nicer than others these threads are.
const NICENESS: i32 = 10;

/// Most bytes of a WAV file behind its first eight: its header cannot say more. Over 37 hours in
/// stereo at 8 kHz.
const MOST_WAV: u64 = u32::MAX as u64 - 44;

/// Seconds of peaks that are written at once: as much of a drawing a crash can take.
const PEAKS_TOGETHER: usize = 5;

/// Silence that is encoded at once, in samples per channel.
const SILENCE: usize = 8000;

/// A recording that begins.
#[derive(Debug)]
pub(crate) struct Begin {
    pub(crate) recording: RecordingId,
    pub(crate) call: CallId,
    pub(crate) style: RecordingStyle,
    pub(crate) keys: Keys,
    pub(crate) seal: Option<Seal>,
    /// Relative to the recordings folder.
    pub(crate) name: String,
}

/// What a writer is told.
#[derive(Debug)]
pub(crate) enum Job {
    /// Make a file.
    Begin(Box<Begin>),
    /// Samples for it, counted in the backlog.
    Audio(RecordingId, Vec<i16>),
    /// So many samples per channel were left out, for the disk was too slow.
    Gap(RecordingId, u64),
    /// So many samples per channel of one party are silence although something was said.
    Missed(RecordingId, u64),
    /// That was all.
    End(RecordingId),
    /// What made its samples has fallen.
    Broken(RecordingId),
    /// Nobody was ever there to be recorded.
    Discard(RecordingId),
}

impl Job {
    fn recording(&self) -> RecordingId {
        match self {
            Self::Begin(begin) => begin.recording,
            Self::Audio(recording, _)
            | Self::Gap(recording, _)
            | Self::Missed(recording, _)
            | Self::End(recording)
            | Self::Broken(recording)
            | Self::Discard(recording) => *recording,
        }
    }
}

/// Audio that waits for a writer.
#[derive(Debug, Default)]
pub(crate) struct Backlog(AtomicUsize);

impl Backlog {
    pub(crate) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, pcm: &[i16]) {
        self.0.fetch_add(size_of_val(pcm), Ordering::Relaxed);
    }

    pub(crate) fn remove(&self, pcm: &[i16]) {
        self.0.fetch_sub(size_of_val(pcm), Ordering::Relaxed);
    }
}

/// A file that is written to its end and not safe yet.
#[derive(Debug)]
pub(crate) struct Finished {
    recording: RecordingId,
    written: Written,
    end: RecordingEnd,
}

/// One writer's state.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) folder: PathBuf,
    /// No recording begins with less than this free.
    pub(crate) min_free: u64,
    pub(crate) backlog: Arc<Backlog>,
    pub(crate) outbox: Outbox,
    /// Told of recordings that are over because they cannot be written.
    pub(crate) recorder: Sender<RecorderCommand>,
    pub(crate) finished: Sender<Finished>,
    pub(crate) open: AHashMap<RecordingId, Written>,
}

/// A recording that is being written.
#[derive(Debug)]
pub(crate) struct Written {
    call: CallId,
    name: String,
    style: RecordingStyle,
    encoder: RecordingEncoder,
    file: GrowingFile,
    peaks: Peaks,
    /// None once they could not be written: a recording is worth more than its drawing.
    peaks_file: Option<GrowingFile>,
    /// Samples per channel that are missing.
    missing: u64,
    buffer: Vec<u8>,
}

impl Writer {
    /// Works until nobody is left who could tell it anything.
    pub(crate) fn run(mut self, jobs: &Receiver<Job>) {
        if let Err(error) = rustix::process::nice(NICENESS) {
            tracing::debug!(%error, "recordings are written at the usual priority");
        }
        while let Ok(job) = jobs.recv() {
            let recording = job.recording();
            // A fault in an encoder ends one recording; what is on disk is for the next start.
            if catch_unwind(AssertUnwindSafe(|| self.perform(job))).is_err()
                && let Some(written) = self.open.remove(&recording)
            {
                self.recorder.send(RecorderCommand::Broken(recording)).ok();
                self.fail(recording, written.call, RecordingFailure::Fault);
            }
        }
    }

    /// Does one thing.
    pub(crate) fn perform(&mut self, job: Job) {
        match job {
            Job::Begin(begin) => self.begin(*begin),
            Job::Audio(recording, pcm) => {
                self.backlog.remove(&pcm);
                self.write(recording, |written| written.write(&pcm));
            }
            Job::Gap(recording, samples) => {
                self.write(recording, |written| written.write_gap(samples));
            }
            Job::Missed(recording, samples) => {
                if let Some(written) = self.open.get_mut(&recording) {
                    written.missing += samples;
                }
            }
            Job::End(recording) => self.end(recording),
            Job::Broken(recording) => {
                if let Some(written) = self.open.get_mut(&recording) {
                    // What its encoder still holds is kept if that can be.
                    written.end().ok();
                    self.cut_short(recording, RecordingFailure::Fault);
                }
            }
            Job::Discard(recording) => {
                if let Some(written) = self.open.remove(&recording) {
                    let call = written.call;
                    discard(written, &self.folder);
                    self.fail(recording, call, RecordingFailure::NoLeg);
                }
            }
        }
    }

    fn begin(&mut self, begin: Begin) {
        let (recording, call) = (begin.recording, begin.call);
        match self.open(begin) {
            Ok(written) => {
                self.open.insert(recording, written);
            }
            Err(reason) => {
                // Nobody listens any more when the recorder has ended, and then nobody taps either.
                self.recorder.send(RecorderCommand::Broken(recording)).ok();
                self.fail(recording, call, reason);
            }
        }
    }

    fn open(&self, begin: Begin) -> Result<Written, RecordingFailure> {
        let create = |error: io::Error| RecordingFailure::Create(error.kind());
        let free = self.disk.free(&self.folder).map_err(create)?;
        if free < self.min_free {
            return Err(RecordingFailure::LowSpace);
        }
        let path = self.folder.join(&begin.name);
        let style = begin.style;
        let serial = u32::try_from(begin.recording.bits() & 0xFFFF_FFFF).unwrap_or(0);
        let encoder = RecordingEncoder::new(style, serial).map_err(RecordingFailure::Encoder)?;
        let header = |inside| SealedHeader {
            inside,
            channels: u8::try_from(style.layout.channels()).unwrap_or(1),
            sample_rate: style.rate.hertz(),
            recording: begin.recording.bits(),
        };
        let seal = |inside| begin.seal.as_ref().map(|seal| (&seal.key, header(inside)));
        let audio = Inside::Audio(style.format);
        let file = GrowingFile::create(&*self.disk, &path, seal(audio)).map_err(create)?;
        let mut written = Written {
            call: begin.call,
            name: begin.name,
            style,
            encoder,
            file,
            peaks: Peaks::new(style.layout.channels(), style.rate.hertz()),
            peaks_file: None,
            missing: 0,
            buffer: Vec::new(),
        };
        let key = begin
            .seal
            .as_ref()
            .map(|seal| write_key(&path, &seal.wrapped));
        let begun = key.unwrap_or(Ok(())).and_then(|()| written.write_head());
        if let Err(error) = begun {
            discard(written, &self.folder);
            return Err(create(error));
        }
        let peaks = peaks_path(&path);
        let peaks_file = GrowingFile::create(&*self.disk, &peaks, seal(Inside::Peaks));
        written.peaks_file = peaks_file.ok().and_then(|mut file| {
            let header = Peaks::header(style.layout.channels());
            file.append(&header, 0).ok().map(|()| file)
        });
        Ok(written)
    }

    fn write(
        &mut self,
        recording: RecordingId,
        work: impl FnOnce(&mut Written) -> Result<(), RecordingFailure>,
    ) {
        // One that has failed is still written to until the recorder hears of it.
        let Some(written) = self.open.get_mut(&recording) else {
            return;
        };
        if let Err(reason) = work(written) {
            self.recorder.send(RecorderCommand::Broken(recording)).ok();
            self.cut_short(recording, reason);
        }
    }

    fn end(&mut self, recording: RecordingId) {
        let Some(written) = self.open.get_mut(&recording) else {
            return;
        };
        match written.end() {
            Ok(()) => self.hand_on(recording, RecordingEnd::Complete),
            Err(reason) => self.cut_short(recording, reason),
        }
    }

    /// Keeps what was written of a recording that cannot go on.
    fn cut_short(&mut self, recording: RecordingId, reason: RecordingFailure) {
        let Some(written) = self.open.get_mut(&recording) else {
            return;
        };
        let call = written.call;
        tracing::error!(%recording, %call, %reason, "a recording cannot go on");
        if written.file.position() > 0 {
            written.keep_head().ok();
            self.hand_on(recording, RecordingEnd::CutShort);
        } else if let Some(written) = self.open.remove(&recording) {
            discard(written, &self.folder);
            self.fail(recording, call, reason);
        }
    }

    fn hand_on(&mut self, recording: RecordingId, end: RecordingEnd) {
        let Some(written) = self.open.remove(&recording) else {
            return;
        };
        let call = written.call;
        let finished = Finished {
            recording,
            written,
            end,
        };
        if self.finished.send(finished).is_err() {
            let reason = RecordingFailure::Finish(io::ErrorKind::BrokenPipe);
            self.fail(recording, call, reason);
        }
    }

    fn fail(&self, recording: RecordingId, call: CallId, reason: RecordingFailure) {
        self.outbox.push(EngineEvent::RecordingFailed {
            recording,
            call,
            reason,
        });
    }
}

impl Written {
    fn write_head(&mut self) -> io::Result<()> {
        if self.style.format == AudioFormat::Wav && self.file.is_sealed() {
            // Made when it is read: what is sealed cannot be corrected as it grows.
            return Ok(());
        }
        let mut head = Vec::new();
        self.encoder.head(&mut head);
        self.file.append(&head, 0)
    }

    fn write(&mut self, pcm: &[i16]) -> Result<(), RecordingFailure> {
        self.buffer.clear();
        let encoded = self.encoder.encode(pcm, &mut self.buffer);
        encoded.map_err(RecordingFailure::Encoder)?;
        self.put()?;
        self.peaks.push(pcm);
        let together = PEAKS_TOGETHER * peaks::PER_SECOND as usize * 2;
        if self.peaks.waiting() >= together * usize::from(self.style.layout.channels()) {
            self.write_peaks();
        }
        Ok(())
    }

    /// Writes what the encoder gave, and a head that is true of it.
    fn put(&mut self) -> Result<(), RecordingFailure> {
        let write = |error: io::Error| RecordingFailure::Write(error.kind());
        let size = self.file.inside() + self.buffer.len() as u64;
        if self.style.format == AudioFormat::Wav && size > MOST_WAV {
            return Err(write(io::ErrorKind::FileTooLarge.into()));
        }
        let appended = self.file.append(&self.buffer, self.encoder.heard());
        appended.and_then(|()| self.keep_head()).map_err(write)
    }

    fn keep_head(&mut self) -> io::Result<()> {
        if self.file.is_sealed() {
            return Ok(());
        }
        match self.encoder.head_again(self.file.inside()) {
            Some(head) => self.file.overwrite_head(&head),
            None => Ok(()),
        }
    }

    fn write_gap(&mut self, samples: u64) -> Result<(), RecordingFailure> {
        self.missing += samples;
        let channels = usize::from(self.style.layout.channels());
        let silence = vec![0; SILENCE * channels];
        let mut left = samples;
        while left > 0 {
            let now = usize::try_from(left).unwrap_or(SILENCE).min(SILENCE);
            self.write(&silence[..now * channels])?;
            left -= now as u64;
        }
        Ok(())
    }

    fn write_peaks(&mut self) {
        let found = self.peaks.take();
        let position = self.file.position();
        let Some(mut file) = self.peaks_file.take() else {
            return;
        };
        match file.append(&found, position) {
            Ok(()) => self.peaks_file = Some(file),
            Err(error) => {
                tracing::warn!(file = self.name, %error, "the peaks of a recording cannot be written");
                // What cannot be removed now is found by the next start.
                file.discard().ok();
            }
        }
    }

    fn end(&mut self) -> Result<(), RecordingFailure> {
        self.buffer.clear();
        let finished = self.encoder.finish(&mut self.buffer);
        finished.map_err(RecordingFailure::Encoder)?;
        self.put()?;
        let ended = self.file.end();
        ended.map_err(|error| RecordingFailure::Write(error.kind()))?;
        self.peaks.finish();
        self.write_peaks();
        Ok(())
    }

    fn milliseconds(&self, samples: u64) -> u64 {
        samples * 1000 / u64::from(self.style.rate.hertz())
    }

    /// The size of the audio file that one gets to hear.
    fn bytes(&self) -> u64 {
        let made = self.style.format == AudioFormat::Wav && self.file.is_sealed();
        self.file.inside() + if made { wav::HEADER_LEN as u64 } else { 0 }
    }
}

/// Removes all there is of a recording.
fn discard(written: Written, folder: &Path) {
    let path = folder.join(&written.name);
    // What cannot be removed now is found by the next start.
    written.file.discard().ok();
    if let Some(peaks) = written.peaks_file {
        peaks.discard().ok();
    }
    fs::remove_file(key_path(&path)).ok();
}

fn write_key(audio: &Path, wrapped: &str) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true).mode(0o600);
    let mut file = options.open(key_path(audio))?;
    file.write_all(wrapped.as_bytes())?;
    // Audio without its key would be lost, so the key is safe first.
    file.sync_all()
}

/// Syncs and renames files, and tells that they are safe.
pub(crate) fn make_safe(files: &Receiver<Finished>, folder: &Path, outbox: &Outbox) {
    while let Ok(Finished {
        recording,
        written,
        end,
    }) = files.recv()
    {
        let milliseconds = written.milliseconds(written.file.position());
        let missing_milliseconds = written.milliseconds(written.missing);
        let bytes = written.bytes();
        let (call, file) = (written.call, written.name);
        if let Some(mut peaks) = written.peaks_file
            && let Err(error) = peaks.end().and_then(|()| peaks.finish())
        {
            tracing::warn!(%recording, %error, "the peaks of a recording cannot be kept");
            // A drawing without an end is of no use; what cannot be removed is found by the next start.
            fs::remove_file(part_path(&peaks_path(&folder.join(&file)))).ok();
        }
        outbox.push(match written.file.finish() {
            Ok(()) => EngineEvent::RecordingSaved {
                recording,
                call,
                file,
                milliseconds,
                bytes,
                end,
                missing_milliseconds,
            },
            Err(error) => EngineEvent::RecordingFailed {
                recording,
                call,
                reason: RecordingFailure::Finish(error.kind()),
            },
        });
    }
}

impl From<EncoderError> for RecordingFailure {
    fn from(error: EncoderError) -> Self {
        Self::Encoder(error)
    }
}
