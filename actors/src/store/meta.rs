//! Facts about the database itself: which key it was written with, its realm, how far the journal
//! has come.

use offhook_core::pii::Secret;
use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::store::StoreError;
use crate::store::secret::Vault;

/// The realm of a new data folder.
const REALM: &str = "offhook";

/// What is encrypted to recognise the key by.
const KEY_CHECK: &str = "offhook";

/// What the database says about itself.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) realm: String,
    pub(super) applied_seq: u64,
    /// Whether the key file is the one this database was written with.
    pub(super) key_fits: bool,
}

/// Reads the facts, writing those a new database lacks.
pub(super) async fn initialise(pool: &SqlitePool, vault: &Vault) -> Result<Found, StoreError> {
    let mut write = pool.begin_with("BEGIN IMMEDIATE").await?;
    let sealed = or_insert(&mut write, "key_check", || {
        vault.seal(&Secret::new(KEY_CHECK.to_owned()))
    })
    .await?;
    let realm = or_insert(&mut write, "realm", || REALM.to_owned()).await?;
    let applied = or_insert(&mut write, "applied_seq", || "0".to_owned()).await?;
    write.commit().await?;
    Ok(Found {
        realm,
        applied_seq: parse_seq(&applied)?,
        key_fits: vault.unseal(&sealed).is_ok(),
    })
}

/// The last event whose consequences are in the database.
pub(super) async fn applied_seq(pool: &SqlitePool) -> Result<u64, StoreError> {
    let value: Option<String> =
        sqlx::query_scalar("SELECT value FROM meta WHERE key = 'applied_seq'")
            .fetch_optional(pool)
            .await?;
    value.map_or(Ok(0), |value| parse_seq(&value))
}

/// Notes how far the journal has come, in the same transaction as what was written for it.
pub(super) async fn set_applied_seq(
    write: &mut Transaction<'static, Sqlite>,
    seq: u64,
) -> Result<(), StoreError> {
    sqlx::query(
        "INSERT INTO meta (key, value) VALUES ('applied_seq', $1) \
         ON CONFLICT (key) DO UPDATE SET value = excluded.value",
    )
    .bind(seq.to_string())
    .execute(&mut **write)
    .await?;
    Ok(())
}

fn parse_seq(value: &str) -> Result<u64, StoreError> {
    value
        .parse()
        .map_err(|_| StoreError::corrupt("meta applied_seq"))
}

async fn or_insert(
    write: &mut Transaction<'static, Sqlite>,
    key: &'static str,
    make: impl FnOnce() -> String + Send,
) -> Result<String, StoreError> {
    let known: Option<String> = sqlx::query_scalar("SELECT value FROM meta WHERE key = $1")
        .bind(key)
        .fetch_optional(&mut **write)
        .await?;
    if let Some(value) = known {
        return Ok(value);
    }
    let value = make();
    sqlx::query("INSERT INTO meta (key, value) VALUES ($1, $2)")
        .bind(key)
        .bind(&value)
        .execute(&mut **write)
        .await?;
    Ok(value)
}
