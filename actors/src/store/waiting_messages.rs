//! Voice messages waiting for extensions.

use offhook_core::directory::{MessageCounts, WaitingMessages};
use offhook_core::id::ExtensionId;
use sqlx::FromRow;

use crate::store::{Store, StoreError, column};

/// The messages waiting for the extensions of the office.
#[derive(Debug, Clone, Copy)]
pub struct WaitingMessagesTable<'a>(&'a Store);

impl Store {
    /// The messages waiting for the extensions of the office.
    #[must_use]
    pub fn waiting_messages(&self) -> WaitingMessagesTable<'_> {
        WaitingMessagesTable(self)
    }
}

#[derive(FromRow)]
struct Row {
    extension_id: String,
    new_count: i64,
    old_count: i64,
    urgent_new_count: i64,
    urgent_old_count: i64,
    unsolicited: bool,
}

impl Row {
    fn waiting(self) -> Result<(ExtensionId, WaitingMessages), StoreError> {
        let counts = MessageCounts {
            new: column::count(self.new_count)?,
            old: column::count(self.old_count)?,
            urgent_new: column::count(self.urgent_new_count)?,
            urgent_old: column::count(self.urgent_old_count)?,
        };
        let waiting = WaitingMessages {
            counts,
            unsolicited: self.unsolicited,
        };
        Ok((column::id(&self.extension_id)?, waiting))
    }
}

impl WaitingMessagesTable<'_> {
    /// Sets what waits for an extension.
    ///
    /// # Errors
    /// `NotFound` when there is no such extension.
    pub async fn set(
        &self,
        extension: ExtensionId,
        waiting: &WaitingMessages,
    ) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let known: Option<String> = sqlx::query_scalar("SELECT id FROM extensions WHERE id = $1")
            .bind(extension.to_string())
            .fetch_optional(&mut *write)
            .await?;
        if known.is_none() {
            return Err(StoreError::NotFound { what: "extension" });
        }
        let counts = waiting.counts;
        sqlx::query(
            "INSERT INTO waiting_messages (extension_id, new_count, old_count, urgent_new_count, \
             urgent_old_count, unsolicited) VALUES ($1, $2, $3, $4, $5, $6) \
             ON CONFLICT (extension_id) DO UPDATE SET new_count = excluded.new_count, \
             old_count = excluded.old_count, urgent_new_count = excluded.urgent_new_count, \
             urgent_old_count = excluded.urgent_old_count, unsolicited = excluded.unsolicited",
        )
        .bind(extension.to_string())
        .bind(i64::from(counts.new))
        .bind(i64::from(counts.old))
        .bind(i64::from(counts.urgent_new))
        .bind(i64::from(counts.urgent_old))
        .bind(waiting.unsolicited)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// What waits for each extension of which anything was ever said.
    ///
    /// # Errors
    /// When the database does not answer or holds something unreadable.
    pub async fn all(&self) -> Result<Vec<(ExtensionId, WaitingMessages)>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM waiting_messages")
            .fetch_all(&self.0.pool()?)
            .await?;
        rows.into_iter().map(Row::waiting).collect()
    }
}
