//! The server as a process: signals, its end, its start again, and what it writes.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::time::{Instant, interval, timeout};

use super::{START, Server};
use crate::PATIENCE;

impl Server {
    /// Ends the server with SIGTERM and waits until it has ended.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn terminates(&mut self) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.ends().await
    }

    /// Sends SIGTERM and goes on while it drains.
    ///
    /// # Errors
    /// When there is no process any more.
    pub fn is_told_to_stop(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn ends(&mut self) -> Result<ExitStatus> {
        let ended = timeout(PATIENCE * 2, self.child.wait()).await;
        Ok(ended.context("offhook does not end")??)
    }

    /// True while its process lives.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn is_alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// Ends the server with SIGKILL.
    ///
    /// # Errors
    /// When there is no process any more.
    pub async fn is_killed(&mut self) -> Result<()> {
        Ok(self.child.kill().await?)
    }

    /// Sends it a signal.
    ///
    /// # Errors
    /// When there is no process any more.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let pid = self.child.id().context("offhook has ended")?;
        let pid = Pid::from_raw(i32::try_from(pid)?).context("no process")?;
        Ok(kill_process(pid, signal)?)
    }

    /// Starts it again on the same data and the same addresses.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn restarts(mut self) -> Result<Self> {
        if self.is_alive()? {
            self.is_killed().await?;
        }
        let http = self
            .credentials
            .http
            .trim_start_matches("http://")
            .parse()?;
        let addresses = (self.credentials.sip, http);
        Self::launch(
            self.spec.clone(),
            Arc::clone(&self.data),
            addresses,
            self.rtp_ports,
        )
        .await
    }

    /// Everything the server wrote.
    #[must_use]
    pub fn log(&self) -> String {
        let log = fs::read(self.data.path().join("server.log")).unwrap_or_default();
        String::from_utf8_lossy(&log).into_owned()
    }

    /// Waits until the server has written these words.
    ///
    /// # Errors
    /// When it does not.
    pub async fn says(&self, words: &str) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let mut look = interval(Duration::from_millis(50));
        while !self.log().contains(words) {
            ensure!(Instant::now() < deadline, "it never says {words:?}");
            look.tick().await;
        }
        Ok(())
    }

    /// The last lines the server wrote.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines
            .get(lines.len().saturating_sub(40)..)
            .unwrap_or_default()
            .join("\n")
    }

    /// Makes sure that nothing in the server has panicked.
    ///
    /// # Errors
    /// When something has; the error quotes it.
    pub fn has_not_panicked(&self) -> Result<()> {
        let log = self.log();
        let panic = log.lines().find(|line| line.contains("panicked"));
        ensure!(panic.is_none(), "{panic:?}");
        Ok(())
    }
}

/// The binary, run to its end.
#[derive(Debug)]
pub struct Program {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The standard output.
    pub output: String,
    /// The standard error.
    pub errors: String,
}

impl Program {
    /// Runs `offhook` with these arguments until it ends.
    ///
    /// # Errors
    /// When it is not built, or does not end.
    pub async fn runs<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Result<Self> {
        let mut command = Command::new(binary()?);
        command.args(arguments);
        Self::of(command).await
    }

    /// Runs a command until it ends.
    ///
    /// # Errors
    /// When it cannot be started, or does not end.
    pub async fn of(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).kill_on_drop(true);
        let ended = timeout(START, command.output()).await;
        let output = ended.context("it does not end")??;
        Ok(Self {
            code: output.status.code(),
            output: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Makes sure that it ended with this code and one sentence that holds all of these words.
    ///
    /// # Errors
    /// When it did not.
    pub fn failed_with(&self, code: i32, words: &[&str]) -> Result<()> {
        ensure!(self.code == Some(code), "{self:?}");
        let said = self.errors.trim_end();
        ensure!(said.starts_with("offhook: "), "{said}");
        ensure!(said.lines().count() == 1, "not one sentence: {said}");
        for word in words {
            ensure!(said.contains(word), "no {word:?} in: {said}");
        }
        Ok(())
    }
}

/// The binary: `OFFHOOK_BIN`, or what cargo says, or the one beside the test's own folder.
///
/// # Errors
/// When it is not built.
pub fn binary() -> Result<PathBuf> {
    for name in ["OFFHOOK_BIN", "CARGO_BIN_EXE_offhook"] {
        if let Some(path) = env::var_os(name) {
            return Ok(path.into());
        }
    }
    let test = env::current_exe()?;
    let mut folders = test.ancestors().skip(1).take(3);
    let found = folders.find_map(|folder| {
        let path = folder.join("offhook");
        path.is_file().then_some(path)
    });
    found.context("no offhook binary: run `cargo build -p offhook-api` first, or set OFFHOOK_BIN")
}
