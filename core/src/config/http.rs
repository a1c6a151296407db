//! The HTTP API's address and limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::{Broken, units};

/// Section `[http]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Where requests are accepted. Port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The largest request body.
    #[serde(with = "units::size")]
    pub max_body_size: usize,
    /// A request that is not answered by then gets 503. Streams (events, audio) are exempt.
    #[serde(with = "units::duration")]
    pub request_timeout: Duration,
    /// Proxies whose `X-Forwarded-For` names the true source of a request.
    pub trusted_proxies: Vec<IpNet>,
    /// Failed authentications per minute and source before 429.
    pub max_failed_logins: u32,
    /// Event streams (WebSocket and SSE together) open at once.
    pub max_streams: usize,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            // Loopback, as for SIP; TLS is a reverse proxy's work.
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 8080)),
            // The largest legitimate body is a queue with a thousand agents.
            max_body_size: 256 * 1024,
            request_timeout: Duration::from_secs(15),
            trusted_proxies: Vec::new(),
            // Room for typing errors, none for guessing 256-bit tokens.
            max_failed_logins: 20,
            max_streams: 500,
        }
    }
}

impl HttpConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        if self.max_body_size < 1024 {
            return Err(("http.max_body_size", "must be at least 1KB"));
        }
        if self.request_timeout < Duration::from_millis(100) {
            return Err(("http.request_timeout", "must be at least 100ms"));
        }
        if self.max_failed_logins == 0 {
            return Err(("http.max_failed_logins", "must be at least 1"));
        }
        Ok(())
    }
}
