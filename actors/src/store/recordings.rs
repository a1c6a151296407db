//! What was recorded.

use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use offhook_core::cdr::Cdr;
use offhook_core::id::{AgentId, CallId, QueueId, RecordingId};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use crate::store::{Listing, Page, Store, StoreError, cdrs, column};

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordingState {
    /// The conversation goes on.
    Recording,
    /// It is safe on disk.
    Saved,
    /// It could not be kept.
    Failed,
}

/// A recorded conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// The call it is of.
    pub call: CallId,
    /// How far it has come.
    pub state: RecordingState,
    /// When it began.
    pub started_at: Timestamp,
    /// The queue the caller came through; known once the call has ended.
    pub queue: Option<QueueId>,
    /// The agent who answered; known once the call has ended.
    pub agent: Option<AgentId>,
    /// Its file, relative to the recordings folder, once saved.
    pub file: Option<String>,
    /// Its length, once saved.
    pub milliseconds: u64,
    /// Its size, once saved.
    pub bytes: u64,
    /// Why it could not be kept.
    pub failure: Option<String>,
}

/// Which recordings are wanted; everything given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RecordingFilter {
    /// Of this call.
    pub call: Option<CallId>,
    /// From this queue.
    pub queue: Option<QueueId>,
    /// With this agent.
    pub agent: Option<AgentId>,
    /// In this state.
    pub state: Option<RecordingState>,
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun before this time.
    pub until: Option<Timestamp>,
}

/// The recordings of the office.
#[derive(Debug, Clone, Copy)]
pub struct Recordings<'a>(&'a Store);

impl Store {
    /// The recordings of the office.
    #[must_use]
    pub fn recordings(&self) -> Recordings<'_> {
        Recordings(self)
    }
}

#[derive(FromRow)]
struct Row {
    id: String,
    call_id: String,
    state: String,
    started_at: i64,
    queue_id: Option<String>,
    agent_id: Option<String>,
    file: Option<String>,
    milliseconds: i64,
    bytes: i64,
    failure: Option<String>,
}

impl Row {
    fn recording(self) -> Result<Recording, StoreError> {
        Ok(Recording {
            id: column::id(&self.id)?,
            call: column::id(&self.call_id)?,
            state: column::from_word("recordings.state", &self.state)?,
            started_at: column::time(self.started_at)?,
            queue: column::optional_id(self.queue_id.as_deref())?,
            agent: column::optional_id(self.agent_id.as_deref())?,
            file: self.file,
            milliseconds: column::big_count(self.milliseconds)?,
            bytes: column::big_count(self.bytes)?,
            failure: self.failure,
        })
    }
}

impl Recordings<'_> {
    /// The recording with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: RecordingId) -> Result<Recording, StoreError> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM recordings WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&self.0.pool()?)
            .await?;
        row.ok_or(NOT_FOUND)?.recording()
    }

    /// The recordings that fit, the latest first.
    ///
    /// # Errors
    /// `Invalid` on `cursor`.
    pub async fn list(
        &self,
        filter: &RecordingFilter,
        page: &Page,
    ) -> Result<Listing<Recording>, StoreError> {
        let (time, id) = page.before_time()?;
        let mut query = QueryBuilder::<Sqlite>::new("SELECT * FROM recordings WHERE ");
        query.push("(started_at, id) < (").push_bind(time);
        query.push(", ").push_bind(id).push(")");
        let words = [
            ("call_id", filter.call.map(|id| Ok(id.to_string()))),
            ("queue_id", filter.queue.map(|id| Ok(id.to_string()))),
            ("agent_id", filter.agent.map(|id| Ok(id.to_string()))),
            ("state", filter.state.as_ref().map(column::word)),
        ];
        for (name, value) in words {
            if let Some(value) = value {
                query.push(" AND ").push(name).push(" = ").push_bind(value?);
            }
        }
        if let Some(since) = filter.since {
            query
                .push(" AND started_at >= ")
                .push_bind(column::micros(since));
        }
        if let Some(until) = filter.until {
            query
                .push(" AND started_at < ")
                .push_bind(column::micros(until));
        }
        query.push(" ORDER BY started_at DESC, id DESC LIMIT ");
        query.push_bind(page.fetch());
        let rows: Vec<Row> = query.build_query_as().fetch_all(&self.0.pool()?).await?;
        let items: Result<Vec<_>, _> = rows.into_iter().map(Row::recording).collect();
        Ok(Listing::of(items?, page, |recording| {
            let started = column::micros(recording.started_at);
            (started.to_string(), recording.id.to_string())
        }))
    }

    /// Where a saved recording's file lies. None if there is no file.
    #[must_use]
    pub fn path(&self, recording: &Recording) -> Option<PathBuf> {
        let file = Path::new(recording.file.as_deref()?);
        let inside = file
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| self.0.recordings_folder().join(file))
    }

    /// Removes a recording with its file, and from its call's record.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while it goes on; `Unavailable` if the file cannot be removed.
    pub async fn delete(&self, id: RecordingId) -> Result<(), StoreError> {
        let recording = self.get(id).await?;
        if recording.state == RecordingState::Recording {
            return Err(StoreError::InUse {
                by: format!("call {}, which goes on", recording.call),
            });
        }
        if let Some(path) = self.path(&recording) {
            match tokio::fs::remove_file(&path).await {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => {
                    return Err(StoreError::Unavailable {
                        reason: format!("cannot remove the recording's file: {error}"),
                    });
                }
            }
        }
        let mut write = self.0.begin().await?;
        let record: Option<String> = sqlx::query_scalar("SELECT record FROM cdrs WHERE id = $1")
            .bind(recording.call.to_string())
            .fetch_optional(&mut *write)
            .await?;
        if let Some(record) = record {
            let mut cdr: Cdr = column::from_json("cdrs.record", &record)?;
            cdr.recordings.retain(|kept| *kept != id);
            cdrs::upsert(&mut write, &cdr).await?;
        }
        sqlx::query("DELETE FROM recordings WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        Ok(write.commit().await?)
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "recording" };

pub(super) async fn started(
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

pub(super) async fn saved(
    write: &mut SqliteConnection,
    id: RecordingId,
    file: &str,
    milliseconds: u64,
    bytes: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "UPDATE recordings SET state = 'saved', file = $1, milliseconds = $2, bytes = $3, \
         failure = NULL WHERE id = $4",
    )
    .bind(file)
    .bind(column::from_big_count(milliseconds))
    .bind(column::from_big_count(bytes))
    .bind(id.to_string())
    .execute(write)
    .await?;
    Ok(())
}

pub(super) async fn failed(
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
pub(super) async fn belong_to(write: &mut SqliteConnection, cdr: &Cdr) -> Result<(), StoreError> {
    sqlx::query("UPDATE recordings SET queue_id = $1, agent_id = $2 WHERE call_id = $3")
        .bind(cdr.queue.map(|id| id.to_string()))
        .bind(cdr.agent.map(|id| id.to_string()))
        .bind(cdr.id.to_string())
        .execute(write)
        .await?;
    Ok(())
}
