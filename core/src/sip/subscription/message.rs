//! What goes into a subscription and comes out of it.

use std::time::Duration;

use super::asked::{Asked, Terms};
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::header::SubscriptionState;
use crate::sip::invite::{LocalParty, NextHop};
use crate::sip::message::{Request, Response};

/// How long a server that stops is away.
const AWAY: Duration = Duration::from_secs(30);

/// Names a NOTIFY of one subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NotifyTag(pub u64);

/// Why a subscription ends, as `Subscription-State` says it (RFC 6665 section 4.1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// It was not refreshed, or the watcher ended it.
    Timeout,
    /// What was watched is no more.
    NoResource,
    /// It may be made again at once, perhaps elsewhere.
    Deactivated,
    /// The watcher may no longer watch this.
    Rejected,
    /// It may be made again in a while: the server stops.
    Probation,
}

impl EndReason {
    /// The word on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::NoResource => "noresource",
            Self::Deactivated => "deactivated",
            Self::Rejected => "rejected",
            Self::Probation => "probation",
        }
    }

    /// The state of a subscription that ends so.
    pub(super) fn state(self) -> SubscriptionState {
        let state = SubscriptionState::terminated(self.as_str());
        match self {
            Self::Timeout | Self::NoResource | Self::Deactivated | Self::Rejected => state,
            Self::Probation => state.worth_asking_after(AWAY),
        }
    }
}

/// What a subscription begins with, besides its SUBSCRIBE.
#[derive(Debug, Clone)]
pub struct Opening {
    /// What to answer.
    pub txn: ServerTxn,
    /// What the SUBSCRIBE asks for.
    pub asked: Asked,
    /// How long it may last.
    pub terms: Terms,
    /// What the dialog says about our side.
    pub local: LocalParty,
    /// Our tag in the dialog.
    pub local_tag: String,
    /// Whether what is watched is a list (RFC 4662).
    pub list: bool,
}

/// What happened to a subscription.
#[derive(Debug, Clone)]
pub enum SubscriptionInput {
    /// Its watcher, who has proved to be the same, sent SUBSCRIBE again within the dialog.
    Subscribe {
        /// What to answer.
        txn: ServerTxn,
        /// The request.
        request: Request,
        /// What we call ourselves on the way it came, which may be a new one.
        local: LocalParty,
    },
    /// What became of a NOTIFY.
    Answered {
        /// The NOTIFY.
        tag: NotifyTag,
        /// Its final response, or why there is none.
        answer: Result<Response, TxnFailure>,
    },
}

/// What a subscription wants done.
#[derive(Debug, Clone)]
pub enum SubscriptionEffect {
    /// Answer a SUBSCRIBE.
    Respond {
        /// The request.
        txn: ServerTxn,
        /// The response.
        response: Response,
    },
    /// Send a NOTIFY and tell what became of it.
    Notify {
        /// What it is called.
        tag: NotifyTag,
        /// The request, without Via.
        request: Request,
        /// Where it goes.
        next_hop: NextHop,
    },
}
