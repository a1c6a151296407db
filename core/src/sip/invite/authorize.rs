//! Answering challenges (RFC 3261 section 22).

use super::message::RequestTag;
use super::usage::InviteUsage;
use crate::pii::Secret;
use crate::sip::HeaderName;
use crate::sip::message::{Request, Response};

/// What challenges are answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The user name.
    pub username: String,
    /// The password.
    pub password: Secret,
}

impl InviteUsage {
    /// Sends the request again with credentials, if the response is a challenge we can answer and
    /// have not answered before. Returns the new request's tag.
    pub(super) fn answer_challenge(
        &mut self,
        tag: RequestTag,
        response: &Response,
    ) -> Option<RequestTag> {
        if !matches!(response.status, 401 | 407) {
            return None;
        }
        self.credentials.as_ref()?;
        self.sent.get(tag)?;
        None
    }
}

/// The ACK of a 2xx carries the credentials of its INVITE (RFC 3261 section 22.1).
pub(super) fn copy_credentials(invite: &Request, ack: &mut Request) {
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        for value in invite.headers.all(&name) {
            ack.headers.push(name.clone(), value.clone());
        }
    }
}
