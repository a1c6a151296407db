//! File formats as bytes, not disks.

pub mod wav;
