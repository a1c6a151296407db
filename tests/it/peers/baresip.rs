//! baresip, a whole phone with its own SIP stack and its own media.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::ears::{Wav, sine};
use offhook_tests::phone::{Carrier, Phone};
use offhook_tests::server::{Server, ServerSpec};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub(super) const TONE: f64 = 650.0;

/// What a baresip speaks.
#[derive(Clone, Copy)]
pub(super) struct Speech {
    /// Its only codec, as `audio_codecs` of an account has it.
    pub(super) codec: &'static str,
    /// The rate of the file it plays: it plays none of another rate than the codec's.
    pub(super) rate: u32,
    /// How long that file is; it falls silent then.
    pub(super) length: Duration,
    /// Settings: modules, one a line.
    pub(super) settings: &'static str,
    /// Parameters of its account, each with its semicolon.
    pub(super) account: &'static str,
}

impl Speech {
    pub(super) const PCMU: Self = Self {
        codec: "PCMU/8000/1",
        rate: 8000,
        length: Duration::from_secs(30),
        settings: "module g711.so\n",
        account: "",
    };
    pub(super) const G722: Self = Self {
        codec: "G722/16000/1",
        rate: 16_000,
        settings: "module g722.so\n",
        ..Self::PCMU
    };
    /// In mono: its WAV file is, and it does not mix.
    pub(super) const OPUS: Self = Self {
        codec: "opus/48000/1",
        rate: 48_000,
        settings: "module opus.so\nopus_stereo no\nopus_sprop_stereo no\n",
        ..Self::PCMU
    };
}

/// A running baresip that answers by itself, says [`TONE`] and writes down what it hears.
pub(super) struct Baresip {
    child: Child,
    folder: TempDir,
}

impl Baresip {
    fn start(server: &Server, extension: &str, commands: &[&str]) -> Result<Self> {
        Self::start_speaking(server, extension, Speech::PCMU, commands)
    }

    /// With another codec, or keys.
    pub(super) fn start_speaking(
        server: &Server,
        extension: &str,
        speech: Speech,
        commands: &[&str],
    ) -> Result<Self> {
        let address = server.sip().to_string();
        Self::start_at(server, extension, &address, ("", speech), commands)
    }

    /// With its module for waiting messages. That one looks for its subscriptions a millisecond after
    /// it was loaded, and what it finds there it makes again without end: a server that has answered
    /// the REGISTER by then is flooded. Hence it is loaded first of all, long before an account is.
    fn start_watching(server: &Server, extension: &str) -> Result<Self> {
        let address = server.sip().to_string();
        let with = ("module mwi.so\n", Speech::PCMU);
        Self::start_at(server, extension, &address, with, &[])
    }

    /// Over TLS, where it believes the certificate the server has made for itself. Its module for
    /// waiting messages would ask the same port by UDP, and not end before that is answered.
    fn start_encrypted(server: &Server, extension: &str, commands: &[&str]) -> Result<Self> {
        let address = format!("{};transport=tls", server.sip_over(Carrier::Tls)?);
        let authority = server.data().join("tls/self-signed.crt");
        let more = format!(
            "sip_verify_server yes\nsip_cafile {}\n",
            authority.display()
        );
        Self::start_at(server, extension, &address, (&more, Speech::PCMU), commands)
    }

    /// With this proxy, and settings beside those of its speech.
    pub(super) fn start_at(
        server: &Server,
        extension: &str,
        proxy: &str,
        (settings, speech): (&str, Speech),
        commands: &[&str],
    ) -> Result<Self> {
        let folder = TempDir::new()?;
        let at = |name: &str| folder.path().join(name);
        say(&at("says.wav"), speech)?;
        let says = at("says.wav");
        let password = server.sip_password(extension)?;
        fs::write(
            at("accounts"),
            format!(
                "<sip:{extension}@{proxy}>{};auth_user={extension};auth_pass={password};\
                 answermode=auto;regint=60;audio_codecs={}\n",
                speech.account, speech.codec
            ),
        )?;
        fs::write(
            at("config"),
            format!(
                "module_path /usr/lib/baresip/modules\n{settings}{}\
                 module aufile.so\nmodule alsa.so\nmodule sndfile.so\n\
                 module_tmp account.so\nmodule_app menu.so\nsnd_path {}\n\
                 audio_source aufile,{}\naudio_player alsa,null\naudio_alert alsa,null\n",
                speech.settings,
                folder.path().display(),
                says.display()
            ),
        )?;
        let log = fs::File::create(at("baresip.log"))?;
        let mut command = Command::new("baresip");
        command.arg("-f").arg(folder.path());
        for text in commands {
            command.args(["-e", text]);
        }
        let child = command
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .context("baresip is missing: sudo apt-get install baresip")?;
        Ok(Self { child, folder })
    }

    pub(super) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("baresip.log")).unwrap_or_default()
    }

    /// Waits until it has written these words.
    async fn says(&self, words: &str) -> Result<()> {
        let mut look = tokio::time::interval(Duration::from_millis(50));
        let said = async {
            while !self.log().contains(words) {
                look.tick().await;
            }
        };
        timeout(PATIENCE, said).await.with_context(|| self.log())
    }

    /// Ends it; answers what it heard in its one call.
    pub(super) async fn ends(mut self) -> Result<Wav> {
        let pid = self.child.id().context("baresip has ended")?;
        let pid = Pid::from_raw(i32::try_from(pid)?).context("no process")?;
        kill_process(pid, Signal::TERM)?;
        let ended = timeout(PATIENCE, self.child.wait()).await;
        ended.context("baresip does not end")??;
        let files = fs::read_dir(self.folder.path())?;
        let mut files = files.filter_map(|entry| Some(entry.ok()?.path()));
        let heard = files.find(|file| file.to_string_lossy().ends_with("-dec.wav"));
        Wav::open(heard.with_context(|| self.log())?)
    }
}

