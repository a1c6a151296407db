//! Session descriptions (RFC 8866) and the offer/answer machine (RFC 3264).
//!
//! [`MediaNegotiation`] is the front door: one per leg, told the bodies that come, asked for those
//! that go. The syntax is the `sdp-types` crate's; what it means is decided here.
//!
//! | question | answer |
//! | --- | --- |
//! | which audio is taken | the one in use, else the first that can be: RTP/AVP, RTP/SAVP, or one of them with feedback, of which we send none. Every other section keeps its place and gets port 0 |
//! | which codec | the first in the *caller's* order that we have configured; a [`MediaWish`] may prefer another offered one to save a transcode |
//! | an answer with several | we send the first; the peer may send any of them, see [`Negotiated::also`] |
//! | SRTP | keys in the description (SDES), as [`SrtpPolicy`] says; see [`crypto`] |
//! | ICE, DTLS | refused, like every profile but these four |
//! | fax (T.38) | beside audio it gets port 0; alone it is refused, and a call that had audio keeps it |
//! | rtcp-mux | not accepted: the answer is silent about it, so RTCP has its own port (RFC 5761 section 5.1.1) |
//! | host names in `c=` | refused: only IP literals of our family, never multicast |
//! | hold | `sendonly`, `inactive`, or an unspecified address (`0.0.0.0`, `::`) |
//! | fewer sections in a re-offer than before | tolerated, though RFC 3264 section 8 forbids it |

mod agreement;
mod codec;
pub mod crypto;
mod description;
mod direction;
mod error;
mod formats;
pub mod fuzz;
mod local;
mod offer_answer;
mod opus;
mod our_offer;
mod payload_types;
mod protection;
mod remote_offer;
mod telephone_event;
#[cfg(test)]
mod tests;
mod view;

pub use codec::Codec;
pub use description::Description;
pub use direction::Direction;
pub use error::SdpError;
pub use local::{LocalMedia, MediaWish, Negotiated};
pub use offer_answer::{Answer, MediaNegotiation, NegotiationState};
pub use opus::{OpusParameters, OpusWish};
pub use protection::SrtpPolicy;
