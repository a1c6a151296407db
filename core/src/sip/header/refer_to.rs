//! `Refer-To`: whom a REFER asks to call (RFC 3515 section 2.1).

use bytes::Bytes;

use super::{NameAddr, Replaces};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;
use crate::sip::method::Method;
use crate::sip::uri::{Scheme, Uri};

/// Why a `Refer-To` leads to nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReferToError {
    /// It cannot be read.
    #[error("Refer-To is broken")]
    Syntax,
    /// Its scheme is neither `sip:`, `sips:` nor `tel:`.
    #[error("Refer-To has a scheme that cannot be called")]
    Scheme,
    /// It wants something else than a call.
    #[error("Refer-To asks for another method than INVITE")]
    Method,
    /// The `Replaces` in it cannot be read, or is there twice.
    #[error("Replaces in Refer-To is broken")]
    Replaces,
}

impl ReferToError {
    /// The status that refuses the REFER: RFC 3515 asks for 400, RFC 3261 section 21.4.14 for 416;
    /// what we cannot do is declined.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Syntax | Self::Replaces => 400,
            Self::Scheme => 416,
            Self::Method => 603,
        }
    }
}

/// Whom to call, and whose place to take there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferTo {
    /// The URI without the headers behind its `?`.
    pub uri: Bytes,
    /// The dialog to replace at the target: an attended transfer.
    pub replaces: Option<Replaces>,
}

impl ReferTo {
    /// Reads the value. Headers in the URI other than `Replaces` are not taken over (RFC 3261
    /// section 19.1.5 lets us choose).
    ///
    /// # Errors
    /// The way in which it leads to nobody.
    pub fn parse(value: &Bytes) -> Result<Self, ReferToError> {
        let address =
            NameAddr::parse(value, &HeaderName::ReferTo).map_err(|_| ReferToError::Syntax)?;
        let uri = Uri::parse(&address.uri).map_err(|_| ReferToError::Syntax)?;
        if uri.scheme() == Scheme::Other {
            return Err(ReferToError::Scheme);
        }
        let method = uri.param("method");
        let invite = Method::Invite.to_string();
        if method.is_some_and(|method| !method.eq_ignore_ascii_case(invite.as_bytes())) {
            return Err(ReferToError::Method);
        }
        let mut replaces = None;
        for header in uri.headers().split(|byte| *byte == b'&') {
            let (name, value) = match memchr::memchr(b'=', header) {
                Some(at) => header.split_at(at),
                None => continue,
            };
            if !lex::percent_decode(name).eq_ignore_ascii_case(b"Replaces") {
                continue;
            }
            let value = Bytes::from(lex::percent_decode(&value[1..]).into_owned());
            let parsed = Replaces::parse(&value).map_err(|_| ReferToError::Replaces)?;
            if replaces.replace(parsed).is_some() {
                return Err(ReferToError::Replaces);
            }
        }
        let end = match uri.headers().len() {
            0 => address.uri.len(),
            headers => address.uri.len() - headers,
        };
        let bare = address.uri.slice(..end);
        let bare = bare.strip_suffix(b"?").map_or(bare.len(), <[u8]>::len);
        Ok(Self {
            uri: address.uri.slice(..bare),
            replaces,
        })
    }

    /// The number or user to call; `None` when the URI names only a host.
    #[must_use]
    pub fn number(&self) -> Option<String> {
        let uri = Uri::parse(&self.uri).ok()?;
        uri.user_text().filter(|number| !number.is_empty())
    }
}
