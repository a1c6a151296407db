//! SIPp, with the scenarios of `tests/sipp`.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::phone::Phone;
use offhook_tests::server::Server;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::free_address;

/// A running SIPp.
pub(crate) struct Sipp {
    child: Child,
    folder: TempDir,
}

impl Sipp {
    /// Plays a scenario against the server so many times, from an address of its own.
    pub(crate) fn plays(
        scenario: &str,
        server: &Server,
        count: u32,
        arguments: &[&str],
    ) -> Result<Self> {
        Self::plays_from(free_address()?, scenario, server, count, arguments)
    }

    /// Plays a scenario against the server so many times, from this address.
    pub(crate) fn plays_from(
        address: SocketAddr,
        scenario: &str,
        server: &Server,
        count: u32,
        arguments: &[&str],
    ) -> Result<Self> {
        let remote = server.sip().to_string();
        let mut all = arguments.to_vec();
        all.push(&remote);
        Self::takes_part(address, scenario, count, &all)
    }

    /// Waits at this address for so many calls of a scenario.
    pub(crate) fn waits(address: SocketAddr, scenario: &str, count: u32) -> Result<Self> {
        Self::takes_part(address, scenario, count, &[])
    }

    fn takes_part(
        address: SocketAddr,
        scenario: &str,
        count: u32,
        arguments: &[&str],
    ) -> Result<Self> {
        let (file, count) = (scenarios().join(scenario), count.to_string());
        let mut all = vec!["-sf", file.to_str().context("a path")?, "-m", &count];
        all.extend(arguments);
        Self::start(address, &all)
    }

    fn start(address: SocketAddr, arguments: &[&str]) -> Result<Self> {
        let folder = TempDir::new()?;
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let errors = folder.path().join("errors.log");
        let screen = fs::File::create(folder.path().join("screen.log"))?;
        let child = Command::new("sipp")
            .args(["-i", &ip, "-mi", &ip, "-p", &port])
            .args(["-nostdin", "-timeout", "20", "-timeout_error"])
            .args(["-trace_err", "-error_file"])
            .arg(errors)
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(screen.try_clone()?)
            .stderr(screen)
            .kill_on_drop(true)
            .spawn()
            .context("sipp is missing: sudo apt-get install sip-tester")?;
        Ok(Self { child, folder })
    }

    /// Waits for its verdict: every message was as the scenario wants it, in every call.
    pub(crate) async fn approves(mut self) -> Result<()> {
        let status = timeout(PATIENCE * 2, self.child.wait()).await;
        let status = status.context("sipp does not end")??;
        let errors = fs::read_to_string(self.folder.path().join("errors.log"));
        let screen = fs::read_to_string(self.folder.path().join("screen.log"));
        let said = errors.or(screen).unwrap_or_default();
        ensure!(status.success(), "sipp ended with {status}:\n{said}");
        Ok(())
    }
}

/// The folder of the scenarios.
pub(super) fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sipp")
}

/// Registers the demo office's phones at this address, so many times, one after the other.
pub(crate) async fn registers_all(server: &Server, address: SocketAddr, times: u32) -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("phones.csv");
    let mut lines = "SEQUENTIAL\n".to_owned();
    for phone in &server.credentials().extensions {
        let (number, secret) = (&phone.extension, &phone.password);
        lines += &format!("{number};[authentication username={number} password={secret}]\n");
    }
    fs::write(&file, lines)?;
    let arguments = ["-inf", file.to_str().context("a path")?, "-r", "100"];
    let sipp = Sipp::plays_from(address, "register.xml", server, times, &arguments)?;
    sipp.approves().await
}

#[tokio::test]
async fn an_extension_proves_itself_and_calls_a_phone_and_the_echo() -> Result<()> {
    let server = Server::start().await?;
    let secret = server.sip_password("1000")?;
    let phone = Phone::extension(&server, "1001").await?;
    let keys = ["-key", "extension", "1000", "-au", "1000", "-ap", &secret];
    let mut arguments = vec!["-s", "1001"];
    arguments.extend(keys);
    let sipp = Sipp::plays("extension.xml", &server, 1, &arguments)?;
    let ringing = phone.rings().await?;
    ensure!(ringing.caller() == "1000", "{}", ringing.caller());
    ringing.answers().await?.is_hung_up().await?;
    sipp.approves().await?;

    arguments[1] = "*43";
    Sipp::plays("extension.xml", &server, 5, &arguments)?
        .approves()
        .await?;
    let records = server.records(6).await?;
    for record in &records {
        ensure!(record["disposition"] == "answered", "{record}");
        ensure!(record["from"] == "1000", "{record}");
    }
    server.has_nothing_left().await
}

/// RFC 6665 sections 4.2.1 and 4.2.2, by a watcher that is not ours.
#[tokio::test]
async fn a_watcher_subscribes_is_told_and_leaves_forty_times() -> Result<()> {
    let server = Server::start().await?;
    let secret = server.sip_password("1000")?;
    let mut arguments = vec!["-s", "1001", "-r", "50", "-l", "1"];
    arguments.extend(["-key", "extension", "1000", "-au", "1000", "-ap", &secret]);
    Sipp::plays("subscribe.xml", &server, 40, &arguments)?
        .approves()
        .await?;
    let figures = ["offhook_sip_subscriptions"];
    server.figures_vanish(&figures, PATIENCE).await?;
    server.has_not_panicked()
}

#[tokio::test]
async fn a_wrong_password_gets_no_call_through() -> Result<()> {
    let server = Server::start().await?;
    let arguments = [
        "-s",
        "*43",
        "-key",
        "extension",
        "1000",
        "-au",
        "1000",
        "-ap",
        "guessed",
    ];
    let sipp = Sipp::plays("extension.xml", &server, 1, &arguments)?;
    ensure!(sipp.approves().await.is_err(), "the call went through");
    ensure!(server.list("/api/v1/cdrs").await?.is_empty());
    server.has_nothing_left().await
}

#[tokio::test]
async fn twenty_callers_a_second_reach_the_menu_through_the_trunk() -> Result<()> {
    let server = Server::start().await?;
    let did = server.credentials().did.clone();
    let arguments = ["-s", &*did, "-r", "20", "-l", "40"];
    Sipp::plays("trunk.xml", &server, 40, &arguments)?
        .approves()
        .await?;
    for record in server.records(40).await? {
        ensure!(record["to"] == did.as_str(), "{record}");
        ensure!(record["ended_by"] == "caller", "{record}");
    }
    server.has_nothing_left().await?;
    server.has_not_panicked()
}

#[tokio::test]
async fn a_storm_of_registrations_is_answered_and_whoever_registered_can_be_called() -> Result<()> {
    let server = Server::start().await?;
    let address = free_address()?;
    registers_all(&server, address, 200).await?;
    let bindings = server.list("/api/v1/sip/registrations").await?;
    ensure!(bindings.len() == 4, "one for each phone: {bindings:?}");

    let callee = Sipp::start(address, &["-sn", "uas", "-m", "1"])?;
    let caller = Phone::extension(&server, "1000").await?;
    let talk = caller.dials("1002").await?;
    ensure!(talk.hangs_up().await? == 200);
    callee.approves().await?;
    server.has_nothing_left().await
}
