//! Writers with disks that are full or stuck, and files as a crash leaves them.

mod behind;
mod leftovers;

use std::io::{self, Cursor};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::{fs, thread};

use offhook_core::recording::{
    AudioFormat, Keys, Layout, RecordingEnd, RecordingRate, RecordingStyle,
};
use offhook_core::{CallId, RecordingId};

use super::*;
use crate::container::encoder::can_encode;
use crate::container::peaks::PeaksFile;
use crate::container::sealed::SealedReader;
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::sine;
use crate::engine::event::{EngineEvent, EngineEvents, Outbox, RecordingFailure, Wake};
use crate::engine::record::disk::{Disk, FileSystem, Medium};
use crate::engine::record::recorder::RecorderCommand;
use crate::engine::record::writer::{Backlog, Begin, Finished, Job, Writer, make_safe};

/// A disk with so much room, and a door that may be shut.
#[derive(Debug)]
pub(crate) struct SmallDisk {
    left: Mutex<u64>,
    pub(crate) door: Arc<Door>,
}

/// Whoever comes while it is shut waits.
#[derive(Debug, Default)]
pub(crate) struct Door {
    shut: Mutex<bool>,
    changed: Condvar,
}

impl Door {
    pub(crate) fn set(&self, shut: bool) {
        *self.shut.lock().unwrap() = shut;
        self.changed.notify_all();
    }

    fn pass(&self) {
        let mut shut = self.shut.lock().unwrap();
        while *shut {
            shut = self.changed.wait(shut).unwrap();
        }
    }
}

impl SmallDisk {
    pub(crate) fn new(room: u64) -> Arc<Self> {
        Arc::new(Self {
            left: Mutex::new(room),
            door: Arc::default(),
        })
    }
}

/// A file on it.
#[derive(Debug)]
struct OnSmallDisk {
    file: Box<dyn Medium>,
    disk: Arc<SmallDisk>,
}

#[derive(Debug)]
pub(crate) struct Small(pub(crate) Arc<SmallDisk>);

impl Disk for Small {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(OnSmallDisk {
            file: FileSystem.create(path)?,
            disk: self.0.clone(),
        }))
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(*self.0.left.lock().unwrap())
    }
}

impl Medium for OnSmallDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.door.pass();
        let mut left = self.disk.left.lock().unwrap();
        let taken = bytes.len().min(usize::try_from(*left).unwrap());
        // As a disk does it: what fits is written all the same.
        self.file.append(&bytes[..taken])?;
        *left -= taken as u64;
        if taken < bytes.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.overwrite(bytes, at)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.file.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.file.sync()
    }
}

/// A writer by itself, turned by hand.
struct ByHand {
    writer: Writer,
    folder: tempfile::TempDir,
    finished: Receiver<Finished>,
    broken: Receiver<RecorderCommand>,
    events: EngineEvents,
    outbox: Outbox,
    call: CallId,
}

impl ByHand {
    fn new(disk: Arc<dyn Disk>, min_free: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let outbox = Outbox::new(Wake::new(Arc::new(|| {})));
        let (finish, finished) = channel();
        let (recorder, broken): (Sender<_>, _) = channel();
        let writer = Writer {
            disk,
            folder: folder.path().to_owned(),
            min_free,
            backlog: Arc::new(Backlog::default()),
            outbox: outbox.clone(),
            recorder,
            finished: finish,
            open: ahash::AHashMap::new(),
        };
        let events = EngineEvents {
            rings: Vec::new(),
            outbox: outbox.clone(),
            next: 0,
        };
        Self {
            writer,
            folder,
            finished,
            broken,
            events,
            outbox,
            call: CallId::random(),
        }
    }

    fn begins(&mut self, style: RecordingStyle, seal: Option<&Seal>) -> RecordingId {
        let recording = RecordingId::random();
        self.writer.perform(Job::Begin(Box::new(Begin {
            recording,
            call: self.call,
            style,
            keys: Keys::Kept,
            seal: seal.cloned(),
            name: file_name(recording, style, seal),
        })));
        recording
    }

    /// A quarter of a second of 440 Hz on the left and 880 Hz on the right.
    fn says(&mut self, recording: RecordingId, style: RecordingStyle, times: usize) {
        for n in 0..times {
            let pcm = quarter(style, n);
            self.writer.backlog.add(&pcm);
            self.writer.perform(Job::Audio(recording, pcm));
        }
    }

