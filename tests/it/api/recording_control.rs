//! Recordings that supervisors start, stop and pause, and what is kept of them.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::ears::{Wav, is_tone, level};
use offhook_tests::server::{Server, ServerSpec};
use reqwest::Method;
use serde_json::{Value, json};

use super::{Conversation, a_conversation};

const UNKNOWN: &str = "/api/v1/calls/call_1f0vj2dhkq6jl0n1o2ml5d6ng4/recording";

fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str> {
    value[key]
        .as_str()
        .with_context(|| format!("{key}: {value}"))
}

async fn wants(server: &Server, path: &str, action: &str, token: &str) -> Result<(u16, Value)> {
    let wish = Some(json!({ "action": action }));
    server.request(Method::POST, path, wish, token).await
}

async fn path_of_the_call(server: &Server) -> Result<String> {
    let call = server.the_call().await?;
    Ok(format!("/api/v1/calls/{}/recording", text(&call, "id")?))
}

fn files(server: &Server) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(server.data().join("recordings"))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[tokio::test]
async fn a_recording_is_stopped_and_another_started_while_two_talk() -> Result<()> {
    let Conversation {
        server,
        _phones,
        caller,
        agent,
    } = a_conversation(Server::start().await?).await?;
    let path = path_of_the_call(&server).await?;
    let supervisor = server.credentials().supervisor.token.clone();
    let first = server.the_call().await?["recordings"].clone();
    // Twice is as good as once.
    for _ in 0..2 {
        let (status, call) = wants(&server, &path, "start", &supervisor).await?;
        ensure!(status == 200 && call["recordings"] == first, "{call}");
    }
    caller.listens_for(Duration::from_millis(500)).await?;
    for _ in 0..2 {
        let (status, call) = wants(&server, &path, "stop", &supervisor).await?;
        ensure!(status == 200, "{call}");
    }
    let first = first[0].as_str().context("an id")?.to_owned();
    let known = format!("/api/v1/recordings/{first}");
    let saved = server
        .get_until(&known, |known| known["state"] == "saved")
        .await?;
    ensure!(saved["ended"] == "complete", "{saved}");
    server
        .get_until("/api/v1/calls", |page| {
            page["items"][0]["recordings"] == json!([])
        })
        .await?;
    for action in ["pause", "resume"] {
        let (status, answer) = wants(&server, &path, action, &supervisor).await?;
        ensure!(status == 409, "{action}: {status} {answer}");
    }
    let (status, call) = wants(&server, &path, "start", &supervisor).await?;
    ensure!(status == 200, "{call}");
    let second = call["recordings"][0]
        .as_str()
        .context("another")?
        .to_owned();
    ensure!(second != first, "{call}");
    caller.listens_for(Duration::from_millis(500)).await?;
    caller.hangs_up().await?;
    agent.is_hung_up().await?;
    let record = server.the_record().await?;
    ensure!(record["recordings"] == json!([first, second]), "{record}");
    let (status, answer) = wants(&server, &path, "start", &supervisor).await?;
    ensure!(status == 404, "over: {status} {answer}");
    Ok(())
}

