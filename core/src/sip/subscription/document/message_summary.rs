//! Voice messages of one extension (RFC 3842).

use std::fmt::Write as _;

/// How many messages wait.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MessageSummary {
    /// The address to call for listening to them.
    pub account: String,
    /// Not heard yet, urgent ones included.
    pub new: u32,
    /// Heard and kept, urgent ones included.
    pub old: u32,
    /// Urgent ones among the new.
    pub urgent_new: u32,
    /// Urgent ones among the old.
    pub urgent_old: u32,
}

impl MessageSummary {
    /// The body of a NOTIFY (RFC 3842 section 5.2).
    #[must_use]
    pub fn write(&self) -> String {
        let mut text = String::with_capacity(128);
        let waiting = if self.new > 0 { "yes" } else { "no" };
        // Writing to a text cannot fail.
        write!(
            text,
            "Messages-Waiting: {waiting}\r\nMessage-Account: {}\r\n\
             Voice-Message: {}/{} ({}/{})\r\n",
            self.account, self.new, self.old, self.urgent_new, self.urgent_old
        )
        .ok();
        text
    }
}
