//! What was recorded.

use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use offhook_core::cdr::Cdr;
use offhook_core::id::{AgentId, CallId, QueueId, RecordingId};
use offhook_core::recording::{AudioFormat, RecordingEnd};
use offhook_media::container::sealed::SealKey;
use offhook_media::engine::{key_path, peaks_path};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, QueryBuilder, Sqlite, SqliteConnection};

use crate::store::records::Write;
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
    /// It was removed, having been kept for as long as it was to be.
    Expired,
}

/// A pause of a recording: what was said then is silence in it. In milliseconds since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pause {
    /// When it began.
    pub from: u64,
    /// When it ended; none if it did not before the recording.
    pub until: Option<u64>,
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
    /// How it came to its end, once saved.
    pub end: RecordingEnd,
    /// Audio that the disk was too slow for, and that is silence in it.
    pub missing_milliseconds: u64,
    /// When it was paused.
    pub pauses: Vec<Pause>,
    /// Its key, sealed under `secret.key`; none if it is in clear, or its key still lies beside it.
    pub sealed_key: Option<String>,
}

impl Recording {
    /// What kind of audio it is; none before it is saved.
    #[must_use]
    pub fn format(&self) -> Option<AudioFormat> {
        let file = self.file.as_deref()?;
        let clear = file.strip_suffix(SEALED).unwrap_or(file);
        AudioFormat::of_extension(Path::new(clear).extension()?.to_str()?)
    }

    /// Whether its file is encrypted.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        self.file
            .as_deref()
            .is_some_and(|file| file.ends_with(SEALED))
    }
}

/// What files of encrypted recordings end in.
const SEALED: &str = ".sealed";

/// How many recordings are removed at once when their time is over.
const EXPIRED_AT_ONCE: u32 = 50;

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
    ended: String,
    missing_milliseconds: i64,
    pauses: String,
    sealed_key: Option<String>,
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
            end: column::from_word("recordings.ended", &self.ended)?,
            missing_milliseconds: column::big_count(self.missing_milliseconds)?,
            pauses: column::from_json("recordings.pauses", &self.pauses)?,
            sealed_key: self.sealed_key,
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
        self.remove_files(&recording).await?;
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

    /// Removes recordings that began before `before` and are over, a few of them: their files and
    /// keys at once, while the rows stay and say that they are gone. Which those were.
    ///
    /// # Errors
    /// When the database or the disk refuses; what was not removed is there for the next time.
    pub async fn expire(
        &self,
        before: Timestamp,
    ) -> Result<Vec<(RecordingId, CallId)>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM recordings WHERE started_at < $1 AND state = 'saved' \
             ORDER BY started_at LIMIT $2",
        )
        .bind(column::micros(before))
        .bind(EXPIRED_AT_ONCE)
        .fetch_all(&self.0.pool()?)
        .await?;
        let mut expired = Vec::new();
        for row in rows {
            let recording = row.recording()?;
            // A row without files is found by the next round, files without a row by nobody.
            self.remove_files(&recording).await?;
            let mut write = self.0.begin().await?;
            sqlx::query(
                "UPDATE recordings SET state = 'expired', sealed_key = NULL, file = NULL \
                 WHERE id = $1",
            )
            .bind(recording.id.to_string())
            .execute(&mut *write)
            .await?;
            write.commit().await?;
            expired.push((recording.id, recording.call));
        }
        Ok(expired)
    }

    /// Takes the keys of recordings that are over into the database. Until then they lie beside the
    /// audio, so that no crash can part the two.
    ///
    /// # Errors
    /// When the database or the disk refuses.
    pub async fn adopt_keys(&self) -> Result<(), StoreError> {
        for path in key_files(&self.0.recordings_folder()).await? {
            let name = path.file_name().and_then(|name| name.to_str());
            let id = name.and_then(|name| name.split('.').next());
            let Some(Ok(id)) = id.map(str::parse::<RecordingId>) else {
                continue;
            };
            let wrapped = tokio::fs::read_to_string(&path).await.map_err(disk)?;
            let mut write = self.0.begin().await?;
            let taken = sqlx::query(
                "UPDATE recordings SET sealed_key = $1 WHERE id = $2 AND state = 'saved'",
            )
            .bind(wrapped)
            .bind(id.to_string())
            .execute(&mut *write)
            .await?
            .rows_affected();
            write.commit().await?;
            if taken == 1 {
                remove_if_there(&path).await?;
            }
        }
        Ok(())
    }

    /// The key of an encrypted recording; none if it is in clear.
    ///
    /// # Errors
    /// `NotFound` if the key is gone, and with it the recording.
    pub async fn key(&self, recording: &Recording) -> Result<Option<SealKey>, StoreError> {
        let Some(path) = self.path(recording).filter(|_| recording.is_sealed()) else {
            return Ok(None);
        };
        let wrapped = match &recording.sealed_key {
            Some(wrapped) => wrapped.clone(),
            None => tokio::fs::read_to_string(key_path(&path))
                .await
                .map_err(|_| KEY_GONE)?,
        };
        self.0.0.vault.unwrap_key(&wrapped).map(Some)
    }

    /// Removes all files of a recording, and its key if that is one.
    async fn remove_files(&self, recording: &Recording) -> Result<(), StoreError> {
        let Some(path) = self.path(recording) else {
            return Ok(());
        };
        for path in [key_path(&path), peaks_path(&path), path] {
            remove_if_there(&path).await?;
        }
        Ok(())
    }
}

const KEY_GONE: StoreError = StoreError::NotFound {
    what: "key of this recording",
};

async fn key_files(folder: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut found = Vec::new();
    let mut entries = match tokio::fs::read_dir(folder).await {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(found),
        Err(error) => return Err(disk(error)),
    };
    while let Some(entry) = entries.next_entry().await.map_err(disk)? {
        let path = entry.path();
        if path.extension().is_some_and(|extension| extension == "key") {
            found.push(path);
        }
    }
    Ok(found)
}

async fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(disk(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn disk(error: std::io::Error) -> StoreError {
    StoreError::Unavailable {
        reason: format!("cannot read or remove a recording's file: {error}"),
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
         failure = NULL, ended = $4, missing_milliseconds = $5 \
         WHERE id = $6 AND state <> 'expired'",
    )
    .bind(file)
    .bind(column::from_big_count(*milliseconds))
    .bind(column::from_big_count(*bytes))
    .bind(column::word(end)?)
    .bind(column::from_big_count(*missing_milliseconds))
    .bind(id.to_string())
    .execute(write)
    .await?;
    Ok(())
}

pub(super) async fn paused(
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

pub(super) async fn resumed(
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
