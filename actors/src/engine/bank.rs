//! Fills the engine's sound bank: prompts, hold music and the tones of a country.

use std::time::Duration;

use offhook_core::recording::BEEP_HERTZ;
use offhook_media::container::wav::WavError;
use offhook_media::dsp::tone::{Tone, ToneSegment};
use offhook_media::engine::{SoundBank, ToneId};
use offhook_sounds::{ToneSpec, TonesError};

/// The tone that tells parties that they are recorded.
pub(crate) const RECORDED: &str = "recorded";

/// Why the sound bank could not be filled. All sounds are part of the binary, so this is a fault of ours or an
/// unknown country.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// A built-in WAV cannot be decoded.
    #[error("the sound {id} is broken: {source}")]
    Sound {
        /// Its id.
        id: &'static str,
        /// What is wrong with it.
        source: WavError,
    },
    /// There are no tones for this country.
    #[error(transparent)]
    Tones(#[from] TonesError),
}

/// Everything Offhook can play by itself.
///
/// # Errors
/// When a built-in sound is broken or the country is unknown.
pub fn sound_bank(country: &str) -> Result<SoundBank, BankError> {
    let mut bank = SoundBank::new();
    for prompt in offhook_sounds::prompts() {
        let broken = |source| BankError::Sound {
            id: prompt.id,
            source,
        };
        let id = prompt.language.sound(prompt.id);
        bank.add_wav(&id, prompt.wav).map_err(broken)?;
    }
    for music in offhook_sounds::hold_music() {
        let broken = |source| BankError::Sound {
            id: music.class,
            source,
        };
        bank.set_music(music.class, &[music.wav]).map_err(broken)?;
    }
    let tones = offhook_sounds::tones(country)?;
    for (name, spec) in [
        ("dial", &tones.dial),
        ("ringback", &tones.ringback),
        ("busy", &tones.busy),
        ("congestion", &tones.congestion),
    ] {
        bank.add_tone(ToneId::new(name), &tone(spec));
    }
    let beep = Tone::continuous(&[f64::from(BEEP_HERTZ)]);
    bank.add_tone(ToneId::new(RECORDED), &beep);
    Ok(bank)
}

fn tone(spec: &ToneSpec) -> Tone {
    let frequencies: Vec<f64> = spec
        .frequencies
        .iter()
        .map(|&hertz| f64::from(hertz))
        .collect();
    let sound = |duration| ToneSegment {
        frequencies: frequencies.clone(),
        duration,
    };
    let pause = |duration| ToneSegment {
        frequencies: Vec::new(),
        duration,
    };
    let pulses = spec
        .cadence
        .iter()
        .flat_map(|pulse| [sound(pulse.on), pause(pulse.off)]);
    let mut segments: Vec<ToneSegment> = pulses.collect();
    if segments.is_empty() {
        segments.push(sound(Duration::ZERO));
    }
    // The file gives the level of each frequency, the engine wants that of all together.
    let together = 10.0 * f64::from(u16::try_from(frequencies.len()).unwrap_or(1).max(1)).log10();
    Tone {
        segments,
        level: f64::from(spec.level_dbm0) + together,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_built_in_sound_and_tone_can_be_played() {
        let bank = sound_bank("de").unwrap();
        assert!(bank.sound("menu/demo-office").is_some());
        assert!(bank.music(offhook_sounds::DEFAULT_HOLD_MUSIC).is_some());
        for name in ["dial", "ringback", "busy", "congestion"] {
            assert!(bank.tone(&ToneId::new(name)).is_some(), "{name}");
        }
    }

    #[test]
    fn every_prompt_the_call_logic_asks_for_exists() {
        let bank = sound_bank("us").unwrap();
        for id in crate::call::PROMPTS.iter().chain(crate::ivr::PROMPTS) {
            assert!(bank.sound(id).is_some(), "{id}");
        }
    }

    #[test]
    fn an_unknown_country_is_an_error() {
        assert!(sound_bank("atlantis").is_err());
    }
}
