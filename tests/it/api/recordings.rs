//! The audio of a recording, whole and in parts.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears::Wav;
use offhook_tests::server::Server;
use reqwest::{Method, Response};

use super::{Conversation, a_conversation};

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    let value = response.headers().get(name);
    value.and_then(|value| value.to_str().ok()).unwrap_or("")
}

#[tokio::test]
async fn a_player_may_fetch_any_part() -> Result<()> {
    let Conversation {
        server,
        _phones,
        caller,
        agent,
    } = a_conversation(Server::start().await?).await?;
    caller.listens_for(Duration::from_secs(1)).await?;
    let going_on = server.list("/api/v1/recordings").await?;
    ensure!(
        going_on.len() == 1 && going_on[0]["state"] == "recording",
        "{going_on:?}"
    );
    let id = going_on[0]["id"].as_str().context("id")?;
    let audio = format!("/api/v1/recordings/{id}/audio");
    let early = server.fetch(&audio, &[]).await?;
    ensure!(
        early.status() == 409,
        "still being recorded: {}",
        early.status()
    );
    caller.hangs_up().await?;
    agent.is_hung_up().await?;
    let path = format!("/api/v1/recordings/{id}");
    let saved = server
        .get_until(&path, |recording| recording["state"] == "saved")
        .await?;

    let whole = server.fetch(&audio, &[]).await?;
    ensure!(whole.status() == 200);
    ensure!(header(&whole, "content-type") == "audio/wav");
    ensure!(header(&whole, "accept-ranges") == "bytes");
    let tag = header(&whole, "etag").to_owned();
    let whole = whole.bytes().await?;
    ensure!(saved["bytes"] == whole.len(), "{saved}");
    let wav = Wav::parse(&whole)?;
    ensure!(wav.channels.len() == 2);
    ensure!(wav.time_with_tone(0, 440.0) >= Duration::from_millis(700));
    ensure!(wav.time_with_tone(1, 950.0) >= Duration::from_millis(700));
    let seconds = saved["seconds"].as_f64().context("seconds")?;
    ensure!(
        (wav.duration().as_secs_f64() - seconds).abs() < 0.05,
        "{saved}"
    );

    let length = whole.len();
    for (range, part) in [
        ("bytes=0-43".to_owned(), 0..44),
        ("bytes=100-".to_owned(), 100..length),
        ("bytes=-50".to_owned(), length - 50..length),
        (format!("bytes=44-{}", length * 2), 44..length),
    ] {
        let answer = server.fetch(&audio, &[("range", &range)]).await?;
        ensure!(answer.status() == 206, "{range}: {}", answer.status());
        let told = format!("bytes {}-{}/{length}", part.start, part.end - 1);
        ensure!(header(&answer, "content-range") == told, "{range}");
        ensure!(header(&answer, "content-type") == "audio/wav", "{range}");
        ensure!(answer.bytes().await? == whole[part], "{range}");
    }
    let beyond = format!("bytes={length}-");
    let answer = server.fetch(&audio, &[("range", &beyond)]).await?;
    ensure!(answer.status() == 416, "{}", answer.status());
    ensure!(header(&answer, "content-range") == format!("bytes */{length}"));
    let part = [("range", "bytes=0-43"), ("if-range", &*tag)];
    ensure!(server.fetch(&audio, &part).await?.status() == 206);
    let stale = [("range", "bytes=0-43"), ("if-range", "\"another\"")];
    ensure!(server.fetch(&audio, &stale).await?.status() == 200);

    let nobody = server.request(Method::GET, &audio, None, "wrong").await?;
    ensure!(nobody.0 == 401, "{nobody:?}");
    server.delete(&path).await?;
    ensure!(server.fetch(&audio, &[]).await?.status() == 404);
    Ok(())
}
