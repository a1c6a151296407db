//! Files of recordings as they are handed out: sealed ones are opened on the way.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use offhook_media::container::sealed::{Index, SealKey, SealedError, SealedReader};
use parking_lot::Mutex;
use tokio::task::spawn_blocking;

use crate::error::{ApiError, ApiResult};
use crate::range::ByteRange;

/// Bytes that are handed out at once.
const PIECE: usize = 64 * 1024;

/// Recordings whose chunks are remembered: an hour's are a quarter of a megabyte.
const REMEMBERED: usize = 16;

/// Where the chunks of encrypted recordings lie that were heard lately: a player that seeks asks for
/// dozens of parts, and each would be looked for from the beginning.
#[derive(Debug, Default)]
pub(crate) struct Indices(Mutex<VecDeque<(PathBuf, u64, Arc<Index>)>>);

impl Indices {
    fn of(&self, path: &Path, file: &mut File) -> Result<Arc<Index>, SealedError> {
        let length = file.metadata()?.len();
        let known = |(known, of, _): &&(PathBuf, u64, _)| known == path && *of == length;
        if let Some((_, _, index)) = self.0.lock().iter().find(known) {
            return Ok(Arc::clone(index));
        }
        let index = Arc::new(Index::read(file)?);
        let mut all = self.0.lock();
        all.truncate(REMEMBERED - 1);
        all.push_front((path.to_owned(), length, Arc::clone(&index)));
        Ok(index)
    }
}

/// A file of a recording, open.
#[derive(Debug)]
pub(crate) enum RecordingFile {
    /// As it lies on disk.
    Clear(File, u64),
    /// Encrypted.
    Sealed(Box<SealedReader<File>>),
}

impl RecordingFile {
    /// Opens a file, with its key if it is sealed.
    ///
    /// # Errors
    /// `NotFound` when it is not there; `Unavailable` when it cannot be read.
    pub(crate) async fn open(
        path: &Path,
        key: Option<SealKey>,
        indices: &Arc<Indices>,
    ) -> ApiResult<Self> {
        let (path, indices) = (path.to_owned(), Arc::clone(indices));
        on_a_thread(move || {
            let mut file = File::open(&path)?;
            Ok(match key {
                Some(key) => {
                    let index = indices.of(&path, &mut file)?;
                    Self::Sealed(Box::new(SealedReader::with_index(file, &key, index)?))
                }
                None => {
                    let length = file.metadata()?.len();
                    Self::Clear(file, length)
                }
            })
        })
        .await
    }

    /// Its length in clear.
    pub(crate) fn length(&self) -> u64 {
        match self {
            Self::Clear(_, length) => *length,
            Self::Sealed(reader) => reader.index().audio_len(),
        }
    }

    /// A part of it, piece by piece. When a piece cannot be read the connection breaks off: what was
    /// announced cannot be taken back.
    pub(crate) fn stream(self, part: ByteRange) -> Body {
        let state = (self, part);
        Body::from_stream(stream::try_unfold(state, |(sound, part)| async move {
            if part.length == 0 {
                return Ok(None);
            }
            let next = on_a_thread(move || sound.piece(part)).await;
            next.map(Some).map_err(io::Error::other)
        }))
    }

    /// All of it.
    ///
    /// # Errors
    /// `Unavailable` when it cannot be read.
    pub(crate) async fn read(self) -> ApiResult<Vec<u8>> {
        on_a_thread(move || {
            let mut part = ByteRange {
                first: 0,
                length: self.length(),
            };
            let (mut sound, mut all) = (self, Vec::new());
            while part.length > 0 {
                let (piece, (rest, after)) = sound.piece(part)?;
                all.extend(piece);
                (sound, part) = (rest, after);
            }
            Ok(all)
        })
        .await
    }

    fn piece(mut self, part: ByteRange) -> Result<(Bytes, (Self, ByteRange)), SealedError> {
        let most = usize::try_from(part.length).unwrap_or(PIECE).min(PIECE);
        let piece = match &mut self {
            Self::Clear(file, _) => {
                let mut piece = vec![0; most];
                file.seek(SeekFrom::Start(part.first))?;
                file.read_exact(&mut piece)?;
                Bytes::from(piece)
            }
            Self::Sealed(reader) => {
                reader.seek_to(part.first);
                Bytes::copy_from_slice(reader.next(most)?)
            }
        };
        if piece.is_empty() {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let length = piece.len() as u64;
        let rest = ByteRange {
            first: part.first + length,
            length: part.length - length,
        };
        Ok((piece, (self, rest)))
    }
}

async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SealedError> + Send + 'static,
) -> ApiResult<T> {
    let done = spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "reading a recording fell");
        ApiError::Unavailable("the recording's file cannot be read".into())
    })?;
    done.map_err(|error| {
        tracing::warn!(%error, "a recording's file cannot be read");
        if matches!(&error, SealedError::Io(error) if error.kind() == io::ErrorKind::NotFound) {
            ApiError::NotFound("sound of this recording")
        } else {
            ApiError::Unavailable("the recording's file cannot be read".into())
        }
    })
}
