//! The notifier's side of a subscription (RFC 6665): one watcher's dialog, from its SUBSCRIBE to the
//! last NOTIFY.
//!
//! ```text
//!   SUBSCRIBE ─▶ Asked::read ─▶ Subscription::accept ─▶ 200
//!   news ─▶ mark;  refresh, Expires: 0, answers ─▶ handle;  expiry ─▶ handle_timeout
//!   wants_state? ─▶ the state is described ─▶ tell ─▶ NOTIFY
//! ```
//!
//! One NOTIFY is under way at a time. What changes meanwhile is neither queued nor described: the
//! next NOTIFY tells the state as it is then, so a slow watcher costs one document and never sees
//! states out of order. The state is only asked for when it can be told.
//!
//! | module | what it holds |
//! | --- | --- |
//! | `package` | the event packages with their rules |
//! | `asked` | what a SUBSCRIBE asks for, and why it is refused |
//! | `message` | what goes into it and comes out |
//! | `usage` | the machine |
//! | [`document`] | the states, as XML and text |

mod asked;
pub mod document;
mod message;
mod package;
#[cfg(test)]
mod tests;
mod usage;

pub use asked::{Asked, Terms, bad_event};
pub use document::{Body, Document};
pub use message::{EndReason, NotifyTag, Opening, SubscriptionEffect, SubscriptionInput};
pub use package::{ALLOW_EVENTS, Package};
pub use usage::Subscription;
