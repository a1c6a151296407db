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
//! | `DelayEstimate` | how late packets come compared to the quickest |
//! | [`Playout`] | decoded sound: cut to size, stretched in pitch periods, joined without a click |
//!
//! All times are the caller's. All positions are in units of the codec's RTP clock, on a line that
//! neither wraps nor jumps.

mod buffer;
mod delay;
mod playout;
mod settings;
mod stats;
mod store;

pub use buffer::{AudioPacket, JitterBuffer, JitterFrame, Joint, Pace, Pushed};
pub use playout::{AudioDecoder, Heard, Playout};
pub use settings::JitterSettings;
pub use stats::JitterStats;

#[cfg(test)]
mod tests;
