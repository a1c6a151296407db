//! How a question to the store can go wrong.

use sqlx::error::DatabaseError;

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no such thing.
    #[error("no {what} with this id")]
    NotFound {
        /// What was looked for: `extension`, `queue`, …
        what: &'static str,
    },
    /// Something else has this value already.
    #[error("{field} is taken")]
    Conflict {
        /// The field, as over REST.
        field: &'static str,
    },
    /// Something else needs it.
    #[error("in use by {by}")]
    InUse {
        /// Who needs it, for the operator: `DID +49345…`, `queue Support`.
        by: String,
    },
    /// A value that cannot be.
    #[error("{field}: {reason}")]
    Invalid {
        /// The field, as over REST.
        field: &'static str,
        /// What is wrong with it, as the end of a sentence.
        reason: String,
    },
    /// The database cannot be written: its file or file system is read-only.
    #[error("the database is read-only")]
    ReadOnly,
    /// The disk is full.
    #[error("the disk is full")]
    DiskFull,
    /// The database does not answer: it is locked by another program, gone, or failing.
    #[error("the database does not answer: {reason}")]
    Unavailable {
        /// What it said.
        reason: String,
    },
    /// What is stored cannot be understood, or cannot be decrypted with this `secret.key`.
    #[error("the database holds something unreadable: {what}")]
    Corrupt {
        /// Where.
        what: String,
    },
}

impl StoreError {
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid {
            field,
            reason: reason.into(),
        }
    }

    pub(super) fn corrupt(what: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into() }
    }

    /// Whether the fault is the store's rather than the question's, so that asking again later may
    /// succeed.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::ReadOnly | Self::DiskFull | Self::Unavailable { .. } | Self::Corrupt { .. } => {
                true
            }
            Self::NotFound { .. }
            | Self::Conflict { .. }
            | Self::InUse { .. }
            | Self::Invalid { .. } => false,
        }
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(error) = error.as_database_error() {
            return from_database(error);
        }
        Self::Unavailable {
            reason: error.to_string(),
        }
    }
}

/// SQLite's primary result codes, <https://sqlite.org/rescode.html>.
mod code {
    pub(super) const READ_ONLY: i32 = 8;
    pub(super) const CORRUPT: i32 = 11;
    pub(super) const FULL: i32 = 13;
    pub(super) const NOT_A_DATABASE: i32 = 26;
}

fn from_database(error: &dyn DatabaseError) -> StoreError {
    if error.is_unique_violation() {
        return StoreError::Conflict {
            field: unique_field(error.message()),
        };
    }
    if error.is_foreign_key_violation() {
        return StoreError::InUse {
            by: "something else".to_owned(),
        };
    }
    // Extended codes carry the primary one in their low byte.
    let primary = error
        .code()
        .and_then(|code| code.parse::<i32>().ok())
        .map(|code| code & 0xff);
    match primary {
        Some(code::READ_ONLY) => StoreError::ReadOnly,
        Some(code::FULL) => StoreError::DiskFull,
        Some(code::CORRUPT | code::NOT_A_DATABASE) => StoreError::corrupt(error.message()),
        _ => StoreError::Unavailable {
            reason: error.message().to_owned(),
        },
    }
}

/// The REST field behind `UNIQUE constraint failed: table.column`.
fn unique_field(message: &str) -> &'static str {
    let column = message.rsplit('.').next().unwrap_or_default();
    match column {
        "name" => "name",
        "number" => "number",
        "extension" | "extension_id" => "extension",
        "hash" => "token",
        "agent_id" => "agents",
        _ => "id",
    }
}

/// Why the store could not be opened, as one sentence for the operator.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A folder or file in the data folder cannot be made, read or written.
    #[error("cannot use {path}: {source}")]
    File {
        /// Which.
        path: std::path::PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Another Offhook serves from this folder.
    #[error("{path} is in use by another running offhook")]
    AlreadyServed {
        /// The data folder.
        path: std::path::PathBuf,
    },
    /// The key file does not hold a key.
    #[error("{path} does not hold a Fernet key (32 bytes in URL-safe base64)")]
    BadKey {
        /// The key file.
        path: std::path::PathBuf,
    },
    /// The key file is not the one this database was written with.
    #[error("{path} is not the key this database was written with; restore the right one")]
    WrongKey {
        /// The key file.
        path: std::path::PathBuf,
    },
    /// The database file is damaged or no database.
    #[error("{path} is damaged or not an Offhook database: {reason}")]
    Corrupt {
        /// The database file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The database was written by a newer Offhook.
    #[error(
        "{path} was written by a newer Offhook (schema {schema}); use that version or a backup"
    )]
    NewerSchema {
        /// The database file.
        path: std::path::PathBuf,
        /// The schema it has.
        schema: i64,
    },
    /// The database file cannot be written.
    #[error("{path} is read-only; give offhook's user the right to write it")]
    ReadOnly {
        /// The database file.
        path: std::path::PathBuf,
    },
    /// There is no room.
    #[error("the disk that holds {path} is full")]
    DiskFull {
        /// The database file.
        path: std::path::PathBuf,
    },
    /// The database does not answer.
    #[error("cannot open {path}: {reason}")]
    Unavailable {
        /// The database file.
        path: std::path::PathBuf,
        /// Why.
        reason: String,
    },
}
