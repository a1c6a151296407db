//! Agents: who serves callers. The agent's actor owns the one truth about an agent; a queue asks for
//! a reservation and is answered once.
//!
//! ```text
//!            ready                Reserve            Ringing           Connected
//! LoggedOut ───────▶   Ready   ───────────▶ Reserved ───────▶ Ringing ───────────▶ OnCall
//!     ▲                 ▲  ▲                    │   Release      │                    │ CallEnded
//!     │ log out         │  └────────────────────┴────────────────┘                    ▼
//!  anywhere             └──────────────────── time is up, or `ready` ────────────  WrapUp
//! ```
//!
//! Break and log-out take effect at once, except during a call, where they wait for its end and are
//! visible as what comes next. Missing too many attempts in a row leads to a break with the reason
//! [`MISSED_CALLS`], which one `ready` ends. An agent whose phone is not registered may be ready but
//! is not available.

mod actor;
mod desk;
mod handle;
mod machine;
mod message;
mod port;
mod state;
mod supervisor;
#[cfg(test)]
mod tests;

pub use desk::AgentView;
pub use handle::{Agents, SetStateError};
pub use machine::{AgentMachine, MISSED_CALLS};
pub use message::{AgentCommand, AgentEffect, AgentInput};
pub use port::{AgentPorts, QueuesPort};
