//! How a dialog is led where the protocol leaves a choice.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Which extensions a dialog of ours uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DialogOptions {
    /// Whether provisional responses are acknowledged.
    pub reliable: ReliableProvisional,
    /// Whether the session is refreshed, and how often.
    pub timer: SessionTimerPolicy,
}

impl DialogOptions {
    /// The option tags for `Supported`, which are also those a peer may `Require`.
    #[must_use]
    pub fn supported(&self) -> &'static str {
        match (self.reliable, self.timer.mode) {
            (ReliableProvisional::Off, _) => self.supported_in_dialog(),
            (_, SessionTimerMode::Off) => "100rel, replaces, norefersub",
            (_, SessionTimerMode::Accept | SessionTimerMode::Request) => {
                "100rel, timer, replaces, norefersub"
            }
        }
    }

    /// The same for requests within a dialog, where `100rel` is none of them.
    pub(super) fn supported_in_dialog(&self) -> &'static str {
        match self.timer.mode {
            SessionTimerMode::Off => "replaces, norefersub",
            SessionTimerMode::Accept | SessionTimerMode::Request => "timer, replaces, norefersub",
        }
    }
}

/// Acknowledged provisional responses, `100rel` (RFC 3262).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReliableProvisional {
    /// Neither sent nor understood: a peer that requires them is refused with 420.
    Off,
    /// Offered on our calls. A caller that knows them gets those with a session description
    /// reliably, and one that requires them gets them all so.
    #[default]
    Supported,
    /// Required on our calls. A caller that knows them gets all of them reliably; one that does not
    /// is served all the same.
    Required,
}

/// Whether sessions are refreshed (RFC 4028).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionTimerMode {
    /// Never: a peer that requires it is refused with 420.
    Off,
    /// Where the peer asks for it.
    #[default]
    Accept,
    /// On every call. A peer that does not know the extension is refreshed by us.
    Request,
}

/// The session timer and its lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTimerPolicy {
    /// Whether there is one.
    pub mode: SessionTimerMode,
    /// How long a session lasts without a refresh, in whole seconds.
    pub expires: Duration,
    /// The shortest time a peer may ask for, in whole seconds: a shorter one gets 422.
    pub min_se: Duration,
}

impl Default for SessionTimerPolicy {
    fn default() -> Self {
        Self {
            mode: SessionTimerMode::default(),
            // What RFC 4028 section 4 recommends.
            expires: Duration::from_secs(1800),
            // The least section 5 allows.
            min_se: Duration::from_secs(90),
        }
    }
}
