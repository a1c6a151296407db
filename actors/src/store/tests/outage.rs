//! The database or the disk goes away while calls go on.

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, SqlitePool};

use super::*;

const FILES: [&str; 3] = ["offhook.db", "offhook.db-wal", "offhook.db-shm"];

fn move_database(from: &Path, to: &Path) {
    for name in FILES {
        if from.join(name).exists() {
            std::fs::rename(from.join(name), to.join(name)).unwrap();
        }
    }
}

/// Another program that keeps the database for itself.
pub(super) async fn lock(folder: &Path) -> SqliteConnection {
    let options = SqliteConnectOptions::new().filename(folder.join("offhook.db"));
    let mut other = SqliteConnection::connect_with(&options).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE")
        .execute(&mut other)
        .await
        .unwrap();
    other
}

pub(super) async fn unlock(other: &mut SqliteConnection) {
    sqlx::query("ROLLBACK").execute(other).await.unwrap();
}

async fn with_patience<T>(wait: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, wait).await.expect("in time")
}

#[tokio::test]
async fn a_locked_database_delays_records_and_loses_none() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let mut lock = lock(folder.path()).await;

    let calls: Vec<_> = (0..50).map(|_| story::whole(&running.live)).collect();
    let problem = with_patience(running.store.0.database.wait_problem()).await;
    assert!(problem.contains("locked"), "{problem}");
    let health = running.store.health();
    assert!(!health.is_good());
    // Events that come to no row, such as a call's start, need no database.
    assert!(health.pending_events > 200, "{health:?}");
    assert_eq!(health.journal, None, "the journal goes on");

    unlock(&mut lock).await;
    running.settle().await;
    for call in calls {
        running.store.cdrs().get(call).await.unwrap();
    }
    assert!(running.store.health().is_good());
    running.stop().await;
}

/// Lets no connection that is open now make the database larger, as on a full disk.
async fn fill(pool: &SqlitePool) {
    let size = "SELECT page_count FROM pragma_page_count()";
    let pages: i64 = sqlx::query_scalar(size).fetch_one(pool).await.unwrap();
    allow(pool, pages).await;
}

/// Lets the database have so many pages.
async fn allow(pool: &SqlitePool, pages: i64) {
    let mut connections = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        let mut connection = pool.acquire().await.unwrap();
        let limit = format!("PRAGMA max_page_count = {pages}");
        let limit = sqlx::query(sqlx::AssertSqlSafe(limit));
        limit.execute(&mut *connection).await.unwrap();
        connections.push(connection);
    }
}

#[tokio::test]
async fn a_full_disk_delays_records_and_loses_none() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    fill(&running.store.0.database.pool().unwrap()).await;

    let calls: Vec<_> = (0..50).map(|_| story::whole(&running.live)).collect();
    let problem = with_patience(running.store.0.database.wait_problem()).await;
    assert_eq!(problem, "the disk is full");

    // Connections whose transaction the full disk ended are replaced, the others go on.
    allow(&running.store.0.database.pool().unwrap(), 1_000_000).await;
    running.settle().await;
    for call in calls {
        running.store.cdrs().get(call).await.unwrap();
    }
    assert!(running.store.health().is_good());
    running.stop().await;
}

#[tokio::test]
async fn a_database_moved_away_gets_everything_when_it_is_back() {
    let folder = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let before = story::whole(&running.live);
    running.settle().await;

    move_database(folder.path(), elsewhere.path());
    let during = story::whole(&running.live);
    let problem = with_patience(running.store.0.database.wait_problem()).await;
    assert!(problem.contains("No such file"), "{problem}");
    let refused = running.store.extensions().create(&extension("1001")).await;
    assert!(
        refused.unwrap_err().is_outage(),
        "a lost write is not a success"
    );

    move_database(elsewhere.path(), folder.path());
    let after = story::whole(&running.live);
    running.settle().await;
    for call in [before, during, after] {
        running.store.cdrs().get(call).await.unwrap();
    }
    assert!(running.store.health().is_good());
    running.stop().await;
}

#[tokio::test]
async fn a_backup_put_in_place_gets_what_the_journal_still_has() {
    let folder = TempDir::new().unwrap();
    let elsewhere = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    running
        .store
        .extensions()
        .create(&extension("1001"))
        .await
        .unwrap();
    let backup = elsewhere.path().join("backup.db");
    sqlx::query("VACUUM INTO $1")
        .bind(backup.to_str().unwrap())
        .execute(&running.store.pool().unwrap())
        .await
        .unwrap();
    running
        .store
        .extensions()
        .create(&extension("1002"))
        .await
        .unwrap();
    let before = story::whole(&running.live);
    running.settle().await;

    move_database(folder.path(), elsewhere.path());
    std::fs::rename(backup, folder.path().join("offhook.db")).unwrap();
    let after = story::whole(&running.live);
    running.settle().await;
    for call in [before, after] {
        running.store.cdrs().get(call).await.unwrap();
    }
    let directory = running.store.directory().load();
    assert!(directory.dialable("1001").is_some());
    assert_eq!(
        directory.dialable("1002"),
        None,
        "routing follows the backup"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_full_disk_keeps_events_in_memory_until_there_is_room() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    // The place of the first segment is taken by something that cannot be written.
    let segment = folder.path().join("journal/0000000001.jsonl");
    std::fs::create_dir(&segment).unwrap();
    let calls: Vec<_> = (0..50).map(|_| story::whole(&running.live)).collect();
    let journal = running.store.journal().unwrap().clone();
    with_patience(journal.wait_problem()).await;
    let health = running.store.health();
    assert!(health.journal.is_some());
    assert_eq!((health.pending_events, health.lost_events), (300, 0));

    std::fs::remove_dir(&segment).unwrap();
    running.settle().await;
    for call in calls {
        running.store.cdrs().get(call).await.unwrap();
    }
    assert!(running.store.health().is_good());
    running.stop().await;
}

#[tokio::test]
async fn memory_is_bounded_while_nothing_can_be_written() {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    let live = Live::new(&store);
    let segment = folder.path().join("journal/0000000001.jsonl");
    std::fs::create_dir(&segment).unwrap();
    for _ in 0..journal::MAX_QUEUED + 10 {
        live.publish(offhook_core::EventKind::QueueRecovered {
            queue: offhook_core::QueueId::random(),
        });
    }
    assert_eq!(store.health().lost_events, 10);
}
