//! What goes into an invite usage and what comes out of it.

use std::net::SocketAddr;

use bytes::Bytes;

use super::refer::ReferId;
use crate::cause::HangupCause;
use crate::sip::endpoint::{FlowId, ServerTxn, TxnFailure};
use crate::sip::header::{DiversionReason, ReferTo};
use crate::sip::message::{Request, Response};

/// Names a request of one usage until its final response; never used twice by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestTag(pub u32);

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextHop {
    /// The URI to resolve: the first route, else the remote target.
    pub uri: Bytes,
    /// The connection to use instead, while it stands.
    pub flow: Option<FlowId>,
    /// Where to send datagrams instead of where the URI says.
    pub address: Option<SocketAddr>,
}

/// What happened to a usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageInput {
    /// The peer sent a request in this dialog, other than ACK and CANCEL.
    Request {
        /// What to answer.
        txn: ServerTxn,
        /// The request.
        request: Request,
    },
    /// The peer acknowledged a 2xx.
    Ack(Request),
    /// The peer took an INVITE back.
    Cancelled {
        /// The INVITE: the first one or a re-INVITE.
        txn: ServerTxn,
        /// What its `Reason` says.
        cause: Option<HangupCause>,
    },
    /// A request that is not answered yet cannot be answered any more.
    FlowLost {
        /// The request.
        txn: ServerTxn,
    },
    /// A response to a request of ours.
    Response {
        /// The request.
        tag: RequestTag,
        /// The response.
        response: Response,
    },
    /// A request of ours gets no response, or could not even be sent.
    RequestFailed {
        /// The request.
        tag: RequestTag,
        /// Why.
        failure: TxnFailure,
    },
}

/// What is to be done for a usage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UsageEffect {
    /// Answer a request; a transaction that is gone by then is no harm.
    Respond {
        /// The request.
        txn: ServerTxn,
        /// The response.
        response: Response,
    },
    /// Send a request in a new transaction. Via is still to be added.
    Request {
        /// Its name in later inputs.
        tag: RequestTag,
        /// The request.
        request: Request,
        /// Where to.
        next_hop: NextHop,
    },
    /// Send an ACK for a 2xx, outside of any transaction. Via is still to be added.
    Ack {
        /// The ACK.
        request: Request,
        /// Where to.
        next_hop: NextHop,
    },
    /// Take an INVITE back.
    Cancel {
        /// The INVITE.
        tag: RequestTag,
        /// The value of its `Reason` header.
        reason: Option<String>,
    },
}

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedSide {
    /// We did, or a timer of ours.
    Local,
    /// The peer did, or its connection.
    Remote,
}

/// What a usage tells its call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum UsageEvent {
    /// The called phone rings (180).
    Ringing,
    /// Another sign of life (18x): with SDP, early media is on its way.
    Progress {
        /// The answer to our offer, for early media.
        sdp: Option<Bytes>,
    },
    /// The peer answered our INVITE. If that made no offer, `sdp` is one, and
    /// [`InviteUsage::ack`](super::InviteUsage::ack) has to follow.
    Answered {
        /// The answer; what early media was told if the 2xx itself has none.
        sdp: Option<Bytes>,
    },
    /// The peer acknowledged our answer: the session stands on both sides.
    Confirmed {
        /// The answer to the offer in our 2xx, after an INVITE without one.
        sdp: Option<Bytes>,
    },
    /// The peer wants to change the session (re-INVITE or UPDATE):
    /// [`accept_reinvite`](super::InviteUsage::accept_reinvite) or
    /// [`reject_reinvite`](super::InviteUsage::reject_reinvite) has to follow.
    Reoffered {
        /// Its offer; `None` if it wants one from us.
        sdp: Option<Bytes>,
    },
    /// The peer no longer wants that change; the session stays as it was.
    ReofferWithdrawn,
    /// The peer took our change.
    ReofferAnswered {
        /// Its answer.
        sdp: Option<Bytes>,
    },
    /// The peer answered what its dialog offered again, as it stands, to refresh the session, and
    /// not as before: it has moved, for example. A change that waits has not been answered by this.
    Refreshed {
        /// Its answer.
        sdp: Bytes,
    },
    /// The peer refused our change; the session stays as it was.
    ReofferRejected {
        /// With this status; 503 if it could not be sent.
        status: u16,
    },
    /// The peer said something within the call; it has its 200 already.
    Info {
        /// `application/dtmf-relay` and the like.
        content_type: Option<Bytes>,
        /// The body.
        body: Bytes,
    },
    /// The peer asks us to call somebody else for it (REFER, RFC 3515): a transfer.
    /// [`accept_refer`](super::InviteUsage::accept_refer) or
    /// [`reject_refer`](super::InviteUsage::reject_refer) has to follow.
    Referred {
        /// Names the request in those.
        refer: ReferId,
        /// Whom.
        target: ReferTo,
        /// Who says so, for the one who is called (RFC 3892).
        referred_by: Option<Bytes>,
    },
    /// The called phone redirects the call (3xx), and
    /// [`RedirectPolicy::Refuse`](super::RedirectPolicy::Refuse) leaves it to the call to make
    /// something of that. `Ended` follows.
    Redirected {
        /// The status.
        status: u16,
        /// The URIs it names, best first, at most eight. Whatever their scheme and host.
        places: Vec<Bytes>,
        /// Why, if its `Diversion` says so.
        reason: Option<DiversionReason>,
    },
    /// It is over; comes exactly once. Drop the media now, and the usage when
    /// [`is_terminated`](super::InviteUsage::is_terminated).
    Ended {
        /// Why.
        cause: HangupCause,
        /// Who ended it.
        by: EndedSide,
        /// The SIP status that refused an INVITE of ours.
        status: Option<u16>,
    },
}
