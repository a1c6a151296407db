//! What finds a dialog.

use bytes::Bytes;

use crate::sip::Headers;

/// The part of a dialog's id that this side chose or was told first: enough to find the one who
/// owns it. The peer's tag is missing because a call we place may grow several dialogs, one per
/// phone that rings, and all belong to the same owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DialogKey {
    /// The Call-ID.
    pub call_id: Bytes,
    /// Our tag: in To for the side that was called, in From for the one that called.
    pub local_tag: Bytes,
}

impl DialogKey {
    /// The dialog a request from the peer belongs to; `None` when it has no To tag and so cannot
    /// belong to any.
    #[must_use]
    pub fn of_request(headers: &Headers) -> Option<Self> {
        Some(Self {
            call_id: headers.call_id()?.clone(),
            local_tag: headers.to_tag()?,
        })
    }
}
