//! What a crash left behind, and how long a finished file is.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use offhook_core::recording::AudioFormat;

use super::file::put_in_place;
use super::{PART, SEALED, key_path, part_path, peaks_path};
use crate::container::mp3::{self, FrameHeader, Totals};
use crate::container::ogg_opus::{self, Page};
use crate::container::peaks;
use crate::container::sealed::{self, Index, SealedError};
use crate::container::wav::{HEADER_LEN, WavHeader};

/// Folders within the recordings folder that the start-up scan goes down.
const MAX_DEPTH: usize = 8;

/// The longest page of an Ogg stream.
const MOST_PAGE: usize = 27 + 255 + 255 * 255;

/// A recording that a crash left behind and that is playable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The file, under its final name.
    pub file: PathBuf,
    /// Its length.
    pub milliseconds: u64,
    /// Its size; of a sealed one, that of the audio file which is inside.
    pub bytes: u64,
}

/// What is whole in a file.
struct Whole {
    /// Bytes up to the end of what is.
    end: u64,
    milliseconds: u64,
    /// Bytes of the audio file.
    bytes: u64,
}

/// Finishes what a crash left behind: every file under `folder` that was still growing is cut after
/// what is whole, made to tell its true length, synced and renamed. One without any audio is removed;
/// one that is not ours is left alone. To be called before the engine starts. No keys are needed.
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

/// How long and large a finished recording is; `None` when it is not one, or has no audio.
#[must_use]
pub fn measure_recording(path: &Path) -> Option<Recovered> {
    let file = File::open(path).ok()?;
    let whole = Kind::of(path)?.whole(&file).ok()??;
    Some(Recovered {
        file: path.to_owned(),
        milliseconds: whole.milliseconds,
        bytes: whole.bytes,
    })
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
    let Some(kind) = Kind::of(&target) else {
        return Ok(None);
    };
    let file = File::options().read(true).write(true).open(part)?;
    let Some(whole) = kind.whole(&file)? else {
        remove(&target)?;
        return Ok(None);
    };
    // Before the audio has its name: a drawing is found by that of its recording.
    if let Err(error) = repair_peaks(&peaks_path(&target)) {
        tracing::warn!(file = %target.display(), %error, "the peaks of a recording were not recovered");
    }
    file.set_len(whole.end)?;
    kind.close(&file, &whole)?;
    file.sync_all()?;
    put_in_place(part, &target)?;
    Ok(Some(Recovered {
        file: target,
        milliseconds: whole.milliseconds,
        bytes: whole.bytes,
    }))
}

/// Removes a recording that has no audio, and what belongs to it.
fn remove(target: &Path) -> io::Result<()> {
    for rest in [part_path(&peaks_path(target)), key_path(target)] {
        match fs::remove_file(rest) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    fs::remove_file(part_path(target))
}

fn repair_peaks(target: &Path) -> io::Result<()> {
    let part = part_path(target);
    let file = match File::options().read(true).write(true).open(&part) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let end = match Index::read(&mut &file) {
        Ok(index) => index.end(),
        Err(SealedError::Io(error)) => return Err(error),
        // In clear: whole at any length, but without an end of a page.
        Err(_) => {
            let length = file.metadata()?.len();
            let header = peaks::HEADER_LEN as u64;
            header + length.saturating_sub(header) / 4 * 4
        }
    };
    if end < file.metadata()?.len() {
        file.set_len(end)?;
    }
    file.sync_all()?;
    put_in_place(&part, target)
}

/// What a file is, by its name.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Clear(AudioFormat),
    Sealed,
}

impl Kind {
    fn of(path: &Path) -> Option<Self> {
        let extension = path.extension()?.to_str()?;
        if extension == SEALED {
            return Some(Self::Sealed);
        }
        AudioFormat::of_extension(extension).map(Self::Clear)
    }

    /// What is whole in a file; `None` when that is nothing.
    ///
    /// # Errors
    /// When it cannot be read, or is not ours.
    fn whole(self, file: &File) -> io::Result<Option<Whole>> {
        match self {
            Self::Clear(AudioFormat::Wav) => whole_wav(file),
            Self::Clear(AudioFormat::Mp3) => whole_mp3(file),
            Self::Clear(AudioFormat::Opus) => whole_opus(file),
            Self::Sealed => whole_sealed(file),
        }
    }

    /// Makes a file that was cut off tell where it ends.
    fn close(self, file: &File, whole: &Whole) -> io::Result<()> {
        match self {
            Self::Clear(AudioFormat::Wav) => {
                let mut header = read_wav_header(file)?;
                let audio = whole.end - HEADER_LEN as u64;
                header.data_bytes = u32::try_from(audio).unwrap_or(u32::MAX);
                file.write_all_at(&header.to_bytes(), 0)
            }
            Self::Clear(AudioFormat::Mp3) => close_mp3(file, whole.end),
            Self::Clear(AudioFormat::Opus) => close_opus(file, whole.end),
            // Only who has the key could. That the end is missing is what is true of it.
            Self::Sealed => Ok(()),
        }
    }
}

