//! Writing many records in few statements.
//!
//! Each statement is handed to the database's own thread and awaited, which costs more than a row.

use offhook_core::cdr::Cdr;
use sqlx::SqliteConnection;

use super::Write;
use crate::store::{StoreError, cdrs, recordings, timelines};

/// Rows of one statement. SQLite takes 32,766 values in one.
const ROWS: usize = 128;

/// Writes everything. A row that cannot be is logged and left out, so that it does not hold up all
/// that come after it.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    writes: &[Write],
) -> Result<(), StoreError> {
    let finished = || {
        writes.iter().filter_map(|write| match write {
            Write::Cdr(cdr) => Some(&**cdr),
            Write::Timeline { .. }
            | Write::RecordingStarted { .. }
            | Write::RecordingSaved { .. }
            | Write::RecordingPaused(..)
            | Write::RecordingResumed(..)
            | Write::RecordingFailed { .. }
            | Write::Event(_) => None,
        })
    };
    let cdrs: Vec<&Cdr> = finished().collect();
    for rows in cdrs.chunks(ROWS) {
        if refused(cdrs::upsert_all(connection, rows).await)? {
            for row in rows {
                let written = cdrs::upsert(connection, row).await;
                note(written, || format!("{row:?}"))?;
            }
        }
    }
    let timelines: Vec<timelines::Row<'_>> = writes.iter().filter_map(timeline).collect();
    for rows in timelines.chunks(ROWS) {
        if refused(timelines::upsert_all(connection, rows).await)? {
            for row in rows {
                let written = timelines::upsert_all(connection, std::slice::from_ref(row)).await;
                note(written, || format!("{row:?}"))?;
            }
        }
    }
    for write in writes {
        let written = single(connection, write).await;
        note(written, || format!("{write:?}"))?;
    }
    Ok(())
}

fn timeline(write: &Write) -> Option<timelines::Row<'_>> {
    if let Write::Timeline {
        call,
        ended_at,
        events,
    } = write
    {
        Some((*call, *ended_at, events.as_slice()))
    } else {
        None
    }
}

/// What is written by itself, because it is rare or its order counts.
async fn single(connection: &mut SqliteConnection, write: &Write) -> Result<(), StoreError> {
    match write {
        Write::Cdr(cdr) if cdr.recordings.is_empty() => Ok(()),
        Write::Cdr(cdr) => recordings::belong_to(connection, cdr).await,
        Write::Timeline { .. } => Ok(()),
        Write::RecordingStarted {
            recording,
            call,
            at,
        } => recordings::started(connection, *recording, *call, *at).await,
        Write::RecordingSaved { recording, .. } => {
            recordings::saved(connection, *recording, write).await
        }
        Write::RecordingPaused(recording, at) => {
            recordings::paused(connection, *recording, *at).await
        }
        Write::RecordingResumed(recording, at) => {
            recordings::resumed(connection, *recording, *at).await
        }
        Write::RecordingFailed { recording, reason } => {
            recordings::failed(connection, *recording, reason).await
        }
        Write::Event(event) => timelines::add_event(connection, event).await,
    }
}

/// Whether one of the rows cannot be written, and the others with it.
fn refused(written: Result<(), StoreError>) -> Result<bool, StoreError> {
    match written {
        Ok(()) => Ok(false),
        Err(error) if error.is_outage() => Err(error),
        Err(_) => Ok(true),
    }
}

fn note(written: Result<(), StoreError>, row: impl FnOnce() -> String) -> Result<(), StoreError> {
    match written {
        Ok(()) => Ok(()),
        Err(error) if error.is_outage() => Err(error),
        Err(error) => {
            tracing::error!(%error, row = row(), "a record was refused");
            Ok(())
        }
    }
}
