//! What the signalling task is told.

use bytes::Bytes;
use offhook_core::LegId;
use offhook_core::sip::endpoint::{FlowId, Path, ServerTxn};
use offhook_core::sip::invite::UsageEffect;
use offhook_core::sip::locate::{LocateError, Target};
use offhook_core::sip::message::Response;

use super::ask::Ask;
use super::connections::Remote;

/// What sockets tell.
#[derive(Debug)]
pub(crate) enum Inbound {
    /// A datagram, or one message of a stream.
    Message(Path, Bytes),
    /// A connection is gone.
    Closed(FlowId),
}

/// What everybody else tells.
#[derive(Debug)]
pub(crate) enum Command {
    /// Do this for a leg.
    Perform(LegId, UsageEffect),
    /// Forget a leg.
    Close(LegId),
    /// This leg has another name.
    Rename(LegId, LegId),
    /// Answer a request that belongs to no leg.
    Respond(ServerTxn, Response),
    /// Send a request that belongs to no leg.
    Ask(Box<Ask>),
    /// A host name was looked up.
    Resolved(u64, Result<Vec<Target>, LocateError>),
    /// A connection stands, or cannot be had.
    Connected(Remote, Option<Path>),
    /// A fault for tests of supervision: the task panics.
    Fault,
}
