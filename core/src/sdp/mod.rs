//! Session descriptions (RFC 8866) and the offer/answer machine (RFC 3264).

mod codec;

pub use codec::Codec;
