//! Recordings on disk: what to record, the growing file, and what a crash left behind.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`recorder`] | the thread that empties the shards' rings, decodes and aligns; it never waits for a disk |
//! | [`running`] | one recording between the two |
//! | [`writer`] | threads of low priority that encode, seal and write |
//! | [`file`] | a file that grows under a temporary name |
//! | [`disk`] | where files are made; tests put a disk there that is full or stuck |
//! | [`recover`] | finishes what a crash left behind |

pub(crate) mod disk;
pub(crate) mod file;
pub(crate) mod recorder;
mod recover;
mod running;
pub(crate) mod writer;

#[cfg(test)]
mod tests;

use std::path::{Component, Path, PathBuf};

use offhook_core::recording::{AudioFormat, Keys, RecordingStyle};
use offhook_core::{LegId, RecordingId};

use crate::container::sealed::SealKey;

pub use recover::{Recovered, measure_recording, recover_recordings};

/// What a file that is still growing is called at its end.
const PART: &str = "part";

/// What a drawing of a recording is called at its end.
const PEAKS: &str = "peaks";

/// What a sealed recording is called at its end.
const SEALED: &str = "sealed";

/// What to record, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordSpec {
    /// Its id.
    pub recording: RecordingId,
    /// The party on the left channel: the caller.
    pub left: LegId,
    /// The party on the right channel: the agent. May also come later.
    pub right: Option<LegId>,
    /// What its file is like.
    pub style: RecordingStyle,
    /// What becomes of keys that are heard.
    pub keys: Keys,
    /// How it is encrypted, if it is to be.
    pub seal: Option<Seal>,
    /// The file, relative to the recordings folder; ends as [`file_name`] says. Folders are made.
    pub file: String,
}

/// What a recording is encrypted with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seal {
    /// The key. For this recording only.
    pub key: SealKey,
    /// The key as it may lie on a disk, sealed by another. It is put beside the recording before the
    /// first of its audio, so that there is never audio without a key.
    pub wrapped: String,
}

/// The name of a recording's file: its id, and what it is.
#[must_use]
pub fn file_name(recording: RecordingId, style: RecordingStyle, seal: Option<&Seal>) -> String {
    let extension = style.format.extension();
    match seal {
        None => format!("{recording}.{extension}"),
        Some(_) => format!("{recording}.{extension}.{SEALED}"),
    }
}

/// The names of all files there can be of a recording: under whatever style it was made, finished or
/// not. What is removed by them is gone for good.
pub fn every_file_name(recording: RecordingId) -> impl Iterator<Item = String> {
    let audio = AudioFormat::ALL.into_iter().flat_map(move |format| {
        let clear = format!("{recording}.{}", format.extension());
        let sealed = format!("{clear}.{SEALED}");
        [clear, sealed]
    });
    audio.flat_map(|audio| {
        let beside = ["key", "peaks", "peaks.part", PART].map(|rest| format!("{audio}.{rest}"));
        beside.into_iter().chain([audio])
    })
}

/// Where the wrapped key of a sealed recording lies until it is in the database.
#[must_use]
pub fn key_path(audio: &Path) -> PathBuf {
    with_suffix(audio, "key")
}

/// Where the peaks of a recording lie.
#[must_use]
pub fn peaks_path(audio: &Path) -> PathBuf {
    with_suffix(audio, PEAKS)
}

fn part_path(path: &Path) -> PathBuf {
    with_suffix(path, PART)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    name.into()
}

/// Whether a recording may have its name: within the folder, and ending as what it is.
pub(crate) fn is_allowed_name(spec: &RecordSpec) -> bool {
    let file = Path::new(&spec.file);
    let inside = file
        .components()
        .all(|part| matches!(part, Component::Normal(_)));
    let extension = spec.style.format.extension();
    let ending = match spec.seal {
        None => format!(".{extension}"),
        Some(_) => format!(".{extension}.{SEALED}"),
    };
    inside && spec.file.len() > ending.len() && spec.file.ends_with(&ending)
}
