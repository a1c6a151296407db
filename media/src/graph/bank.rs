//! The sound bank: every prompt, tone and piece of music the engine can play, by name.

use std::sync::Arc;

use ahash::AHashMap;

use crate::container::wav::{self, WavError};
use crate::dsp::tone::Tone;
use crate::graph::playlist::ToneId;
use crate::graph::sound::Sound;

/// Sounds by id, hold music by class, tones by name. Filled before the engine starts and not
/// changed afterwards.
#[derive(Debug, Default)]
pub struct SoundBank {
    sounds: AHashMap<String, Arc<Sound>>,
    music: AHashMap<String, Arc<Sound>>,
    tones: AHashMap<ToneId, Arc<Sound>>,
}

impl SoundBank {
    /// An empty bank.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a prompt from a WAV file's bytes (PCM of any rate and width; channels are mixed).
    ///
    /// # Errors
    /// When the bytes are not such a file.
    pub fn add_wav(&mut self, id: &str, wav: &[u8]) -> Result<(), WavError> {
        self.add_pcm(id, &wav::decode_to_8k(wav)?);
        Ok(())
    }

    /// Adds a prompt from 8 kHz samples.
    pub fn add_pcm(&mut self, id: &str, pcm: &[i16]) {
        self.sounds
            .insert(id.to_owned(), Arc::new(Sound::encode(pcm)));
    }

    /// Sets the hold music of a class: these WAV files one after the other, for ever.
    ///
    /// # Errors
    /// When one of them is not a PCM WAV file; the class is then unchanged.
    pub fn set_music(&mut self, class: &str, wavs: &[&[u8]]) -> Result<(), WavError> {
        let mut pcm = Vec::new();
        for wav in wavs {
            pcm.extend(wav::decode_to_8k(wav)?);
        }
        self.set_music_pcm(class, &pcm);
        Ok(())
    }

    /// Sets the hold music of a class from 8 kHz samples.
    pub fn set_music_pcm(&mut self, class: &str, pcm: &[i16]) {
        self.music
            .insert(class.to_owned(), Arc::new(Sound::encode(pcm)));
    }

    /// Adds a tone.
    pub fn add_tone(&mut self, id: ToneId, tone: &Tone) {
        self.tones
            .insert(id, Arc::new(Sound::encode(&tone.render())));
    }

    /// The prompt with this id.
    #[must_use]
    pub fn sound(&self, id: &str) -> Option<&Arc<Sound>> {
        self.sounds.get(id)
    }

    /// The music of this class.
    #[must_use]
    pub fn music(&self, class: &str) -> Option<&Arc<Sound>> {
        self.music.get(class)
    }

    /// One cycle of this tone.
    #[must_use]
    pub fn tone(&self, id: &ToneId) -> Option<&Arc<Sound>> {
        self.tones.get(id)
    }
}
