//! The jitter buffer: packets come as the network pleases, 20 ms of sound leave every 20 ms.
//!
//! ```text
//!            arrival times             decoder
//!                  │                      │
//! push ─▶ PacketStore ─▶ JitterBuffer ─▶ Playout ─▶ pull: the next samples
//!                  │          ▲
//!            DelayEstimate ───┘ how long a packet has to wait
//! ```
//!
//! | type | concern |
//! | --- | --- |
//! | [`JitterBuffer`] | which packet is next, when a missing one is given up, whether the wait should change |
//! | `PacketStore` | payloads in fixed memory, by sequence number |
//! | `Line` | where packets lie in time, however their timestamps jump |
//! | `DelayEstimate` | how late packets come compared to the quickest |
//! | `Copies` | whether waiting for the next packet repairs losses |
//! | [`Playout`] | decoded sound: cut to size, stretched in pitch periods, joined without a click |
//!
//! All times are the caller's. All positions are in units of the codec's RTP clock, on a line that
//! neither wraps nor jumps.

mod buffer;
mod copies;
mod delay;
mod frame;
mod line;
mod playout;
mod settings;
mod stats;
mod store;

use std::time::Duration;

pub use buffer::JitterBuffer;
pub use frame::{AudioPacket, JitterFrame, Joint, Pace, Pushed};
pub use playout::{AudioDecoder, Heard, Playout};
pub use settings::JitterSettings;
pub use stats::JitterStats;

fn units(time: Duration, clock: u32) -> u64 {
    let units = time.as_micros() * u128::from(clock) / 1_000_000;
    u64::try_from(units).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
