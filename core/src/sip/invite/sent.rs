//! Our requests that wait for a final response.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::message::{NextHop, RequestTag, UsageEffect};
use super::outbox::Outbox;
use super::refer::ReferId;
use crate::sip::message::Request;

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To start the call.
    Invite,
    /// To change the session.
    Reinvite,
    /// To change the session, or to keep it, without a transaction that rings.
    Update,
    /// To acknowledge a provisional response.
    Prack,
    /// To end the call.
    Bye,
    /// To end a fork that answered too.
    ForkBye,
    /// To tell how a transfer goes.
    Notify(ReferId),
}

/// A request on its way.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) purpose: Purpose,
    pub(super) request: Request,
    pub(super) next_hop: NextHop,
    /// How often it was sent again in another form: with credentials, or a longer session timer.
    pub(super) tries: u8,
}

/// Requests by their tags.
#[derive(Debug, Clone, Default)]
pub(super) struct SentRequests {
    waiting: BTreeMap<RequestTag, Sent>,
    last_tag: u32,
}

impl SentRequests {
    /// Sends a request under a new tag.
    pub(super) fn send(&mut self, outbox: &mut Outbox, sent: Sent) -> RequestTag {
        self.last_tag += 1;
        let tag = RequestTag(self.last_tag);
        outbox.push(UsageEffect::Request {
            tag,
            request: sent.request.clone(),
            next_hop: sent.next_hop.clone(),
        });
        self.waiting.insert(tag, sent);
        tag
    }

    pub(super) fn get(&self, tag: RequestTag) -> Option<&Sent> {
        self.waiting.get(&tag)
    }

    pub(super) fn remove(&mut self, tag: RequestTag) -> Option<Sent> {
        self.waiting.remove(&tag)
    }

    /// The INVITE that started the call, while it is remembered.
    pub(super) fn invite(&self) -> Option<&Request> {
        let sent = self
            .waiting
            .values()
            .find(|sent| sent.purpose == Purpose::Invite);
        sent.map(|sent| &sent.request)
    }

    /// How many PRACKs to the phone with this tag wait for their responses.
    pub(super) fn pracks_to(&self, tag: Option<&Bytes>) -> usize {
        let pracks = self.waiting.values().filter(|sent| {
            sent.purpose == Purpose::Prack && sent.request.headers.to_tag().as_ref() == tag
        });
        pracks.count()
    }

    /// Forgets all requests of one purpose.
    pub(super) fn forget(&mut self, purpose: Purpose) {
        self.waiting.retain(|_, sent| sent.purpose != purpose);
    }

    /// Whether a BYE still waits for its response.
    pub(super) fn is_leaving(&self) -> bool {
        self.waiting
            .values()
            .any(|sent| matches!(sent.purpose, Purpose::Bye | Purpose::ForkBye))
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }
}
