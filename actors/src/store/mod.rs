//! What survives a restart: the office, who may log in, and what has happened.
//!
//! ```text
//!  Live::publish ──► journal (thread)         ──► StoreActor ──► offhook.db
//!                    DATA/journal/*.jsonl         folds and writes in batches
//!  REST changes  ──────────────────────────────────────────────► offhook.db ──► Directory snapshot
//! ```
//!
//! Events go to the [`journal`] first, which needs nothing but an appendable file; the actor reads
//! them from there and writes call records, recordings and timelines to the database. With the
//! database locked, full or gone, calls go on and the journal grows; nothing is lost and nothing is
//! written twice. Routing never asks the database: it reads the [`DirectoryHandle`] snapshot, which
//! the store replaces after each change it makes.
//!
//! | file | holds |
//! | --- | --- |
//! | `extensions.rs`, `dids.rs`, `trunks.rs`, `queues.rs`, `agents.rs`, `ivr_menus.rs`, `outbound_routes.rs` | the office, one table each |
//! | `music_classes.rs`, `sounds.rs` | what callers hear of the office's own |
//! | `waiting_messages.rs`, `blf_lists.rs` | what phones are told without a call |
//! | `users.rs`, `tokens.rs`, `secret.rs` | who may log in; keys and hashes |
//! | `bans.rs` | whose SIP is not listened to |
//! | `cdrs.rs`, `recordings.rs`, `timelines.rs` | what has happened |
//! | `database.rs` | the SQLite file: opening it, telling what ails it |
//! | `journal/` | the event journal |
//! | `records.rs`, `actor.rs` | journal in, database rows out |
//! | `seed.rs` | what a new data folder begins with |
//!
//! Kept: call records and recordings until they are deleted; timelines and agents' events for
//! [`RETENTION`].

mod actor;
mod agents;
mod bans;
mod blf_lists;
mod cdrs;
mod column;
mod database;
mod dids;
mod error;
mod extensions;
mod ivr_menus;
pub mod journal;
mod meta;
mod music_classes;
mod numbers;
mod office;
mod outbound_routes;
mod page;
mod queues;
mod recordings;
mod records;
mod secret;
mod seed;
mod sounds;
mod timelines;
mod tokens;
mod trunks;
mod users;
mod waiting_messages;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ahash::AHashSet;
use offhook_core::directory::Office;
use offhook_core::id::RecordingId;
use offhook_media::container::sealed::SealKey;
use offhook_media::engine::Seal;
use sqlx::{Sqlite, SqlitePool, Transaction};
use tokio::runtime::Handle;

pub use actor::{StoreActor, StoreMsg};
pub use agents::Agents;
pub use bans::{BanRow, BanWrite, Bans};
pub use blf_lists::{BlfLists, MAX_LIST};
pub use cdrs::{CdrFilter, Cdrs};
pub use dids::Dids;
pub use error::{OpenError, StoreError};
pub use extensions::Extensions;
pub use ivr_menus::IvrMenus;
pub use music_classes::MusicClasses;
pub use outbound_routes::OutboundRoutes;
pub use page::{Listing, Page};
pub use queues::Queues;
pub use recordings::{Pause, Recording, RecordingFilter, RecordingState, Recordings, Retention};
pub use secret::{create_private, generate_password};
pub use seed::{
    DemoCredentials, ExtensionCredentials, LoginCredentials, is_empty, seed_demo, seed_empty,
};
pub use sounds::Sounds;
pub use timelines::Timelines;
pub use tokens::{NewToken, Token, Tokens};
pub use trunks::Trunks;
pub use users::{User, Users};
pub use waiting_messages::WaitingMessagesTable;

use crate::directory::DirectoryHandle;
use crate::store::database::Database;
use crate::store::journal::Journal;
use crate::store::secret::Vault;

/// How long timelines and agents' events are kept.
pub const RETENTION: Duration = Duration::from_hours(30 * 24);

/// The data folder: database, journal and key. Clones share it.
#[derive(Debug, Clone)]
pub struct Store(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    folder: PathBuf,
    runtime: Handle,
    database: Database,
    vault: Vault,
    directory: DirectoryHandle,
    /// Held while the office is read anew after a change, so that the newest reading wins.
    reloading: tokio::sync::Mutex<()>,
    journal: Option<Journal>,
    realm: String,
    first_seq: u64,
    /// Whether what the last run left open has been ended.
    last_run_ended: AtomicBool,
    /// Recordings that the end of the last run cut short.
    interrupted: parking_lot::Mutex<AHashSet<RecordingId>>,
    /// Locked for as long as this store is open.
    _lock: Option<File>,
}

/// What works and what does not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StoreHealth {
    /// What is wrong with the database, in a few words: "the disk is full".
    pub database: Option<String>,
    /// What is wrong with the journal.
    pub journal: Option<String>,
    /// Events published and not yet in the database.
    pub pending_events: u64,
    /// Events lost because neither journal nor memory could take them.
    pub lost_events: u64,
}

impl StoreHealth {
    /// Whether everything works.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.database.is_none() && self.journal.is_none()
    }
}

impl Store {
    /// Opens the data folder to serve from it, making what is missing. Only one process can.
    ///
    /// # Errors
    /// One sentence for the operator.
    pub async fn open(folder: &Path) -> Result<Self, OpenError> {
        database::make_folder(folder)?;
        let lock = database::lock_folder(folder)?;
        let journal_folder = folder.join("journal");
        database::make_folder(&journal_folder)?;
        database::make_folder(&folder.join("recordings"))?;
        let parts = Parts::open(folder).await?;
        let applied = parts.applied_seq;
        let journal = Journal::open(&journal_folder, applied)?;
        let first_seq = journal.next_seq();
        parts.finish(Some(journal), first_seq, Some(lock)).await
    }

