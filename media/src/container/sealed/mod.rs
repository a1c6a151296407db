//! Sealed recordings: audio encrypted chunk by chunk while it grows.
//!
//! A file is a header of 32 bytes and then chunks. Numbers in it are little-endian.
//!
//! | bytes | header |
//! | --- | --- |
//! | 0–7 | `OFHSEAL` and a zero byte |
//! | 8 | version, 1 |
//! | 9 | what is inside: 1 samples of a WAV file, 2 MP3, 3 Ogg Opus, 4 peaks |
//! | 10 | channels |
//! | 11 | 0 |
//! | 12–15 | samples per second |
//! | 16–31 | the recording's id |
//!
//! | bytes | chunk |
//! | --- | --- |
//! | 0–3 | length of what is inside, at most [`MAX_CHUNK`] |
//! | 4–7 | 1 in the last chunk, else 0 |
//! | 8–15 | samples per channel of the recording up to the end of this chunk |
//! | 16– | AES-256-GCM ciphertext, then its tag of 16 bytes |
//!
//! The nonce is the kind, three zero bytes and the chunk's number from 0 as eight bytes big-endian;
//! the additional data are the file's header and the chunk's. So no chunk can be changed, left out,
//! repeated or moved, within a file or between files, without the next reading of it failing. A file
//! that was cut off lacks its last chunk: what is whole can be heard, and [`Index::is_complete`]
//! says that the rest is missing; a last chunk that was forged keeps a [`SealedReader`] from being
//! made. The key is random and used for one recording only, hence a
//! counter is enough of a nonce.

mod reader;
mod writer;

#[cfg(test)]
mod tests;

use std::fmt;

use offhook_core::recording::AudioFormat;
use zeroize::{Zeroize, ZeroizeOnDrop};

pub use reader::{Index, SealedReader};
pub use writer::{Last, Sealer};

/// Length of the file's header.
pub const HEADER_LEN: usize = 32;

/// Length of a chunk's header.
pub const CHUNK_HEADER_LEN: usize = 16;

/// Length of a chunk's tag.
pub const TAG_LEN: usize = 16;

/// Most bytes inside of one chunk.
pub const MAX_CHUNK: usize = 1 << 20;

const MAGIC: &[u8; 8] = b"OFHSEAL\0";
const VERSION: u8 = 1;

/// The key of one recording.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct SealKey([u8; 32]);

impl SealKey {
    /// A new random key.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }

    /// The key with these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes. Only for wrapping it.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey")
    }
}

/// What is inside of a sealed file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inside {
    /// A recording's audio. That of a WAV file is without its header.
    Audio(AudioFormat),
    /// Its peaks.
    Peaks,
}

impl Inside {
    fn number(self) -> u8 {
        match self {
            Self::Audio(AudioFormat::Wav) => 1,
            Self::Audio(AudioFormat::Mp3) => 2,
            Self::Audio(AudioFormat::Opus) => 3,
            Self::Peaks => 4,
        }
    }

    fn of_number(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Audio(AudioFormat::Wav)),
            2 => Some(Self::Audio(AudioFormat::Mp3)),
            3 => Some(Self::Audio(AudioFormat::Opus)),
            4 => Some(Self::Peaks),
            _ => None,
        }
    }
}

/// A sealed file's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedHeader {
    /// What is inside.
    pub inside: Inside,
    /// Channels, 1 or 2.
    pub channels: u8,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// The recording's id, as bits.
    pub recording: u128,
}

impl SealedHeader {
    /// Its wire form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = VERSION;
        bytes[9] = self.inside.number();
        bytes[10] = self.channels;
        bytes[12..16].copy_from_slice(&self.sample_rate.to_le_bytes());
        bytes[16..].copy_from_slice(&self.recording.to_le_bytes());
        bytes
    }

    /// Reads a header.
    ///
    /// # Errors
    /// When the bytes are too few, or none of ours.
    pub fn parse(bytes: &[u8]) -> Result<Self, SealedError> {
        let bytes: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(SealedError::NotSealed)?;
        if bytes[..8] != *MAGIC {
            return Err(SealedError::NotSealed);
        }
        if bytes[8] != VERSION {
            return Err(SealedError::Version(bytes[8]));
        }
        let inside = Inside::of_number(bytes[9]).ok_or(SealedError::Header)?;
        let mut rate = [0; 4];
        rate.copy_from_slice(&bytes[12..16]);
        let mut recording = [0; 16];
        recording.copy_from_slice(&bytes[16..]);
        let header = Self {
            inside,
            channels: bytes[10],
            sample_rate: u32::from_le_bytes(rate),
            recording: u128::from_le_bytes(recording),
        };
        let sane = matches!(header.channels, 1 | 2) && bytes[11] == 0;
        if !sane || !(1..=48_000).contains(&header.sample_rate) {
            return Err(SealedError::Header);
        }
        Ok(header)
    }
}

/// A chunk's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ChunkHeader {
    length: u32,
    last: Last,
    position: u64,
}

impl ChunkHeader {
    fn to_bytes(self) -> [u8; CHUNK_HEADER_LEN] {
        let mut bytes = [0; CHUNK_HEADER_LEN];
        bytes[..4].copy_from_slice(&self.length.to_le_bytes());
        bytes[4] = u8::from(self.last == Last::Yes);
        bytes[8..].copy_from_slice(&self.position.to_le_bytes());
        bytes
    }

    /// None when these bytes are no chunk's header.
    fn parse(bytes: [u8; CHUNK_HEADER_LEN]) -> Option<Self> {
        let [l0, l1, l2, l3, flag, 0, 0, 0, ..] = bytes else {
            return None;
        };
        let length = u32::from_le_bytes([l0, l1, l2, l3]);
        let mut position = [0; 8];
        position.copy_from_slice(&bytes[8..]);
        let last = match flag {
            0 => Last::No,
            1 => Last::Yes,
            _ => return None,
        };
        let fits = usize::try_from(length).is_ok_and(|length| length <= MAX_CHUNK);
        fits.then_some(Self {
            length,
            last,
            position: u64::from_le_bytes(position),
        })
    }

    /// Bytes of the chunk behind its header.
    fn body(self) -> u64 {
        u64::from(self.length) + TAG_LEN as u64
    }
}

fn nonce(inside: Inside, number: u64) -> [u8; 12] {
    let mut nonce = [0; 12];
    nonce[0] = inside.number();
    nonce[4..].copy_from_slice(&number.to_be_bytes());
    nonce
}

fn additional(
    header: &[u8; HEADER_LEN],
    chunk: &[u8; CHUNK_HEADER_LEN],
) -> [u8; HEADER_LEN + CHUNK_HEADER_LEN] {
    let mut data = [0; HEADER_LEN + CHUNK_HEADER_LEN];
    data[..HEADER_LEN].copy_from_slice(header);
    data[HEADER_LEN..].copy_from_slice(chunk);
    data
}

/// Why a sealed file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealedError {
    /// It does not begin as sealed files do.
    #[error("not a sealed recording")]
    NotSealed,
    /// A version that we do not know.
    #[error("sealed by another version ({0})")]
    Version(u8),
    /// A header that says what cannot be.
    #[error("the header of the sealed recording contradicts itself")]
    Header,
    /// The key does not fit, or the chunk is not what was written.
    #[error("chunk {0} was changed, or the key is another recording's")]
    Forged(u64),
    /// There is no such chunk.
    #[error("there is no chunk {0}")]
    NoChunk(u64),
    /// The file cannot be read.
    #[error("cannot read the sealed recording: {0}")]
    Io(#[from] std::io::Error),
}
