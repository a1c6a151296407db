//! WebSockets that carry SIP.

use serde::{Deserialize, Serialize};

/// Section `[sip.websocket]`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WebSocketConfig {
    /// The web pages that may connect, as browsers name them in `Origin`:
    /// `"https://phone.example.com"`. Empty: any, because phones prove themselves by password, not by
    /// cookies a foreign page could use.
    pub origins: Vec<String>,
}
