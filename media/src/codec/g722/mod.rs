//! G.722 at 64 kb/s (ITU-T G.722, mode 1): 16 kHz split into two bands, each an adaptive
//! differential code; six bits for the lower, two for the upper.
//!
//! In 32-bit integers, as the recommendation's block diagrams have it: every implementation that
//! follows them gives the same bits.

mod band;
mod decoder;
mod encoder;
mod mirror;

pub(super) use decoder::G722Decoder;
pub(super) use encoder::G722Encoder;

/// Pairs of samples, and so bytes, that are filtered at once.
const BLOCK: usize = 80;

#[cfg(test)]
mod tests;
