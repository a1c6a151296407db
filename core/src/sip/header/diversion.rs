//! `Diversion`: who sent a call on, and why (RFC 5806). Carriers read it more often than
//! `History-Info`.

use bytes::Bytes;

use super::{NameAddr, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::uri::Uri;

/// Why a call was sent on (RFC 5806 section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiversionReason {
    /// Not said, or in words we do not know.
    Unknown,
    /// Busy.
    UserBusy,
    /// Nobody answered.
    NoAnswer,
    /// Not reachable.
    Unavailable,
    /// Always.
    Unconditional,
    /// Somebody sent on this one call.
    Deflection,
}

impl DiversionReason {
    const WORDS: [(Self, &'static str); 6] = [
        (Self::Unknown, "unknown"),
        (Self::UserBusy, "user-busy"),
        (Self::NoAnswer, "no-answer"),
        (Self::Unavailable, "unavailable"),
        (Self::Unconditional, "unconditional"),
        (Self::Deflection, "deflection"),
    ];

    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        let row = Self::WORDS.iter().find(|row| row.0 == self);
        row.map_or("unknown", |row| row.1)
    }

    fn parse(word: &[u8]) -> Self {
        let row = Self::WORDS
            .iter()
            .find(|row| word.eq_ignore_ascii_case(row.1.as_bytes()));
        row.map_or(Self::Unknown, |row| row.0)
    }
}

/// One step of a call that was sent on: `<sip:300@example.com>;reason=no-answer`. The latest step
/// is the first in the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diversion {
    /// Who sent it on.
    pub uri: Bytes,
    /// Why.
    pub reason: DiversionReason,
}

impl Diversion {
    /// Reads one step.
    ///
    /// # Errors
    /// When it is no address.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let address = NameAddr::parse(value, &HeaderName::Diversion)?;
        let reason = address.params.text("reason");
        Ok(Self {
            reason: reason.map_or(DiversionReason::Unknown, |word| {
                DiversionReason::parse(&word)
            }),
            uri: address.uri,
        })
    }

    /// The number that was dialled before the call was sent on.
    ///
    /// # Errors
    /// When the URI has none.
    pub fn number(&self) -> Result<String, HeaderError> {
        let user = Uri::parse(&self.uri).ok().and_then(|uri| uri.user_text());
        match user {
            Some(user) => Ok(user),
            None => error(&HeaderName::Diversion, 0, HeaderErrorKind::Uri),
        }
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut address = NameAddr::new(self.uri.clone());
        address.params.set("reason", Some(self.reason.as_str()));
        address.write()
    }
}
