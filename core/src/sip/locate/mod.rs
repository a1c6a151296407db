//! Finding a server (RFC 3263): from a URI to an ordered list of addresses to try.
//!
//! ```text
//!   URI ─▶ transport and port known? ──yes──────────────────────────▶ A, AAAA ─▶ targets
//!             │ no                                                      ▲
//!             └─▶ NAPTR ─▶ SRV of what it names, else of what we speak ─┘
//! ```
//!
//! [`Locate`] asks [`Question`]s and takes [`Answer`]s; whoever owns a resolver carries them. It
//! holds no cache: the resolver's own knows the TTLs. Records of the same SRV priority are put in a
//! random order by weight (RFC 2782), so that two look-ups of one name may differ.
//!
//! Everything is bounded: questions by [`MOST_RECORDS`] per answer, the list by [`MOST_TARGETS`],
//! and no answer leads to a question of an earlier step, so there are no loops.

mod machine;
mod question;
mod target;
#[cfg(test)]
mod tests;
mod weight;

pub use machine::{Locate, LocateError, MOST_RECORDS, MOST_TARGETS};
pub use question::{Answer, Family, Naptr, Question, Srv};
pub use target::{Means, Target};
