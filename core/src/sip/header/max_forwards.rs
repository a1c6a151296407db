//! `Max-Forwards`: how many more hops a request may take.

use bytes::Bytes;

use super::error;
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// The number of hops left (RFC 3261 section 20.22).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxForwards(pub u8);

impl MaxForwards {
    /// What a request starts with.
    pub const DEFAULT: Self = Self(70);

    /// Reads the value.
    ///
    /// # Errors
    /// When it is no number up to 255.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let hops = lex::number(lex::trim(value), 255).and_then(|hops| u8::try_from(hops).ok());
        hops.map_or_else(
            || error(&HeaderName::MaxForwards, 0, HeaderErrorKind::Number),
            |hops| Ok(Self(hops)),
        )
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(self) -> Bytes {
        self.0.to_string().into()
    }
}
