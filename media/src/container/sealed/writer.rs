//! Sealing: what goes behind what is on disk already.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};

use super::{ChunkHeader, HEADER_LEN, MAX_CHUNK, SealKey, SealedHeader, additional, nonce};

/// Whether nothing comes after a chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Last {
    /// More follows.
    No,
    /// It ends the file.
    Yes,
}

/// Seals one file's chunks, one after the other.
pub struct Sealer {
    cipher: Aes256Gcm,
    header: SealedHeader,
    bytes: [u8; HEADER_LEN],
    number: u64,
}

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sealer")
            .field("header", &self.header)
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

impl Sealer {
    /// For a new file, which begins with [`Sealer::header`].
    #[must_use]
    pub fn new(key: &SealKey, header: SealedHeader) -> Self {
        Self {
            cipher: Aes256Gcm::new(key.expose().into()),
            header,
            bytes: header.to_bytes(),
            number: 0,
        }
    }

    /// What the file begins with.
    #[must_use]
    pub fn header(&self) -> &[u8; HEADER_LEN] {
        &self.bytes
    }

    /// Appends to `out` what comes next in the file: chunks that hold `inside`, up to `position`
    /// samples per channel. Nothing but an end makes no chunk.
    pub fn seal(&mut self, inside: &[u8], position: u64, last: Last, out: &mut Vec<u8>) {
        let mut rest = inside;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(MAX_CHUNK));
            rest = after;
            let ends = rest.is_empty() && last == Last::Yes;
            if piece.is_empty() && !ends {
                return;
            }
            self.chunk(
                piece,
                position,
                if ends { Last::Yes } else { Last::No },
                out,
            );
            if rest.is_empty() {
                return;
            }
        }
    }

    fn chunk(&mut self, piece: &[u8], position: u64, last: Last, out: &mut Vec<u8>) {
        let header = ChunkHeader {
            length: u32::try_from(piece.len()).unwrap_or(0),
            last,
            position,
        };
        let header = header.to_bytes();
        out.extend(header);
        let start = out.len();
        out.extend(piece);
        let nonce = Nonce::from(nonce(self.header.inside, self.number));
        let data = additional(&self.bytes, &header);
        let sealed = self
            .cipher
            .encrypt_inout_detached(&nonce, &data, (&mut out[start..]).into());
        match sealed {
            Ok(tag) => out.extend(tag),
            // AES-GCM takes 64 GiB under one nonce; a chunk is a mebibyte. Should it refuse all the
            // same, audio in clear must not reach the disk.
            Err(_) => {
                out[start..].fill(0);
                out.extend([0; super::TAG_LEN]);
            }
        }
        self.number += 1;
    }
}
