//! Sound that is said over and over, encoded once.

use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, ensure};
use offhook_core::sdp::Codec;
use offhook_media::codec::{Coding, Encoder, EncoderSettings};
use offhook_media::dsp::tone::sine;
use offhook_media::time::{FRAME_SAMPLES, Rate};

use crate::clock::Nanos;

/// The longest payload of 20 ms that is made.
const MAX_PAYLOAD: usize = 1275;

/// From this value on a sample is part of a [`Word`]. What else is said together stays below.
pub(super) const LOUD: u16 = 9000;

/// A second of sound without a word in it is quieter than this.
const QUIET: f64 = 1000.0;

/// How loud a word is.
const WORD: f64 = 30_000.0;

/// Packets of 20 ms, which follow each other, the first after the last again.
#[derive(Debug)]
pub struct Clip {
    pub(super) payload_type: u8,
    /// How far a packet takes the stream's clock.
    pub(super) units: u32,
    payloads: Vec<Vec<u8>>,
    /// The packet that the word is in, if there is one.
    word: Option<usize>,
}

impl Clip {
    /// These samples at 8 kHz as packets of a codec; what is beyond whole frames is left out.
    ///
    /// # Errors
    /// When there is no whole frame, or the codec has no encoder.
    pub fn encode(codec: Codec, pcm: &[i16]) -> Result<Self> {
        let coding = Coding::of(codec).context("the engine does not know the codec")?;
        let mut encoder = Encoder::new(coding, Rate::Narrow, &EncoderSettings::default())?;
        let mut payloads = Vec::new();
        for frame in pcm.chunks_exact(FRAME_SAMPLES) {
            let mut payload = vec![0; MAX_PAYLOAD];
            let length = encoder.encode(frame, &mut payload)?;
            payload.truncate(length);
            payloads.push(payload);
        }
        ensure!(!payloads.is_empty(), "a clip is 20 ms at least");
        Ok(Self {
            payload_type: codec.payload_type(),
            units: codec.clock_rate() / 50,
            payloads,
            word: None,
        })
    }

    /// A second of a quiet tone, one of eight, as packets of a codec.
    ///
    /// # Errors
    /// As [`Clip::encode`].
    pub fn tone(codec: Codec, voice: u32) -> Result<Self> {
        let hertz = 300.0 + 100.0 * f64::from(voice % 8);
        Self::encode(codec, &sine(hertz, 50 * FRAME_SAMPLES, QUIET))
    }

    /// The same, somewhat louder, with a frame in it that is a word.
    ///
    /// # Errors
    /// As [`Clip::encode`].
    pub fn with_word(codec: Codec) -> Result<Self> {
        let word = 25;
        let mut pcm = sine(350.0, 50 * FRAME_SAMPLES, 2.0 * QUIET);
        let loud = sine(450.0, FRAME_SAMPLES, WORD);
        pcm[word * FRAME_SAMPLES..][..FRAME_SAMPLES].copy_from_slice(&loud);
        let clip = Self::encode(codec, &pcm)?;
        Ok(Self {
            word: Some(word),
            ..clip
        })
    }

    /// The packet of this number of an endless stream, and whether it holds the word.
    pub(super) fn packet(&self, number: usize) -> (&[u8], bool) {
        let at = number % self.payloads.len().max(1);
        let payload = self.payloads.get(at).map_or(&[][..], Vec::as_slice);
        (payload, self.word == Some(at))
    }
}

/// Something said loudly: who says it notes when, and who hears it how long that took.
#[derive(Debug, Default)]
pub struct Word {
    /// Zero: it was heard, or not said yet.
    said_at: AtomicU64,
}

impl Word {
    pub(super) fn say(&self, now: Nanos) {
        self.said_at.store(now, Ordering::Release);
    }

    /// How long it took to be heard, if it was not heard before.
    pub(super) fn hear(&self, at: Nanos) -> Option<Nanos> {
        let said_at = self.said_at.swap(0, Ordering::AcqRel);
        (said_at > 0).then(|| at.saturating_sub(said_at))
    }
}
