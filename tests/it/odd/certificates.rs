//! Certificates that change, break, or are missing.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use offhook_tests::PATIENCE;
use offhook_tests::phone::{Carrier, Passport, encrypt};
use offhook_tests::server::{Program, Server, ServerSpec};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustix::process::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval, timeout};

const OPTIONS: &[u8] = b"OPTIONS sip:offhook.local SIP/2.0\r\n\
    Via: SIP/2.0/TLS 127.0.0.2:5061;branch=z9hG4bKcert\r\n\
    From: <sip:stranger@127.0.0.2>;tag=1\r\n\
    To: <sip:offhook.local>\r\n\
    Call-ID: cert\r\n\
    CSeq: 1 OPTIONS\r\n\
    Max-Forwards: 70\r\n\
    Content-Length: 0\r\n\r\n";

/// Makes a certificate with its key in `folder`.
fn make(folder: &Path) -> Result<()> {
    let key = KeyPair::generate()?;
    let params = CertificateParams::new(vec!["office.example".to_owned()])?;
    fs::write(folder.join("key.pem"), key.serialize_pem())?;
    fs::write(folder.join("own.pem"), params.self_signed(&key)?.pem())?;
    Ok(())
}

fn config(folder: &Path, more: &str) -> String {
    let folder = folder.display();
    format!(
        "[sip]\ntls = [\"127.0.0.1:0\"]\n[sip.encryption]\n\
         certificate = \"{folder}/own.pem\"\nkey = \"{folder}/key.pem\"\n{more}"
    )
}

/// The certificate the server shows to somebody new.
async fn shown(address: SocketAddr) -> Result<Vec<u8>> {
    let stream = encrypt(TcpStream::connect(address).await?, None).await?;
    let chain = stream.get_ref().1.peer_certificates();
    let first = chain.and_then(|chain| chain.first());
    Ok(first.context("no certificate")?.to_vec())
}

/// Waits until the server shows another certificate than this one.
async fn changes(address: SocketAddr, before: &[u8]) -> Result<Vec<u8>> {
    let deadline = Instant::now() + PATIENCE;
    let mut look = interval(Duration::from_millis(100));
    loop {
        look.tick().await;
        let now = shown(address).await?;
        if now != before {
            return Ok(now);
        }
        ensure!(Instant::now() < deadline, "the old certificate stays");
    }
}

/// Whether somebody with this certificate is spoken with.
async fn is_heard(address: SocketAddr, passport: Option<&Passport>) -> bool {
    let spoken = async {
        let mut stream = encrypt(TcpStream::connect(address).await?, passport).await?;
        stream.write_all(OPTIONS).await?;
        let mut answer = [0; 12];
        timeout(PATIENCE, stream.read_exact(&mut answer)).await??;
        anyhow::Ok(answer == *b"SIP/2.0 200 ")
    };
    spoken.await.unwrap_or(false)
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart_and_a_broken_one_is_not() -> Result<()> {
    let folder = TempDir::new()?;
    make(folder.path())?;
    let server = Server::start_with(ServerSpec::configured(&config(folder.path(), ""))).await?;
    let address = server.sip_over(Carrier::Tls)?;
    let first = shown(address).await?;
    // A connection that stands is not disturbed.
    let mut standing = encrypt(TcpStream::connect(address).await?, None).await?;
    make(folder.path())?;
    let second = changes(address, &first).await?;
    standing.write_all(OPTIONS).await?;
    let mut answer = [0; 12];
    timeout(PATIENCE, standing.read_exact(&mut answer)).await??;

    fs::write(folder.path().join("own.pem"), "nonsense")?;
    server.signal(Signal::HUP)?;
    server
        .says("the old certificate stays in use")
        .await
        .context("the broken file")?;
    ensure!(shown(address).await? == second);
    make(folder.path())?;
    server.signal(Signal::HUP)?;
    changes(address, &second).await?;
    Ok(())
}

#[tokio::test]
async fn a_certificate_made_at_the_first_start_is_still_there_at_the_second() -> Result<()> {
    let spec = ServerSpec::configured("[sip]\ntls = [\"127.0.0.1:0\"]\n");
    let server = Server::start_with(spec).await?;
    ensure!(server.log().contains("nobody vouches for"));
    let first = shown(server.sip_over(Carrier::Tls)?).await?;
    let server = server.restarts().await?;
    ensure!(shown(server.sip_over(Carrier::Tls)?).await? == first);
    Ok(())
}

/// RFC 5922 section 7.4: a peer may have to show a certificate of its own.
#[tokio::test]
async fn peers_show_certificates_where_they_have_to() -> Result<()> {
    let folder = TempDir::new()?;
    make(folder.path())?;
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    fs::write(folder.path().join("ca.pem"), authority.pem())?;
    let key = KeyPair::generate()?;
    let peer = CertificateParams::new(vec!["sbc.example.com".to_owned()])?;
    let good = peer.signed_by(&key, &authority)?.pem();
    let bad = peer.self_signed(&key)?.pem();
    let key = key.serialize_pem();
    let [good, bad] = [good, bad].map(|certificate| Passport {
        certificate,
        key: key.clone(),
    });
    for (mode, nobody) in [("optional", true), ("required", false)] {
        let ca = folder.path().join("ca.pem");
        let more = format!(
            "client_auth = \"{mode}\"\nclient_ca = \"{}\"\n",
            ca.display()
        );
        let spec = ServerSpec::configured(&config(folder.path(), &more));
        let server = Server::start_with(spec).await?;
        let address = server.sip_over(Carrier::Tls)?;
        ensure!(is_heard(address, Some(&good)).await, "{mode}: good");
        ensure!(!is_heard(address, Some(&bad)).await, "{mode}: bad");
        ensure!(is_heard(address, None).await == nobody, "{mode}: none");
        server.has_not_panicked()?;
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_ends_the_start_with_one_sentence() -> Result<()> {
    let folder = TempDir::new()?;
    make(folder.path())?;
    let data = folder.path().join("data");
    let file = folder.path().join("offhook.toml");
    fs::write(&file, config(folder.path(), ""))?;
    fs::write(folder.path().join("key.pem"), "nonsense")?;
    let serve = |file: &Path| {
        let file = file.display().to_string();
        let data = data.display().to_string();
        Program::runs(
            [
                "serve",
                "--http",
                "127.0.0.1:0",
                "--sip",
                "127.0.0.1:0",
                "--config",
                &file,
            ]
            .map(str::to_owned)
            .into_iter()
            .chain(["--data".to_owned(), data]),
        )
    };
    let words = ["key.pem", "a private key"];
    serve(&file).await?.failed_with(1, &words)?;
    fs::write(&file, "[sip.encryption]\nkey = \"/a/key.pem\"\n")?;
    let words = ["sip.encryption.certificate", "needs its certificate"];
    serve(&file).await?.failed_with(2, &words)
}