    /// Opens the database of a data folder beside a server that may be running, to read it or to
    /// make a token. Has no journal.
    ///
    /// # Errors
    /// One sentence for the operator.
    pub async fn open_beside(folder: &Path) -> Result<Self, OpenError> {
        database::make_folder(folder)?;
        Parts::open(folder).await?.finish(None, 1, None).await
    }

    /// The data folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// The runtime this store was opened on: where whatever may take long belongs, away from
    /// [`Decisions`](crate::decisions::Decisions).
    #[must_use]
    pub fn runtime(&self) -> &Handle {
        &self.0.runtime
    }

    /// What finds this store for as long as anybody else keeps it open.
    pub(crate) fn weak(&self) -> impl Fn() -> Option<Self> + Send + 'static {
        let weak = Arc::downgrade(&self.0);
        move || weak.upgrade().map(Self)
    }

    /// A new key for a recording, and the same sealed under `secret.key`.
    #[must_use]
    pub fn new_seal(&self) -> Seal {
        let key = SealKey::random();
        let wrapped = self.0.vault.wrap(&key);
        Seal { key, wrapped }
    }

    /// The end of the last run cut this recording short. Told before the store's actor is started,
    /// whether the recording is listed by then or still in the journal.
    pub(crate) fn note_interrupted(&self, recording: RecordingId) {
        self.0.interrupted.lock().insert(recording);
    }

    /// Whether all that the last run left in the journal is in the database.
    pub(crate) fn has_ended_last_run(&self) -> bool {
        self.0.last_run_ended.load(Ordering::Acquire)
    }

    /// Has what was removed gone from the write-ahead log, if somebody who read kept it there.
    pub(crate) async fn forget_removed(&self) {
        self.0.database.forget_again().await;
    }

    /// Where recordings lie.
    #[must_use]
    pub fn recordings_folder(&self) -> PathBuf {
        self.0.folder.join("recordings")
    }

    /// Where uploaded sounds lie.
    #[must_use]
    pub fn sounds_folder(&self) -> PathBuf {
        self.0.folder.join("sounds")
    }

    /// The realm of SIP digest authentication; the same for the life of the data folder.
    #[must_use]
    pub fn realm(&self) -> &str {
        &self.0.realm
    }

    /// The snapshot everybody routes by.
    #[must_use]
    pub fn directory(&self) -> &DirectoryHandle {
        &self.0.directory
    }

    /// Where events are appended; none if this store was opened beside a server.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.0.journal.as_ref()
    }

    /// The position of the first event of this run.
    #[must_use]
    pub fn first_seq(&self) -> u64 {
        self.0.first_seq
    }

    /// What works and what does not, as far as the last writes have shown.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        let mut health = StoreHealth {
            database: self.0.database.problem(),
            ..StoreHealth::default()
        };
        if let Some(journal) = &self.0.journal {
            health.journal = journal.problem();
            health.pending_events = journal.pending();
            health.lost_events = journal.lost();
        }
        health
    }

    /// Waits until every event published so far is in the database, for at most `limit`. Returns
    /// whether that came true.
    pub async fn settle(&self, limit: Duration) -> bool {
        match &self.0.journal {
            Some(journal) => tokio::time::timeout(limit, journal.wait_applied())
                .await
                .is_ok(),
            None => true,
        }
    }

    /// The whole office, read from the database.
    ///
    /// # Errors
    /// When the database does not answer or holds something unreadable.
    pub async fn office(&self) -> Result<Office, StoreError> {
        office::read(&self.pool()?, &self.0.vault).await
    }

    fn pool(&self) -> Result<SqlitePool, StoreError> {
        self.0.database.pool()
    }

    /// A transaction that may write; waits for other writers first.
    async fn begin(&self) -> Result<Transaction<'static, Sqlite>, StoreError> {
        Ok(self.pool()?.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// Commits a change to the office and replaces the snapshot.
    async fn commit(&self, change: Transaction<'static, Sqlite>) -> Result<(), StoreError> {
        change.commit().await?;
        let _newest = self.0.reloading.lock().await;
        self.0.directory.reload(self).await
    }
}

/// A store in the making.
struct Parts {
    folder: PathBuf,
    database: Database,
    vault: Vault,
    realm: String,
    applied_seq: u64,
}

impl Parts {
    async fn open(folder: &Path) -> Result<Self, OpenError> {
        let key = folder.join("secret.key");
        let vault = Vault::open(&key)?;
        let path = folder.join("offhook.db");
        let database = Database::open(&path).await?;
        let explain = |error| database::explain(&path, error);
        let pool = database.pool().map_err(explain)?;
        let found = meta::initialise(&pool, &vault).await.map_err(explain)?;
        if !found.key_fits {
            return Err(OpenError::WrongKey { path: key });
        }
        Ok(Self {
            folder: folder.to_owned(),
            database,
            vault,
            realm: found.realm,
            applied_seq: found.applied_seq,
        })
    }

    async fn finish(
        self,
        journal: Option<Journal>,
        first_seq: u64,
        lock: Option<File>,
    ) -> Result<Store, OpenError> {
        let path = self.database.path().to_owned();
        let store = Store(Arc::new(Inner {
            folder: self.folder,
            runtime: Handle::current(),
            database: self.database,
            vault: self.vault,
            directory: DirectoryHandle::default(),
            reloading: tokio::sync::Mutex::new(()),
            journal,
            realm: self.realm,
            first_seq,
            last_run_ended: AtomicBool::new(false),
            interrupted: parking_lot::Mutex::default(),
            _lock: lock,
        }));
        let loaded = store.0.directory.reload(&store).await;
        loaded.map_err(|error| database::explain(&path, error))?;
        Ok(store)
    }
}

#[cfg(test)]
mod tests;
