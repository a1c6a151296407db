//! Asks for passwords and checks what is answered.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::authorization::Authorization;
use super::challenge::Challenge;
use super::nonce::Nonces;
use super::{Algorithm, Role, equal_in_constant_time};
use crate::pii::Secret;
use crate::sip::header_name::HeaderName;
use crate::sip::message::{Request, Response};
use crate::sip::uri::Uri;

/// Guards one realm. ACK and CANCEL cannot be challenged (RFC 3261 section 22.1); do not show them
/// to it.
#[derive(Debug, Clone)]
pub struct Authenticator {
    realm: Bytes,
    role: Role,
    algorithms: Vec<Algorithm>,
    nonces: Nonces,
}

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Verdict {
    /// It comes from whom it says.
    Accepted {
        /// The name that was proved.
        username: String,
    },
    /// It has to prove where it comes from: see [`Authenticator::challenge`].
    Challenge {
        /// The password was right and only the nonce was not.
        stale: bool,
    },
    /// It gave a wrong proof. On the wire all reasons look the same.
    Refused {
        /// The name it claimed, for the log.
        username: String,
        /// What was wrong.
        reason: Refusal,
    },
}

/// What is wrong with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// Nobody has this name.
    UnknownUser,
    /// The password is another.
    WrongPassword,
    /// The proof is for another URI.
    WrongUri,
    /// The count of its nonce is broken.
    Malformed,
}

impl Authenticator {
    /// How long a nonce is good. Phones that register once an hour get a fresh one each time.
    pub const NONCE_LIFETIME: Duration = Duration::from_mins(5);

    /// Guards `realm`, with every algorithm there is. `key` is this process's secret, 32 random
    /// bytes.
    #[must_use]
    pub fn new(now: Instant, realm: &str, role: Role, key: [u8; 32]) -> Self {
        Self {
            realm: Bytes::copy_from_slice(realm.as_bytes()),
            role,
            algorithms: Algorithm::ALL.to_vec(),
            nonces: Nonces::new(now, key, Self::NONCE_LIFETIME),
        }
    }

    /// Asks for these algorithms, in this order, and takes no other: what a phone may choose, who
    /// stands between may choose for it.
    #[must_use]
    pub fn offering(self, algorithms: &[Algorithm]) -> Self {
        Self {
            algorithms: algorithms.to_vec(),
            ..self
        }
    }

    /// Whether `request`, which came from this address, is from whom it says. `password` gives the password of a user name; it is
    /// asked at most once.
    pub fn verify(
        &mut self,
        now: Instant,
        from: IpAddr,
        request: &Request,
        password: impl FnOnce(&str) -> Option<Secret>,
    ) -> Verdict {
        let Some(authorization) = self.find(request) else {
            return Verdict::Challenge { stale: false };
        };
        let username = &authorization.username;
        // With a nonce that is invented or too old nothing was guessed: anybody could send that in
        // another's name, and a phone may be late.
        let current = self.nonces.is_current(now, from, &authorization.nonce);
        let Some(count) = authorization.count().filter(|count| *count > 0) else {
            return if current {
                refuse(username, Refusal::Malformed)
            } else {
                Verdict::Challenge { stale: false }
            };
        };
        let name = String::from_utf8_lossy(username);
        let password = password(&name);
        let known = password.is_some();
        // An unknown user costs the same time as a known one.
        let password = password.unwrap_or_else(|| Secret::new(String::new()));
        let method = request.method.as_bytes();
        let expected = authorization.expected(method, password.expose().as_bytes());
        let given = authorization.response.to_ascii_lowercase();
        let right = equal_in_constant_time(expected.as_bytes(), &given);
        let same_target = same_target(&authorization.uri, &request.uri);
        let proven = known && right && same_target;
        if !proven && !current {
            return Verdict::Challenge { stale: false };
        }
        if !known {
            return refuse(username, Refusal::UnknownUser);
        }
        if !right {
            return refuse(username, Refusal::WrongPassword);
        }
        if !same_target {
            return refuse(username, Refusal::WrongUri);
        }
        if !self.nonces.use_up(now, from, &authorization.nonce, count) {
            return Verdict::Challenge { stale: true };
        }
        Verdict::Accepted {
            username: name.into_owned(),
        }
    }

    /// The name whose password [`verify`](Self::verify) would ask for, if the request carries a proof
    /// that it would look at.
    #[must_use]
    pub fn claimant(&self, request: &Request) -> Option<String> {
        let authorization = self.find(request)?;
        Some(String::from_utf8_lossy(&authorization.username).into_owned())
    }

    /// The answer for this realm among those the request carries. Answers with another scheme or
    /// algorithm are as good as none, and so are broken ones: nothing was guessed with them.
    fn find(&self, request: &Request) -> Option<Authorization> {
        let header = self.role.credentials_header();
        let mut values = request.headers.all(&header);
        values.find_map(|value| {
            let found = Authorization::parse(value).ok()?;
            (found.realm == self.realm && self.offers(&found)).then_some(found)
        })
    }

    /// An answer that names no algorithm means MD5 (RFC 7616 section 3.3).
    fn offers(&self, authorization: &Authorization) -> bool {
        let algorithm = authorization.algorithm.unwrap_or(Algorithm::Md5);
        self.algorithms.contains(&algorithm)
    }

    /// The rows that ask somebody at this address for a password, one per algorithm (RFC 8760 section 2.4).
    pub fn challenge(
        &mut self,
        now: Instant,
        from: IpAddr,
        stale: bool,
    ) -> impl Iterator<Item = (HeaderName, Bytes)> {
        let Self {
            realm,
            role,
            algorithms,
            nonces,
        } = self;
        algorithms.iter().map(move |&algorithm| {
            let challenge = Challenge {
                realm: realm.clone(),
                nonce: nonces.issue(now, from).into(),
                opaque: None,
                algorithm,
                qop_auth: true,
                stale,
            };
            (role.challenge_header(), challenge.write())
        })
    }

    /// The response that asks for a password.
    pub fn challenge_response(
        &mut self,
        now: Instant,
        from: IpAddr,
        request: &Request,
        stale: bool,
    ) -> Response {
        let status = self.role.status();
        let mut response = Response::to(request, status, crate::sip::status::phrase(status));
        for (name, value) in self.challenge(now, from, stale) {
            response.headers.push(name, value);
        }
        response
    }

    /// How many used nonces are remembered, for metrics.
    #[must_use]
    pub fn remembered_nonces(&self) -> usize {
        self.nonces.remembered()
    }
}

fn refuse(username: &[u8], reason: Refusal) -> Verdict {
    Verdict::Refused {
        username: String::from_utf8_lossy(username).into_owned(),
        reason,
    }
}

/// Whether a proof for `proved` is good for `target`. Proxies and phones add and drop parameters and
/// ports, so only user and host have to agree; and some, SIPp among them, sign the host alone whomever
/// they call, which is theirs to choose.
fn same_target(proved: &Bytes, target: &Bytes) -> bool {
    if proved == target {
        return true;
    }
    match (Uri::parse(proved), Uri::parse(target)) {
        (Ok(one), Ok(two)) => {
            let same_user = one.user().is_none() || one.user_text() == two.user_text();
            same_user && one.host().eq_ignore_ascii_case(two.host())
        }
        _ => false,
    }
}
