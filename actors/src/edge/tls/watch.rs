//! Files that may change while we run.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;

/// How often files are looked at, at most.
const LOOK: Duration = Duration::from_secs(1);

/// Tells whether files have changed.
#[derive(Debug)]
pub(super) struct Watch {
    files: Vec<PathBuf>,
    looked: Mutex<Looked>,
}

/// When the files were looked at, and when they had changed last.
#[derive(Debug, Default)]
struct Looked {
    at: Option<Instant>,
    changed: Vec<Option<SystemTime>>,
}

impl Watch {
    /// These files count as changed the first time.
    pub(super) fn over<'a>(files: impl IntoIterator<Item = &'a Option<PathBuf>>) -> Self {
        Self {
            files: files.into_iter().flatten().cloned().collect(),
            looked: Mutex::default(),
        }
    }

    /// Looks whether the files have changed since they were looked at before, which is done once a
    /// second at most.
    pub(super) fn look(&self, now: Instant) -> bool {
        let mut looked = self.looked.lock();
        let lately = |at: Instant| now.saturating_duration_since(at) < LOOK;
        if looked.at.is_some_and(lately) {
            return false;
        }
        let changed: Vec<_> = self
            .files
            .iter()
            .map(|file| std::fs::metadata(file).ok()?.modified().ok())
            .collect();
        let stale = looked.at.is_none() || changed != looked.changed;
        *looked = Looked {
            at: Some(now),
            changed,
        };
        stale
    }

    /// The files count as changed.
    pub(super) fn forget(&self) {
        self.looked.lock().at = None;
    }
}
