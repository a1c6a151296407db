//! A sound on its way in: streamed to a file, gone with whoever gives up.

use std::path::{Path, PathBuf};

use offhook_core::IdSource;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::{LibraryError, files};

/// An upload under way. Dropped, it leaves nothing behind.
#[derive(Debug)]
pub struct Upload {
    file: File,
    path: Partial,
    length: u64,
    limit: u64,
}

/// A file that is removed unless it is kept.
#[derive(Debug)]
pub(super) struct Partial(Option<PathBuf>);

impl Upload {
    pub(super) async fn begin(folder: &Path, limit: u64) -> Result<Self, LibraryError> {
        let name = format!("{}.{}", IdSource::from_entropy().token(), files::PARTIAL);
        let path = folder.join(name);
        let file = File::create_new(&path).await?;
        Ok(Self {
            file,
            path: Partial(Some(path)),
            length: 0,
            limit,
        })
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// `TooLarge`, or the disk is full or broken.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), LibraryError> {
        self.length = self.length.saturating_add(bytes.len() as u64);
        if self.length > self.limit {
            return Err(LibraryError::TooLarge(self.limit));
        }
        Ok(self.file.write_all(bytes).await?)
    }

    pub(super) async fn finish(mut self) -> Result<Partial, LibraryError> {
        // Written in the background: what fails shows only now.
        self.file.flush().await?;
        self.file.sync_all().await?;
        Ok(self.path)
    }
}

impl Partial {
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Some(path))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_deref().unwrap_or(Path::new(""))
    }

    /// Gives the file another name.
    pub(super) fn rename(&mut self, name: PathBuf) -> std::io::Result<()> {
        std::fs::rename(self.path(), &name)?;
        self.0 = Some(name);
        Ok(())
    }

    /// Leaves the file where it is.
    pub(super) fn keep(mut self) {
        self.0 = None;
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(path) = self.0.take() {
            // It may not have come to be at all.
            std::fs::remove_file(path).ok();
        }
    }
}
