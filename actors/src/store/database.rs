//! The SQLite file: opening it, and telling what ails it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{Connection, SqlitePool};

use tokio::sync::watch;

use crate::store::{OpenError, StoreError};

static MIGRATIONS: Migrator = sqlx::migrate!("./migrations");

/// How long a statement waits for another writer before it fails.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Connections: SQLite has one writer at a time, the rest are readers.
const CONNECTIONS: u32 = 4;

/// The open database, and what was last seen to be wrong with it.
#[derive(Debug)]
pub(super) struct Database {
    path: PathBuf,
    open: ArcSwap<Opened>,
    problem: watch::Sender<Option<String>>,
    /// Whether something was removed that the write-ahead log may still hold.
    unforgotten: AtomicBool,
}

#[derive(Debug)]
struct Opened {
    pool: SqlitePool,
    file: FileIdentity,
}

/// Which file a path leads to. A database that was moved away or replaced keeps its open handles,
/// and what is written to those is lost; hence the comparison before each use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileIdentity {
    device: u64,
    inode: u64,
}

impl FileIdentity {
    fn of(path: &Path) -> std::io::Result<Self> {
        let meta = std::fs::metadata(path)?;
        Ok(Self {
            device: meta.dev(),
            inode: meta.ino(),
        })
    }
}

