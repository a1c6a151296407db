//! Where else a call goes when it is redirected (RFC 3261 section 8.1.3.4).

use std::collections::VecDeque;

use bytes::Bytes;

use super::message::{RequestTag, UsageEvent};
use super::party::RedirectPolicy;
use super::usage::{InviteUsage, Stage};
use crate::sip::HeaderName;
use crate::sip::header::{Diversion, NameAddr};
use crate::sip::message::Response;

/// How many places one call visits in all.
const MOST_PLACES: usize = 8;

/// The places a call may still go to, and those it has been to.
#[derive(Debug, Clone)]
pub(super) struct Redirects {
    policy: RedirectPolicy,
    /// Best first.
    next: VecDeque<Bytes>,
    seen: Vec<Bytes>,
}

impl Redirects {
    pub(super) fn new(policy: RedirectPolicy, first: Bytes) -> Self {
        Self {
            policy,
            next: VecDeque::new(),
            seen: vec![first],
        }
    }

    /// Takes the contacts of a redirection, each once in the life of the call, so that two places
    /// that point at each other end it.
    fn take(&mut self, response: &Response) {
        if self.policy == RedirectPolicy::Refuse || !(300..400).contains(&response.status) {
            return;
        }
        for uri in places(response).filter(is_sip) {
            if self.seen.len() < MOST_PLACES && !self.seen.contains(&uri) {
                self.seen.push(uri.clone());
                self.next.push_back(uri);
            }
        }
    }

    /// What the call is told of a redirection that is left to it; nothing for any other response.
    pub(super) fn told(&self, response: &Response) -> Option<UsageEvent> {
        if self.policy == RedirectPolicy::Follow || !(300..400).contains(&response.status) {
            return None;
        }
        let diversion = response.headers.list(&HeaderName::Diversion).next();
        let diversion = diversion.and_then(|value| Diversion::parse(&value).ok());
        Some(UsageEvent::Redirected {
            status: response.status,
            places: places(response).take(MOST_PLACES).collect(),
            reason: diversion.map(|diversion| diversion.reason),
        })
    }
}

/// The places a response names, best first.
fn places(response: &Response) -> impl Iterator<Item = Bytes> {
    let contacts = response.headers.list(&HeaderName::Contact);
    let contacts = contacts.filter_map(|item| NameAddr::parse(&item, &HeaderName::Contact).ok());
    let mut contacts: Vec<(u16, Bytes)> = contacts
        .map(|contact| (preference(&contact), contact.uri))
        .collect();
    contacts.sort_by_key(|(q, _)| std::cmp::Reverse(*q));
    contacts.into_iter().map(|(_, uri)| uri)
}

/// Its `q` in thousandths; 1 where it does not say.
fn preference(contact: &NameAddr) -> u16 {
    let q = contact.params.get("q");
    let q = q.and_then(|q| std::str::from_utf8(&q).ok()?.parse::<f32>().ok());
    let q = q.filter(|q| (0.0..=1.0).contains(q)).unwrap_or(1.0);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 0 and 1000"
    )]
    let thousandths = (q * 1000.0) as u16;
    thousandths
}

fn is_sip(uri: &Bytes) -> bool {
    let scheme = uri.split(|byte| *byte == b':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case(b"sip") || scheme.eq_ignore_ascii_case(b"sips")
}

impl InviteUsage {
    /// Calls the next place a redirection named: the same call, with a number of its own. A place
    /// is left for the next one when it refuses; a 6xx speaks for all of them (section 21.6).
    pub(super) fn call_next(&mut self, tag: RequestTag, response: &Response) -> Option<RequestTag> {
        let Stage::Outgoing(outgoing) = &mut self.stage else {
            return None;
        };
        outgoing.redirects.take(response);
        if response.status >= 600 {
            return None;
        }
        let uri = outgoing.redirects.next.pop_front()?;
        let mut sent = self.sent.remove(tag)?;
        self.renumber(&mut sent)?;
        sent.request.uri = uri.clone();
        // The route led to the first place, and so did its connection.
        sent.request.headers.remove(&HeaderName::Route);
        self.signature.local.flow = None;
        self.signature.local.address = None;
        sent.next_hop = self.signature.next_hop(uri);
        self.authorize(&mut sent.request);
        sent.tries = 0;
        Some(self.sent.send(&mut self.outbox, sent))
    }
}
