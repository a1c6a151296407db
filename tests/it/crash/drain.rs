//! SIGTERM: no new calls, the present ones finish, everything is written down.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears::Wav;
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::{Server, ServerSpec};

/// A server whose queue records the one conversation that goes on.
struct Talking {
    server: Server,
    /// Calls end with their phones.
    phones: [Phone; 2],
    talks: (Talk, Talk),
}

async fn somebody_talks(config: &str) -> Result<Talking> {
    let spec = ServerSpec {
        config: Some(config.to_owned()),
        ..ServerSpec::default()
    };
    let server = Server::start_with(spec).await?;
    let agent = Phone::agent(&server, "1001").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("301").await?;
    let served = agent.rings().await?.answers().await?;
    talk.plays_tone(440.0);
    served.plays_tone(950.0);
    talk.hears_tone(950.0).await?;
    Ok(Talking {
        server,
        phones: [caller, agent],
        talks: (talk, served),
    })
}

/// The one recording in the data folder of a server that has ended.
fn recording(server: &Server) -> Result<Wav> {
    let folder = std::fs::read_dir(server.data().join("recordings"))?;
    let paths: Vec<_> = folder
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    // Beside it lies what a page draws of it.
    let is_sound = |path: &&PathBuf| path.extension().is_some_and(|ending| ending == "wav");
    let mut files = paths.iter().filter(is_sound);
    let file = files.next().context("a recording")?;
    ensure!(files.next().is_none(), "more than one file: {paths:?}");
    Wav::open(file)
}

#[tokio::test]
async fn calls_in_progress_finish_and_new_ones_are_refused_with_503() -> Result<()> {
    let Talking {
        mut server,
        phones: [caller, _agent],
        talks: (talk, served),
    } = somebody_talks("").await?;
    server.is_told_to_stop()?;
    server.complains_of("stopping").await?;

    ensure!(caller.calls("1002").await?.is_refused().await? == 503);
    let outside = Phone::trunk(&server).await?;
    let did = server.credentials().did.clone();
    ensure!(outside.calls(&did).await?.is_refused().await? == 503);
    talk.hears_tone(950.0).await.context("the call goes on")?;
    served.hears_tone(440.0).await.context("both ways")?;
    talk.listens_for(Duration::from_secs(1)).await?;
    ensure!(server.is_alive()?, "it waits for the call");

    ensure!(talk.hangs_up().await? == 200);
    served.is_hung_up().await?;
    let status = server.ends().await?;
    ensure!(status.code() == Some(0), "{status}");
    let wav = recording(&server)?;
    ensure!(wav.time_with_tone(0, 440.0) >= Duration::from_secs(1));
    ensure!(wav.time_with_tone(1, 950.0) >= Duration::from_secs(1));

    let server = server.restarts().await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    ensure!(record["ended_by"] == "caller", "{record}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_takes_too_long_is_ended_and_its_recording_closed() -> Result<()> {
    let Talking {
        mut server,
        phones: _phones,
        talks: (talk, served),
    } = somebody_talks("[limits]\ndrain_timeout = \"1s\"\n").await?;
    talk.listens_for(Duration::from_secs(1)).await?;
    server.is_told_to_stop()?;
    talk.is_hung_up().await.context("the caller")?;
    served.is_hung_up().await.context("the agent")?;
    let status = server.ends().await?;
    ensure!(status.code() == Some(0), "{status}");
    ensure!(recording(&server)?.time_with_tone(0, 440.0) >= Duration::from_secs(1));

    let server = server.restarts().await?;
    let record = server.the_record().await?;
    ensure!(record["hangup_cause"] == "administrative", "{record}");
    ensure!(record["ended_by"] == "system", "{record}");
    Ok(())
}

#[tokio::test]
async fn a_second_signal_stops_at_once_and_still_closes_the_recording() -> Result<()> {
    let Talking {
        mut server,
        phones: _phones,
        talks,
    } = somebody_talks("").await?;
    talks.0.listens_for(Duration::from_secs(1)).await?;
    server.is_told_to_stop()?;
    server.complains_of("stopping").await?;
    let status = server.terminates().await?;
    ensure!(status.code() == Some(0), "{status}");
    ensure!(recording(&server)?.time_with_tone(1, 950.0) >= Duration::from_secs(1));
    let server = server.restarts().await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    Ok(())
}

#[tokio::test]
async fn an_idle_server_ends_at_once() -> Result<()> {
    let mut server = Server::start().await?;
    let phone = Phone::extension(&server, "1001").await?;
    let ended = tokio::time::timeout(Duration::from_secs(3), server.terminates()).await;
    let status = ended.context("it takes long")??;
    ensure!(status.code() == Some(0), "{status}");
    drop(phone);
    Ok(())
}
