//! What phones are told without a call: waiting messages, and lists of extensions to watch.

use crate::id::ExtensionId;

/// How many voice messages wait for an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageCounts {
    /// Not heard yet, urgent ones included.
    pub new: u32,
    /// Heard and kept, urgent ones included.
    pub old: u32,
    /// Urgent ones among the new.
    pub urgent_new: u32,
    /// Urgent ones among the old.
    pub urgent_old: u32,
}

/// The message waiting indicator of an extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WaitingMessages {
    /// The messages.
    pub counts: MessageCounts,
    /// Whether its phones are told even if they have not asked.
    pub unsolicited: bool,
}

/// Extensions that a phone watches by one subscription (RFC 4662).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchList {
    /// What a phone subscribes to: the user part of the list's address.
    pub name: String,
    /// The extensions, in the order in which they are shown.
    pub extensions: Vec<ExtensionId>,
}
