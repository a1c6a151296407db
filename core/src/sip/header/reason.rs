//! `Reason`: why a call was ended (RFC 3326).

use bytes::{BufMut, Bytes, BytesMut};

use super::{Params, error};
use crate::sip::error::{HeaderError, HeaderErrorKind};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;

/// `Q.850;cause=16;text="Terminated"`, one of possibly several in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The namespace of the cause: `SIP` or `Q.850`.
    pub protocol: Bytes,
    /// `cause`, `text` and others.
    pub params: Params,
}

impl Reason {
    /// A reason with its cause and words.
    #[must_use]
    pub fn new(protocol: &'static str, cause: u16, text: &str) -> Self {
        let mut params = Params::new();
        params.set("cause", Some(&cause.to_string()));
        let quoted = lex::quote(text.as_bytes());
        params.set("text", Some(&String::from_utf8_lossy(&quoted)));
        Self {
            protocol: Bytes::from_static(protocol.as_bytes()),
            params,
        }
    }

    /// Reads one reason.
    ///
    /// # Errors
    /// When the protocol is no token or a parameter is broken.
    pub fn parse(value: &Bytes) -> Result<Self, HeaderError> {
        let name = &HeaderName::Reason;
        let end = memchr::memchr(b';', value).unwrap_or(value.len());
        let protocol = lex::trim(&value[..end]);
        if !lex::is_token(protocol) {
            return error(name, 0, HeaderErrorKind::Syntax);
        }
        match Params::parse(&value.slice(end..)) {
            Ok(params) => Ok(Self {
                protocol: lex::share(value, protocol),
                params,
            }),
            Err(index) => error(name, end + index, HeaderErrorKind::Parameter),
        }
    }

    /// The cause number.
    #[must_use]
    pub fn cause(&self) -> Option<u16> {
        let cause = lex::number(&self.params.get("cause")?, u64::from(u16::MAX))?;
        u16::try_from(cause).ok()
    }

    /// The words that go with it.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        Some(String::from_utf8_lossy(&self.params.text("text")?).into_owned())
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.protocol.len() + self.params.raw().len());
        out.put_slice(&self.protocol);
        out.put_slice(self.params.raw());
        out.freeze()
    }
}
