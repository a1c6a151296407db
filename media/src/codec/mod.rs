//! Codecs: how samples become payload bytes and come back.
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Coding`] | the codings the engine handles, their clocks and rates |
//! | [`Decoder`] | payloads to samples at any rate; conceals what is lost |
//! | [`Encoder`] | frames of samples to payloads |
//! | [`Law`] | G.711 by table, in place: the fast path that needs neither |
//! | [`Toc`] | what an Opus packet says about itself |

mod alaw;
mod coding;
mod comfort_noise;
mod conceal;
mod decoder;
mod encoder;
mod error;
mod g711;
mod g722;
mod opus;
mod silence;
mod ulaw;

pub use self::opus::{OpusMode, Toc, TocError};
pub use alaw::{alaw_decode, alaw_encode};
pub use coding::Coding;
pub use comfort_noise::{ComfortNoise, NoiseMeter, NoiseShape};
pub use decoder::Decoder;
pub use encoder::{BitRateMode, Encoder, EncoderSettings, Silence};
pub use error::CodecError;
pub use g711::Law;
pub use ulaw::{ulaw_decode, ulaw_encode};

#[cfg(test)]
pub(crate) mod tests;
