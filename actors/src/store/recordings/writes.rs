//! What events of recordings come to.

use jiff::Timestamp;
use offhook_core::cdr::Cdr;
use offhook_core::id::{CallId, RecordingId};
use sqlx::SqliteConnection;

use super::{Pause, SEALED};
use crate::store::records::Write;
use crate::store::{StoreError, column};

pub(in crate::store) async fn started(
    write: &mut SqliteConnection,
    id: RecordingId,
    call: CallId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO recordings (id, call_id, state, started_at, milliseconds, bytes) \
         VALUES ($1, $2, 'recording', $3, 0, 0) ON CONFLICT (id) DO NOTHING",
    )
    .bind(id.to_string())
    .bind(call.to_string())
    .bind(column::micros(at))
    .execute(write)
    .await?;
    Ok(())
}

pub(in crate::store) async fn saved(
    write: &mut SqliteConnection,
    id: RecordingId,
    saved: &Write,
) -> Result<(), StoreError> {
    let Write::RecordingSaved {
        file,
        milliseconds,
        bytes,
        end,
        missing_milliseconds,
        ..
    } = saved
    else {
        return Ok(());
    };
    sqlx::query(
        "UPDATE recordings SET state = 'saved', file = $1, milliseconds = $2, bytes = $3, \
         failure = NULL, ended = $4, missing_milliseconds = $5, \
         key_waits = ($6 AND sealed_key IS NULL) WHERE id = $7 AND state <> 'expired'",
    )
    .bind(file)
    .bind(column::from_big_count(*milliseconds))
    .bind(column::from_big_count(*bytes))
    .bind(column::word(end)?)
    .bind(column::from_big_count(*missing_milliseconds))
    .bind(file.ends_with(SEALED))
    .bind(id.to_string())
    .execute(write)
    .await?;
    Ok(())
}

pub(in crate::store) async fn paused(
    write: &mut SqliteConnection,
    id: RecordingId,
    at: Timestamp,
) -> Result<(), StoreError> {
    change_pauses(write, id, at, |pauses, from| {
        if pauses.last().is_none_or(|last| last.until.is_some()) {
            pauses.push(Pause { from, until: None });
        }
    })
    .await
}

pub(in crate::store) async fn resumed(
    write: &mut SqliteConnection,
    id: RecordingId,
    at: Timestamp,
) -> Result<(), StoreError> {
    change_pauses(write, id, at, |pauses, until| {
        if let Some(last) = pauses.last_mut() {
            last.until.get_or_insert(until);
        }
    })
    .await
}

async fn change_pauses(
    write: &mut SqliteConnection,
    id: RecordingId,
    at: Timestamp,
    change: impl FnOnce(&mut Vec<Pause>, u64),
) -> Result<(), StoreError> {
    let row: Option<(i64, String)> =
        sqlx::query_as("SELECT started_at, pauses FROM recordings WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut *write)
            .await?;
    let Some((started, pauses)) = row else {
        return Ok(());
    };
    let mut pauses = column::from_json("recordings.pauses", &pauses)?;
    let since = column::micros(at).saturating_sub(started) / 1000;
    change(&mut pauses, u64::try_from(since).unwrap_or(0));
    sqlx::query("UPDATE recordings SET pauses = $1 WHERE id = $2")
        .bind(column::json(&pauses)?)
        .bind(id.to_string())
        .execute(write)
        .await?;
    Ok(())
}

pub(in crate::store) async fn failed(
    write: &mut SqliteConnection,
    id: RecordingId,
    reason: &str,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE recordings SET state = 'failed', failure = $1 WHERE id = $2")
        .bind(reason)
        .bind(id.to_string())
        .execute(write)
        .await?;
    Ok(())
}

/// Notes on a call's recordings what its record says about queue and agent.
pub(in crate::store) async fn belong_to(
    write: &mut SqliteConnection,
    cdr: &Cdr,
) -> Result<(), StoreError> {
    sqlx::query("UPDATE recordings SET queue_id = $1, agent_id = $2 WHERE call_id = $3")
        .bind(cdr.queue.map(|id| id.to_string()))
        .bind(cdr.agent.map(|id| id.to_string()))
        .bind(cdr.id.to_string())
        .execute(write)
        .await?;
    Ok(())
}
