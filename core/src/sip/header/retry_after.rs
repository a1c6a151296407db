//! `Retry-After`: when it is worth asking again.

use std::time::Duration;

use bytes::Bytes;

use super::error;
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// `120 (in a meeting);duration=3600` (RFC 3261 section 20.33), of which only the wait is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryAfter(pub u32);

impl RetryAfter {
    /// Reads the value; comment and parameters are skipped.
    ///
    /// # Errors
    /// When it does not begin with a number below 2³².
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let text = lex::trim(value);
        let end = text
            .iter()
            .position(|byte| lex::is_lws(*byte) || b"(;".contains(byte));
        let seconds = lex::number(&text[..end.unwrap_or(text.len())], u64::from(u32::MAX));
        match seconds.and_then(|seconds| u32::try_from(seconds).ok()) {
            Some(seconds) => Ok(Self(seconds)),
            None => error(&HeaderName::RetryAfter, 0, HeaderErrorKind::Number),
        }
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
