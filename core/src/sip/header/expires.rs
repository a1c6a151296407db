//! `Expires` and `Min-Expires`: how long something holds.

use std::time::Duration;

use bytes::Bytes;

use super::error;
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// Seconds (RFC 3261 section 20.19).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expires(pub u32);

impl Expires {
    /// Reads the value.
    ///
    /// # Errors
    /// When it is no number below 2³².
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        match Self::read(value) {
            Some(expires) => Ok(expires),
            None => error(&HeaderName::Expires, 0, HeaderErrorKind::Number),
        }
    }

    /// The same for a bare text, such as an `expires` parameter.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let seconds = lex::number(lex::trim(text), u64::from(u32::MAX))?;
        u32::try_from(seconds).ok().map(Self)
    }

    /// The length of time.
    #[must_use]
    pub fn duration(self) -> Duration {
        Duration::from_secs(u64::from(self.0))
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(self) -> Bytes {
        self.0.to_string().into()
    }
}
