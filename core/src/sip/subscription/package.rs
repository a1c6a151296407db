//! The event packages we notify of.

use std::time::Duration;

use crate::sip::header::Event;

/// The packages as `Allow-Events` lists them.
pub const ALLOW_EVENTS: &str = "dialog, message-summary, presence, reg";

/// An event package: which state of an extension is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Package {
    /// Its calls: the busy lamp field (RFC 4235).
    Dialog,
    /// Its voice messages: the message waiting indicator (RFC 3842).
    MessageSummary,
    /// Whether its user can be reached (RFC 3856).
    Presence,
    /// Its registered phones (RFC 3680).
    Reg,
}

impl Package {
    /// Every package.
    pub const ALL: [Self; 4] = [
        Self::Dialog,
        Self::MessageSummary,
        Self::Presence,
        Self::Reg,
    ];

    /// The package an `Event` header names.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|package| event.is(package.name()))
    }

    /// Its name in `Event`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::MessageSummary => "message-summary",
            Self::Presence => "presence",
            Self::Reg => "reg",
        }
    }

    /// Type and subtype of its documents.
    #[must_use]
    pub fn content_type(self) -> (&'static str, &'static str) {
        match self {
            Self::Dialog => ("application", "dialog-info+xml"),
            Self::MessageSummary => ("application", "simple-message-summary"),
            Self::Presence => ("application", "pidf+xml"),
            Self::Reg => ("application", "reginfo+xml"),
        }
    }

    /// How soon after a NOTIFY a change may be told: RFC 4235 section 3.9, RFC 3842 section 3.9,
    /// RFC 3856 section 6.10, RFC 3680 section 4.10. Answers to SUBSCRIBE are not held back.
    #[must_use]
    pub fn min_interval(self) -> Duration {
        match self {
            Self::Dialog | Self::MessageSummary => Duration::from_secs(1),
            Self::Presence | Self::Reg => Duration::from_secs(5),
        }
    }

    /// Whether several resources may be watched by one subscription to a list (RFC 4662).
    #[must_use]
    pub fn allows_lists(self) -> bool {
        matches!(self, Self::Dialog | Self::Presence)
    }
}