    /// What is told once all that is finished is safe.
    fn told(&mut self) -> Vec<EngineEvent> {
        let (again, files) = channel();
        while let Ok(finished) = self.finished.try_recv() {
            again.send(finished).unwrap();
        }
        drop(again);
        make_safe(&files, self.folder.path(), &self.outbox);
        std::iter::from_fn(|| self.events.pop()).collect()
    }
}

fn quarter(style: RecordingStyle, n: usize) -> Vec<i16> {
    let rate = f64::from(style.rate.hertz());
    let count = style.rate.hertz() as usize / 4;
    let tone = |hertz: f64| {
        let all = sine(hertz * 8000.0 / rate, count * (n + 1), 6000.0);
        all[count * n..].to_vec()
    };
    match style.layout {
        Layout::Mono => tone(440.0),
        Layout::Stereo => {
            let pairs = tone(440.0).into_iter().zip(tone(880.0));
            pairs.flat_map(|(left, right)| [left, right]).collect()
        }
    }
}

fn wav() -> RecordingStyle {
    RecordingStyle::default()
}

fn seal() -> Seal {
    Seal {
        key: SealKey::random(),
        wrapped: "wrapped".to_owned(),
    }
}

fn styles() -> impl Iterator<Item = RecordingStyle> {
    let formats = AudioFormat::ALL
        .into_iter()
        .filter(|format| can_encode(*format));
    formats.flat_map(|format| {
        [Layout::Mono, Layout::Stereo].map(|layout| RecordingStyle {
            format,
            rate: RecordingRate::Narrow,
            layout,
        })
    })
}

/// What is inside of a sealed file.
fn unsealed(path: &Path, seal: &Seal) -> Vec<u8> {
    let file = Cursor::new(fs::read(path).unwrap());
    let mut reader = SealedReader::open(file, &seal.key).unwrap();
    let mut inside = Vec::new();
    loop {
        let piece = reader.next(4096).unwrap();
        if piece.is_empty() {
            return inside;
        }
        inside.extend(piece);
    }
}

/// The left channel as ffmpeg hears it, at 8 kHz.
fn heard(file: &Path) -> Vec<i16> {
    let mut ffmpeg = std::process::Command::new("ffmpeg");
    ffmpeg.args(["-v", "fatal", "-i"]).arg(file);
    ffmpeg.args(["-af", "pan=mono|c0=c0", "-ar", "8000", "-f", "s16le", "-"]);
    let output = ffmpeg.output().expect("ffmpeg; tests/tools.sh installs it");
    assert!(output.status.success());
    let (pairs, _) = output.stdout.as_chunks();
    pairs.iter().map(|pair| i16::from_le_bytes(*pair)).collect()
}

#[test]
fn what_a_crash_left_of_any_style_is_finished_and_plays() {
    for style in styles() {
        for seal in [None, Some(seal())] {
            let mut by_hand = ByHand::new(Arc::new(FileSystem), 0);
            let recording = by_hand.begins(style, seal.as_ref());
            let empty = by_hand.begins(style, seal.as_ref());
            by_hand.says(recording, style, 24);
            let folder = by_hand.folder.path().to_owned();
            let target = folder.join(file_name(recording, style, seal.as_ref()));
            let part = part_path(&target);
            // Torn in the middle of what was written last.
            let length = fs::metadata(&part).unwrap().len();
            let torn = fs::File::options().write(true).open(&part).unwrap();
            torn.set_len(length - 7).unwrap();
            let recovered = recover_recordings(&folder).unwrap();
            let [found] = &recovered[..] else {
                panic!("{style:?}: {recovered:?}");
            };
            assert_eq!(found.file, target);
            // The last piece, and what encoders keep inside.
            assert!(
                (5300..6000).contains(&found.milliseconds),
                "{style:?}: {found:?}"
            );
            assert_eq!(measure_recording(&target).as_ref(), Some(found));
            let plain = match &seal {
                None => target.clone(),
                Some(seal) => {
                    assert_eq!(fs::read(key_path(&target)).unwrap(), b"wrapped");
                    let plain = folder
                        .join("plain")
                        .with_extension(style.format.extension());
                    fs::write(&plain, unsealed(&target, seal)).unwrap();
                    plain
                }
            };
            let size = fs::metadata(&plain).unwrap().len();
            assert_eq!(found.bytes, size);
            let pcm = heard(&plain);
            let off = (pcm.len() as u64 / 8).abs_diff(found.milliseconds);
            assert!(off <= 150, "{style:?}: {off} ms off");
            let body = &pcm[8000..40_000];
            assert!(Goertzel::new(440.0).share(body) > 0.95, "{style:?}");
            assert!(peaks_path(&target).exists());
            let empty = folder.join(file_name(empty, style, seal.as_ref()));
            for gone in [
                part_path(&empty),
                key_path(&empty),
                part_path(&peaks_path(&empty)),
                part,
            ] {
                assert!(!gone.exists(), "{gone:?}");
            }
            assert_eq!(recover_recordings(&folder).unwrap(), []);
        }
    }
}