fn say(path: &Path, speech: Speech) -> Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: speech.rate,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut writer = hound::WavWriter::create(path, spec)?;
    for sample in sine(TONE, 0.4, speech.rate, speech.length) {
        writer.write_sample(sample)?;
    }
    Ok(writer.finalize()?)
}

pub(super) async fn is_registered(
    server: &Server,
    extension: &str,
    baresip: &Baresip,
) -> Result<()> {
    let there = |page: &serde_json::Value| {
        let items = page["items"].as_array();
        items.is_some_and(|items| items.iter().any(|item| item["extension"] == extension))
    };
    let path = "/api/v1/sip/registrations";
    server
        .get_until(path, there)
        .await
        .with_context(|| baresip.log())?;
    Ok(())
}

#[tokio::test]
async fn baresip_serves_a_queue_and_both_hear_each_other() -> Result<()> {
    let server = Server::start().await?;
    let baresip = Baresip::start(&server, "1001", &[])?;
    is_registered(&server, "1001", &baresip).await?;
    server.sets_agent("1001", "ready").await?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("301").await?;
    talk.plays_tone(440.0);
    talk.hears_tone(TONE).await.with_context(|| baresip.log())?;
    talk.listens_for(Duration::from_secs(2)).await?;
    ensure!(talk.heard().lost == 0, "{} lost", talk.heard().lost);
    ensure!(talk.hangs_up().await? == 200);
    server.agent_becomes("1001", "wrap_up").await?;
    let record = server.the_record().await?;
    ensure!(record["disposition"] == "answered", "{record}");
    let id = record["recordings"][0].as_str().context("a recording")?;
    let wav = server.recording(id).await?;
    ensure!(wav.time_with_tone(0, 440.0) >= Duration::from_secs(1));
    ensure!(wav.time_with_tone(1, TONE) >= Duration::from_secs(1));
    let heard = baresip.ends().await?;
    ensure!(
        heard.time_with_tone(0, 440.0) >= Duration::from_secs(1),
        "{:?}",
        heard.duration()
    );
    server.has_nothing_left().await
}

/// RFC 3842: a phone that is not ours subscribes to its messages and shows them.
#[tokio::test]
async fn baresip_shows_how_many_messages_wait() -> Result<()> {
    let server = Server::start().await?;
    let extension = server
        .find("/api/v1/sip/extensions", "extension", "1002")
        .await?;
    let id = extension["id"].as_str().context("an id")?;
    let path = format!("/api/v1/sip/extensions/{id}/message-summary");
    let baresip = Baresip::start_watching(&server, "1002")?;
    is_registered(&server, "1002", &baresip).await?;
    server
        .figure_reaches("offhook_sip_subscriptions", 1.0)
        .await
        .with_context(|| baresip.log())?;
    server.put(&path, json!({ "new": 3, "old": 4 })).await?;
    baresip.says("Voice-Message: 3/4").await
}

#[tokio::test]
async fn baresip_hears_itself_at_the_echo() -> Result<()> {
    let server = Server::start().await?;
    let baresip = Baresip::start(&server, "1002", &["/dial *43"])?;
    server
        .call_becomes("answered")
        .await
        .with_context(|| baresip.log())?;
    let call = server.the_call().await?;
    ensure!(call["from"] == "1002" && call["to"] == "*43", "{call}");
    let wait = Phone::extension(&server, "1000").await?;
    let talk = wait.dials("*43").await?;
    talk.plays_tone(500.0);
    talk.hears_tone(500.0).await?;
    talk.listens_for(Duration::from_secs(3)).await?;
    let path = format!("/api/v1/calls/{}", call["id"].as_str().context("id")?);
    server.delete(&path).await?;
    talk.hangs_up().await?;
    server.records(2).await?;
    let heard = baresip.ends().await?;
    ensure!(
        heard.time_with_tone(0, TONE) >= Duration::from_secs(1),
        "{:?}",
        heard.duration()
    );
    server.has_nothing_left().await
}

/// RFC 3261 section 26.3.2, RFC 5630 section 4.
#[tokio::test]
async fn baresip_registers_over_tls_is_called_and_calls() -> Result<()> {
    let spec = ServerSpec::configured("[sip]\ntls = [\"127.0.0.1:0\"]\n");
    let server = Server::start_with(spec).await?;
    let baresip = Baresip::start_encrypted(&server, "1001", &[])?;
    is_registered(&server, "1001", &baresip).await?;
    let page = server.get("/api/v1/sip/registrations").await?;
    ensure!(page["items"][0]["transport"] == "tls", "{page}");
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("1001").await?;
    talk.plays_tone(440.0);
    talk.hears_tone(TONE).await.with_context(|| baresip.log())?;
    talk.listens_for(Duration::from_secs(2)).await?;
    ensure!(talk.hangs_up().await? == 200);
    server.the_record().await?;
    let heard = baresip.ends().await?;
    ensure!(
        heard.time_with_tone(0, 440.0) >= Duration::from_secs(1),
        "{:?}",
        heard.duration()
    );

    let baresip = Baresip::start_encrypted(&server, "1002", &["/dial *43"])?;
    server
        .call_becomes("answered")
        .await
        .with_context(|| baresip.log())?;
    let call = server.the_call().await?;
    ensure!(call["from"] == "1002" && call["to"] == "*43", "{call}");
    baresip.ends().await?;
    Ok(())
}