#[tokio::test]
async fn who_may_not_or_asks_for_what_is_not_is_refused_and_nothing_changes() -> Result<()> {
    let Conversation {
        server,
        _phones,
        caller: _caller,
        agent: _agent,
    } = a_conversation(Server::start().await?).await?;
    let path = path_of_the_call(&server).await?;
    let admin = server.credentials().admin.token.clone();
    let made = json!({ "name": "desk", "role": "agent" });
    let made = server.post("/api/v1/tokens", made).await?;
    // An agent who is no party of the call.
    let stranger = text(&made, "token")?.to_owned();
    let running = server.the_call().await?["recordings"].clone();
    for action in ["start", "stop", "pause", "resume"] {
        for (token, wanted) in [(&stranger, 403), (&String::new(), 401)] {
            let (status, answer) = wants(&server, &path, action, token).await?;
            ensure!(status == wanted, "{action}: {status} {answer}");
        }
        let (status, answer) = wants(&server, UNKNOWN, action, &admin).await?;
        ensure!(status == 404, "{action}: {status} {answer}");
    }
    for wish in [
        json!({ "action": "erase" }),
        json!({}),
        json!({ "action": "stop", "at": 3 }),
        json!([]),
    ] {
        let answer = server
            .request(Method::POST, &path, Some(wish.clone()), &admin)
            .await?;
        ensure!(answer.0 == 422 || answer.0 == 400, "{wish}: {answer:?}");
    }
    let call = server.the_call().await?;
    ensure!(call["recordings"] == running, "{call}");
    ensure!(call["paused_recordings"] == json!([]), "{call}");
    let id = running[0].as_str().context("a recording")?;
    let audio = format!("/api/v1/recordings/{id}/peaks");
    for (token, wanted) in [(&stranger, 403), (&String::new(), 401), (&admin, 409)] {
        let (status, answer) = server.request(Method::GET, &audio, None, token).await?;
        ensure!(status == wanted, "{status} {answer}");
    }
    Ok(())
}

/// Whether peaks `values` of two channels show something between these seconds.
fn shows(values: &[i64], seconds: f64, channel: usize, between: (f64, f64)) -> bool {
    let mut peaks = values.chunks_exact(4).enumerate();
    peaks.any(|(n, peak)| {
        let at = f64::from(u32::try_from(n).unwrap_or(u32::MAX)) * seconds;
        at > between.0 && at < between.1 && peak[2 * channel + 1] > 8
    })
}

/// An encrypted recording with a pause, over HTTP: whole, in parts, drawn, and after a restart.
#[tokio::test]
async fn a_pause_is_silence_that_is_marked_and_drawn_and_encrypted_audio_has_ranges() -> Result<()>
{
    let spec = ServerSpec::configured("[recording]\nencrypt = true\n");
    let Conversation {
        server,
        _phones,
        caller,
        agent,
    } = a_conversation(Server::start_with(spec).await?).await?;
    let path = path_of_the_call(&server).await?;
    let admin = server.credentials().admin.token.clone();
    let second = Duration::from_secs(1);
    caller.listens_for(second).await?;
    for _ in 0..2 {
        let (status, call) = wants(&server, &path, "pause", &admin).await?;
        ensure!(
            status == 200 && call["paused_recordings"] == call["recordings"],
            "{call}"
        );
    }
    caller.listens_for(second).await?;
    let (status, call) = wants(&server, &path, "resume", &admin).await?;
    ensure!(
        status == 200 && call["paused_recordings"] == json!([]),
        "{call}"
    );
    let id = call["recordings"][0]
        .as_str()
        .context("a recording")?
        .to_owned();
    caller.listens_for(second).await?;
    caller.hangs_up().await?;
    agent.is_hung_up().await?;

    let known = format!("/api/v1/recordings/{id}");
    let known = server
        .get_until(&known, |known| known["state"] == "saved")
        .await?;
    ensure!(
        known["encrypted"] == true && known["format"] == "wav",
        "{known}"
    );
    let pauses = known["pauses"].as_array().context("pauses")?;
    ensure!(pauses.len() == 1, "{known}");
    let from = pauses[0]["from"].as_f64().context("from")?;
    let until = pauses[0]["until"].as_f64().context("until")?;
    ensure!((0.8..3.0).contains(&(until - from)), "{known}");

    let audio = format!("/api/v1/recordings/{id}/audio");
    let whole = server
        .fetch(&audio, &[])
        .await?
        .error_for_status()?
        .bytes()
        .await?;
    ensure!(known["bytes"] == whole.len(), "{known}");
    let wav = Wav::parse(&whole)?;
    hears_all_but(&wav, (from, until))?;
    comes_in_parts(&server, &audio, &whole).await?;
    is_drawn(&server, &id, (from, until)).await?;
    lies_hidden(&server, &whole)?;
    let server = server.restarts().await?;
    has_no_key_beside(&server).await?;
    let again = server
        .fetch(&audio, &[])
        .await?
        .error_for_status()?
        .bytes()
        .await?;
    ensure!(again == whole, "another file after the restart");
    Ok(())
}

