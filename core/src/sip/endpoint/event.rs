//! What an endpoint tells its user, and the names of transactions.

use bytes::Bytes;

use super::path::Path;
use super::recourse::ResponsePeer;
use crate::cause::HangupCause;
use crate::sip::message::{Request, Response};
use crate::sip::transaction::table::Id;

/// Names a server transaction of one endpoint: a request of a peer that we answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerTxn(pub u64);

/// Names a client transaction of one endpoint: a request of ours that a peer answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientTxn(pub u64);

impl ServerTxn {
    pub(crate) fn id(self) -> Id {
        Id(self.0)
    }
}

impl ClientTxn {
    pub(crate) fn id(self) -> Id {
        Id(self.0)
    }
}

/// The transaction is over, or its final response went out already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the transaction can no longer be answered")]
pub struct TxnGone;

/// Why a request of ours got no final response.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TxnFailure {
    /// Nobody answered in time (timer B or F).
    TimedOut,
    /// The connection was lost, or there was no way to reach the peer.
    Transport,
}

/// What became of a message that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// It is dealt with.
    Understood,
    /// It was a response to nothing we have asked, or to what was over already.
    Unasked,
    /// It was no message.
    Broken,
}

/// Bytes to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmit {
    /// Which way.
    pub path: Path,
    /// One whole message.
    pub data: Bytes,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndpointEvent {
    /// A new request that passed every check of RFC 3261 section 8.2. It must be answered with
    /// [`Endpoint::respond`](super::Endpoint::respond). `Via` carries `received` and `rport`
    /// already, and an SDP body inside `multipart/mixed` has been taken out.
    Request {
        /// What to answer.
        txn: ServerTxn,
        /// How it came.
        path: Path,
        /// The request.
        request: Request,
    },
    /// An ACK that belongs to a dialog: the answer to a 2xx. It gets no response.
    Ack {
        /// How it came.
        path: Path,
        /// The request.
        request: Request,
    },
    /// The peer took back an INVITE that is not answered yet. The CANCEL has its 200; the INVITE is
    /// to be answered with 487.
    Cancelled {
        /// The INVITE.
        txn: ServerTxn,
        /// What the CANCEL's `Reason` says, if it has one.
        cause: Option<HangupCause>,
    },
    /// A response to a request of ours. To an INVITE several may come, also several 2xx.
    Response {
        /// The request.
        txn: ClientTxn,
        /// How it came.
        path: Path,
        /// The response.
        response: Response,
    },
    /// A request of ours will get no final response.
    Failed {
        /// The request.
        txn: ClientTxn,
        /// The way it went.
        path: Path,
        /// Why.
        failure: TxnFailure,
    },
    /// The connection of a [trusted](super::Endpoint::trust) INVITE is gone while more is to be said
    /// to it (RFC 3261 section 18.2.2). Whether there is another one is to be told by
    /// [`handle_connection`](super::Endpoint::handle_connection); until then responses wait.
    ConnectionWanted {
        /// The INVITE.
        txn: ServerTxn,
        /// With whom.
        peer: ResponsePeer,
    },
    /// A request that is not answered yet cannot be answered any more: its connection is gone, or
    /// nobody answered it in time, which is an hour for INVITE and 32 s for others.
    ServerFlowLost {
        /// The request.
        txn: ServerTxn,
    },
}
