//! What was recorded.
//!
//! | file | what it does |
//! | --- | --- |
//! | [`keys`] | the keys of encrypted recordings, from beside the audio into the database |
//! | [`removal`] | removing recordings: one, or those that were kept long enough |
//! | [`writes`] | what events come to |

mod keys;
mod removal;
mod writes;

use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use offhook_core::id::{AgentId, CallId, QueueId, RecordingId};
use offhook_core::recording::{AudioFormat, RecordingEnd};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, QueryBuilder, Sqlite};

use crate::store::{Listing, Page, Store, StoreError, column};

pub use removal::Retention;
pub(super) use writes::{belong_to, failed, paused, resumed, saved, started};

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
        self.inside(recording.file.as_deref()?)
    }

    /// Where a file lies that is named so; none if that would be elsewhere.
    fn inside(&self, file: &str) -> Option<PathBuf> {
        let file = Path::new(file);
        let inside = file
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        inside.then(|| self.0.recordings_folder().join(file))
    }
}

const NOT_FOUND: StoreError = StoreError::NotFound { what: "recording" };
