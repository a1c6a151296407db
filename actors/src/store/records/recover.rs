//! Recordings that were being written when a server went down.

use std::path::{Path, PathBuf};

use ahash::AHashMap;
use offhook_core::event::{Event, EventKind};
use offhook_core::id::{CallId, RecordingId};
use offhook_core::recording::RecordingEnd;
use offhook_media::engine::measure_recording;
use sqlx::SqlitePool;

use crate::alarm;
use crate::store::{Store, StoreError, column};

/// For each recording that nobody has settled, the event that does: saved, if its file is there.
pub(super) async fn unsettled(
    pool: &SqlitePool,
    store: &Store,
    first_seq: u64,
) -> Result<Vec<Event>, StoreError> {
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT id, call_id FROM recordings WHERE state = 'recording'")
            .fetch_all(pool)
            .await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut left = Vec::new();
    for (recording, call) in rows {
        let (recording, call) = (column::id(&recording)?, column::id(&call)?);
        left.push((recording, call));
    }
    let folder = store.recordings_folder();
    let settled = tokio::task::spawn_blocking(move || {
        let files = files(&folder, &left);
        let fate = |(recording, call)| fate(recording, call, &folder, &files);
        left.into_iter().map(fate).collect::<Vec<_>>()
    });
    let kinds = settled.await.map_err(|error| StoreError::Unavailable {
        reason: error.to_string(),
    })?;
    let event = |kind| Event {
        seq: first_seq.saturating_sub(1),
        at: alarm::wall(),
        kind: interrupted(kind, store),
    };
    Ok(kinds.into_iter().map(event).collect())
}

/// What was still growing when the server went down did not come to its end.
fn interrupted(mut kind: EventKind, store: &Store) -> EventKind {
    if let EventKind::RecordingSaved { recording, end, .. } = &mut kind
        && store.0.interrupted.lock().contains(recording)
    {
        *end = RecordingEnd::Interrupted;
    }
    kind
}

fn fate(
    recording: RecordingId,
    call: CallId,
    folder: &Path,
    files: &AHashMap<RecordingId, Vec<PathBuf>>,
) -> EventKind {
    let found = files.get(&recording).into_iter().flatten();
    let measured = found.filter_map(|path| {
        let file = path.strip_prefix(folder).ok()?.to_str()?.to_owned();
        Some((file, measure_recording(path)?))
    });
    match measured.into_iter().next() {
        Some((file, measured)) => EventKind::RecordingSaved {
            recording,
            call,
            file,
            milliseconds: measured.milliseconds,
            bytes: measured.bytes,
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

/// The files of these recordings, by their names alone: an archive may be large, and what is not asked
/// for is not opened.
fn files(folder: &Path, wanted: &[(RecordingId, CallId)]) -> AHashMap<RecordingId, Vec<PathBuf>> {
    let mut found: AHashMap<_, _> = wanted.iter().map(|(id, _)| (*id, Vec::new())).collect();
    let mut open: Vec<(PathBuf, u32)> = vec![(folder.to_owned(), 0)];
    while let Some((inside, depth)) = open.pop() {
        let Ok(entries) = std::fs::read_dir(&inside) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = entry.path();
            let id = path.file_name().and_then(|name| name.to_str());
            let id = id.and_then(|name| name.split('.').next());
            if let Some(files) = id
                .and_then(|id| id.parse().ok())
                .and_then(|id| found.get_mut(&id))
            {
                files.push(path);
            } else if depth < 4 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                open.push((path, depth + 1));
            }
        }
    }
    found
}
