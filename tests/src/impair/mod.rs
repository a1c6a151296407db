//! A bad network between two ends.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Impairment`] | what a network does to packets |
//! | [`Link`] | one direction of it, pure: on whatever time it is told, the same for the same seed |
//! | [`Relay`] | both directions between real sockets on loopback |
//! | [`Path`] | a relay for a phone's SIP that puts relays in the way of its RTP |

mod link;
mod path;
mod relay;

use std::time::Duration;

pub use link::{Dice, Link, LinkStats};
pub use path::Path;
pub use relay::{Relay, RelayStats};

/// What a network does to packets in one direction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Impairment {
    /// The time every packet takes.
    pub delay: Duration,
    /// The time it takes beyond that.
    pub jitter: Jitter,
    /// Which packets are lost.
    pub loss: Loss,
    /// The share of packets that come twice, 0 to 1.
    pub duplicates: f64,
    /// Whether a packet may overtake another.
    pub order: Order,
    /// By how many parts of a million the far end's clock seems slower: the delay grows so much.
    pub drift: f64,
}

/// How the time differs from packet to packet.
#[derive(Debug, Clone, Copy, Default)]
pub enum Jitter {
    /// Not at all.
    #[default]
    None,
    /// Anything up to this, equally likely.
    Uniform(Duration),
    /// A normal distribution's upper half, with this deviation.
    HalfNormal(Duration),
    /// Mostly little, now and then much: an exponential distribution with this mean.
    Exponential(Duration),
    /// So many packets are held back and let go together, as radio links do.
    Bunches(u32, Duration),
}

/// Which packets are lost.
#[derive(Debug, Clone, Copy, Default)]
pub enum Loss {
    /// None.
    #[default]
    None,
    /// Each with this probability.
    Random(f64),
    /// In bursts (Gilbert and Elliott): the probabilities that a packet begins a bad time, that
    /// one ends it, and that a packet is lost in it.
    Bursts {
        /// From good to bad.
        begin: f64,
        /// From bad to good.
        end: f64,
        /// Loss in a bad time.
        lost: f64,
    },
}

/// Whether packets may overtake each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// As their delays have it.
    #[default]
    AsTheyCome,
    /// None overtakes another: one that is late holds up those behind it.
    Kept,
}
