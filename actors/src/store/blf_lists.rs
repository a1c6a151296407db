//! Lists of extensions that phones watch.

use offhook_core::directory::WatchList;
use offhook_core::id::ExtensionId;
use sqlx::FromRow;

use crate::store::{Store, StoreError, column};

/// The most extensions of one list: its NOTIFY must fit a message.
pub const MAX_LIST: usize = 200;

/// The lists of extensions that phones watch.
#[derive(Debug, Clone, Copy)]
pub struct BlfLists<'a>(&'a Store);

impl Store {
    /// The lists of extensions that phones watch.
    #[must_use]
    pub fn blf_lists(&self) -> BlfLists<'_> {
        BlfLists(self)
    }
}

#[derive(FromRow)]
struct Row {
    name: String,
    extensions: String,
}

impl Row {
    fn list(self) -> Result<WatchList, StoreError> {
        Ok(WatchList {
            extensions: column::from_json("blf_lists.extensions", &self.extensions)?,
            name: self.name,
        })
    }
}

impl BlfLists<'_> {
    /// Makes a list, or replaces the one of this name.
    ///
    /// # Errors
    /// `Invalid` names the field.
    pub async fn set(&self, list: &WatchList) -> Result<(), StoreError> {
        check(list)?;
        let mut write = self.0.begin().await?;
        let known: Vec<String> = sqlx::query_scalar("SELECT id FROM extensions")
            .fetch_all(&mut *write)
            .await?;
        let is_known = |id: &ExtensionId| known.contains(&id.to_string());
        if !list.extensions.iter().all(is_known) {
            return Err(StoreError::invalid(
                "extensions",
                "must be ids of extensions",
            ));
        }
        sqlx::query(
            "INSERT INTO blf_lists (name, extensions) VALUES ($1, $2) \
             ON CONFLICT (name) DO UPDATE SET extensions = excluded.extensions",
        )
        .bind(&list.name)
        .bind(column::json(&list.extensions)?)
        .execute(&mut *write)
        .await?;
        Ok(write.commit().await?)
    }

    /// Every list, by name.
    ///
    /// # Errors
    /// When the database does not answer or holds something unreadable.
    pub async fn all(&self) -> Result<Vec<WatchList>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM blf_lists ORDER BY name")
            .fetch_all(&self.0.pool()?)
            .await?;
        rows.into_iter().map(Row::list).collect()
    }

    /// Removes a list.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn delete(&self, name: &str) -> Result<(), StoreError> {
        let mut write = self.0.begin().await?;
        let done = sqlx::query("DELETE FROM blf_lists WHERE name = $1")
            .bind(name)
            .execute(&mut *write)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound { what: "BLF list" });
        }
        Ok(write.commit().await?)
    }
}

/// A list's name is the user part of an address and must not look like an extension's number.
fn check(list: &WatchList) -> Result<(), StoreError> {
    let name = list.name.as_bytes();
    let is_word = name
        .iter()
        .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(byte));
    let has_letter = name.iter().any(u8::is_ascii_lowercase);
    if !is_word || !has_letter || name.len() > 40 {
        return Err(StoreError::invalid(
            "name",
            "must be up to 40 of a-z, 0-9, - and _, a letter among them",
        ));
    }
    let mut seen = list.extensions.clone();
    seen.sort();
    seen.dedup();
    if list.extensions.is_empty() || seen.len() != list.extensions.len() || seen.len() > MAX_LIST {
        return Err(StoreError::invalid(
            "extensions",
            "must name from 1 to 200 extensions, each once",
        ));
    }
    Ok(())
}
