//! A start that fails.

use std::net::{SocketAddr, UdpSocket};

use anyhow::{Context, Result, bail};
use offhook_actors::root::{self, StartError};
use offhook_actors::store::Store;
use offhook_core::config::Config;
use tempfile::TempDir;

/// The database is gone between its opening and the start.
#[tokio::test]
async fn a_start_that_fails_leaves_no_port_bound() -> Result<()> {
    let data = TempDir::with_prefix("offhook-test-")?;
    let store = Store::open(data.path()).await?;
    std::fs::rename(data.path().join("offhook.db"), data.path().join("away"))?;
    let any = SocketAddr::from(([127, 0, 0, 77], 0));
    let free = UdpSocket::bind(any)?.local_addr()?;
    let mut config = Config::default();
    config.sip.udp = vec![free];
    config.sip.tcp = vec![free];
    match root::start(&config, store).await {
        Err(StartError::Store(_)) => {}
        other => bail!("it did not fail at the database: {other:?}"),
    }
    UdpSocket::bind(free).context("it is still listened on")?;
    Ok(())
}
