//! Why a payload could not be decoded or a frame not encoded.

use super::opus::TocError;

/// Why a payload could not be decoded or a frame not encoded. The state of the decoder or encoder
/// is as it was before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// There is nothing in the payload.
    #[error("the payload is empty")]
    Empty,
    /// L16 has two bytes a sample.
    #[error("half a sample is left over")]
    HalfSample,
    /// The packet lasts over 120 ms, or longer than there is room for its samples.
    #[error("the packet is too long")]
    TooLong,
    /// An Opus packet breaks a rule of RFC 6716 section 3.
    #[error("an illegal Opus packet: {0}")]
    Packet(#[from] TocError),
    /// The frame to encode has no length the coding can send.
    #[error("not a frame of 10 to 60 ms")]
    FrameLength,
    /// There is no room for the encoded payload.
    #[error("no room for the payload")]
    NoRoom,
    /// The codec library did not take what our own checks let through.
    #[error("the codec library refused")]
    Refused,
}
