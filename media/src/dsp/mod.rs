//! Arithmetic on samples: resampling, mixing, making tones and finding them.

pub(crate) mod correlator;
pub mod digit_remover;
pub mod dtmf;
pub mod fax;
pub mod gain;
pub mod goertzel;
pub mod mix;
pub mod resample;
pub mod stretch;
pub mod tone;