impl Database {
    /// Opens or makes the database, brings its schema up to date and proves that it can be written.
    pub(super) async fn open(path: &Path) -> Result<Self, OpenError> {
        let opened = open_file(path, WhenMissing::Create).await?;
        Ok(Self {
            path: path.to_owned(),
            open: ArcSwap::from_pointee(opened),
            problem: watch::Sender::new(None),
            unforgotten: AtomicBool::new(false),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The connections, if the path still leads to the file they are open on.
    pub(super) fn pool(&self) -> Result<SqlitePool, StoreError> {
        let opened = self.open.load();
        match FileIdentity::of(&self.path) {
            Ok(file) if file == opened.file => Ok(opened.pool.clone()),
            Ok(_) => Err(StoreError::Unavailable {
                reason: "its file was replaced by another".to_owned(),
            }),
            Err(error) => Err(StoreError::Unavailable {
                reason: format!("its file is gone: {error}"),
            }),
        }
    }

    /// Opens whatever file the path now leads to, if it is another than before. Never makes one: a
    /// missing database is for the operator to bring back.
    pub(super) async fn reopen(&self) -> Result<(), OpenError> {
        let now = FileIdentity::of(&self.path).map_err(|source| OpenError::File {
            path: self.path.clone(),
            source,
        })?;
        if now == self.open.load().file {
            return Ok(());
        }
        let opened = open_file(&self.path, WhenMissing::Fail).await?;
        let before = self.open.swap(opened.into());
        before.pool.close().await;
        Ok(())
    }

    /// Has what was removed just now gone from the write-ahead log, too. Somebody who reads just then
    /// may keep it there: then it goes by [`forget_again`](Self::forget_again).
    pub(super) async fn forget_removed(&self) {
        self.unforgotten.store(true, Ordering::Release);
        self.forget_again().await;
    }

    /// The same, if it has not come true yet.
    pub(super) async fn forget_again(&self) {
        if !self.unforgotten.swap(false, Ordering::AcqRel) {
            return;
        }
        let truncated = async {
            let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_one(&self.pool()?)
                .await?;
            Ok::<_, StoreError>(busy == 0)
        };
        match truncated.await {
            Ok(true) => return,
            Ok(false) => {}
            Err(error) => tracing::warn!(%error, "what was removed is still in the database's log"),
        }
        self.unforgotten.store(true, Ordering::Release);
    }

    pub(super) fn problem(&self) -> Option<String> {
        self.problem.borrow().clone()
    }

    /// Remembers what was found wrong, or that all is well, for readiness checks.
    pub(super) fn set_problem(&self, problem: Option<String>) {
        self.problem.send_if_modified(|known| {
            let differs = *known != problem;
            if differs {
                match &problem {
                    Some(problem) => tracing::error!(%problem, "the database cannot be written"),
                    None => tracing::info!("the database can be written again"),
                }
                *known = problem;
            }
            differs
        });
    }

    /// Waits until something is found wrong.
    #[cfg(test)]
    pub(super) async fn wait_problem(&self) -> String {
        let mut problem = self.problem.subscribe();
        let found = problem.wait_for(Option::is_some).await.unwrap();
        found.clone().unwrap()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum WhenMissing {
    Create,
    Fail,
}

async fn open_file(path: &Path, missing: WhenMissing) -> Result<Opened, OpenError> {
    let failed = |error: sqlx::Error| explain(path, StoreError::from(error));
    let options = SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(missing == WhenMissing::Create)
        .journal_mode(SqliteJournalMode::Wal)
        // A segment of the journal is deleted once it is committed here.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        // What is removed is removed: the key of a recording above all.
        .pragma("secure_delete", "ON")
        .busy_timeout(BUSY_TIMEOUT);
    let pool = SqlitePoolOptions::new()
        .max_connections(CONNECTIONS)
        .acquire_timeout(Duration::from_secs(5))
        // When the disk is full, SQLite rolls back by itself and sqlx believes the transaction to be
        // open for ever: such a connection is of no use any more.
        .before_acquire(|connection, _| Box::pin(async { Ok(!connection.is_in_transaction()) }))
        .connect_with(options)
        .await
        .map_err(failed)?;
    migrate(path, &pool).await?;
    prove_writable(&pool).await.map_err(failed)?;
    let file = FileIdentity::of(path).map_err(|source| OpenError::File {
        path: path.to_owned(),
        source,
    })?;
    Ok(Opened { pool, file })
}

async fn migrate(path: &Path, pool: &SqlitePool) -> Result<(), OpenError> {
    match MIGRATIONS.run(pool).await {
        Ok(()) => Ok(()),
        Err(MigrateError::VersionMissing(schema)) => Err(OpenError::NewerSchema {
            path: path.to_owned(),
            schema,
        }),
        Err(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
            Err(explain(path, StoreError::from(error)))
        }
        Err(error) => Err(OpenError::Corrupt {
            path: path.to_owned(),
            reason: error.to_string(),
        }),
    }
}

/// Writes something, since a read-only file or a full disk shows only then.
async fn prove_writable(pool: &SqlitePool) -> Result<(), sqlx::Error> {
    let mut probe = pool.begin_with("BEGIN IMMEDIATE").await?;
    sqlx::query("INSERT INTO meta (key, value) VALUES ('probe', '') ON CONFLICT (key) DO UPDATE SET value = ''")
        .execute(&mut *probe)
        .await?;
    probe.commit().await
}

/// The sentence for an error while opening.
pub(super) fn explain(path: &Path, error: StoreError) -> OpenError {
    let path = path.to_owned();
    match error {
        StoreError::ReadOnly => OpenError::ReadOnly { path },
        StoreError::DiskFull => OpenError::DiskFull { path },
        StoreError::Corrupt { what: reason } => OpenError::Corrupt { path, reason },
        StoreError::Unavailable { reason } => OpenError::Unavailable { path, reason },
        StoreError::NotFound { .. }
        | StoreError::Conflict { .. }
        | StoreError::InUse { .. }
        | StoreError::Invalid { .. } => OpenError::Corrupt {
            path,
            reason: error.to_string(),
        },
    }
}

/// Makes a folder that only its owner can look into.
pub(super) fn make_folder(path: &Path) -> Result<(), OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|source| OpenError::File {
            path: path.to_owned(),
            source,
        })
}

/// Marks the folder as served by this process, for as long as the file is held.
pub(super) fn lock_folder(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("offhook.lock");
    let failed = |source| OpenError::File {
        path: path.clone(),
        source,
    };
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::AlreadyServed {
            path: folder.to_owned(),
        }),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
