//! File formats as bytes, not disks.

pub mod audio;
pub mod wav;
