//! A dialog whose place another one takes (RFC 3891).

use super::message::EndedSide;
use super::usage::{InviteUsage, Stage};
use crate::cause::HangupCause;
use crate::sip::HeaderName;
use crate::sip::header::{NameAddr, Replaces};
use crate::sip::uri::Uri;

impl InviteUsage {
    /// Whether a `Replaces` means this dialog, or one of those with the phones that ring.
    #[must_use]
    pub fn is_named_by(&self, replaces: &Replaces) -> bool {
        if replaces.key() != self.key {
            return false;
        }
        if let Stage::Outgoing(outgoing) = &self.stage {
            let mut early = outgoing.early.iter();
            return early.any(|early| replaces.is_with(early.dialog.remote_tag()));
        }
        self.dialog()
            .is_some_and(|dialog| replaces.is_with(dialog.remote_tag()))
    }

    /// Refuses a call that is not answered yet with `status`; one that is no failure counts as 603.
    /// Does nothing later.
    pub fn refuse_call(&mut self, status: u16) {
        let Stage::Incoming(incoming) = &self.stage else {
            return;
        };
        let status = if (400..700).contains(&status) {
            status
        } else {
            603
        };
        let response = self.signature.response(&incoming.invite, status);
        self.outbox.respond(incoming.txn, response);
        let cause = HangupCause::from_sip_status(status);
        self.outbox.end(cause, EndedSide::Local, Some(status));
        self.leave();
        self.settle();
    }

    /// Our host as the peer knows it, from our `Contact`.
    #[must_use]
    pub fn local_host(&self) -> Option<String> {
        let contact = NameAddr::parse(&self.signature.local.contact, &HeaderName::Contact).ok()?;
        let uri = Uri::parse(&contact.uri).ok()?;
        Some(String::from_utf8_lossy(uri.host()).into_owned())
    }
}
