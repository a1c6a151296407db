//! SIP.js, the SIP stack of many web phones, over a secure WebSocket: in Node, with a voice of the
//! test's own in the place of a browser's.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::phone::{Carrier, Phone};
use offhook_tests::server::{Server, ServerSpec};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

const TONE: f64 = 650.0;

/// A running SIP.js that answers by itself and says [`TONE`].
struct SipJs {
    child: Child,
    commands: ChildStdin,
    news: Lines<BufReader<ChildStdout>>,
}

impl SipJs {
    fn start(server: &Server, extension: &str) -> Result<Self> {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/sipjs");
        ensure!(
            folder.join("node_modules/sip.js").exists(),
            "SIP.js is missing: npm ci --prefix {}",
            folder.display()
        );
        let url = format!("wss://{}", server.sip_over(Carrier::Wss)?);
        let password = server.sip_password(extension)?;
        let mut child = Command::new("node")
            .arg(folder.join("phone.mjs"))
            .args([
                &url,
                "offhook.local",
                extension,
                &password,
                &TONE.to_string(),
            ])
            .env(
                "NODE_EXTRA_CA_CERTS",
                server.data().join("tls/self-signed.crt"),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("node is missing: sudo apt-get install nodejs npm")?;
        let commands = child.stdin.take().context("no stdin")?;
        let news = child.stdout.take().context("no stdout")?;
        Ok(Self {
            child,
            commands,
            news: BufReader::new(news).lines(),
        })
    }

    async fn does(&mut self, command: &str) -> Result<()> {
        let line = format!("{command}\n");
        Ok(self.commands.write_all(line.as_bytes()).await?)
    }

    /// Waits until it says a line that begins with this word; answers the rest.
    async fn says(&mut self, word: &str) -> Result<String> {
        let mut before = Vec::new();
        let said = async {
            while let Some(line) = self.news.next_line().await? {
                if let Some(rest) = line.strip_prefix(word) {
                    return Ok(rest.trim().to_owned());
                }
                before.push(line);
            }
            anyhow::bail!("SIP.js has ended")
        };
        let said = timeout(PATIENCE, said).await;
        said.with_context(|| format!("SIP.js never says {word}"))?
            .with_context(|| format!("{before:?}"))
    }
}

/// RFC 7118 section 5 and RFC 5626 section 5.3, with a stack that is not ours.
#[tokio::test]
async fn sip_js_registers_is_called_calls_and_is_gone_with_its_socket() -> Result<()> {
    let config = "[sip]\nwss = [\"127.0.0.1:0\"]\n";
    let server = Server::start_with(ServerSpec::configured(config)).await?;
    let mut browser = SipJs::start(&server, "1001")?;
    browser.says("registered").await?;
    let page = server.get("/api/v1/sip/registrations").await?;
    ensure!(page["items"][0]["transport"] == "wss", "{page}");
    let phone = Phone::extension(&server, "1000").await?;

    let talk = phone.dials("1001").await?;
    ensure!(browser.says("called").await? == "1000");
    browser.says("answered").await?;
    talk.plays_tone(440.0);
    talk.hears_tone(TONE).await?;
    talk.listens_for(Duration::from_secs(1)).await?;
    ensure!(talk.hangs_up().await? == 200);
    let heard: u32 = browser.says("ended").await?.parse()?;
    ensure!(heard >= 40, "it heard {heard} packets");

    browser.does("call 1000").await?;
    let talk = phone.rings().await?.answers().await?;
    browser.says("answered").await?;
    talk.hears_tone(TONE).await?;
    browser.does("hangup").await?;
    talk.is_hung_up().await?;
    browser.says("ended").await?;

    browser.does("call 1002").await?;
    ensure!(browser.says("refused").await? == "480");

    browser.does("leave").await?;
    timeout(PATIENCE, browser.child.wait()).await??;
    let gone = |page: &serde_json::Value| !page.to_string().contains("\"1001\"");
    server.get_until("/api/v1/sip/registrations", gone).await?;
    ensure!(phone.calls("1001").await?.is_refused().await? == 480);
    server.has_nothing_left().await
}
