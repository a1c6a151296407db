//! Menus that answer, speak and listen for digits.
//!
//! [`IvrMachine`] plays one caller's part of one menu. It belongs to the machine of the call: a menu
//! has no life of its own, and a caller in a menu needs no second mailbox.
//!
//! ```text
//!            digit            decided
//! Speaking ─────────▶ Collecting ─────────▶ Done(choice)
//!    │  ▲                 │ cannot be right
//!    │  └───── retry ─────┤
//!    ▼ prompt ended       │
//! Listening ──────────────┘ no digit in time
//! ```

mod machine;
#[cfg(test)]
mod tests;

pub use machine::{IvrEffect, IvrInput, IvrMachine, PROMPTS};
