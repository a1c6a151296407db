//! Who is kept out, as everybody else asks and learns it.
//!
//! ```text
//!  socket readers ──▶ Guard: Gate (no lock), then core's Defence (a short lock)
//!  signalling     ──▶ Guard: wrong passwords, scanners, garbage, who is known
//!                       │ what happened
//!                       ▼
//!                    DefenceActor ──▶ event stream, log; database (written behind)
//! ```
//!
//! The [`Guard`] lives as long as the process. The actor does what takes time: it publishes, writes
//! bans down, ends them when their time is over, follows the office's trunks, and reads the database
//! of countries anew when its file is replaced.

mod actor;
mod countries;
mod guard;
#[cfg(test)]
mod tests;

pub use actor::{DefenceActor, DefenceArguments, DefenceMessage};
pub use countries::Countries;
pub use guard::{DefenceStats, Dropped, Guard};
