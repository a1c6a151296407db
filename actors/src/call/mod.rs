//! Calls: who is in them, what they are doing, and how they end.
//!
//! A call is one [`CallMachine`] in one actor. It owns its legs (each a dialog, a negotiation and a
//! media port), and tells queues, agents and the engine what it needs by effects.
//!
//! ```text
//!             ┌──────────▶ Menu ◀────────────┐
//! Starting ───┤             │                │ no answer
//!             ├──────────▶ Waiting ──agent──▶ Talking ──▶ Over
//!             ├──────────▶ Dialling ──────────▲
//!             └──────────▶ Speaking, Echo
//! ```
//!
//! **Transfers.** Who talks may send the other party elsewhere (`transfer`): that party becomes the
//! caller and is routed again, and comes back when nobody is there. Or it takes a place in another
//! call (`moving`): the leg goes there with its dialog and its port under a new name. A phone that was
//! set to forward its calls sends the caller on before anybody answers (`forward`).
//!
//! **What survives what.** The actor's mailbox only says "look in your inbox". The inbox and the last good
//! machine are kept in the call's slot, outside the actor: when an input makes the machine
//! panic, the supervisor starts a new actor on the same slot, the poisonous input is gone and nothing
//! else is. Media never notices, since it is not here.

mod actor;
mod command;
mod effect;
mod forward;
mod handle;
mod history;
mod info;
mod input;
mod leg;
mod machine;
mod media_rules;
mod moved;
mod moving;
mod perform;
mod pickup;
mod prompts;
mod recording;
mod ring;
mod route;
mod sip;
mod slot;
mod speak;
mod supervisor;
mod talk;
#[cfg(test)]
mod tests;
mod transfer;
mod trunk;
mod tuning;
mod turn;
mod wait;

pub use effect::{CallEffect, CallToAgent, MediaEffect, RingTarget};
pub use forward::Redirects;
pub use handle::{CallError, Calls};
pub use input::{
    Alerts, Answering, CallCommand, CallInput, Contact, DialsAs, IncomingCall, MediaInput, Origin,
    Originate, Party, Replacing,
};
pub use machine::{CallMachine, Office, RecordingTimes, Rules};
pub use media_rules::MediaRules;
pub use moving::Arrival;
pub use perform::{Left, Neighbours};
pub use prompts::PROMPTS;