/// Both talk, but for the pause.
fn hears_all_but(wav: &Wav, pause: (f64, f64)) -> Result<()> {
    let window = usize::try_from(wav.rate / 10)?;
    for (channel, tone) in [(0, 440.0), (1, 950.0)] {
        let mut heard = [0; 2];
        for (n, piece) in wav.channels[channel].chunks_exact(window).enumerate() {
            let at = f64::from(u32::try_from(n)?) / 10.0;
            if at > pause.0 + 0.15 && at + 0.1 < pause.1 - 0.15 {
                ensure!(level(piece) < -90.0, "{at} s: {} dB", level(piece));
            }
            let after = usize::from(at >= pause.1);
            heard[after] += usize::from(is_tone(piece, wav.rate, tone));
        }
        ensure!(
            heard.iter().all(|windows| *windows >= 6),
            "{tone}: {heard:?}"
        );
    }
    Ok(())
}

async fn comes_in_parts(server: &Server, audio: &str, whole: &[u8]) -> Result<()> {
    let length = whole.len();
    // Chunks are a quarter of a second: parts begin and end within them, and go over many.
    for part in [0..44, 40..50, 44..4_044, 7_999..40_001, length - 3..length] {
        let range = format!("bytes={}-{}", part.start, part.end - 1);
        let answer = server.fetch(audio, &[("range", &range)]).await?;
        ensure!(answer.status() == 206, "{range}: {}", answer.status());
        ensure!(answer.bytes().await? == whole[part], "{range}");
    }
    Ok(())
}

async fn is_drawn(server: &Server, id: &str, (from, until): (f64, f64)) -> Result<()> {
    let drawn = server
        .get(&format!("/api/v1/recordings/{id}/peaks?points=100000"))
        .await?;
    let values: Vec<i64> = serde_json::from_value(drawn["values"].clone())?;
    let step = drawn["seconds"].as_f64().context("seconds")?;
    ensure!(
        drawn["channels"] == 2 && (step - 0.02).abs() < 1e-9,
        "{step}"
    );
    for channel in 0..2 {
        ensure!(shows(&values, step, channel, (0.0, from)));
        ensure!(!shows(&values, step, channel, (from + 0.2, until - 0.2)));
        ensure!(shows(&values, step, channel, (until, 100.0)));
    }
    let few = server
        .get(&format!("/api/v1/recordings/{id}/peaks?points=10"))
        .await?;
    let few: Vec<i64> = serde_json::from_value(few["values"].clone())?;
    ensure!(!few.is_empty() && few.len() <= 40, "{few:?}");
    Ok(())
}

/// Nothing of it lies on the disk in clear.
fn lies_hidden(server: &Server, whole: &[u8]) -> Result<()> {
    // Of its last words.
    let end = whole.len().saturating_sub(6_400);
    let tell = whole.get(end..end + 32).context("samples")?;
    for file in files(server)? {
        let bytes = std::fs::read(&file)?;
        let told = bytes.windows(32).any(|piece| piece == tell);
        ensure!(!told && !bytes.starts_with(b"RIFF"), "{}", file.display());
    }
    Ok(())
}

/// Keys go into the database, where nobody copies them along with the audio.
async fn has_no_key_beside(server: &Server) -> Result<()> {
    let beside = || -> Result<bool> {
        let ends = |file: &PathBuf| file.extension().is_some_and(|end| end == "key");
        Ok(files(server)?.iter().any(ends))
    };
    let gone = |_: &Value| !beside().unwrap_or(true);
    server.get_until("/api/v1/recordings", gone).await?;
    Ok(())
}
