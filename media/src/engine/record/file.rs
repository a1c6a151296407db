//! A file that grows under a temporary name, sealed or not, and is what was meant at every moment.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{Disk, Medium};
use super::part_path;
use crate::container::sealed::{Last, SealKey, SealedHeader, Sealer};

/// A growing file.
#[derive(Debug)]
pub(crate) struct GrowingFile {
    medium: Box<dyn Medium>,
    path: PathBuf,
    sealer: Option<Sealer>,
    /// Bytes on disk that are whole.
    length: u64,
    /// Bytes of what is inside.
    inside: u64,
    /// Samples per channel up to its end.
    position: u64,
    buffer: Vec<u8>,
}

impl GrowingFile {
    /// Makes the file, and the folders it is in. Neither it nor its final name may exist.
    pub(crate) fn create(
        disk: &dyn Disk,
        path: &Path,
        seal: Option<(&SealKey, SealedHeader)>,
    ) -> io::Result<Self> {
        if path.try_exists()? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut growing = Self {
            medium: disk.create(&part_path(path))?,
            path: path.to_owned(),
            sealer: seal.map(|(key, header)| Sealer::new(key, header)),
            length: 0,
            inside: 0,
            position: 0,
            buffer: Vec::new(),
        };
        if let Some(sealer) = &growing.sealer {
            growing.buffer.extend(sealer.header());
            growing.flush()?;
        }
        Ok(growing)
    }

    /// Whether it is sealed, so that what is written cannot be changed.
    pub(crate) fn is_sealed(&self) -> bool {
        self.sealer.is_some()
    }

    /// Appends bytes, after which the recording has so many samples per channel. When that fails,
    /// what was there before is still whole.
    pub(crate) fn append(&mut self, bytes: &[u8], position: u64) -> io::Result<()> {
        match &mut self.sealer {
            Some(sealer) => sealer.seal(bytes, position, Last::No, &mut self.buffer),
            None => self.buffer.extend(bytes),
        }
        self.flush()?;
        self.inside += bytes.len() as u64;
        self.position = position;
        Ok(())
    }

    /// Replaces the first bytes. Nothing happens to a sealed file.
    pub(crate) fn overwrite_head(&mut self, head: &[u8]) -> io::Result<()> {
        if self.is_sealed() || head.len() as u64 > self.length {
            return Ok(());
        }
        self.medium.overwrite(head, 0)
    }

    /// Bytes of what is inside.
    pub(crate) fn inside(&self) -> u64 {
        self.inside
    }

    /// Samples per channel up to its end.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Says that nothing will follow.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        if let Some(sealer) = &mut self.sealer {
            sealer.seal(&[], self.position, Last::Yes, &mut self.buffer);
        }
        self.flush()
    }

    /// Makes it safe: on disk, under its final name, with that name on disk too.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.medium.sync()?;
        put_in_place(&part_path(&self.path), &self.path)
    }

    /// Throws it away.
    pub(crate) fn discard(self) -> io::Result<()> {
        fs::remove_file(part_path(&self.path))
    }

    fn flush(&mut self) -> io::Result<()> {
        let written = self.medium.append(&self.buffer);
        let bytes = self.buffer.len() as u64;
        self.buffer.clear();
        if written.is_ok() {
            self.length += bytes;
        } else {
            // A disk that took a part of it takes the cut as well; else the next start does it.
            self.medium.cut(self.length).ok();
        }
        written
    }
}

/// Gives a file that is on disk its final name, and makes that safe too.
pub(super) fn put_in_place(part: &Path, target: &Path) -> io::Result<()> {
    fs::rename(part, target)?;
    match target.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}
