//! Arithmetic on samples: resampling, mixing, making tones and finding them.

pub mod gain;
pub mod goertzel;
pub mod mix;
pub mod resample;
pub mod stretch;
pub mod tone;
