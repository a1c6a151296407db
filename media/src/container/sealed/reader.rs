//! Reading sealed files: an index without the key, audio with it, from any byte on.

use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom};
use std::sync::Arc;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use offhook_core::recording::AudioFormat;

use super::{
    CHUNK_HEADER_LEN, ChunkHeader, HEADER_LEN, Inside, Last, SealKey, SealedError, SealedHeader,
    TAG_LEN, additional, nonce,
};
use crate::container::wav::{self, WavHeader};

/// Bytes that are read at once in search of chunks: a few of compressed audio.
const SEARCH: usize = 4096;

/// Where the chunks of a sealed file are. Made without the key, so nothing of it is proven until
/// the chunks themselves are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Index {
    /// The file's header.
    pub header: SealedHeader,
    chunks: Vec<Place>,
    inside: u64,
    end: u64,
    position: u64,
    complete: bool,
}

/// Where a chunk begins, in the file and in what is inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    file: u64,
    inside: u64,
}

impl Index {
    /// Looks for the chunks of a file. What is behind the last whole one is passed over.
    ///
    /// # Errors
    /// When it is no sealed file or cannot be read.
    pub fn read(file: &mut (impl Read + Seek)) -> Result<Self, SealedError> {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(0))?;
        let mut file = BufReader::with_capacity(SEARCH, file);
        let mut bytes = [0; HEADER_LEN];
        file.read_exact(&mut bytes).map_err(short)?;
        let header = SealedHeader::parse(&bytes)?;
        let mut index = Self {
            header,
            chunks: Vec::new(),
            inside: 0,
            end: HEADER_LEN as u64,
            position: 0,
            complete: false,
        };
        while !index.complete && length - index.end >= (CHUNK_HEADER_LEN + TAG_LEN) as u64 {
            let mut bytes = [0; CHUNK_HEADER_LEN];
            file.read_exact(&mut bytes)?;
            let Some(body) = index.add(bytes, length) else {
                break;
            };
            file.seek_relative(body)?;
        }
        Ok(index)
    }

    /// Takes in the chunk at the end: how many bytes it has behind its header; `None` when there is
    /// none whole.
    fn add(&mut self, bytes: [u8; CHUNK_HEADER_LEN], length: u64) -> Option<i64> {
        let chunk = ChunkHeader::parse(bytes)?;
        let end = self.end + CHUNK_HEADER_LEN as u64 + chunk.body();
        // Chunks without anything in them could make an index of a small file large.
        let sound = chunk.length > 0 || chunk.last == Last::Yes;
        if end > length || !sound || chunk.position < self.position {
            return None;
        }
        self.chunks.push(Place {
            file: self.end,
            inside: self.inside,
        });
        self.end = end;
        self.inside += u64::from(chunk.length);
        self.position = chunk.position;
        self.complete = chunk.last == Last::Yes;
        i64::try_from(chunk.body()).ok()
    }

    /// Whether the file says that it has its end. Only a [`SealedReader`] knows whether that is true.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Bytes of the file up to the end of its last whole chunk.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.end
    }

    /// The length of the recording.
    #[must_use]
    pub fn milliseconds(&self) -> u64 {
        let rate = u128::from(self.header.sample_rate);
        u64::try_from(u128::from(self.position) * 1000 / rate).unwrap_or(u64::MAX)
    }

    /// Bytes of the audio file that is inside, with the header a WAV file gets.
    #[must_use]
    pub fn audio_len(&self) -> u64 {
        self.prefix() + self.inside
    }

    /// Bytes that are not in the file but made when it is read.
    fn prefix(&self) -> u64 {
        match self.header.inside {
            Inside::Audio(AudioFormat::Wav) => wav::HEADER_LEN as u64,
            Inside::Audio(AudioFormat::Mp3 | AudioFormat::Opus) | Inside::Peaks => 0,
        }
    }

    fn wav_header(&self) -> [u8; wav::HEADER_LEN] {
        let mut header = WavHeader::pcm16(u16::from(self.header.channels), self.header.sample_rate);
        header.data_bytes = u32::try_from(self.inside).unwrap_or(u32::MAX);
        header.to_bytes()
    }
}

/// Reads what is inside of a sealed file, from any byte on, as if it were not sealed.
pub struct SealedReader<F> {
    file: F,
    index: Arc<Index>,
    cipher: Aes256Gcm,
    /// The next byte to be given.
    at: u64,
    /// The chunk in `open`.
    number: Option<usize>,
    open: Vec<u8>,
}

