//! Trunks: links to carriers. One actor each keeps the registration and asks whether the carrier is
//! there; routing reads the outcome and never waits for it.
//!
//! ```text
//!  directory ──▶ supervisor ──▶ TrunkActor ── REGISTER, OPTIONS ──▶ SipCore ──▶ carrier
//!                                   │  ▲                              │
//!        TrunkRegistered, TrunkUp … ▼  └────────── answers ───────────┘
//! ```
//!
//! The rules are core's [`RegisterClient`](offhook_core::sip::register_client) and
//! [`Qualify`](offhook_core::sip::qualify); [`TrunkMachine`] owns one of each. A trunk is usable
//! ([`Trunks::state`]) unless it is disabled, OPTIONS say that the carrier is down, or its mode needs
//! a registration that is missing. Capacity is asked here as well; who counts calls is the edge.

mod actor;
mod handle;
mod machine;
mod message;
mod port;
mod slot;
mod status;
mod supervisor;
#[cfg(test)]
mod tests;

pub use handle::Trunks;
pub use machine::TrunkMachine;
pub use message::{AskTag, TrunkEffect, TrunkInput, TrunkWays};
pub use port::{TrunkPorts, TrunkSip};
pub use status::{QualifyState, RegistrationState, TrunkState, TrunkStatus};
