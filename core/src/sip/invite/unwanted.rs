//! A session that came about although nobody wants it any more.

use bytes::Bytes;

use super::authorize::copy_credentials;
use super::reason;
use crate::cause::HangupCause;
use crate::sip::HeaderName;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;

/// What ends a session that nobody waits for: our INVITE was given up, and a 2xx came all the same.
/// It has to be acknowledged, else it is repeated for half a minute, and hung up (RFC 3261 sections
/// 13.2.2.4 and 15).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unwanted {
    /// The ACK. Via is still to be added.
    pub ack: Request,
    /// The BYE, to be sent once. Via is still to be added.
    pub bye: Option<Request>,
    /// The URI both go to.
    pub next_hop: Bytes,
}

impl Unwanted {
    /// The answer to `invite`, whose Via does not matter; `None` when it makes no dialog.
    #[must_use]
    pub fn answered(invite: &Request, response: &Response) -> Option<Self> {
        let mut dialog = Dialog::uac(invite, response).ok()?;
        let mut ack = dialog.ack(dialog.local_cseq());
        copy_credentials(invite, &mut ack);
        let mut bye = dialog.request(Method::Bye);
        let reason = reason::write(HangupCause::AnsweredElsewhere);
        bye.headers.push(HeaderName::Reason, reason);
        Some(Self {
            ack,
            bye: Some(bye),
            next_hop: dialog.next_hop(),
        })
    }
}
