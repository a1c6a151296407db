//! `kill -9` while many conversations are recorded: every file plays to within a second of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::future::try_join_all;
use offhook_tests::ears::{Wav, is_tone};
use offhook_tests::phone::{Phone, Talk};
use offhook_tests::server::{Server, ServerSpec};
use serde_json::json;
use tokio::process::Command;

const CALLEE: f64 = 2200.0;

/// What a packet of a phone is of a second.
const PACKET: Duration = Duration::from_millis(20);

/// What an office records like, and what its files end in.
#[derive(Clone, Copy)]
struct Style {
    config: &'static str,
    ending: &'static str,
    channels: usize,
}

const STYLES: [Style; 4] = [
    Style {
        config: "format = \"wav\"\n",
        ending: ".wav",
        channels: 2,
    },
    Style {
        config: "format = \"mp3\"\nencrypt = true\n",
        ending: ".mp3.sealed",
        channels: 2,
    },
    Style {
        config: "format = \"opus\"\nrate = 16000\n",
        ending: ".opus",
        channels: 2,
    },
    Style {
        config: "format = \"wav\"\nlayout = \"mono\"\nencrypt = true\n",
        ending: ".wav.sealed",
        channels: 1,
    },
];

const SEALED_OPUS: Style = Style {
    config: "format = \"opus\"\nencrypt = true\n",
    ending: ".opus.sealed",
    channels: 2,
};

/// 1000 talks with 1001 in many calls, each of which is recorded.
struct Office {
    server: Server,
    style: Style,
    /// Calls end with their phones.
    _phones: [Phone; 2],
    talks: Vec<Recorded>,
}

struct Recorded {
    call: String,
    recording: String,
    caller: Talk,
    _callee: Talk,
    tone: f64,
    /// Packets the caller had sent when the recording had surely begun.
    sent_before: u64,
}

impl Office {
    async fn that_records(style: Style, count: u32) -> Result<Self> {
        let config = format!("[recording]\n{}", style.config);
        let server = Server::start_with(ServerSpec::configured(&config)).await?;
        let phone = Phone::extension(&server, "1000").await?;
        let desk = Phone::extension(&server, "1001").await?;
        let mut talks = Vec::new();
        for number in 0..count {
            let talk = records(&server, &phone, &desk, number).await;
            talks.push(talk.with_context(|| format!("call {number}:\n{}", server.log_tail()))?);
        }
        Ok(Self {
            server,
            style,
            _phones: [phone, desk],
            talks,
        })
    }

    /// Is killed, and started again; everything is there.
    async fn survives_a_kill(mut self) -> Result<()> {
        self.server.is_killed().await?;
        let sent: Vec<u64> = self
            .talks
            .iter()
            .map(|talk| talk.caller.packets_sent())
            .collect();
        let server = self.server.restarts().await?;
        server.records(self.talks.len()).await?;
        let folder = tempfile::tempdir()?;
        for (talk, sent) in self.talks.iter().zip(sent) {
            let said = PACKET * u32::try_from(sent - talk.sent_before)?;
            let plays = plays(&server, self.style, talk, said, folder.path()).await;
            plays.with_context(|| format!("{} of {}", talk.recording, talk.call))?;
        }
        let growing = files(&server)?.into_iter().find(|file| {
            let name = file.display().to_string();
            name.ends_with(".part")
        });
        ensure!(growing.is_none(), "{growing:?} still grows");
        server.has_not_panicked()
    }
}

async fn records(server: &Server, phone: &Phone, desk: &Phone, number: u32) -> Result<Recorded> {
    let dialling = phone.calls("1001").await?;
    let callee = desk.rings().await?.answers().await?;
    let caller = dialling.is_answered().await?;
    let tone = 400.0 + 60.0 * f64::from(number % 20);
    caller.plays_tone(tone);
    callee.plays_tone(CALLEE);
    caller.hears_tone(CALLEE).await?;
    let calls = server.list("/api/v1/calls").await?;
    let new = calls.iter().find(|call| call["recordings"] == json!([]));
    let call = new.context("the new call")?["id"]
        .as_str()
        .context("id")?
        .to_owned();
    let path = format!("/api/v1/calls/{call}/recording");
    let recorded = server.post(&path, json!({ "action": "start" })).await?;
    let recording = recorded["recordings"][0].as_str().context("a recording")?;
    Ok(Recorded {
        call,
        recording: recording.to_owned(),
        sent_before: caller.packets_sent(),
        caller,
        _callee: callee,
        tone,
    })
}

