//! `Authorization` and `Proxy-Authorization`.

use bytes::{BufMut, Bytes, BytesMut};

use super::params::AuthParams;
use super::{Algorithm, Digested};
use crate::sip::lex;

/// The answer to a challenge (RFC 7616 section 3.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorization {
    /// Who answers, escapes undone.
    pub username: Bytes,
    /// The realm of the challenge.
    pub realm: Bytes,
    /// The nonce of the challenge.
    pub nonce: Bytes,
    /// The URI the answer is good for.
    pub uri: Bytes,
    /// The digest, in hexadecimal.
    pub response: Bytes,
    /// The hash, if it is named.
    pub algorithm: Option<Algorithm>,
    /// What the challenge wanted back.
    pub opaque: Option<Bytes>,
    /// What comes with `qop=auth`; nothing for RFC 2069's answer.
    pub auth: Option<AuthCount>,
}

/// How often a nonce was used, and the client's share of randomness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthCount {
    /// `nc` as it was written: it is hashed that way.
    pub nc: Bytes,
    /// `cnonce`, escapes undone.
    pub cnonce: Bytes,
}

/// Why an `Authorization` cannot be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthorizationError {
    /// Another scheme than Digest.
    Scheme,
    /// An algorithm nobody offered.
    Algorithm,
    /// A `qop` nobody offered.
    Qop,
    /// A field that must be there is missing or broken.
    Field(&'static str),
}

impl Authorization {
    /// Reads the header value.
    ///
    /// # Errors
    /// When it is no digest, or one with pieces missing.
    pub fn parse(value: &Bytes) -> Result<Self, AuthorizationError> {
        let all = AuthParams::parse_all(value);
        let params = all.first().ok_or(AuthorizationError::Scheme)?;
        if !params.scheme.eq_ignore_ascii_case(b"Digest") {
            return Err(AuthorizationError::Scheme);
        }
        let field = |name: &'static str| params.bytes(name).ok_or(AuthorizationError::Field(name));
        let username = match params.bytes("username") {
            Some(username) => username,
            None => extended(params)?,
        };
        let algorithm = match params.text("algorithm") {
            Some(name) => Some(Algorithm::parse(&name).ok_or(AuthorizationError::Algorithm)?),
            None => None,
        };
        let auth = match params.text("qop") {
            Some(qop) if qop.eq_ignore_ascii_case(b"auth") => Some(AuthCount {
                nc: field("nc")?,
                cnonce: field("cnonce")?,
            }),
            Some(_) => return Err(AuthorizationError::Qop),
            None => None,
        };
        Ok(Self {
            username,
            realm: field("realm")?,
            nonce: field("nonce")?,
            uri: field("uri")?,
            response: field("response")?,
            algorithm,
            opaque: params.bytes("opaque"),
            auth,
        })
    }

    /// The number of `nc`: up to eight hexadecimal digits of any case. `Some(1)` without qop, where
    /// a nonce is good for one request.
    #[must_use]
    pub fn count(&self) -> Option<u32> {
        let Some(auth) = &self.auth else {
            return Some(1);
        };
        if auth.nc.is_empty() || auth.nc.len() > 8 {
            return None;
        }
        let mut digits = auth
            .nc
            .iter()
            .map(|byte| lex::hex_digit(*byte).map(u32::from));
        digits.try_fold(0, |count, digit| Some(count << 4 | digit?))
    }

    /// The digest this should carry if `password` is right.
    pub(super) fn expected(&self, method: &[u8], password: &[u8]) -> String {
        let digested = Digested {
            algorithm: self.algorithm.unwrap_or(Algorithm::Md5),
            username: &self.username,
            realm: &self.realm,
            method,
            uri: &self.uri,
            nonce: &self.nonce,
            auth: self
                .auth
                .as_ref()
                .map(|auth| (&auth.nc[..], &auth.cnonce[..])),
        };
        digested.response(password)
    }

    /// The value as it goes on the wire. RFC 3261 section 25.1 has quotes around some and not others.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(320);
        out.put_slice(b"Digest");
        let mut separator: &[u8] = b" ";
        let mut put = |name: &str, value: &[u8]| {
            out.put_slice(separator);
            separator = b", ";
            out.put_slice(name.as_bytes());
            out.put_u8(b'=');
            out.put_slice(value);
        };
        put("username", &lex::quote(&self.username));
        put("realm", &lex::quote(&self.realm));
        put("nonce", &lex::quote(&self.nonce));
        put("uri", &lex::quote(&self.uri));
        put("response", &lex::quote(&self.response));
        if let Some(algorithm) = self.algorithm {
            put("algorithm", algorithm.as_str().as_bytes());
        }
        if let Some(opaque) = &self.opaque {
            put("opaque", &lex::quote(opaque));
        }
        if let Some(auth) = &self.auth {
            put("qop", b"auth");
            put("nc", &auth.nc);
            put("cnonce", &lex::quote(&auth.cnonce));
        }
        out.freeze()
    }
}

/// `username*=UTF-8''J%C3%A4s%C3%B8n` (RFC 7616 section 3.4).
fn extended(params: &AuthParams) -> Result<Bytes, AuthorizationError> {
    const PREFIX: &[u8] = b"UTF-8''";
    let missing = AuthorizationError::Field("username");
    let raw = params.text("username*").ok_or(missing)?;
    let (prefix, name) = raw.split_at_checked(PREFIX.len()).ok_or(missing)?;
    if !prefix.eq_ignore_ascii_case(PREFIX) {
        return Err(missing);
    }
    Ok(lex::percent_decode(name).into_owned().into())
}
