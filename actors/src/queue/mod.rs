//! Queues: callers who wait, and the rules by which agents are asked to serve them.
//!
//! ```text
//!            Enqueue                Reserve             Granted
//!   call ───────────────▶  queue  ───────────▶ agent ─────────────▶  queue ──┐
//!    ▲                                                                       │ RingAgent
//!    │  AttemptRinging · AttemptEnded · AttemptAnswered ▶ queue              ▼
//!    └────────────────────────────────────────────────────────────────────  call
//! ```
//!
//! | who | owns |
//! | --- | --- |
//! | call | its legs: who rings, who talks; the first word on what was answered |
//! | queue | the order of waiting, and an attempt until it is answered |
//! | agent | the agent's state: a reservation is asked for, never taken |
//!
//! What a call owes the queue it is in, beside the messages of [`CallToQueue`]:
//!
//! 1. It sends `Enqueue` once, is in the queue until the one `Exit` comes, and sends `Leave` when its
//!    caller hangs up or goes elsewhere. When a call actor ends in any other way, whoever supervises
//!    it says so with [`Queues::call_gone`] and [`Agents::call_gone`](crate::agent::Agents::call_gone).
//! 2. When a leg of an attempt answers, the call chooses the first, ends its other legs, sends
//!    `AttemptAnswered`, and waits for `Exit` with `Answered`; `Disown` instead means that the queue
//!    had given the attempt up. When such a conversation is over the agent is told `CallEnded`, even
//!    if the queue has not confirmed yet.
//! 3. To `QueueRestarted` of its queue it answers `Rejoin`.
//!
//! Nothing here ticks or polls: each message and each deadline is followed by bringing together all
//! who can be.

mod actor;
mod announce;
mod attempts;
mod handle;
mod ledger;
mod line;
mod machine;
mod message;
mod overflow;
mod port;
mod recovery;
mod seats;
pub mod strategy;
mod supervisor;
#[cfg(test)]
mod tests;
mod view;

pub use handle::{AskError, Queues};
pub use ledger::Ledger;
pub use machine::QueueMachine;
pub use message::{
    AgentToQueue, AttemptPhase, Availability, CallToQueue, Departure, LiveAttempt, QueueEffect,
    QueueInput, QueueToAgent, QueueToCall, Refusal,
};
pub use port::{AgentsPort, CallsPort, Publish, QueuePorts};
pub use view::{SeatView, WaitingAttempt, WaitingCaller};
