//! One leg's media, sans-IO: told of packets and of the time, says what to send.
//!
//! ```text
//!  network ──▶ latch ──▶ source ──▶ digits ──▶ (bridge, tap)
//!  network ◀── stream ◀── digit sender · player · background · (bridge)
//! ```

mod digit_receiver;
mod digit_sender;
mod drop_reason;
pub mod jitter;
mod latch;
mod measuring;
mod media_session;
pub mod quality;
mod receiving;
mod remote;
mod reports;
mod sending;
mod stream;

pub use digit_receiver::{DigitInput, DigitReceiver};
pub use digit_sender::DigitSender;
pub use drop_reason::DropReason;
pub use latch::Latch;
pub use media_session::{MediaSession, SessionEvent, SessionSettings};
pub use receiving::{Content, Received};
pub use remote::RemoteMedia;
pub use reports::Reports;
pub use sending::{MAX_PAYLOAD, PACKET_LEN};
pub use stream::{OutStream, StreamSeed};

use crate::rtp::TelephoneEvent;

/// Whether this is one of the 16 keys of a telephone.
#[must_use]
pub fn is_digit(key: char) -> bool {
    TelephoneEvent::of_key(key).is_some()
}

#[cfg(test)]
mod tests;
