//! What is kept and sent elsewhere of signalling, for whoever looks for a fault.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Broken, units};

/// Section `[sip.trace]`: the SIP messages of calls, kept in memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TraceConfig {
    /// False: nothing is kept.
    pub enabled: bool,
    /// Messages kept of one call, of all its legs together. The first few stay, then the latest.
    pub messages: usize,
    /// Calls kept, those that are over included.
    pub calls: usize,
    /// Memory for all of them. The calls that ended longest ago make room first.
    #[serde(with = "units::size")]
    pub memory: usize,
}

impl Default for TraceConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            messages: 64,
            calls: 2000,
            memory: 64 << 20,
        }
    }
}

/// Section `[sip.hep]`: a copy of every SIP message for a capture server, by HEP version 3 over UDP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HepConfig {
    /// The capture server. None: no copies are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<SocketAddr>,
    /// Who we are among its agents.
    pub capture_id: u32,
    /// What it knows us by, if it asks for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

impl Default for HepConfig {
    fn default() -> Self {
        Self {
            address: None,
            capture_id: 2001,
            password: None,
        }
    }
}

/// Section `[geo]`: which country an address is in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GeoConfig {
    /// A country or city database in MaxMind's format. Without one, the country lists of extensions
    /// are not looked at. A file that is replaced is read anew within a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<PathBuf>,
}

impl TraceConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        if self.messages < 8 {
            return Err(("sip.trace.messages", "must be at least 8: one short call"));
        }
        if self.calls == 0 {
            return Err(("sip.trace.calls", "must be at least 1"));
        }
        Ok(())
    }
}

impl HepConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        if self.address.is_some_and(|address| address.port() == 0) {
            return Err(("sip.hep.address", "must name a port"));
        }
        Ok(())
    }
}
