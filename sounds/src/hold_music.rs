//! The music a waiting or held caller hears.

use std::sync::LazyLock;

use rust_embed::Embed;

use crate::prompt::{WavTable, wav_table};

/// The class played where nobody has chosen another one; it always exists.
pub const DEFAULT_HOLD_MUSIC: &str = "default";

/// A piece of hold music that is part of the binary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HoldMusic {
    /// The name queues and extensions choose it by.
    pub class: &'static str,
    /// A whole WAV file: 16 kHz, mono, 16 bit linear. Its end continues into its beginning, so it
    /// is played in a loop without a gap or a fade.
    pub wav: &'static [u8],
}

/// Every class of hold music, in alphabetical order.
pub fn hold_music() -> impl Iterator<Item = HoldMusic> {
    static CLASSES: LazyLock<WavTable> = LazyLock::new(wav_table::<Loops>);
    CLASSES
        .iter()
        .map(|(&class, &wav)| HoldMusic { class, wav })
}

#[derive(Embed)]
#[folder = "moh"]
struct Loops;
