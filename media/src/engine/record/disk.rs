//! Where recordings are written to.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

/// A place for files.
pub(crate) trait Disk: Send + Sync + fmt::Debug {
    /// Makes a file that must not exist, and the folders it is in. Nobody else may read it.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>>;

    /// Bytes that are free.
    fn free(&self, folder: &Path) -> io::Result<u64>;
}

/// A file that is being written.
pub(crate) trait Medium: Send + fmt::Debug {
    /// Puts bytes behind what is there.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;

    /// Puts bytes in the place of others.
    fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()>;

    /// Cuts it off.
    fn cut(&mut self, length: u64) -> io::Result<()>;

    /// Comes back when all of it is safe.
    fn sync(&mut self) -> io::Result<()>;
}

/// The file system.
#[derive(Debug)]
pub(crate) struct FileSystem;

impl Disk for FileSystem {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Medium>> {
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut options = File::options();
        // What people said is nobody else's business on this machine.
        options.write(true).create_new(true).mode(0o600);
        Ok(Box::new(options.open(path)?))
    }

    fn free(&self, folder: &Path) -> io::Result<u64> {
        let stats = rustix::fs::statvfs(folder)?;
        Ok(stats.f_bavail.saturating_mul(stats.f_frsize))
    }
}

impl Medium for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn overwrite(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.write_all_at(bytes, at)
    }

    fn cut(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)?;
        self.seek(SeekFrom::Start(length)).map(drop)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}
