//! `Content-Type`: what a body is.

use bytes::{BufMut, Bytes, BytesMut};

use super::{Params, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// `application/sdp;charset=utf-8` (RFC 3261 section 20.15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContentType {
    /// The type, as it was written.
    pub kind: Bytes,
    /// The subtype, as it was written.
    pub subtype: Bytes,
    /// `charset`, `boundary` and others.
    pub params: Params,
}

impl ContentType {
    /// Reads the value.
    ///
    /// # Errors
    /// When type or subtype is no token or a parameter is broken.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::ContentType;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let head = &value[..end];
        let slash = memchr::memchr(b'/', head).unwrap_or(end);
        let kind = lex::trim(&head[..slash]);
        let subtype = lex::trim(head.get(slash + 1..).unwrap_or_default());
        if !lex::is_token(kind) || !lex::is_token(subtype) {
            return error(name, 0, HeaderErrorKind::Syntax);
        }
        let params = match Params::parse(&value.slice(end..)) {
            Ok(params) => params,
            Err(index) => return error(name, end + index, HeaderErrorKind::Parameter),
        };
        Ok(Self {
            kind: lex::share(value, kind),
            subtype: lex::share(value, subtype),
            params,
        })
    }

    /// Whether this is `kind/subtype`, in any case.
    #[must_use]
    pub fn is(&self, kind: &str, subtype: &str) -> bool {
        self.kind.eq_ignore_ascii_case(kind.as_bytes())
            && self.subtype.eq_ignore_ascii_case(subtype.as_bytes())
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_slice(&self.kind);
        out.put_u8(b'/');
        out.put_slice(&self.subtype);
        out.put_slice(self.params.raw());
        out.freeze()
    }
}
