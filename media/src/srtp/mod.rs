//! SRTP and SRTCP (RFC 3711; AEAD suites: RFC 7714), in place and sans-IO.
//!
//! ```text
//!  packet to send ──▶ SrtpSender ──▶ network        one master key per direction
//!  network ──▶ SrtpReceiver ──▶ packet to believe
//! ```
//!
//! Where the keys come from does not matter here: a description's crypto line names them, and a
//! DTLS handshake could as well. Nothing is allocated per packet. A packet that is refused changes
//! nothing: neither the bytes nor what is known of its stream.
//!
//! | concern | where |
//! | --- | --- |
//! | session keys from a master key | `derive` |
//! | the four suites | `cipher` |
//! | which packet of 2^48 this is, and whether it came before | [`ReplayWindow`] |
//! | streams under one key | `sources` |

mod cipher;
mod derive;
mod header;
mod receiver;
mod replay;
mod sender;
mod sources;
#[cfg(test)]
mod tests;
mod wide;

pub use receiver::{OVERLAP, SrtpReceiver};
pub use replay::ReplayWindow;
pub use sender::SrtpSender;

/// Room a packet of ours needs behind it: the longest tag, and the index of SRTCP. Keys that we
/// make carry no identifier, which would come on top.
pub const TRAILER_LEN: usize = 16 + 4;

/// Why a packet could not be protected, or is not to be believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SrtpError {
    /// Neither RTP nor RTCP, or too short to hold a tag.
    #[error("the packet is malformed")]
    Malformed,
    /// The tag is not that of our key: forged, damaged, or not protected at all.
    #[error("the packet is not authentic")]
    Forged,
    /// Came before, or is too old to know.
    #[error("the packet came before or is too old")]
    Replayed,
    /// A sender was asked to give a number to a second packet, or to one too old to know: doing it
    /// would show the XOR of both, and with GCM the key that authenticates.
    #[error("a packet of this number was protected before")]
    Reused,
    /// The buffer has no room for what protection adds.
    #[error("the buffer has no room for the tag")]
    NoRoom,
    /// The key has protected as many packets as it may (RFC 3711 section 9.2).
    #[error("the key has protected as many packets as it may")]
    KeyExhausted,
    /// More streams under one sending key than there is memory of.
    #[error("too many streams under one key")]
    TooManySources,
}
