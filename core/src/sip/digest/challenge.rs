//! `WWW-Authenticate` and `Proxy-Authenticate`.

use bytes::{BufMut, Bytes, BytesMut};

use super::Algorithm;
use super::params::AuthParams;
use crate::sip::lex;

/// A digest challenge (RFC 7616 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose password is asked for.
    pub realm: Bytes,
    /// What makes the answer good for a while only.
    pub nonce: Bytes,
    /// To be sent back as it is.
    pub opaque: Option<Bytes>,
    /// The hash.
    pub algorithm: Algorithm,
    /// Whether `qop` offers `auth`; without, the answer is RFC 2069's.
    pub qop_auth: bool,
    /// Whether only the nonce was wrong: no need to ask anybody for the password again.
    pub stale: bool,
}

impl Challenge {
    /// The challenges of one header value that can be answered: Digest, a known algorithm, `auth` or
    /// no qop at all. The others are left out (RFC 7616 section 3.7).
    #[must_use]
    pub fn parse_all(value: &Bytes) -> Vec<Self> {
        let all = AuthParams::parse_all(value);
        all.iter().filter_map(Self::from_params).collect()
    }

    fn from_params(params: &AuthParams) -> Option<Self> {
        if !params.scheme.eq_ignore_ascii_case(b"Digest") {
            return None;
        }
        let algorithm = match params.text("algorithm") {
            Some(name) => Algorithm::parse(&name)?,
            None => Algorithm::Md5,
        };
        let qop_auth = match params.text("qop") {
            Some(list) => {
                let offers = |item: &[u8]| item.eq_ignore_ascii_case(b"auth");
                if !lex::split(&list, b',').any(offers) {
                    return None;
                }
                true
            }
            None => false,
        };
        let stale = params
            .text("stale")
            .is_some_and(|word| word.eq_ignore_ascii_case(b"true"));
        Some(Self {
            realm: params.bytes("realm")?,
            nonce: params.bytes("nonce")?,
            opaque: params.bytes("opaque"),
            algorithm,
            qop_auth,
            stale,
        })
    }

    /// The value as it goes on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(160);
        out.put_slice(b"Digest realm=");
        out.put_slice(&lex::quote(&self.realm));
        out.put_slice(b", nonce=");
        out.put_slice(&lex::quote(&self.nonce));
        if let Some(opaque) = &self.opaque {
            out.put_slice(b", opaque=");
            out.put_slice(&lex::quote(opaque));
        }
        if self.stale {
            out.put_slice(b", stale=true");
        }
        out.put_slice(b", algorithm=");
        out.put_slice(self.algorithm.as_str().as_bytes());
        if self.qop_auth {
            out.put_slice(b", qop=\"auth\"");
        }
        out.freeze()
    }
}