fn not_ours(what: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn read_wav_header(file: &File) -> io::Result<WavHeader> {
    let mut header = [0; HEADER_LEN];
    let read = file.read_at(&mut header, 0)?;
    WavHeader::parse(&header[..read]).map_err(not_ours)
}

fn whole_wav(file: &File) -> io::Result<Option<Whole>> {
    let audio = file.metadata()?.len().saturating_sub(HEADER_LEN as u64);
    if audio == 0 {
        return Ok(None);
    }
    let mut header = read_wav_header(file)?;
    let align = u64::from(header.block_align());
    let whole = u32::try_from(audio - audio % align);
    header.data_bytes = whole.unwrap_or(u32::MAX - u32::MAX % u32::from(header.block_align()));
    let end = HEADER_LEN as u64 + u64::from(header.data_bytes);
    Ok(Some(Whole {
        end,
        milliseconds: header.milliseconds(),
        bytes: end,
    }))
}

/// The frame at this place of a file, if a whole one is there.
fn frame_at(file: &File, at: u64, length: u64) -> io::Result<Option<FrameHeader>> {
    let mut header = [0; 4];
    if file.read_at(&mut header, at)? < 4 {
        return Ok(None);
    }
    let frame = FrameHeader::parse(header);
    Ok(frame.filter(|frame| at + frame.length as u64 <= length))
}

fn whole_mp3(file: &File) -> io::Result<Option<Whole>> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(None);
    }
    let Some(first) = frame_at(file, 0, length)? else {
        return Err(not_ours("no MP3 frame"));
    };
    let (mut end, mut frames) = (first.length as u64, 0);
    while let Some(frame) = frame_at(file, end, length)? {
        end += frame.length as u64;
        frames += 1;
    }
    let samples = (frames * mp3::FRAME_SAMPLES).saturating_sub(mp3::DELAY);
    Ok((samples > 0).then(|| Whole {
        end,
        milliseconds: samples * 1000 / u64::from(first.sample_rate),
        bytes: end,
    }))
}

fn close_mp3(file: &File, end: u64) -> io::Result<()> {
    let Some(first) = frame_at(file, 0, end)? else {
        return Err(not_ours("no MP3 frame"));
    };
    let frames = (end / first.length as u64).saturating_sub(1);
    let totals = Totals {
        frames: u32::try_from(frames).unwrap_or(u32::MAX),
        bytes: u32::try_from(end).unwrap_or(u32::MAX),
        padding: 0,
    };
    let info = mp3::info_frame(
        first.sample_rate,
        first.channels,
        first.bit_rate,
        Some(totals),
    );
    match info {
        Some(info) if info.len() == first.length => file.write_all_at(&info, 0),
        Some(_) | None => Ok(()),
    }
}

/// Reads the page at this place into `buffer`; its length.
fn page_at(file: &File, at: u64, buffer: &mut [u8]) -> io::Result<Option<Page>> {
    let mut read = 0;
    // Short reads are allowed; an end is one that gives nothing.
    while read < buffer.len() {
        match file.read_at(&mut buffer[read..], at + read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    Ok(Page::parse(&buffer[..read]))
}

fn whole_opus(file: &File) -> io::Result<Option<Whole>> {
    let mut buffer = vec![0; MOST_PAGE];
    let Some(first) = page_at(file, 0, &mut buffer)? else {
        let empty = file.metadata()?.len() == 0;
        return if empty {
            Ok(None)
        } else {
            Err(not_ours("no page of an Ogg stream"))
        };
    };
    let skip = ogg_opus::pre_skip(&buffer[..first.length]).ok_or_else(|| not_ours("not Opus"))?;
    let (mut end, mut granule) = (first.length as u64, 0);
    while let Some(page) = page_at(file, end, &mut buffer)? {
        end += page.length as u64;
        granule = page.granule.unwrap_or(granule);
    }
    let samples = granule.saturating_sub(skip);
    Ok((samples > 0).then_some(Whole {
        end,
        milliseconds: samples / 48,
        bytes: end,
    }))
}

fn close_opus(file: &File, end: u64) -> io::Result<()> {
    let mut buffer = vec![0; MOST_PAGE];
    let (mut at, mut last) = (0, (0, 0));
    while at < end {
        let Some(page) = page_at(file, at, &mut buffer)? else {
            break;
        };
        last = (at, page.length);
        at += page.length as u64;
    }
    let (at, length) = last;
    let mut page = vec![0; length];
    file.read_exact_at(&mut page, at)?;
    ogg_opus::end_stream(&mut page);
    file.write_all_at(&page, at)
}

fn whole_sealed(mut file: &File) -> io::Result<Option<Whole>> {
    if file.metadata()?.len() <= sealed::HEADER_LEN as u64 {
        return Ok(None);
    }
    let index = match Index::read(&mut file) {
        Ok(index) => index,
        Err(SealedError::Io(error)) => return Err(error),
        Err(error) => return Err(not_ours(error)),
    };
    Ok((index.milliseconds() > 0).then(|| Whole {
        end: index.end(),
        milliseconds: index.milliseconds(),
        bytes: index.audio_len(),
    }))
}
