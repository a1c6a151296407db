//! Resampling by polyphase FIR filters: windowed sincs, one set of taps per phase.
//!
//! [`Resampler`] works on a stream, frame by frame, between the rates of the engine. [`convert`]
//! works on whole sounds of any rate, slower and better.

mod filter;
mod offline;
mod stream;

pub use offline::{convert, is_supported, to_8k};
pub use stream::Resampler;

#[cfg(test)]
mod tests;
