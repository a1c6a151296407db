//! Who is listened to, how much, and who is kept out.
//!
//! ```text
//!   socket ─▶ Gate (no lock): denied, banned, free to pass, or ─▶ Defence::admit (buckets)
//!   wrong passwords, scanners, garbage ─▶ Defence ─▶ DefenceEffect::Banned ─▶ event, database
//! ```
//!
//! [`Gate`] is an immutable answer for "is this address banned, denied or trusted", made anew with
//! each change, so that a reader of sockets asks it without waiting for anybody. [`Defence`] is the
//! machine behind it: token buckets, wrong passwords, bans and their ends.
//!
//! **What a forged datagram can do.** Its source address may be anybody's. So a *known* source,
//! one from which a password was proved, is never banned for what needs no answer (floods,
//! scanners' names, garbage): it is only slowed down. Wrong passwords count only with a nonce that
//! was given to that very source. A trusted source is never banned at all.

mod ban;
mod bucket;
mod class;
mod gate;
mod login;
mod machine;
mod source;
mod table;
#[cfg(test)]
mod tests;

pub use ban::{Ban, BanReason, UnbanReason, show};
pub use class::Class;
pub use gate::{Gate, Stance};
pub use login::LoginFailure;
pub use machine::{Admittance, Defence, DefenceEffect};
pub use source::{Source, is_private};
