//! `CSeq`: the place of a request in its dialog.

use bytes::{Bytes, BytesMut};

use super::error;
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;
use crate::sip::method::Method;

/// `4711 INVITE` (RFC 3261 section 20.16).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CSeq {
    /// The number, below 2³¹.
    pub number: u32,
    /// The method of the request.
    pub method: Method,
}

impl CSeq {
    /// Reads the value.
    ///
    /// # Errors
    /// When the number is none or not below 2³¹ (RFC 3261 section 8.1.1.5), or the method is none.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::CSeq;
        let text = lex::trim(value);
        let gap = text
            .iter()
            .position(|byte| lex::is_lws(*byte))
            .unwrap_or(text.len());
        let number = lex::number(&text[..gap], (1 << 31) - 1);
        let Some(number) = number.and_then(|number| u32::try_from(number).ok()) else {
            return error(name, 0, HeaderErrorKind::Number);
        };
        match Method::parse_in(value, lex::trim(&text[gap..])) {
            Some(method) => Ok(Self { number, method }),
            None => error(name, gap, HeaderErrorKind::Syntax),
        }
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::from(self.number.to_string().as_bytes());
        out.extend_from_slice(b" ");
        out.extend_from_slice(self.method.as_bytes());
        out.freeze()
    }
}
