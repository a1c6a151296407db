//! What phones and the engine say.

use std::sync::Arc;

use anyhow::Result;

use offhook_benches::rtp::Clip;
use offhook_core::sdp::Codec;
use offhook_media::container::wav;
use offhook_media::dsp::tone::sine;
use offhook_media::engine::SoundBank;
use offhook_sounds::{Language, prompts};

/// The class of hold music there is.
pub(crate) const MUSIC: &str = "default";
/// A prompt of half a second.
pub(crate) const PROMPT: &str = "prompt";

/// Samples of speech that are enough: ten seconds.
const ENOUGH: usize = 80_000;

/// What the engine can play.
pub(crate) fn bank() -> SoundBank {
    let mut bank = SoundBank::new();
    bank.set_music_pcm(MUSIC, &sine(440.0, ENOUGH, 8000.0));
    bank.add_pcm(PROMPT, &sine(440.0, 4000, 8000.0));
    bank
}

/// People talking: prompts of ours one after the other, at 8 kHz.
pub(crate) fn speech(codec: Codec) -> Result<Arc<Clip>> {
    let mut pcm = Vec::new();
    for prompt in prompts().filter(|prompt| prompt.language == Language::En) {
        pcm.extend(wav::decode_to_8k(prompt.wav)?);
        if pcm.len() >= ENOUGH {
            break;
        }
    }
    Ok(Arc::new(Clip::encode(codec, &pcm)?))
}
