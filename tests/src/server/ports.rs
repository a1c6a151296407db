//! Where the server listens, as it says itself.

use std::net::SocketAddr;

use anyhow::{Context, Result};

use super::Server;
use crate::phone::Carrier;

impl Server {
    /// Where SIP is served over this carrier.
    ///
    /// # Errors
    /// When the server did not say.
    pub fn sip_over(&self, carrier: Carrier) -> Result<SocketAddr> {
        let wanted = format!("{carrier:?}").to_ascii_lowercase();
        let log = self.log();
        let lines = log
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut addresses = lines.filter_map(|words| match words[..] {
            ["SIP", carrier, address] if carrier == wanted => Some(address.to_owned()),
            _ => None,
        });
        // A server that was started again has said so twice.
        let address = addresses.next_back();
        let address = address.with_context(|| format!("no SIP over {carrier:?}"))?;
        Ok(address.parse()?)
    }
}
