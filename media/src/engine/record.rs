//! Recordings on disk: what to record, the growing file, and what a crash left behind.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Component, Path, PathBuf};

use offhook_core::{LegId, RecordingId};

use crate::container::wav::{HEADER_LEN, WavHeader};
use crate::graph::recording::Layout;
use crate::time::SAMPLE_RATE;

/// What a file that is still growing is called at its end.
const PART: &str = "part";

/// Folders within the recordings folder that the start-up scan goes down.
const MAX_DEPTH: usize = 8;

/// What to record, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSpec {
    /// Its id.
    pub recording: RecordingId,
    /// The party on the left channel: the caller.
    pub left: LegId,
    /// The party on the right channel: the agent. May also come later.
    pub right: Option<LegId>,
    /// How both become one file.
    pub layout: Layout,
    /// The file, relative to the recordings folder; ends in `.wav`. Folders are made.
    pub file: String,
}

/// A recording that a crash left behind and that is playable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The file, under its final name.
    pub file: PathBuf,
    /// Its length.
    pub milliseconds: u64,
    /// Its size.
    pub bytes: u64,
}

/// A WAV file that grows under a temporary name. Its header is true after every append, but for
/// the moment between the audio and the header.
#[derive(Debug)]
pub(crate) struct GrowingFile {
    file: File,
    header: WavHeader,
    path: PathBuf,
}

impl GrowingFile {
    /// Makes the file, and the folders it is in. Neither it nor its final name may exist.
    pub(crate) fn create(path: &Path, channels: u16) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = File::create_new(part_of(path))?;
        let mut growing = Self {
            file,
            header: WavHeader::pcm16(channels, SAMPLE_RATE),
            path: path.to_owned(),
        };
        growing.file.write_all(&growing.header.to_bytes())?;
        Ok(growing)
    }

    /// Appends whole samples, and makes the header say so.
    pub(crate) fn append(&mut self, audio: &[u8]) -> io::Result<()> {
        let more = u32::try_from(audio.len()).ok();
        let total = more.and_then(|more| self.header.data_bytes.checked_add(more));
        // A WAV file cannot be larger: over 37 hours in stereo.
        let total = total.ok_or(io::ErrorKind::FileTooLarge)?;
        self.file.write_all(audio)?;
        self.header.data_bytes = total;
        self.file.write_all_at(&self.header.to_bytes(), 0)
    }

    /// The length of what is in it.
    pub(crate) fn milliseconds(&self) -> u64 {
        self.header.milliseconds()
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> u64 {
        HEADER_LEN as u64 + u64::from(self.header.data_bytes)
    }

    /// Makes it safe: on disk, under its final name, with that name on disk too.
    pub(crate) fn finish(self) -> io::Result<()> {
        finish(&self.file, &part_of(&self.path), &self.path)
    }

    /// Throws it away.
    pub(crate) fn discard(self) -> io::Result<()> {
        fs::remove_file(part_of(&self.path))
    }

    /// A file that takes nothing, as on a full disk.
    #[cfg(test)]
    fn full() -> Self {
        Self {
            file: File::options().write(true).open("/dev/full").unwrap(),
            header: WavHeader::pcm16(1, SAMPLE_RATE),
            path: PathBuf::from("/dev/full"),
        }
    }
}

/// Finishes what a crash left behind: every file under `folder` that was still growing gets a
/// header that tells its true length, is synced and renamed. One without any audio is removed; one
/// that is not ours is left alone. To be called before the engine starts.
///
/// # Errors
/// When the folder cannot be read. A file that cannot be finished is logged and left for next time.
pub fn recover_recordings(folder: &Path) -> io::Result<Vec<Recovered>> {
    let mut recovered = Vec::new();
    if folder.try_exists()? {
        scan(folder, MAX_DEPTH, &mut recovered)?;
    }
    Ok(recovered)
}

/// Whether a recording may have this name: within the folder, and a WAV file.
pub(crate) fn is_allowed_name(file: &Path) -> bool {
    let inside = file
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    inside && file.extension().is_some_and(|extension| extension == "wav")
}

