//! What phones are told without a call: who is busy, who is there, how many messages wait; and the
//! text messages they send each other.
//!
//! ```text
//!  SUBSCRIBE, MESSAGE ──▶ edge (who is it?) ──▶ Inbox ──▶ ┌──────────────────┐ ──▶ 200, NOTIFY
//!  Live events ──▶ Lines (who is in a call?) ─ changed ─▶ │ SubscriptionsActor │
//!  REST: summaries, lists, messages ──▶ Desk, Inbox ────▶ └──────────────────┘
//! ```
//!
//! Subscriptions are kept in a `Book` beside the actor, as calls are in their slots: when the actor
//! falls over one, its successor goes on with all of them as they were before.
//!
//! | who owns | what |
//! | --- | --- |
//! | `book` | the subscriptions, by dialog, by what they watch and by watcher |
//! | `lines` | the calls of each extension, as a fold over events |
//! | `desk` | messages waiting, and lists of extensions |
//! | `document` | what a watcher is told |
//! | `page` | text messages |
//! | `actor` | the order of things |
//! | `turns` | how much of it is done at once |

mod actor;
mod book;
mod desk;
mod document;
mod follow;
mod grant;
mod handle;
mod lines;
mod page;
#[cfg(test)]
mod tests;
mod turns;

pub use actor::{SubscriptionsActor, SubscriptionsMessage};
pub use handle::{
    MessageRefused, OutgoingMessage, Subscriptions, SubscriptionsArguments, SubscriptionsStats,
    Wire,
};
