//! Calls: who is in them, what they are doing, and how they end.
//!
//! A call is one [`CallMachine`]; one actor runs them all. A call owns its legs (each a dialog, a
//! negotiation and a media port), and tells queues, agents and the engine what it needs by effects.
//!
//! ```text
//!             ┌──────────▶ Menu ◀────────────┐
//! Starting ───┤             │                │ no answer
//!             ├──────────▶ Waiting ──agent──▶ Talking ──▶ Over
//!             ├──────────▶ Dialling ──────────▲
//!             └──────────▶ Speaking, Echo
//! ```
//!
//! **Transfers.** Who talks may send the other party elsewhere ([`transfer`]): that party becomes the
//! caller and is routed again, and comes back when nobody is there. Or it takes a place in another
//! call ([`moving`]): the leg goes there with its dialog and its port under a new name.
//!
//! **What survives what.** The actor's mailbox only says "calls stand in line". The inbox and the last
//! good machine are kept in the call's slot, outside the actor: when an input makes the machine
//! panic, the call goes on with the last good one, the poisonous input is gone and nothing else is.
//! When the actor itself falls, its successor finds every slot. Media never notices, since it is not
//! here.

mod actor;
mod effect;
mod handle;
mod history;
mod house;
mod info;
mod input;
mod leg;
mod machine;
mod moved;
mod moving;
mod perform;
mod prompts;
mod ring;
mod route;
mod sip;
mod slot;
mod speak;
mod talk;
#[cfg(test)]
mod tests;
mod transfer;
mod trunk;
mod turn;
mod wait;

pub use effect::{CallEffect, CallToAgent, MediaEffect, RingTarget};
pub use handle::{CallError, Calls};
pub use input::{
    Answering, CallCommand, CallInput, Contact, IncomingCall, MediaInput, Origin, Originate, Party,
    Replacing,
};
pub use machine::{CallMachine, Office};
pub use moving::Arrival;
pub use perform::{Left, Neighbours};
pub use prompts::PROMPTS;
