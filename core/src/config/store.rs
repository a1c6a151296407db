//! The database.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::Broken;

const SQLITE: &str = "sqlite:";

/// Section `[store]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StoreConfig {
    /// The database's URL. The path of an SQLite database is relative to the data folder.
    pub database: String,
}

impl Default for StoreConfig {
    fn default() -> Self {
        // One file beside the recordings: a whole office moves by copying its data folder.
        Self {
            database: "sqlite:offhook.db".into(),
        }
    }
}

impl StoreConfig {
    /// The database's URL with its path resolved against the data folder.
    #[must_use]
    pub fn database_url(&self, data: &Path) -> String {
        let path = self.database.strip_prefix(SQLITE).unwrap_or_default();
        format!("{SQLITE}{}", data.join(path).display())
    }

    pub(crate) fn check(&self) -> Result<(), Broken> {
        let path = self.database.strip_prefix(SQLITE);
        if path.is_none_or(|path| path.is_empty() || path.starts_with("//")) {
            return Err(("store.database", "must be of the form \"sqlite:FILE\""));
        }
        Ok(())
    }
}
