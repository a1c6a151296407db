//! The RTP and media engine of Offhook.
//!
//! [`engine`] is what the rest of the server talks to: a handle with named verbs and a stream of
//! events. Behind it a few threads own all RTP sockets. Everything outside of `engine` is pure: it
//! is told of packets and of the time, and says what to send.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`engine`] | threads, sockets, rings; the only I/O |
//! | [`session`] | one leg's media: latching, relaying, digits, reports |
//! | [`rtp`], [`rtcp`] | the packets (RFC 3550, RFC 4733) |
//! | [`srtp`] | their protection (RFC 3711, RFC 7714) |
//! | [`codec`] | G.711, G.722, Opus, L16; comfort noise; what is heard for lost packets |
//! | [`graph`] | sounds, players, recordings |
//! | [`dsp`] | tones, resampling, mixing |
//! | [`container`] | WAV files as bytes; audio files of any common format |
//! | [`time`] | RTP time |
//! | [`fuzz`] | what must hold for any bytes |

pub mod codec;
pub mod container;
pub mod dsp;
pub mod engine;
pub mod fuzz;
pub mod graph;
pub mod rtcp;
pub mod rtp;
pub mod session;
pub mod srtp;
#[cfg(test)]
mod test_time;
pub mod time;
