//! The sound bank: every prompt, tone and piece of music the engine can play, by name.

use std::sync::Arc;

use ahash::AHashMap;

use crate::container::wav::{self, WavError};
use crate::dsp::tone::Tone;
use crate::graph::encoding::OrderBook;
use crate::graph::music::{MusicClass, MusicOrder, Program};
use crate::graph::playlist::ToneId;
use crate::graph::sound::Sound;

/// Sounds by id, hold music by class, tones by name. A clone is cheap and shares all of them: to
/// change what an engine can play, change a clone and hand it over.
#[derive(Debug, Clone)]
pub struct SoundBank {
    sounds: AHashMap<String, Arc<Sound>>,
    music: AHashMap<String, Arc<MusicClass>>,
    tones: AHashMap<ToneId, Arc<Sound>>,
    orders: OrderBook,
}

impl Default for SoundBank {
    fn default() -> Self {
        Sound::prepare_silence();
        Self {
            sounds: AHashMap::new(),
            music: AHashMap::new(),
            tones: AHashMap::new(),
            orders: OrderBook::default(),
        }
    }
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
        let (pcm, rate) = wav::decode_mono(wav)?;
        let sound = if rate == 16_000 {
            Sound::encode_wide(&pcm)
        } else {
            Sound::encode(&wav::decode_to_8k(wav)?)
        };
        self.add_sound(id, Arc::new(sound));
        Ok(())
    }

    /// Adds a prompt from 8 kHz samples.
    pub fn add_pcm(&mut self, id: &str, pcm: &[i16]) {
        self.add_sound(id, Arc::new(Sound::encode(pcm)));
    }

    /// Adds a prompt, or replaces the one with this id.
    pub fn add_sound(&mut self, id: &str, sound: Arc<Sound>) {
        sound.set_orders(self.orders.sender());
        self.sounds.insert(id.to_owned(), sound);
    }

    /// Removes a prompt. Who hears it hears it to its end.
    pub fn remove_sound(&mut self, id: &str) {
        self.sounds.remove(id);
    }

    /// Sets the hold music of a class: these WAV files one after the other, for ever.
    ///
    /// # Errors
    /// When one of them is not a PCM WAV file; the class is then unchanged.
    pub fn set_music(&mut self, class: &str, wavs: &[&[u8]]) -> Result<(), WavError> {
        let mut sounds = Vec::new();
        for wav in wavs {
            let (pcm, rate) = wav::decode_mono(wav)?;
            let sound = if rate == 16_000 {
                Sound::encode_wide(&pcm)
            } else {
                Sound::encode(&wav::decode_to_8k(wav)?)
            };
            sounds.push(Arc::new(sound));
        }
        self.set_music_sounds(class, &sounds, MusicOrder::Linear);
        Ok(())
    }

    /// Sets the hold music of a class from 8 kHz samples.
    pub fn set_music_pcm(&mut self, class: &str, pcm: &[i16]) {
        let sounds = [Arc::new(Sound::encode(pcm))];
        self.set_music_sounds(class, &sounds, MusicOrder::Linear);
    }

    /// Sets the hold music of a class. Who hears the class already hears the new music from the
    /// next frame on.
    pub fn set_music_sounds(&mut self, class: &str, sounds: &[Arc<Sound>], order: MusicOrder) {
        for sound in sounds {
            sound.set_orders(self.orders.sender());
        }
        let program = Program::looped(sounds, order);
        match self.music.get(class) {
            Some(class) => class.set_program(Arc::new(program)),
            None => {
                let made = MusicClass::new(class, program);
                self.music.insert(class.to_owned(), Arc::new(made));
            }
        }
    }

    /// Removes a class. Who hears it hears `instead` from the next frame on, or silence.
    pub fn remove_music(&mut self, class: &str, instead: &str) {
        if let Some(gone) = self.music.remove(class) {
            let program = self.music.get(instead).map(|class| class.program());
            gone.set_program(program.unwrap_or_default());
        }
    }

    /// Adds a tone.
    pub fn add_tone(&mut self, id: ToneId, tone: &Tone) {
        let sound = Arc::new(Sound::encode(&tone.render()));
        sound.set_orders(self.orders.sender());
        self.tones.insert(id, sound);
    }

    /// The prompt with this id.
    #[must_use]
    pub fn sound(&self, id: &str) -> Option<&Arc<Sound>> {
        self.sounds.get(id)
    }

    /// The music of this class.
    #[must_use]
    pub fn music(&self, class: &str) -> Option<&Arc<MusicClass>> {
        self.music.get(class)
    }

    /// One cycle of this tone.
    #[must_use]
    pub fn tone(&self, id: &ToneId) -> Option<&Arc<Sound>> {
        self.tones.get(id)
    }

    /// The memory that prompts, tones and music take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let sounds = self.sounds.values().chain(self.tones.values());
        let music = self.music.values().map(|class| class.program().bytes());
        sounds.map(|sound| sound.bytes()).sum::<usize>() + music.sum::<usize>()
    }

    pub(crate) fn orders(&self) -> &OrderBook {
        &self.orders
    }
}
