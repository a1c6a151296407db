//! RTP packets and what a receiver learns from their numbers (RFC 3550, RFC 4733).

mod bursts;
mod clock;
mod packet;
mod source;
mod telephone_event;

pub use bursts::{BurstFigures, Bursts, GMIN};
pub use clock::ClockRate;
pub use packet::{HEADER_LEN, Packet, RtpError, RtpHeader};
pub use source::{Arrival, Reception, RtpSource};
pub use telephone_event::{TELEPHONE_EVENT_LEN, TelephoneEvent};