#[test]
fn a_finished_recording_is_whole_with_its_peaks_sealed_or_not() {
    for style in styles() {
        for seal in [None, Some(seal())] {
            let mut by_hand = ByHand::new(Arc::new(FileSystem), 0);
            let recording = by_hand.begins(style, seal.as_ref());
            by_hand.says(recording, style, 8);
            by_hand.writer.perform(Job::Gap(recording, 4000));
            by_hand.says(recording, style, 2);
            by_hand.writer.perform(Job::End(recording));
            let name = file_name(recording, style, seal.as_ref());
            let target = by_hand.folder.path().join(&name);
            let told = by_hand.told();
            let [
                EngineEvent::RecordingSaved {
                    file,
                    milliseconds,
                    bytes,
                    end,
                    missing_milliseconds,
                    ..
                },
            ] = &told[..]
            else {
                panic!("{told:?}");
            };
            assert_eq!((file, *milliseconds), (&name, 3000));
            assert_eq!((*end, *missing_milliseconds), (RecordingEnd::Complete, 500));
            let (audio, peaks) = match &seal {
                None => (
                    fs::read(&target).unwrap(),
                    fs::read(peaks_path(&target)).unwrap(),
                ),
                Some(seal) => (
                    unsealed(&target, seal),
                    unsealed(&peaks_path(&target), seal),
                ),
            };
            assert_eq!(audio.len() as u64, *bytes);
            let peaks = PeaksFile::parse(&peaks).unwrap();
            let block = 2 * usize::from(style.layout.channels());
            assert_eq!(peaks.values.len(), 150 * block);
            let high = |at: usize| peaks.values[at * block + 1];
            assert!((22..=24).contains(&high(10)) && (22..=24).contains(&high(140)));
            assert_eq!(high(110), 0, "the gap is silent");
            assert_eq!(by_hand.writer.backlog.bytes(), 0);
        }
    }
}

#[test]
fn a_full_disk_keeps_what_was_written_and_says_so() {
    for style in styles() {
        for seal in [None, Some(seal())] {
            let room = u64::from(style.bit_rate()) / 8 * 2;
            let disk = SmallDisk::new(room);
            let mut by_hand = ByHand::new(Arc::new(Small(disk)), 0);
            let recording = by_hand.begins(style, seal.as_ref());
            by_hand.says(recording, style, 40);
            assert!(matches!(
                by_hand.broken.try_recv(),
                Ok(RecorderCommand::Broken(broken)) if broken == recording
            ));
            by_hand.writer.perform(Job::End(recording));
            let told = by_hand.told();
            let [
                EngineEvent::RecordingSaved {
                    file,
                    milliseconds,
                    end,
                    ..
                },
            ] = &told[..]
            else {
                panic!("{style:?}: {told:?}");
            };
            assert_eq!(*end, RecordingEnd::CutShort);
            assert!(
                (1000..4000).contains(milliseconds),
                "{style:?}: {milliseconds}"
            );
            let path = by_hand.folder.path().join(file);
            let plain = match &seal {
                None => path,
                Some(seal) => {
                    let plain = by_hand.folder.path().join("plain");
                    let plain = plain.with_extension(style.format.extension());
                    fs::write(&plain, unsealed(&path, seal)).unwrap();
                    plain
                }
            };
            let off = (heard(&plain).len() as u64 / 8).abs_diff(*milliseconds);
            assert!(off <= 400, "{style:?}: {off} ms off");
        }
    }
}

#[test]
fn a_disk_without_room_for_the_first_word_fails_and_leaves_nothing() {
    let mut by_hand = ByHand::new(Arc::new(Small(SmallDisk::new(100))), 0);
    let recording = by_hand.begins(wav(), None);
    by_hand.says(recording, wav(), 2);
    let full = RecordingFailure::Write(io::ErrorKind::StorageFull);
    let told = by_hand.told();
    assert!(
        matches!(&told[..], [EngineEvent::RecordingFailed { reason, .. }] if *reason == full),
        "{told:?}"
    );
    assert_eq!(fs::read_dir(by_hand.folder.path()).unwrap().count(), 0);
}

