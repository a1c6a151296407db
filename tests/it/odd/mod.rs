//! Bytes nobody should send, and machines that are not as they should be.

mod certificates;
mod database;
mod encrypted;
mod garbage;
mod nested;
mod rtp;
mod start;
mod streams;
mod web;
mod websockets;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;

/// Two phones register, talk and hang up.
async fn a_call_works(server: &Server) -> Result<()> {
    let (caller, callee) = (
        Phone::extension(server, "1000").await?,
        Phone::extension(server, "1001").await?,
    );
    let dialling = caller.calls("1001").await?;
    let answered = callee.rings().await?.answers().await?;
    let talk = dialling.is_answered().await?;
    talk.plays_tone(440.0);
    answered.plays_tone(950.0);
    talk.hears_tone(950.0).await?;
    answered.hears_tone(440.0).await?;
    ensure!(talk.hangs_up().await? == 200);
    answered.is_hung_up().await?;
    // A phone that is registered and gone would be rung in vain by the next call.
    caller.unregisters().await?;
    callee.unregisters().await?;
    server
        .has_nothing_left()
        .await
        .context("after a normal call")
}

/// Megabytes the server's memory has.
async fn memory(server: &Server) -> Result<f64> {
    Ok(server
        .figure("offhook_process_resident_memory_bytes")
        .await?
        / 1e6)
}
