//! Who calls: as carriers tell us, as we tell carriers, and as phones are shown it (RFC 3325, RFC
//! 3323).
//!
//! Only a trunk is trusted. What an extension claims in `P-Asserted-Identity` is not read. What a
//! carrier asserted of a caller who wants to stay unknown is told to no phone, and to no other carrier
//! that is not set to hear it ([`HiddenCallers::All`](crate::directory::HiddenCallers)): trunks with
//! that setting are one trust domain (RFC 3324).

mod incoming;
mod outgoing;
#[cfg(test)]
mod tests;

pub use incoming::{called, incoming, privacy_wish};
pub use outgoing::{CallerOrigin, Calling, Presented, from_header, present};

use serde::{Deserialize, Serialize};

use crate::pii::Pii;

/// The user part of a caller who stays unknown (RFC 3323 section 4.1.1.3).
pub const ANONYMOUS: &str = "anonymous";

/// Whether the called side may know who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privacy {
    /// It may.
    #[default]
    Shown,
    /// It may not.
    Hidden,
}

/// A caller from outside, as it is shown here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Caller {
    /// The number, in E.164 form where that is certain; [`ANONYMOUS`] if it is hidden.
    pub number: String,
    /// The display name.
    pub name: Option<String>,
    /// Whether the caller wants to stay unknown.
    pub privacy: Privacy,
    /// The number that the carrier asserted of a caller who wants to stay unknown. It is for trusted
    /// carriers alone (RFC 3325 section 7).
    pub asserted: Option<Pii>,
}
