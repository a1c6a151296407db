//! What a trunk is told and what it wants done.

use std::sync::Arc;

use bytes::Bytes;
use offhook_core::directory::Trunk;
use offhook_core::event::EventKind;
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::message::Request;
use offhook_core::sip::register_client::Registrar;

use crate::edge::Answer;

/// How a trunk reaches its carrier, as the edge sees it at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrunkWays {
    /// With whom to register, and as whom.
    pub registrars: Vec<Registrar>,
    /// The carrier's own URI and our Contact there, if it has one.
    pub carrier: Option<Registrar>,
    /// The host part of our addresses.
    pub domain: String,
    /// What `User-Agent` says.
    pub product: Bytes,
}

/// Names a request of a trunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AskTag {
    /// Which of the trunk's parts asks; a part that was replaced has another number.
    pub part: u32,
    /// The part's own name for it.
    pub tag: u32,
}

/// What a trunk is told.
#[derive(Debug, Clone)]
pub enum TrunkInput {
    /// What became of a request.
    Answer(AskTag, Answer),
    /// Its settings changed, or the ways to its carrier.
    Reconfigure(Arc<Trunk>, TrunkWays),
    /// It is no more, or the server stops: take the registration back.
    Leave,
}

/// What a trunk wants done, in this order.
#[derive(Debug, Clone, PartialEq)]
pub enum TrunkEffect {
    /// Send a request; the answer comes back as [`TrunkInput::Answer`].
    Ask {
        /// Its name.
        tag: AskTag,
        /// The request.
        request: Box<Request>,
        /// Where to.
        next_hop: NextHop,
    },
    /// It happened.
    Publish(EventKind),
}
