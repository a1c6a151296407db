//! Container formats: bytes, not disks.

pub mod audio;
pub mod encoder;
pub mod mp3;
pub mod ogg_opus;
pub mod peaks;
pub mod sealed;
pub mod wav;
