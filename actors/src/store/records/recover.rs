//! Recordings that were being written when a server went down.

use std::path::{Path, PathBuf};

use offhook_core::event::{Event, EventKind};
use offhook_core::id::{CallId, RecordingId};
use offhook_core::recording::RecordingEnd;
use offhook_media::engine::measure_recording;
use sqlx::SqlitePool;

use crate::alarm;
use crate::store::{StoreError, column};

/// For each recording that nobody has settled, the event that does: saved, if its file is there.
pub(super) async fn unsettled(
    pool: &SqlitePool,
    folder: &Path,
    first_seq: u64,
) -> Result<Vec<Event>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, call_id FROM recordings WHERE state = 'recording'")
            .fetch_all(pool)
            .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let folder = folder.to_owned();
    let found = tokio::task::spawn_blocking(move || files(&folder)).await;
    let found = found.map_err(|error| StoreError::Unavailable {
        reason: error.to_string(),
    })?;
    let mut events = Vec::new();
    for (recording, call) in rows {
        let recording: RecordingId = column::id(&recording)?;
        let call: CallId = column::id(&call)?;
        events.push(Event {
            seq: first_seq.saturating_sub(1),
            at: alarm::wall(),
            kind: fate(recording, call, &found),
        });
    }
    Ok(events)
}

fn fate(recording: RecordingId, call: CallId, files: &[Found]) -> EventKind {
    let name = recording.to_string();
    match files.iter().find(|found| found.path.contains(&name)) {
        Some(found) => EventKind::RecordingSaved {
            recording,
            call,
            file: found.path.clone(),
            milliseconds: found.milliseconds,
            bytes: found.bytes,
            end: RecordingEnd::Complete,
            missing_milliseconds: 0,
        },
        None => EventKind::RecordingFailed {
            recording,
            call,
            reason: "the server went down before anything of it was on disk".to_owned(),
        },
    }
}

#[derive(Debug)]
struct Found {
    /// Relative to the recordings folder.
    path: String,
    milliseconds: u64,
    bytes: u64,
}

/// Every recording in the folder, up to a few folders deep.
fn files(folder: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    let mut open: Vec<(PathBuf, u32)> = vec![(folder.to_owned(), 0)];
    while let Some((inside, depth)) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&inside) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.is_dir() && depth < 4 {
                open.push((path, depth + 1));
            } else {
                found.extend(describe(folder, &path));
            }
        }
    }
    found
}

fn describe(folder: &Path, path: &Path) -> Option<Found> {
    let measured = measure_recording(path)?;
    Some(Found {
        path: path.strip_prefix(folder).ok()?.to_str()?.to_owned(),
        milliseconds: measured.milliseconds,
        bytes: measured.bytes,
    })
}
