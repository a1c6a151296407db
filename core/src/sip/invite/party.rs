//! Who we are in a dialog, and whom we call.

use std::net::SocketAddr;

use bytes::Bytes;

use super::options::DialogOptions;
use crate::sip::HeaderName;
use crate::sip::digest::Credentials;
use crate::sip::endpoint::FlowId;

/// What a dialog says about our side.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalParty {
    /// Where the peer reaches us, as it goes into `Contact`: `<sip:offhook@192.0.2.1:5060>`.
    pub contact: Bytes,
    /// The product name for `User-Agent` and `Server`.
    pub product: Bytes,
    /// The connection the peer is on, handed back in every [`NextHop`](super::NextHop): a phone
    /// behind a NAT is reached no other way.
    pub flow: Option<FlowId>,
    /// The same for datagrams: where the peer's came from, if that is where ours should go
    /// whatever its Contact says (RFC 3581 gives NATs that rule for responses).
    pub address: Option<SocketAddr>,
    /// Which extensions the dialog uses.
    pub options: DialogOptions,
}

/// What becomes of a redirection (3xx) of a call of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum RedirectPolicy {
    /// It counts as a refusal, of which the call is told. Whoever answers our calls would else
    /// decide whom we call, perhaps at our cost.
    #[default]
    Refuse,
    /// Its contacts are called one after the other, best first, each once.
    Follow,
}

/// A call to place.
#[derive(Debug, Clone)]
pub struct OutgoingInvite {
    /// The Request-URI.
    pub request_uri: Bytes,
    /// To, a name-addr without tag.
    pub to: Bytes,
    /// From, a name-addr without tag.
    pub from: Bytes,
    /// What the dialog says about our side.
    pub local: LocalParty,
    /// Route values the INVITE has to visit first, such as an outbound proxy.
    pub routes: Vec<Bytes>,
    /// The Call-ID; a new one when `None`.
    pub call_id: Option<Bytes>,
    /// The hops it may take: 70, or what is left of those of the call it continues, so that a call
    /// that comes back to us in a circle ends.
    pub max_forwards: u8,
    /// Further headers of the INVITE: `P-Asserted-Identity`, `Diversion`, `Alert-Info` …
    pub headers: Vec<(HeaderName, Bytes)>,
    /// What challenges are answered with.
    pub credentials: Option<Credentials>,
    /// Our offer. Without one the peer offers in its 2xx and
    /// [`InviteUsage::ack`](super::InviteUsage::ack) answers.
    pub sdp: Option<Bytes>,
    /// What becomes of a redirection.
    pub redirect: RedirectPolicy,
}
