//! What is heard where nothing came: for codings that cannot help themselves.
//!
//! [`Concealer`] repeats the last pitch periods of what was heard, by the idea of ITU-T G.711
//! Appendix I but without its delay; where the far end said that it is silent, it lets comfort
//! noise take over.

mod concealer;
mod pitch;

pub(super) use concealer::Concealer;

#[cfg(test)]
mod tests;