#[test]
fn no_recording_begins_below_the_floor_of_free_space() {
    let mut by_hand = ByHand::new(Arc::new(Small(SmallDisk::new(999_999))), 1_000_000);
    by_hand.begins(wav(), Some(&seal()));
    let told = by_hand.told();
    assert!(
        matches!(
            &told[..],
            [EngineEvent::RecordingFailed {
                reason: RecordingFailure::LowSpace,
                ..
            }]
        ),
        "{told:?}"
    );
    assert_eq!(fs::read_dir(by_hand.folder.path()).unwrap().count(), 0);
}

#[test]
fn a_folder_that_is_gone_or_not_a_folder_is_a_failure_and_no_more() {
    let mut by_hand = ByHand::new(Arc::new(FileSystem), 0);
    let going_on = by_hand.begins(wav(), None);
    by_hand.says(going_on, wav(), 2);
    fs::remove_dir_all(by_hand.folder.path()).unwrap();
    by_hand.says(going_on, wav(), 2);
    by_hand.begins(wav(), None);
    by_hand.writer.perform(Job::End(going_on));
    let told = by_hand.told();
    let gone = io::ErrorKind::NotFound;
    assert!(
        matches!(
            &told[..],
            [
                EngineEvent::RecordingFailed { reason: RecordingFailure::Create(a), .. },
                EngineEvent::RecordingFailed { reason: RecordingFailure::Finish(b), .. },
            ] if (*a, *b) == (gone, gone)
        ),
        "{told:?}"
    );
    fs::write(by_hand.folder.path(), "a file in its place").unwrap();
    by_hand.begins(wav(), None);
    assert_eq!(by_hand.told().len(), 1);
    fs::remove_file(by_hand.folder.path()).unwrap();
}

#[test]
fn only_its_owner_may_read_a_recording() {
    use std::os::unix::fs::PermissionsExt;
    let mut by_hand = ByHand::new(Arc::new(FileSystem), 0);
    let recording = by_hand.begins(wav(), Some(&seal()));
    by_hand.says(recording, wav(), 1);
    for entry in fs::read_dir(by_hand.folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.path());
    }
}

#[test]
fn names_that_leave_the_folder_or_lie_are_not_allowed() {
    let spec = |file: &str, seal: Option<Seal>| RecordSpec {
        recording: RecordingId::random(),
        left: LegId::new(CallId::random(), 0),
        right: None,
        style: wav(),
        keys: Keys::Kept,
        seal,
        file: file.to_owned(),
    };
    for name in ["a.wav", "2026/11/a.wav"] {
        assert!(is_allowed_name(&spec(name, None)), "{name}");
    }
    for name in [
        "",
        "a",
        ".wav",
        "a.mp3",
        "../a.wav",
        "/etc/a.wav",
        "x/../../a.wav",
        "a.wav.sealed",
    ] {
        assert!(!is_allowed_name(&spec(name, None)), "{name}");
    }
    assert!(is_allowed_name(&spec("a.wav.sealed", Some(seal()))));
    assert!(!is_allowed_name(&spec("a.wav", Some(seal()))));
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    for name in [
        "foreign.wav.part",
        "foreign.mp3.part",
        "foreign.opus.part",
        "foreign.txt.part",
    ] {
        fs::write(folder.path().join(name), [7; 100]).unwrap();
    }
    fs::write(folder.path().join("foreign.wav.sealed.part"), [7; 100]).unwrap();
    assert_eq!(recover_recordings(folder.path()).unwrap(), []);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 5);
    let missing = Path::new("/nonexistent/recordings");
    assert_eq!(recover_recordings(missing).unwrap(), []);
}

#[test]
fn a_stuck_disk_holds_up_a_writer_and_nobody_else() {
    let disk = SmallDisk::new(u64::MAX);
    let mut by_hand = ByHand::new(Arc::new(Small(disk.clone())), 0);
    let recording = by_hand.begins(wav(), None);
    let backlog = by_hand.writer.backlog.clone();
    disk.door.set(true);
    let (jobs, receiver) = channel();
    let ByHand {
        writer, finished, ..
    } = by_hand;
    let thread = thread::spawn(move || writer.run(&receiver));
    for n in 0..20 {
        let pcm = quarter(wav(), n);
        backlog.add(&pcm);
        jobs.send(Job::Audio(recording, pcm)).unwrap();
    }
    jobs.send(Job::End(recording)).unwrap();
    assert!(backlog.bytes() >= 19 * 8000);
    assert!(finished.try_recv().is_err());
    disk.door.set(false);
    drop(jobs);
    thread.join().unwrap();
    assert_eq!(backlog.bytes(), 0);
    assert!(finished.try_recv().is_ok());
}
