//! Audio that is already encoded: playing it is only sending it.

use crate::codec::Law;
use crate::time::{self, FRAME_SAMPLES};

/// A piece of audio in every coding, in whole frames of 20 ms. Encoded once, when it is loaded, so
/// that no listener costs more than a copy.
#[derive(Clone, PartialEq, Eq)]
pub struct Sound {
    frames: usize,
    pcmu: Box<[u8]>,
    pcma: Box<[u8]>,
}

impl Sound {
    /// Encodes 8 kHz samples; the last frame is filled up with silence.
    #[must_use]
    pub fn encode(pcm: &[i16]) -> Self {
        let frames = pcm.len().div_ceil(FRAME_SAMPLES);
        let encoded = |law: Law| {
            let mut bytes = vec![law.silence(); frames * FRAME_SAMPLES].into_boxed_slice();
            law.encode_frame(pcm, &mut bytes);
            bytes
        };
        Self {
            frames,
            pcmu: encoded(Law::Mu),
            pcma: encoded(Law::A),
        }
    }

    /// Its length in frames of 20 ms.
    #[must_use]
    pub fn frames(&self) -> usize {
        self.frames
    }

    /// Its length.
    #[must_use]
    pub fn duration(&self) -> std::time::Duration {
        time::duration((self.frames * FRAME_SAMPLES) as u64)
    }

    /// Frame number `index`, counted round and round; empty when the sound is.
    #[must_use]
    pub fn frame(&self, law: Law, index: usize) -> &[u8] {
        let bytes = match law {
            Law::Mu => &self.pcmu,
            Law::A => &self.pcma,
        };
        match index.checked_rem(self.frames) {
            Some(index) => &bytes[index * FRAME_SAMPLES..(index + 1) * FRAME_SAMPLES],
            None => &[],
        }
    }
}

impl std::fmt::Debug for Sound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sound")
            .field("frames", &self.frames)
            .finish_non_exhaustive()
    }
}
