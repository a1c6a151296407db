//! Digest authentication, both ends: RFC 7616 with the algorithms RFC 8760 brings to SIP, and RFC 2617
//! for phones that know no better. It reads no clock and no random numbers of its own.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`challenge`] | the header that asks: `WWW-Authenticate`, `Proxy-Authenticate` |
//! | [`authorization`] | the header that answers |
//! | [`nonce`] | nonces that need no memory until somebody has used one rightly |
//! | [`server`] | asks and checks |
//! | [`client`] | answers |

pub mod authorization;
pub mod challenge;
pub mod client;
pub mod nonce;
mod params;
pub mod server;
#[cfg(test)]
mod tests;

use data_encoding::HEXLOWER;
use md5::Md5;
use sha2::{Digest, Sha256};

use super::header_name::HeaderName;

pub use authorization::Authorization;
pub use challenge::Challenge;
pub use client::{ClientError, Credentials, DigestClient};
pub use server::{Authenticator, Refusal, Verdict};

/// What is hashed with, best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-256 (RFC 8760).
    Sha256,
    /// MD5, because most phones have nothing else.
    Md5,
}

impl Algorithm {
    /// All that are known, best first.
    pub const ALL: [Self; 2] = [Self::Sha256, Self::Md5];

    /// The algorithm `name` stands for, in any case. The `-sess` variants are not among them.
    #[must_use]
    pub fn parse(name: &[u8]) -> Option<Self> {
        let is = |other: Self| name.eq_ignore_ascii_case(other.as_str().as_bytes());
        Self::ALL.into_iter().find(|other| is(*other))
    }

    /// The name in headers.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "SHA-256",
            Self::Md5 => "MD5",
        }
    }

    /// The hash, in lower-case hexadecimal, of `parts` with a colon between each two.
    fn hash(self, parts: &[&[u8]]) -> String {
        fn feed<D: Digest>(parts: &[&[u8]]) -> Vec<u8> {
            let mut hasher = D::new();
            for (index, part) in parts.iter().enumerate() {
                if index > 0 {
                    hasher.update(b":");
                }
                hasher.update(part);
            }
            hasher.finalize().to_vec()
        }
        HEXLOWER.encode(&match self {
            Self::Sha256 => feed::<Sha256>(parts),
            Self::Md5 => feed::<Md5>(parts),
        })
    }
}

/// In whose name somebody asks for a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The end of the request's way: 401, `WWW-Authenticate`, `Authorization`.
    Endpoint,
    /// A hop on its way: 407, `Proxy-Authenticate`, `Proxy-Authorization`.
    Proxy,
}

impl Role {
    /// The status that asks.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Endpoint => 401,
            Self::Proxy => 407,
        }
    }

    /// The header that asks.
    #[must_use]
    pub fn challenge_header(self) -> HeaderName {
        match self {
            Self::Endpoint => HeaderName::WwwAuthenticate,
            Self::Proxy => HeaderName::ProxyAuthenticate,
        }
    }

    /// The header that answers.
    #[must_use]
    pub fn credentials_header(self) -> HeaderName {
        match self {
            Self::Endpoint => HeaderName::Authorization,
            Self::Proxy => HeaderName::ProxyAuthorization,
        }
    }
}

/// What goes into a digest besides the password.
#[derive(Debug, Clone, Copy)]
struct Digested<'a> {
    algorithm: Algorithm,
    username: &'a [u8],
    realm: &'a [u8],
    method: &'a [u8],
    uri: &'a [u8],
    nonce: &'a [u8],
    /// `nc` and `cnonce` as they are written, with `qop=auth`; without qop nothing.
    auth: Option<(&'a [u8], &'a [u8])>,
}

impl Digested<'_> {
    /// RFC 7616 section 3.4.1.
    fn response(&self, password: &[u8]) -> String {
        let hash = |parts: &[&[u8]]| self.algorithm.hash(parts);
        let a1 = hash(&[self.username, self.realm, password]);
        let a2 = hash(&[self.method, self.uri]);
        match self.auth {
            Some((nc, cnonce)) => hash(&[
                a1.as_bytes(),
                self.nonce,
                nc,
                cnonce,
                b"auth",
                a2.as_bytes(),
            ]),
            None => hash(&[a1.as_bytes(), self.nonce, a2.as_bytes()]),
        }
    }
}

/// Whether both are equal, in a time that depends on their lengths only.
fn equal_in_constant_time(one: &[u8], two: &[u8]) -> bool {
    let differences = one.iter().zip(two).fold(0, |all, (a, b)| all | (a ^ b));
    one.len() == two.len() && std::hint::black_box(differences) == 0
}
