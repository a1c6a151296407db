//! What a crash left behind, and how long a finished file is.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use offhook_core::recording::AudioFormat;

use super::file::put_in_place;
use super::{PART, PEAKS, SEALED, key_path, part_path, peaks_path};
use crate::container::mp3::{self, FrameHeader, Totals};
use crate::container::ogg_opus::{self, Page};
use crate::container::peaks;
use crate::container::sealed::{self, Index, SealedError};
use crate::container::wav::{HEADER_LEN, WavHeader};

/// Folders within the recordings folder that the start-up scan goes down.
const MAX_DEPTH: usize = 8;

/// Bytes that are read at once: more than the longest page of an Ogg stream.
const AT_ONCE: usize = 128 * 1024;

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
    if target
        .extension()
        .is_some_and(|extension| extension == PEAKS)
    {
        return left_peaks(&target).map(|()| None);
    }
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

/// A drawing that still grew: of a recording that is finished it is finished, too; that of one which
/// is not is with it.
fn left_peaks(target: &Path) -> io::Result<()> {
    let audio = target.with_extension("");
    if audio.try_exists()? {
        repair_peaks(target)
    } else if part_path(&audio).try_exists()? {
        Ok(())
    } else {
        fs::remove_file(part_path(target))
    }
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
            Self::Clear(AudioFormat::Opus) => close_opus(file),
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

/// A file read from its beginning on, a large piece at a time.
fn from_start(mut file: &File) -> io::Result<BufReader<&File>> {
    file.seek(SeekFrom::Start(0))?;
    Ok(BufReader::with_capacity(AT_ONCE, file))
}

/// The frame that comes next, if all of it is there; it is behind us then.
fn next_frame(file: &mut BufReader<&File>, left: u64) -> io::Result<Option<FrameHeader>> {
    let mut header = [0; 4];
    if left < header.len() as u64 {
        return Ok(None);
    }
    file.read_exact(&mut header)?;
    let frame = FrameHeader::parse(header).filter(|frame| frame.length as u64 <= left);
    let rest = frame.map_or(0, |frame| frame.length.saturating_sub(header.len()));
    file.seek_relative(i64::try_from(rest).unwrap_or(0))?;
    Ok(frame)
}

fn whole_mp3(file: &File) -> io::Result<Option<Whole>> {
    let length = file.metadata()?.len();
    if length == 0 {
        return Ok(None);
    }
    let mut reader = from_start(file)?;
    let Some(first) = next_frame(&mut reader, length)? else {
        return Err(not_ours("no MP3 frame"));
    };
    let (mut end, mut frames) = (first.length as u64, 0);
    while let Some(frame) = next_frame(&mut reader, length - end)? {
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
    let Some(first) = next_frame(&mut from_start(file)?, end)? else {
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

/// The pages of an Ogg stream, one after the other.
struct Pages<'a> {
    file: &'a File,
    buffer: Vec<u8>,
    /// Where the next page begins in the buffer.
    start: usize,
    /// Where the buffer ends in the file.
    read: u64,
}

impl<'a> Pages<'a> {
    fn of(file: &'a File) -> Self {
        Self {
            file,
            buffer: Vec::with_capacity(AT_ONCE),
            start: 0,
            read: 0,
        }
    }

    /// The next whole page and its bytes; none at the end of what is whole.
    fn next(&mut self) -> io::Result<Option<(Page, &[u8])>> {
        let mut page = Page::parse(&self.buffer[self.start..]);
        if page.is_none() {
            self.fill()?;
            page = Page::parse(&self.buffer[self.start..]);
        }
        let Some(page) = page else {
            return Ok(None);
        };
        let bytes = self.start..self.start + page.length;
        self.start = bytes.end;
        Ok(Some((page, &self.buffer[bytes])))
    }

    fn fill(&mut self) -> io::Result<()> {
        self.buffer.drain(..self.start);
        self.start = 0;
        let mut file = self.file;
        file.seek(SeekFrom::Start(self.read))?;
        let room = AT_ONCE.saturating_sub(self.buffer.len());
        let got = file.take(room as u64).read_to_end(&mut self.buffer)?;
        self.read += got as u64;
        Ok(())
    }
}

fn whole_opus(file: &File) -> io::Result<Option<Whole>> {
    let mut pages = Pages::of(file);
    let Some((first, bytes)) = pages.next()? else {
        let empty = file.metadata()?.len() == 0;
        return if empty {
            Ok(None)
        } else {
            Err(not_ours("no page of an Ogg stream"))
        };
    };
    let skip = ogg_opus::pre_skip(bytes).ok_or_else(|| not_ours("not Opus"))?;
    let (mut end, mut granule) = (first.length as u64, 0);
    while let Some((page, _)) = pages.next()? {
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

fn close_opus(file: &File) -> io::Result<()> {
    let mut pages = Pages::of(file);
    let (mut at, mut last) = (0, None);
    while let Some((page, bytes)) = pages.next()? {
        last = Some((at, bytes.to_vec()));
        at += page.length as u64;
    }
    let Some((at, mut page)) = last else {
        return Ok(());
    };
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
