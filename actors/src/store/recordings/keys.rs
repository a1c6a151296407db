//! The keys of encrypted recordings: beside the audio while it grows, then in the database.

use std::io::ErrorKind;
use std::path::Path;

use offhook_media::container::sealed::SealKey;
use offhook_media::engine::key_path;

use super::removal::{disk, on_a_thread, remove_if_there};
use super::{Recording, Recordings};
use crate::store::StoreError;

/// How many keys are taken in by one write.
const AT_ONCE: u32 = 100;

impl Recordings<'_> {
    /// Takes the keys of recordings that are over into the database. Until then they lie beside the
    /// audio, so that no crash can part the two. One that cannot be read holds up no other.
    ///
    /// # Errors
    /// When the database refuses, or a key that was taken in cannot be removed.
    pub async fn adopt_keys(&self) -> Result<(), StoreError> {
        let mut after = String::new();
        loop {
            let rows: Vec<(String, String)> = sqlx::query_as(
                "SELECT id, file FROM recordings WHERE key_waits = 1 AND id > $1 \
                 ORDER BY id LIMIT $2",
            )
            .bind(&after)
            .bind(AT_ONCE)
            .fetch_all(&self.0.pool()?)
            .await?;
            let Some((last, _)) = rows.last() else {
                return Ok(());
            };
            after.clone_from(last);
            self.adopt(&rows).await?;
        }
    }

    async fn adopt(&self, rows: &[(String, String)]) -> Result<(), StoreError> {
        let folder = self.0.recordings_folder();
        let mut found = Vec::new();
        for (id, file) in rows {
            let audio = folder.join(file);
            let key = key_path(&audio);
            match tokio::fs::read_to_string(&key).await {
                Ok(wrapped) => found.push((id, Some(wrapped), key)),
                Err(error) if error.kind() == ErrorKind::NotFound && is_there(&audio).await => {
                    tracing::error!(recording = id, "the key of a recording is gone");
                    found.push((id, None, key));
                }
                Err(error) => {
                    tracing::warn!(recording = id, %error, "the key of a recording cannot be read");
                }
            }
        }
        let mut write = self.0.begin().await?;
        for (id, wrapped, _) in &found {
            sqlx::query(
                "UPDATE recordings SET sealed_key = $1, key_waits = 0 \
                 WHERE id = $2 AND key_waits = 1",
            )
            .bind(wrapped)
            .bind(*id)
            .execute(&mut *write)
            .await?;
        }
        write.commit().await?;
        let keys: Vec<_> = found.into_iter().map(|(.., key)| key).collect();
        on_a_thread(move || {
            // All are tried, whatever becomes of one.
            let removed = keys.iter().map(|key| remove_if_there(key));
            removed.fold(Ok(()), Result::and)
        })
        .await
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
            None => match tokio::fs::read_to_string(key_path(&path)).await {
                Ok(wrapped) => wrapped,
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    // It may have been taken in since the row was read.
                    self.get(recording.id).await?.sealed_key.ok_or(KEY_GONE)?
                }
                Err(error) => return Err(disk(error)),
            },
        };
        self.0.0.vault.unwrap_key(&wrapped).map(Some)
    }
}

const KEY_GONE: StoreError = StoreError::NotFound {
    what: "key of this recording",
};

async fn is_there(path: &Path) -> bool {
    tokio::fs::try_exists(path).await.unwrap_or(false)
}
