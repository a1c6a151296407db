//! Answering challenges (RFC 3261 section 22).

use super::message::RequestTag;
use super::sent::{Purpose, Sent};
use super::usage::{InviteUsage, Stage};
use crate::sip::HeaderName;
use crate::sip::digest::{Credentials, DigestClient};
use crate::sip::header::CSeq;
use crate::sip::message::{Request, Response};

/// How often one request is tried again. More than one realm may ask, and a nonce may be stale.
pub(super) const MOST_TRIES: u8 = 4;

impl InviteUsage {
    /// Challenges are answered in this name from now on, for a call that came in and whose peer
    /// wants to know who hangs up.
    pub fn set_credentials(&mut self, credentials: Credentials) {
        self.digest = Some(DigestClient::new(credentials));
    }

    /// Signs a request in the realms that have asked before, which saves a round trip.
    pub(super) fn authorize(&mut self, request: &mut Request) {
        if let Some(digest) = &mut self.digest {
            digest.authorize(request, &mut self.ids);
        }
    }

    /// Sends the request again with credentials, if the response is a challenge that can be
    /// answered and has not been answered in vain. Returns the new request's tag.
    pub(super) fn answer_challenge(
        &mut self,
        tag: RequestTag,
        response: &Response,
    ) -> Option<RequestTag> {
        if !matches!(response.status, 401 | 407) {
            return None;
        }
        let tries = self.sent.get(tag)?.tries;
        let digest = self.digest.as_mut()?;
        if tries == MOST_TRIES || digest.challenged(response).is_err() {
            return None;
        }
        let mut sent = self.sent.remove(tag)?;
        self.renumber(&mut sent)?;
        self.authorize(&mut sent.request);
        sent.tries += 1;
        Some(self.sent.send(&mut self.outbox, sent))
    }

    /// Gives a request that goes out again the next number in its dialog.
    pub(super) fn renumber(&mut self, sent: &mut Sent) -> Option<()> {
        let number = self.next_cseq(sent.purpose, &sent.request)?;
        let method = sent.request.method.clone();
        let cseq = CSeq { number, method };
        sent.request.headers.set(HeaderName::CSeq, cseq.write());
        Some(())
    }

    fn next_cseq(&mut self, purpose: Purpose, request: &Request) -> Option<u32> {
        let dialog = match (purpose, &mut self.stage) {
            (
                Purpose::Reinvite
                | Purpose::Update
                | Purpose::Bye
                | Purpose::Prack
                | Purpose::Notify(_),
                Stage::Established(established),
            ) => Some(&mut established.dialog),
            (
                Purpose::Reinvite
                | Purpose::Update
                | Purpose::Bye
                | Purpose::Prack
                | Purpose::Notify(_),
                Stage::Leaving(leaving),
            ) => leaving.dialog.as_mut(),
            (Purpose::Prack, Stage::Outgoing(outgoing)) => {
                let tag = request.headers.to_tag();
                outgoing.early(tag.as_ref()).map(|early| &mut early.dialog)
            }
            // Before the answer there is no other dialog, and a fork's has only its BYE.
            _ => None,
        };
        match dialog {
            Some(dialog) => Some(dialog.next_cseq()),
            None => Some(request.headers.cseq().ok()?.number + 1),
        }
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
