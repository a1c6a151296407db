//! The phone against SIPp, which knows nothing of us: its own two built-in scenarios.

use std::process::{ExitStatus, Stdio};

use anyhow::ensure;
use tokio::process::{Child, Command};

use super::*;

/// SIPp with these arguments on a port of its own, for one call.
struct Sipp {
    child: Child,
    address: SocketAddr,
    folder: tempfile::TempDir,
}

impl Sipp {
    fn start(arguments: &[&str]) -> Result<Self> {
        let free = std::net::UdpSocket::bind(("127.0.0.1", 0))?;
        let address = free.local_addr()?;
        drop(free);
        let folder = tempfile::tempdir()?;
        let child = Command::new("sipp")
            .args(arguments)
            .args(["-m", "1", "-i", "127.0.0.1", "-nostdin", "-timeout", "20"])
            .args(["-p", &address.port().to_string()])
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .context("sipp is missing: apt-get install sip-tester")?;
        Ok(Self {
            child,
            address,
            folder,
        })
    }

    /// Waits for its verdict: success means that every message was as its scenario wants it.
    async fn approves(mut self) -> Result<()> {
        let status: ExitStatus = timeout(PATIENCE * 2, self.child.wait()).await??;
        drop(self.folder);
        ensure!(status.success(), "sipp ended with {status}");
        Ok(())
    }
}

#[tokio::test]
async fn sipp_is_called_and_hung_up_on() {
    let sipp = Sipp::start(&["-sn", "uas"]).unwrap();
    let spec = PhoneSpec::new("alice", Some(sipp.address));
    let alice = Phone::new(spec).await.unwrap();
    // Its media port listens to nothing; the call is what counts.
    let talk = alice.dials("service").await.unwrap();
    assert_eq!(talk.hangs_up().await.unwrap(), 200);
    sipp.approves().await.unwrap();
}

#[tokio::test]
async fn sipp_calls_and_hangs_up() {
    let bob = Phone::new(PhoneSpec::new("bob", None)).await.unwrap();
    let remote = bob.address().to_string();
    let sipp = Sipp::start(&["-sn", "uac", "-d", "300", "-s", "bob", &remote]).unwrap();
    let ringing = bob.rings().await.unwrap();
    assert_eq!(ringing.caller(), "sipp");
    let talk = ringing.answers().await.unwrap();
    talk.is_hung_up().await.unwrap();
    sipp.approves().await.unwrap();
}

#[tokio::test]
async fn sipp_sees_a_refusal() {
    let bob = Phone::new(PhoneSpec::new("bob", None)).await.unwrap();
    let remote = bob.address().to_string();
    let sipp = Sipp::start(&["-sn", "uac", "-s", "bob", &remote]).unwrap();
    bob.rings().await.unwrap().rejects(486);
    // Its scenario wants a 200, so it must be discontent.
    assert!(sipp.approves().await.is_err());
}
