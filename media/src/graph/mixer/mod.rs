//! Conferences: each member of a room hears all others.
//!
//! ```text
//!  take ─▶ level, talk ─▶ the loudest few ─▶ gain in, fade ─▶ sum ─┬─▶ limit ─▶ shared by all listeners
//!                                             inserts, chimes ─────┘
//!                sum − own voice ± relations + own insert ─▶ gain out ─▶ limit ─▶ own mix
//! ```
//!
//! Sums are of 32 bits and exact, so that a voice that was added can be taken away to the last bit.
//! What is heard of a member is `gain in × how he is heard × gain out`; how he is heard is one gain
//! for all, and another for each pair about which something else was said. Listening, whispering and
//! barging in are just that: see [`Audience`]. Every gain moves over one frame.
//!
//! Who says nothing, hears everybody and has no gain of his own costs nothing but a look: he gets
//! what all such members get.

mod chime;
mod gain;
mod insert;
mod limit;
mod listener;
mod member;
mod relations;
mod room;
mod settings;
mod talk;
mod talkers;
#[cfg(test)]
mod tests;

pub use gain::Gain;
pub use insert::Follows;
pub use member::{Hearing, MemberKey, MemberSettings, Presence, Speech};
pub use relations::{Audience, MAX_RELATIONS};
pub use room::{Mix, Mixer, MixerEvent};
pub use settings::{ChimeMode, LoneMode, MAX_TALKERS, MixerError, MixerSettings};
pub use talk::Level;
