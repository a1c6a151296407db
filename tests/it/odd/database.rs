//! The database is taken away while people talk: they do not notice, and nothing is lost.

use std::fs;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, query};

/// Files of the database, the log beside it included.
const FILES: [&str; 3] = ["offhook.db", "offhook.db-wal", "offhook.db-shm"];

/// Another program that keeps the database for itself.
async fn lock(server: &Server) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(server.data().join("offhook.db"));
    let mut other = SqliteConnection::connect_with(&options).await?;
    query("BEGIN EXCLUSIVE").execute(&mut other).await?;
    Ok(other)
}

/// A recorded call through the queue.
async fn a_queue_call(server: &Server, agent: &Phone, caller: &Phone) -> Result<()> {
    let talk = caller.dials("301").await?;
    let served = agent.rings().await?.answers().await?;
    talk.plays_tone(440.0);
    served.plays_tone(950.0);
    talk.hears_tone(950.0).await?;
    served.hears_tone(440.0).await?;
    talk.hangs_up().await?;
    served.is_hung_up().await?;
    server.has_nothing_left().await
}

async fn nothing_is_lost(server: &Server, calls: usize) -> Result<()> {
    server.is_ready().await?;
    for record in server.records(calls).await? {
        ensure!(record["disposition"] == "answered", "{record}");
        let id = record["recordings"][0].as_str().context("a recording")?;
        let wav = server.recording(id).await?;
        ensure!(
            !wav.time_with_tone(0, 440.0).is_zero(),
            "{:?}",
            wav.duration()
        );
    }
    server.has_not_panicked()
}

#[tokio::test]
async fn while_another_program_locks_the_database_calls_go_on_and_their_records_follow()
-> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    a_queue_call(&server, &agent, &caller).await?;
    server.records(1).await?;
    let mut other = lock(&server).await?;
    a_queue_call(&server, &agent, &caller).await?;
    let complaint = server.complains_of("database").await?;
    ensure!(complaint.to_string().contains("locked"), "{complaint}");
    a_queue_call(&server, &agent, &caller).await?;
    query("ROLLBACK").execute(&mut other).await?;
    other.close().await?;
    nothing_is_lost(&server, 3).await
}

#[tokio::test]
async fn while_the_database_is_moved_away_calls_go_on_and_their_records_follow() -> Result<()> {
    let server = Server::start().await?;
    server.sets_queue("301", json!({ "wrap_up": 0 })).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    a_queue_call(&server, &agent, &caller).await?;
    server.records(1).await?;
    let (here, away) = (server.data(), server.data().join("away"));
    fs::create_dir(&away)?;
    for name in FILES {
        fs::rename(here.join(name), away.join(name)).context(name)?;
    }
    a_queue_call(&server, &agent, &caller).await?;
    let complaint = server.complains_of("database").await?;
    ensure!(
        complaint.to_string().contains("No such file"),
        "{complaint}"
    );
    a_queue_call(&server, &agent, &caller).await?;
    for name in FILES {
        fs::rename(away.join(name), here.join(name)).context(name)?;
    }
    nothing_is_lost(&server, 3).await
}