impl<F> std::fmt::Debug for SealedReader<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SealedReader")
            .field("at", &self.at)
            .field("header", &self.index.header)
            .finish_non_exhaustive()
    }
}

impl<F: Read + Seek> SealedReader<F> {
    /// Opens a file with its key.
    ///
    /// # Errors
    /// When it is no sealed file or cannot be read, or has an end that was not written with this key.
    /// Whether the key fits one that was cut off shows with the first chunk.
    pub fn open(mut file: F, key: &SealKey) -> Result<Self, SealedError> {
        let index = Index::read(&mut file)?;
        Self::with_index(file, key, Arc::new(index))
    }

    /// Opens a file whose chunks were looked for before.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn with_index(file: F, key: &SealKey, index: Arc<Index>) -> Result<Self, SealedError> {
        let mut reader = Self {
            file,
            index,
            cipher: Aes256Gcm::new(key.expose().into()),
            at: 0,
            number: None,
            open: Vec::new(),
        };
        // Its header is in clear and anybody's to write: a file that was cut off must not pass for
        // whole.
        if reader.index.complete {
            reader.load(reader.index.chunks.len().saturating_sub(1))?;
        }
        Ok(reader)
    }

    /// Where everything is.
    #[must_use]
    pub fn index(&self) -> &Arc<Index> {
        &self.index
    }

    /// Goes on from this byte of the audio file that is inside.
    pub fn seek_to(&mut self, at: u64) {
        self.at = at;
    }

    /// The next bytes, at most those of one chunk and at most `most`; none at the end.
    ///
    /// # Errors
    /// When a chunk is not what was written, or the file cannot be read.
    pub fn next(&mut self, most: usize) -> Result<&[u8], SealedError> {
        let prefix = self.index.prefix();
        if self.at < prefix {
            self.number = None;
            self.open.clear();
            self.open.extend(self.index.wav_header());
            let from = usize::try_from(self.at).unwrap_or(0);
            return Ok(self.give(from, most));
        }
        let inside = self.at - prefix;
        if inside >= self.index.inside {
            return Ok(&[]);
        }
        let number = self
            .index
            .chunks
            .partition_point(|place| place.inside <= inside)
            .saturating_sub(1);
        if self.number != Some(number) {
            self.load(number)?;
        }
        let from = usize::try_from(inside - self.index.chunks[number].inside).unwrap_or(0);
        Ok(self.give(from, most))
    }

    fn give(&mut self, from: usize, most: usize) -> &[u8] {
        let to = self.open.len().min(from.saturating_add(most));
        self.at += (to - from) as u64;
        &self.open[from..to]
    }

    fn load(&mut self, number: usize) -> Result<(), SealedError> {
        self.number = None;
        let place = self.index.chunks[number];
        let mut bytes = [0; CHUNK_HEADER_LEN];
        self.file.seek(SeekFrom::Start(place.file))?;
        self.file.read_exact(&mut bytes)?;
        let forged = SealedError::Forged(number as u64);
        // The file may have changed since the index was made.
        let Some(chunk) = ChunkHeader::parse(bytes) else {
            return Err(forged);
        };
        self.open.clear();
        self.open
            .resize(usize::try_from(chunk.length).unwrap_or(0), 0);
        self.file.read_exact(&mut self.open)?;
        let mut tag = [0; TAG_LEN];
        self.file.read_exact(&mut tag)?;
        let nonce = Nonce::from(nonce(self.index.header.inside, number as u64));
        let data = additional(&self.index.header.to_bytes(), &bytes);
        let next = self.index.chunks.get(number + 1);
        let due = next.map_or(self.index.inside, |next| next.inside) - place.inside;
        let opened = self.cipher.decrypt_inout_detached(
            &nonce,
            &data,
            self.open.as_mut_slice().into(),
            &Tag::from(tag),
        );
        if opened.is_err() || self.open.len() as u64 != due {
            self.open.clear();
            return Err(forged);
        }
        self.number = Some(number);
        Ok(())
    }
}

fn short(error: std::io::Error) -> SealedError {
    if error.kind() == ErrorKind::UnexpectedEof {
        SealedError::NotSealed
    } else {
        SealedError::Io(error)
    }
}