/// The call's record and its recording say how they ended; `said` is in it but for a second at most.
async fn plays(
    server: &Server,
    style: Style,
    talk: &Recorded,
    said: Duration,
    folder: &Path,
) -> Result<()> {
    let known = format!("/api/v1/recordings/{}", talk.recording);
    let known = server
        .get_until(&known, |recording| recording["state"] == "saved")
        .await?;
    ensure!(known["ended"] == "interrupted", "{known}");
    ensure!(
        known["encrypted"] == style.ending.ends_with(".sealed"),
        "{known}"
    );
    let record = format!("/api/v1/cdrs/{}", talk.call);
    let record = server.get(&record).await?;
    ensure!(record["disposition"] == "answered", "{record}");
    ensure!(record["ended_by"] == "system", "{record}");
    ensure!(record["hangup_cause"] == "internal_error", "{record}");
    ensure!(record["recordings"] == json!([talk.recording]), "{record}");

    let file = server
        .data()
        .join("recordings")
        .join(talk.recording.clone() + style.ending);
    ensure!(file.is_file(), "no {}", file.display());
    let audio = format!("/api/v1/recordings/{}/audio", talk.recording);
    let audio = server.fetch(&audio, &[]).await?.error_for_status()?;
    let fetched = folder.join(talk.recording.clone());
    std::fs::write(&fetched, audio.bytes().await?)?;
    let wav = decoded(&fetched).await?;
    let seconds = Duration::from_secs_f64(known["seconds"].as_f64().context("seconds")?);
    let length = wav.duration();
    let about = format!("{length:?} of {said:?}, said to be {seconds:?}");
    ensure!(length + Duration::from_secs(1) >= said, "{about}");
    ensure!(length <= said + Duration::from_secs(1), "{about}");
    ensure!(
        length.abs_diff(seconds) <= Duration::from_millis(300),
        "{about}"
    );
    ensure!(wav.channels.len() == style.channels, "{about}");
    if style.channels == 2 {
        // Phones of a busy machine stumble now and then.
        let most = length * 85 / 100;
        let (left, right) = (
            wav.time_with_tone(0, talk.tone),
            wav.time_with_tone(1, CALLEE),
        );
        ensure!(
            left >= most && right >= most,
            "{left:?} and {right:?}: {about}"
        );
        let end = wav.channels[0].len().saturating_sub(3 * 800);
        let last = &wav.channels[0][end..end + 1600];
        ensure!(
            is_tone(last, wav.rate, talk.tone),
            "its end is broken: {about}"
        );
    }
    Ok(())
}

/// As another program hears it.
async fn decoded(file: &Path) -> Result<Wav> {
    let wav = file.with_extension("decoded.wav");
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(file);
    ffmpeg.args(["-ar", "8000", "-sample_fmt", "s16"]).arg(&wav);
    let output = ffmpeg.output().await.context("ffmpeg")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}");
    Wav::open(wav)
}

fn files(server: &Server) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(server.data().join("recordings"))?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

#[tokio::test]
async fn fifty_encrypted_recordings_play_to_within_a_second_of_the_kill() -> Result<()> {
    let office = Office::that_records(SEALED_OPUS, 50).await?;
    let last = office.talks.last().context("a talk")?;
    last.caller.listens_for(Duration::from_secs(3)).await?;
    office.survives_a_kill().await
}

#[tokio::test]
async fn recordings_of_every_format_play_to_within_a_second_of_the_kill() -> Result<()> {
    let mut offices = Vec::new();
    for style in STYLES {
        offices.push(Office::that_records(style, 4).await?);
    }
    let last = offices.last().and_then(|office| office.talks.last());
    let last = last.context("a talk")?;
    last.caller.listens_for(Duration::from_secs(3)).await?;
    try_join_all(offices.into_iter().map(Office::survives_a_kill)).await?;
    Ok(())
}
