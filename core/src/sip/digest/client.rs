//! Answers challenges.

use bytes::Bytes;

use super::authorization::{AuthCount, Authorization};
use super::challenge::Challenge;
use super::{Digested, Role};
use crate::id::IdSource;
use crate::pii::Secret;
use crate::sip::message::{Request, Response};

/// A name and its password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

/// Keeps the challenges of one peer and signs requests to it.
#[derive(Debug, Clone)]
pub struct DigestClient {
    credentials: Credentials,
    answers: Vec<Answer>,
}

/// One realm's latest challenge.
#[derive(Debug, Clone)]
struct Answer {
    role: Role,
    challenge: Challenge,
    /// How many requests this nonce has signed.
    count: u32,
    /// How many nonces in a row were refused after one request.
    refused: u8,
}

/// Why a request cannot be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The response asks for nothing that can be answered: no Digest, no known algorithm.
    #[error("no challenge that can be answered")]
    NoChallenge,
    /// The same realm refused the answer: the password is wrong.
    #[error("the credentials were refused")]
    Rejected,
}

/// More realms than a request passes in practice.
const MAX_REALMS: usize = 8;
/// How often a peer may call a nonce stale before it was good once.
const MAX_STALE: u8 = 3;

impl DigestClient {
    /// Nobody has asked yet.
    #[must_use]
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            answers: Vec::new(),
        }
    }

    /// Takes in a 401 or 407. Of several challenges in one realm the one with the best algorithm is
    /// answered, and every realm is. Then [`authorize`](Self::authorize) the request anew, with a new
    /// CSeq.
    ///
    /// # Errors
    /// When it is no use trying again.
    pub fn challenged(&mut self, response: &Response) -> Result<(), ClientError> {
        let mut best: Vec<(Role, Challenge)> = Vec::new();
        for role in [Role::Endpoint, Role::Proxy] {
            let header = role.challenge_header();
            let rows = response.headers.all(&header);
            for challenge in rows.flat_map(Challenge::parse_all) {
                let same = |other: &&mut (Role, Challenge)| {
                    other.0 == role && other.1.realm == challenge.realm
                };
                match best.iter_mut().find(same) {
                    Some(other) if challenge.algorithm < other.1.algorithm => other.1 = challenge,
                    Some(_) => {}
                    None => best.push((role, challenge)),
                }
            }
        }
        if best.is_empty() || best.len() > MAX_REALMS {
            return Err(ClientError::NoChallenge);
        }
        for (role, challenge) in best {
            self.take(role, challenge)?;
        }
        Ok(())
    }

    fn take(&mut self, role: Role, challenge: Challenge) -> Result<(), ClientError> {
        let mut known = self.answers.iter_mut();
        let same =
            |answer: &&mut Answer| answer.role == role && answer.challenge.realm == challenge.realm;
        let Some(answer) = known.find(same) else {
            if self.answers.len() == MAX_REALMS {
                return Err(ClientError::NoChallenge);
            }
            self.answers.push(Answer {
                role,
                challenge,
                count: 0,
                refused: 0,
            });
            return Ok(());
        };
        // A nonce that was good before may end without a word; one that never was is a refusal.
        if answer.count == 1 {
            answer.refused += 1;
            if !challenge.stale || answer.refused > MAX_STALE {
                return Err(ClientError::Rejected);
            }
        } else if answer.count > 1 {
            answer.refused = 0;
        }
        answer.challenge = challenge;
        answer.count = 0;
        Ok(())
    }

    /// Whether requests have to be signed.
    #[must_use]
    pub fn is_challenged(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Signs `request` for every realm that has asked, replacing older signatures. Does nothing
    /// before somebody has asked.
    pub fn authorize(&mut self, request: &mut Request, ids: &mut IdSource) {
        for role in [Role::Endpoint, Role::Proxy] {
            request.headers.remove(&role.credentials_header());
        }
        for answer in &mut self.answers {
            let value = answer.sign(&self.credentials, request, ids);
            request
                .headers
                .push(answer.role.credentials_header(), value);
        }
    }
}

impl Answer {
    fn sign(&mut self, own: &Credentials, request: &Request, ids: &mut IdSource) -> Bytes {
        self.count = self.count.saturating_add(1);
        let challenge = &self.challenge;
        let auth = challenge.qop_auth.then(|| AuthCount {
            nc: format!("{:08x}", self.count).into(),
            cnonce: ids.token().into(),
        });
        let digested = Digested {
            algorithm: challenge.algorithm,
            username: own.username.as_bytes(),
            realm: &challenge.realm,
            method: request.method.as_bytes(),
            uri: &request.uri,
            nonce: &challenge.nonce,
            auth: auth.as_ref().map(|auth| (&auth.nc[..], &auth.cnonce[..])),
        };
        let response = digested.response(own.password.expose().as_bytes());
        let authorization = Authorization {
            username: Bytes::copy_from_slice(own.username.as_bytes()),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: request.uri.clone(),
            response: response.into(),
            algorithm: Some(challenge.algorithm),
            opaque: challenge.opaque.clone(),
            auth,
        };
        authorization.write()
    }
}
