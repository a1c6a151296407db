//! One leg's media, sans-IO: told of packets and of the time, says what to send.
//!
//! ```text
//!  network ──▶ latch ──▶ source ──▶ digits ──▶ (bridge, tap)
//!  network ◀── stream ◀── digit sender · player · background · (bridge)
//! ```

mod audio_in;
mod audio_out;
mod decoding;
mod digit_receiver;
mod digit_sender;
mod drop_reason;
mod fax;
pub mod jitter;
mod keep_alive;
mod latch;
mod link;
mod measuring;
mod media_session;
pub mod quality;
mod receiving;
mod recutter;
mod remote;
mod reports;
mod security;
mod sending;
mod stream;
mod tone_listener;
mod tongue;

pub(crate) use audio_out::pack;
pub use audio_out::{Encoded, Form, PackedKind};
pub use decoding::Coders;
pub use digit_receiver::{DigitInput, DigitReceiver};
pub use digit_sender::DigitSender;
pub use drop_reason::DropReason;
pub use latch::Latch;
pub use link::Link;
pub use media_session::{KeySource, MediaSession, SessionEvent, SessionSettings};
pub use receiving::{Content, Received};
pub use remote::{KeysInBand, KeysOut, MOST_OTHERS, RemoteMedia};
pub use reports::Reports;
pub use sending::{MAX_PAYLOAD, PACKET_LEN, Spoken};
pub use stream::{OutStream, StreamSeed};

use crate::rtp::TelephoneEvent;

/// Whether this is one of the 16 keys of a telephone.
#[must_use]
pub fn is_digit(key: char) -> bool {
    TelephoneEvent::of_key(key).is_some()
}

#[cfg(test)]
mod storms;
#[cfg(test)]
mod tests;
