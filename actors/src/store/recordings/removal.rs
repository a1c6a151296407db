//! Removing recordings: one, or all that were kept long enough.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ahash::AHashMap;
use jiff::Timestamp;
use offhook_core::cdr::Cdr;
use offhook_core::id::{CallId, QueueId, RecordingId};
use offhook_media::engine::{every_file_name, key_path, peaks_path};
use tokio::task::spawn_blocking;

use super::{RecordingState, Recordings};
use crate::store::{StoreError, cdrs, column};

/// How many recordings are removed by one write, so that nobody waits long for the database.
const AT_ONCE: usize = 50;

/// How long recordings are kept; zero is until somebody removes them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Retention {
    /// Those of no queue, or of one that is not named.
    pub usual: Duration,
    /// Those whose caller came through this queue.
    pub queues: AHashMap<QueueId, Duration>,
}

impl Retention {
    /// Before when those of a queue must have begun to be removed at this time; none: they are kept.
    fn before(&self, queue: Option<QueueId>, now: Timestamp) -> Option<Timestamp> {
        let own = queue.and_then(|queue| self.queues.get(&queue));
        let keep = *own.unwrap_or(&self.usual);
        let ends = !keep.is_zero();
        ends.then(|| now.checked_sub(keep).ok()).flatten()
    }
}

/// A recording whose time is over.
#[derive(Debug, sqlx::FromRow)]
struct Due {
    id: String,
    call_id: String,
    file: Option<String>,
    started_at: i64,
}

impl Recordings<'_> {
    /// Removes a recording with its files, and from its call's record.
    ///
    /// # Errors
    /// `NotFound`; `InUse` while it goes on; `Unavailable` if a file cannot be removed.
    pub async fn delete(&self, id: RecordingId) -> Result<(), StoreError> {
        let recording = self.get(id).await?;
        if recording.state == RecordingState::Recording {
            return Err(StoreError::InUse {
                by: format!("call {}, which goes on", recording.call),
            });
        }
        self.remove_files(id, self.path(&recording)).await?;
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
        write.commit().await?;
        self.0.0.database.forget_removed().await;
        Ok(())
    }

    /// Removes recordings that are over and were kept long enough: their files and keys at once, while
    /// the rows stay and say that they are gone. `removed` is told of each. One that cannot be removed
    /// is logged, holds up no other, and is tried again the next time.
    ///
    /// # Errors
    /// When the database refuses.
    pub async fn expire(
        &self,
        now: Timestamp,
        retention: &Retention,
        mut removed: impl FnMut(RecordingId, CallId) + Send,
    ) -> Result<(), StoreError> {
        let mut queue: Option<String> = None;
        let mut any = false;
        loop {
            let id = column::optional_id(queue.as_deref())?;
            if let Some(before) = retention.before(id, now) {
                let gone = self.expire_of(queue.as_deref(), before, &mut removed);
                any |= gone.await?;
            }
            queue = self.next_queue(queue.as_deref()).await?;
            if queue.is_none() {
                break;
            }
        }
        if any {
            self.0.0.database.forget_removed().await;
        }
        Ok(())
    }

    /// The queue after this one that has recordings with files.
    async fn next_queue(&self, after: Option<&str>) -> Result<Option<String>, StoreError> {
        Ok(sqlx::query_scalar(
            "SELECT queue_id FROM recordings WHERE state IN ('saved', 'failed') \
             AND queue_id > $1 ORDER BY queue_id LIMIT 1",
        )
        .bind(after.unwrap_or_default())
        .fetch_optional(&self.0.pool()?)
        .await?)
    }

    /// Removes those of one queue that began before then; whether there were any.
    async fn expire_of(
        &self,
        queue: Option<&str>,
        before: Timestamp,
        removed: &mut (impl FnMut(RecordingId, CallId) + Send),
    ) -> Result<bool, StoreError> {
        let mut after = (i64::MIN, String::new());
        let mut any = false;
        loop {
            let due: Vec<Due> = sqlx::query_as(
                "SELECT id, call_id, file, started_at FROM recordings \
                 WHERE state IN ('saved', 'failed') AND queue_id IS $1 AND started_at < $2 \
                 AND (started_at, id) > ($3, $4) ORDER BY started_at, id LIMIT $5",
            )
            .bind(queue)
            .bind(column::micros(before))
            .bind(after.0)
            .bind(&after.1)
            .bind(i64::try_from(AT_ONCE).unwrap_or(i64::MAX))
            .fetch_all(&self.0.pool()?)
            .await?;
            let Some(last) = due.last() else {
                return Ok(any);
            };
            after = (last.started_at, last.id.clone());
            let gone = self.remove_files_of(&due).await?;
            any |= !gone.is_empty();
            self.mark_expired(&gone).await?;
            for (recording, call) in gone {
                removed(recording, call);
            }
            if due.len() < AT_ONCE {
                return Ok(any);
            }
        }
    }

    /// Removes the files of these; of which that succeeded.
    async fn remove_files_of(&self, due: &[Due]) -> Result<Vec<(RecordingId, CallId)>, StoreError> {
        let mut gone = Vec::new();
        for row in due {
            let (id, call) = (column::id(&row.id)?, column::id(&row.call_id)?);
            let audio = row.file.as_deref().and_then(|file| self.inside(file));
            match self.remove_files(id, audio).await {
                Ok(()) => gone.push((id, call)),
                Err(error) => {
                    tracing::warn!(recording = %id, %error, "a recording was kept long enough and cannot be removed");
                }
            }
        }
        Ok(gone)
    }

    /// A row without files is found by the next round, files without a row by nobody: so this is last.
    async fn mark_expired(&self, gone: &[(RecordingId, CallId)]) -> Result<(), StoreError> {
        if gone.is_empty() {
            return Ok(());
        }
        let mut write = self.0.begin().await?;
        for (id, _) in gone {
            sqlx::query(
                "UPDATE recordings SET state = 'expired', sealed_key = NULL, key_waits = 0, \
                 file = NULL WHERE id = $1",
            )
            .bind(id.to_string())
            .execute(&mut *write)
            .await?;
        }
        Ok(write.commit().await?)
    }

    /// Removes all files there can be of a recording, whatever is known of it: one that failed at its
    /// end has all of its audio.
    async fn remove_files(
        &self,
        id: RecordingId,
        audio: Option<PathBuf>,
    ) -> Result<(), StoreError> {
        let folder = self.0.recordings_folder();
        on_a_thread(move || {
            let mut paths: Vec<_> = every_file_name(id).map(|name| folder.join(name)).collect();
            if let Some(audio) = audio {
                paths.extend([key_path(&audio), peaks_path(&audio), audio]);
            }
            let removed = paths.iter().map(|path| remove_if_there(path));
            removed.fold(Ok(()), Result::and)
        })
        .await
    }
}

/// Does what waits for a disk.
///
/// # Errors
/// `Unavailable` when it fell.
pub(super) async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    let done = spawn_blocking(work).await;
    done.map_err(|error| StoreError::Unavailable {
        reason: error.to_string(),
    })?
}

pub(super) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(disk(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn disk(error: std::io::Error) -> StoreError {
    StoreError::Unavailable {
        reason: format!("cannot read or remove a recording's file: {error}"),
    }
}
