//! `kill -9`: what was said is not lost.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::Server;

const CALLER: f64 = 440.0;
const AGENT: f64 = 950.0;

/// A conversation through the queue, which records it.
struct Recorded {
    server: Server,
    /// Calls end with their phones.
    phones: [Phone; 2],
    talks: (Talk, Talk),
}

async fn a_recorded_conversation() -> Result<Recorded> {
    let server = Server::start().await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller
        .dials("301")
        .await
        .with_context(|| server.log_tail())?;
    let served = agent.rings().await?.answers().await?;
    talk.plays_tone(CALLER);
    served.plays_tone(AGENT);
    talk.hears_tone(AGENT).await?;
    served.hears_tone(CALLER).await?;
    Ok(Recorded {
        server,
        phones: [caller, agent],
        talks: (talk, served),
    })
}

/// The recording of the one call there was: the caller on the left, the agent on the right.
async fn holds_both(server: &Server, at_least: Duration) -> Result<()> {
    let record = server.the_record().await?;
    let id = record["recordings"][0].as_str().context("a recording")?;
    let recording = server.get(&format!("/api/v1/recordings/{id}")).await?;
    ensure!(recording["state"] == "saved", "{recording}");
    let wav = server.recording(id).await?;
    let (left, right) = (wav.time_with_tone(0, CALLER), wav.time_with_tone(1, AGENT));
    let lengths = format!("{left:?} and {right:?} of {:?}", wav.duration());
    ensure!(left >= at_least && right >= at_least, "{lengths}");
    ensure!(
        wav.time_with_tone(0, AGENT).is_zero(),
        "the agent is on the right only"
    );
    Ok(())
}

#[tokio::test]
async fn a_call_that_is_being_recorded_has_its_record_and_sound_after_the_next_start() -> Result<()>
{
    let Recorded {
        mut server,
        phones: [caller, agent],
        talks,
    } = a_recorded_conversation().await?;
    talks.0.listens_for(Duration::from_secs(3)).await?;
    server.is_killed().await?;
    let server = server.restarts().await?;

    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    ensure!(record["ended_by"] == "system", "{record}");
    ensure!(record["hangup_cause"] == "internal_error", "{record}");
    // The last second may not have reached the disk.
    holds_both(&server, Duration::from_secs(2)).await?;
    ensure!(
        server.list("/api/v1/calls").await?.is_empty(),
        "nobody calls any more"
    );
    server.has_nothing_left().await?;

    // And the next call finds everything in its place.
    agent.registers().await?;
    caller.registers().await?;
    server.sets_agent("1001", "ready").await?;
    let talk = caller
        .dials("301")
        .await
        .with_context(|| server.log_tail())?;
    let served = agent.rings().await?.answers().await?;
    served.plays_tone(AGENT);
    talk.hears_tone(AGENT).await?;
    talk.hangs_up().await?;
    served.is_hung_up().await?;
    server.records(2).await?;
    Ok(())
}

#[tokio::test]
async fn what_was_reported_saved_is_there_although_the_server_is_killed_at_once() -> Result<()> {
    let Recorded {
        mut server,
        phones: _phones,
        talks,
    } = a_recorded_conversation().await?;
    let events = server.events().await?;
    talks.0.listens_for(Duration::from_secs(1)).await?;
    talks.0.hangs_up().await?;
    events
        .wait_for(|event| event["type"] == "recording_saved")
        .await?;
    server.is_killed().await?;
    let server = server.restarts().await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    holds_both(&server, Duration::from_secs(1)).await
}
