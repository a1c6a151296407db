//! Starts that cannot succeed end with one sentence and the right exit code.

use std::fs::{self, Permissions};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::Result;
use offhook_tests::server::{Program, Server, binary};
use tempfile::TempDir;
use tokio::process::Command;

const ANY: &str = "127.0.0.1:0";

fn serve<'a>(data: &'a Path, sip: &'a str, http: &'a str) -> Vec<&'a str> {
    let data = data.to_str().unwrap_or_default();
    vec![
        "serve", "--demo", "--data", data, "--sip", sip, "--http", http,
    ]
}

#[tokio::test]
async fn a_port_that_others_use_is_named() -> Result<()> {
    let data = TempDir::new()?;
    let taken = UdpSocket::bind(ANY)?;
    let address = taken.local_addr()?.to_string();
    let program = Program::runs(serve(data.path(), &address, ANY)).await?;
    program.failed_with(1, &["SIP", "UDP", &address, "in use"])?;

    let taken = TcpListener::bind(ANY)?;
    let address = taken.local_addr()?.to_string();
    let program = Program::runs(serve(data.path(), &address, ANY)).await?;
    program.failed_with(1, &["SIP", "TCP", &address, "in use"])?;

    let program = Program::runs(serve(data.path(), ANY, &address)).await?;
    program.failed_with(1, &["HTTP", &address, "in use"])
}

#[tokio::test]
async fn a_data_folder_belongs_to_one_server() -> Result<()> {
    let server = Server::start().await?;
    let program = Program::runs(serve(server.data(), ANY, ANY)).await?;
    let folder = server.data().display().to_string();
    program.failed_with(1, &[&folder, "in use by another"])?;
    super::a_call_works(&server).await
}

#[tokio::test]
async fn a_bad_configuration_is_refused_with_file_line_and_key() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("offhook.toml");
    let name = file.display().to_string();
    for (text, words) in [
        (
            "[sip]\nudp = [\"127.0.0.1:5060\"]\nrelm = \"x\"\n",
            &["line 3", "sip.relm", "realm"][..],
        ),
        ("[limits]\ncalls = \"many\"\n", &["line 2", "limits.calls"]),
        (
            "\n[media]\nrtp_timeout = \"soon\"\n",
            &["line 3", "media.rtp_timeout"],
        ),
        ("[limits]\ncalls = 0\n", &["limits.calls", "at least 1"]),
        ("[sip\n", &["line 1", "TOML"]),
        ("[[sip]]\n", &["sip"]),
    ] {
        fs::write(&file, text)?;
        let mut words = words.to_vec();
        words.push(&name);
        let mut arguments = serve(folder.path(), ANY, ANY);
        arguments.extend(["--config", &name]);
        Program::runs(arguments).await?.failed_with(2, &words)?;
        let check = Program::runs(["check", "--config", &name]).await?;
        check.failed_with(2, &words)?;
    }
    fs::write(&file, [0xff, 0xfe, 0])?;
    let check = Program::runs(["check", "--config", &name]).await?;
    check.failed_with(2, &[&name, "UTF-8"])?;
    fs::remove_file(&file)?;
    let check = Program::runs(["check", "--config", &name]).await?;
    check.failed_with(2, &[&name, "No such file"])
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_used_is_named() -> Result<()> {
    let folder = TempDir::new()?;
    let file = folder.path().join("file");
    fs::write(&file, "in the way")?;
    let data = file.join("data");
    let program = Program::runs(serve(&data, ANY, ANY)).await?;
    program.failed_with(1, &["cannot use", &data.display().to_string()])?;

    let database = folder.path().join("offhook.db");
    fs::write(
        &database,
        "this is no database, but it is long enough to be looked at",
    )?;
    let program = Program::runs(serve(folder.path(), ANY, ANY)).await?;
    program.failed_with(
        1,
        &[&database.display().to_string(), "not an Offhook database"],
    )
}

#[tokio::test]
async fn a_read_only_data_folder_is_named() -> Result<()> {
    let folder = TempDir::new()?;
    let data = folder.path().join("data");
    fs::create_dir(&data)?;
    fs::set_permissions(&data, Permissions::from_mode(0o555))?;
    let mut command = as_nobody(folder.path())?;
    command.args(serve(&data, ANY, ANY));
    let program = Program::of(command).await?;
    let name = data.display().to_string();
    program.failed_with(1, &["cannot use", &name, "ermission denied"])
}

/// The program as somebody whom permissions bind: root may write everywhere.
fn as_nobody(folder: &Path) -> Result<Command> {
    if fs::write(folder.join("data/probe"), "").is_err() {
        return Ok(Command::new(binary()?));
    }
    fs::remove_file(folder.join("data/probe"))?;
    fs::set_permissions(folder, Permissions::from_mode(0o755))?;
    let copy = folder.join("offhook");
    fs::copy(binary()?, &copy)?;
    let mut command = Command::new(copy);
    command.uid(65_534);
    Ok(command)
}
