//! What is left when something could not be finished.

use super::*;
use crate::container::sealed::Index;

/// A disk that takes everything and makes nothing of it safe.
#[derive(Debug)]
struct Unsafe;

#[derive(Debug)]
struct OnUnsafe(Box<dyn Medium>);

impl Disk for Unsafe {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        Ok(Box::new(OnUnsafe(FileSystem.create(path)?)))
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

impl Medium for OnUnsafe {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.0.overwrite(bytes, at)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.0.cut(length)
    }

    fn sync(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Other.into())
    }
}

/// A disk that has room for the beginnings of drawings only.
#[derive(Debug)]
struct NoDrawings;

impl Disk for NoDrawings {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        if path.display().to_string().contains(".peaks") {
            Small(SmallDisk::new(100)).create(path)
        } else {
            FileSystem.create(path)
        }
    }

    fn free(&self, _: &Path) -> io::Result<u64> {
        Ok(u64::MAX)
    }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<_> = entries.map(name).collect();
    names.sort();
    names
}

#[test]
fn nothing_is_left_of_a_recording_under_any_of_its_names() {
    for style in styles() {
        for seal in [None, Some(seal())] {
            let mut by_hand = ByHand::new(Arc::new(Unsafe), 0);
            let recording = by_hand.begins(style, seal.as_ref());
            by_hand.says(recording, style, 24);
            by_hand.writer.perform(Job::End(recording));
            let told = by_hand.told();
            assert!(
                matches!(
                    told[..],
                    [EngineEvent::RecordingFailed {
                        reason: RecordingFailure::Finish(_),
                        ..
                    }]
                ),
                "{told:?}"
            );
            let folder = by_hand.folder.path();
            assert!(!names(folder).is_empty(), "all of its audio");
            for name in every_file_name(recording) {
                fs::remove_file(folder.join(name)).ok();
            }
            assert_eq!(names(folder), [""; 0], "{style:?}");
        }
    }
}

#[test]
fn a_drawing_that_cannot_be_written_leaves_the_recording_alone() {
    let mut by_hand = ByHand::new(Arc::new(NoDrawings), 0);
    let recording = by_hand.begins(wav(), None);
    by_hand.says(recording, wav(), 24);
    by_hand.writer.perform(Job::End(recording));
    let told = by_hand.told();
    assert!(
        matches!(told[..], [EngineEvent::RecordingSaved { .. }]),
        "{told:?}"
    );
    assert_eq!(names(by_hand.folder.path()), [format!("{recording}.wav")]);
}

#[test]
fn a_drawing_that_a_crash_left_behind_is_finished_or_removed() {
    let folder = tempfile::tempdir().unwrap();
    let finished = folder.path().join("finished.wav");
    let drawing = part_path(&peaks_path(&finished));
    fs::write(&finished, "audio").unwrap();
    fs::write(&drawing, [1; 22]).unwrap();
    let orphan = part_path(&peaks_path(&folder.path().join("orphan.wav")));
    fs::write(&orphan, [1; 22]).unwrap();
    assert_eq!(recover_recordings(folder.path()).unwrap(), []);
    assert_eq!(names(folder.path()), ["finished.wav", "finished.wav.peaks"]);
}

#[test]
fn a_fault_keeps_what_was_said_before() {
    for seal in [None, Some(seal())] {
        let mut by_hand = ByHand::new(Arc::new(FileSystem), 0);
        let recording = by_hand.begins(wav(), seal.as_ref());
        by_hand.says(recording, wav(), 8);
        by_hand.writer.perform(Job::Broken(recording));
        let told = by_hand.told();
        let [
            EngineEvent::RecordingSaved {
                end, milliseconds, ..
            },
        ] = told[..]
        else {
            panic!("{told:?}");
        };
        assert_eq!((end, milliseconds), (RecordingEnd::CutShort, 2000));
        if seal.is_some() {
            let path = by_hand.folder.path();
            let path = path.join(file_name(recording, wav(), seal.as_ref()));
            let index = Index::read(&mut fs::File::open(path).unwrap()).unwrap();
            assert!(index.is_complete());
        }
    }
}