fn scan(folder: &Path, depth: usize, recovered: &mut Vec<Recovered>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth > 0 {
                scan(&path, depth - 1, recovered)?;
            }
        } else if path.extension().is_some_and(|extension| extension == PART) {
            match repair(&path) {
                Ok(found) => recovered.extend(found),
                Err(error) => {
                    tracing::warn!(file = %path.display(), %error, "a recording was not recovered");
                }
            }
        }
    }
    Ok(())
}

fn repair(part: &Path) -> io::Result<Option<Recovered>> {
    let target = part.with_extension("");
    if target
        .extension()
        .is_none_or(|extension| extension != "wav")
    {
        return Ok(None);
    }
    let file = File::options().read(true).write(true).open(part)?;
    let audio = file.metadata()?.len().saturating_sub(HEADER_LEN as u64);
    let mut header = [0; HEADER_LEN];
    let read = file.read_at(&mut header, 0)?;
    if audio == 0 {
        fs::remove_file(part)?;
        return Ok(None);
    }
    let mut header = WavHeader::parse(&header[..read])
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    let align = u64::from(header.block_align());
    let whole = u32::try_from(audio - audio % align);
    header.data_bytes = whole.unwrap_or(u32::MAX - u32::MAX % u32::from(header.block_align()));
    file.write_all_at(&header.to_bytes(), 0)?;
    file.set_len(HEADER_LEN as u64 + u64::from(header.data_bytes))?;
    finish(&file, part, &target)?;
    Ok(Some(Recovered {
        file: target,
        milliseconds: header.milliseconds(),
        bytes: HEADER_LEN as u64 + u64::from(header.data_bytes),
    }))
}

fn finish(file: &File, part: &Path, target: &Path) -> io::Result<()> {
    file.sync_all()?;
    fs::rename(part, target)?;
    match target.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(PART);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &Path) -> Vec<i16> {
        let mut reader = hound::WavReader::open(path).unwrap();
        reader.samples().map(Result::unwrap).collect()
    }

    #[test]
    fn a_growing_file_is_playable_at_every_moment() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("2026/a.wav");
        let mut growing = GrowingFile::create(&path, 2).unwrap();
        for seconds in 1..4 {
            growing.append(&[1; 32_000]).unwrap();
            assert_eq!(read(&part_of(&path)).len(), seconds * 16_000);
        }
        assert_eq!((growing.milliseconds(), growing.bytes()), (3000, 96_044));
        assert!(!path.exists());
        growing.finish().unwrap();
        assert_eq!(read(&path).len(), 48_000);
        assert!(!part_of(&path).exists());
        let again = GrowingFile::create(&path, 2).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let error = GrowingFile::full().append(&[0; 320]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }

    #[test]
    fn names_that_leave_the_folder_are_not_allowed() {
        for name in ["a.wav", "2026/11/a.wav"] {
            assert!(is_allowed_name(Path::new(name)), "{name}");
        }
        for name in ["", "a", "a.mp3", "../a.wav", "/etc/a.wav", "x/../../a.wav"] {
            assert!(!is_allowed_name(Path::new(name)), "{name}");
        }
    }

    #[test]
    fn what_a_crash_left_behind_is_finished() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("deep/er/a.wav");
        let mut growing = GrowingFile::create(&path, 2).unwrap();
        growing.append(&[1; 32_000]).unwrap();
        // Audio that the header does not tell of yet, cut off in the middle of a sample.
        growing.file.write_all(&[2; 1603]).unwrap();
        drop(growing);
        let empty = folder.path().join("empty.wav");
        drop(GrowingFile::create(&empty, 1).unwrap());
        let foreign = folder.path().join("foreign.wav.part");
        fs::write(&foreign, [7; 100]).unwrap();
        let recovered = recover_recordings(folder.path()).unwrap();
        let expected = Recovered {
            file: path.clone(),
            milliseconds: 1050,
            bytes: 44 + 32_000 + 1600,
        };
        assert_eq!(recovered, [expected]);
        assert_eq!(read(&path).len(), 16_800);
        assert!(!part_of(&path).exists() && !part_of(&empty).exists() && foreign.exists());
        assert_eq!(recover_recordings(folder.path()).unwrap(), []);
    }

    #[test]
    fn a_folder_that_is_not_there_has_nothing_to_recover() {
        let missing = Path::new("/nonexistent/recordings");
        assert_eq!(recover_recordings(missing).unwrap(), []);
    }
}
