//! The files of uploaded sounds: `<id>.wav` as it is played, `<id>.original.<format>` as it came.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ahash::AHashSet;
use offhook_core::directory::SoundFile;
use offhook_core::id::SoundId;
use offhook_media::container::audio::{self, Survey};
use offhook_media::container::wav::{self, WavHeader};
use offhook_media::engine::Sound;

use super::upload::Partial;
use super::{LibraryError, Limits};

/// What the names of unfinished files end with.
pub(super) const PARTIAL: &str = "part";

/// Bytes of memory a sample takes: 16 kHz samples, and both laws at 8 kHz.
const BYTES_PER_SAMPLE: usize = 3;

/// A sound that was taken in. Dropped, it leaves no files behind.
pub(super) struct Taken {
    /// Both its files, in their places, to be kept once the sound is listed.
    pub(super) files: [Partial; 2],
    pub(super) sound: Arc<Sound>,
    pub(super) survey: Survey,
    pub(super) bytes: u64,
}

/// Makes the folder, and removes what an earlier run did not finish: parts of files, and files of
/// sounds that are not listed.
pub(super) fn prepare(folder: &Path, listed: &AHashSet<SoundId>) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let part = path.extension().is_some_and(|end| end == PARTIAL);
        let nobodys = of_sound(&path).is_some_and(|id| !listed.contains(&id));
        if part || nobodys {
            fs::remove_file(&path)?;
        }
        if nobodys {
            tracing::warn!(path = %path.display(), "the file of a sound that is not listed is removed");
        }
    }
    Ok(())
}

/// The sound a file is of, by its name.
fn of_sound(path: &Path) -> Option<SoundId> {
    let name = path.file_name()?.to_str()?;
    let (id, rest) = name.split_once('.')?;
    let ours = rest == "wav" || rest.starts_with("original.");
    id.parse().ok().filter(|_| ours)
}

pub(super) fn prepared(folder: &Path, id: SoundId) -> PathBuf {
    folder.join(format!("{id}.wav"))
}

pub(super) fn original(folder: &Path, id: SoundId, format: &str) -> PathBuf {
    folder.join(format!("{id}.original.{format}"))
}

/// Decodes an upload and puts both its files into place, or neither.
pub(super) fn take_in(
    folder: &Path,
    id: SoundId,
    mut upload: Partial,
    limits: Limits,
    used: usize,
) -> Result<Taken, LibraryError> {
    let file = File::open(upload.path())?;
    let bytes = file.metadata()?.len();
    let audio = audio::load(Box::new(file), limits.longest)?;
    if used.saturating_add(audio.pcm.len() * BYTES_PER_SAMPLE) > limits.memory {
        return Err(LibraryError::NoMemory(limits.memory));
    }
    let mut prepared_file = Partial::new(folder.join(format!("{id}.{PARTIAL}")));
    write(prepared_file.path(), &audio.pcm)?;
    upload.rename(original(folder, id, audio.survey.format.extension()))?;
    prepared_file.rename(prepared(folder, id))?;
    Ok(Taken {
        files: [prepared_file, upload],
        sound: Arc::new(Sound::encode_wide(&audio.pcm)),
        survey: audio.survey,
        bytes,
    })
}

fn write(path: &Path, pcm: &[i16]) -> io::Result<()> {
    let mut header = WavHeader::pcm16(1, audio::FILE_RATE);
    header.data_bytes = u32::try_from(pcm.len() * 2).unwrap_or(u32::MAX);
    let mut file = BufWriter::with_capacity(64 * 1024, File::create_new(path)?);
    file.write_all(&header.to_bytes())?;
    for sample in pcm {
        file.write_all(&sample.to_le_bytes())?;
    }
    file.into_inner()
        .map_err(io::IntoInnerError::into_error)?
        .sync_all()
}

/// Reads a sound as it was prepared.
pub(super) fn read(folder: &Path, id: SoundId) -> io::Result<Sound> {
    let bytes = fs::read(prepared(folder, id))?;
    let broken = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let (pcm, _) = wav::decode_mono(&bytes).map_err(broken)?;
    Ok(Sound::encode_wide(&pcm))
}

/// Removes a sound's files; one that is gone already is as good.
pub(super) fn remove(folder: &Path, sound: &SoundFile) {
    let files = [
        prepared(folder, sound.id),
        original(folder, sound.id, &sound.format),
    ];
    for path in files {
        if let Err(error) = fs::remove_file(&path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %path.display(), %error, "a sound's file cannot be removed");
        }
    }
}
