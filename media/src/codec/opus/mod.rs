//! Opus by libopus: the one folder that names the crate `opus`.

mod decoder;
mod encoder;
mod toc;

pub(super) use decoder::OpusDecoder;
pub(super) use encoder::OpusEncoder;
pub use toc::{OpusMode, Toc, TocError};

#[cfg(test)]
mod tests;
