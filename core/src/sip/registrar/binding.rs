//! One contact of an address-of-record.

use std::time::Instant;

use bytes::Bytes;

use crate::sip::endpoint::Path;
use crate::sip::header::NameAddr;

/// A contact, for how long it is good, and how it got here. It shares no memory with the request it
/// came in, which may be much larger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binding {
    /// The contact as it was sent, parameters included.
    pub contact: NameAddr,
    /// The contact URI as it was sent: the Request-URI of what goes there.
    pub uri: Bytes,
    /// How much the phone wants to be reached here, in thousandths.
    pub q: u16,
    /// When it runs out.
    pub expires_at: Instant,
    /// The way its REGISTER came; behind a NAT the only way back.
    pub path: Path,
    /// The proxies on the way to the phone, as Route values (RFC 3327). With any of these, the way of
    /// its REGISTER is the way of the nearest proxy and its end says nothing about the phone.
    pub routes: Vec<Bytes>,
    /// What the phone calls itself.
    pub user_agent: Option<Bytes>,
    /// Tells it from every other binding there was.
    pub(super) id: u64,
    /// Which update it was made or renewed by; later ones have higher numbers.
    pub(super) updated: u64,
    pub(super) call_id: Bytes,
    pub(super) cseq: u32,
}

impl Binding {
    /// The contact as a 200 lists it: with the seconds it still has.
    #[must_use]
    pub fn contact_row(&self, now: Instant) -> Bytes {
        let left = self.expires_at.saturating_duration_since(now).as_secs();
        let mut contact = self.contact.clone();
        contact.params.set("expires", Some(&left.to_string()));
        contact.write()
    }

    /// Whether the binding ends with the connection its REGISTER came by, because nothing else leads
    /// to the phone.
    pub(super) fn is_bound_to_flow(&self) -> bool {
        self.path.transport.is_reliable() && self.routes.is_empty()
    }

    /// `+sip.instance` and `reg-id`, which name one phone's one flow whatever its contact is (RFC
    /// 5626 section 6). Both are needed.
    pub(super) fn instance(contact: &NameAddr) -> Option<(Bytes, Bytes)> {
        contact
            .params
            .get("+sip.instance")
            .zip(contact.params.get("reg-id"))
    }
}
