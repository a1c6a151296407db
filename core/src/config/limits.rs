//! How much at once, and how long to wait at the end.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Broken, units};

/// Section `[limits]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LimitsConfig {
    /// Calls at once; further ones are refused with 503.
    pub calls: usize,
    /// How long calls in progress may go on after the server was told to stop.
    #[serde(with = "units::duration")]
    pub drain_timeout: Duration,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self {
            // What the default RTP ports carry: two legs a call.
            calls: 500,
            // Below the 90 s after which service managers usually lose patience.
            drain_timeout: Duration::from_secs(60),
        }
    }
}

impl LimitsConfig {
    pub(crate) fn check(&self) -> Result<(), Broken> {
        if self.calls == 0 {
            return Err(("limits.calls", "must be at least 1"));
        }
        Ok(())
    }
}
