//! The invite usage of a dialog (RFC 5057): what one leg of a call is in SIP.
//!
//! ```text
//!   incoming ─▶ Incoming ──answer──▶ Established ──hang_up, BYE──▶ Leaving ─▶ Terminated
//!                  │ reject, CANCEL                                  ▲  ▲
//!                  └─────────────────────────────────────────────────┘  │
//!   outgoing ─▶ Calling ──2xx──▶ Established         hang_up, failure ──┘
//! ```
//!
//! An [`InviteUsage`] is plain data inside its call's machine: requests, responses and the time go
//! in, requests and responses to send and [`UsageEvent`]s come out. It owns what RFC 3261 leaves to
//! the user agent core: dialogs, forks, repeating a 2xx until its ACK, repeating the ACK, glare,
//! challenges, and the right way out of every state. Transactions are the
//! [`Endpoint`](super::endpoint::Endpoint)'s.
//!
//! [`UsageEvent::Ended`] comes exactly once and at once; protocol that is left over, such as a BYE
//! without a response yet, goes on until [`InviteUsage::is_terminated`].
//!
//! Commands that come too late, because the peer was quicker, do nothing: an event tells why.

mod answer;
mod authorize;
mod callee;
mod caller;
mod described;
mod early;
mod fork;
mod hangup;
mod message;
mod options;
mod outbox;
mod party;
mod peer_reoffer;
pub(crate) mod reason;
mod redirect;
mod refer;
mod reliable;
mod reoffer;
mod replace;
mod requests;
mod sent;
mod session;
mod signature;
#[cfg(test)]
mod tests;
mod unwanted;
mod usage;

pub use super::digest::Credentials;
pub use message::{EndedSide, NextHop, RequestTag, UsageEffect, UsageEvent, UsageInput};
pub use options::{DialogOptions, ReliableProvisional, SessionTimerMode, SessionTimerPolicy};
pub use party::{LocalParty, OutgoingInvite, RedirectPolicy};
pub use refer::ReferId;
pub use unwanted::Unwanted;
pub use usage::{InviteUsage, UsageState};
