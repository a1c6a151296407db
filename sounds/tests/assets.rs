//! The sounds themselves: each has its text and licence, and each can be put on a telephone line.

#![expect(
    clippy::unwrap_used,
    reason = "clippy knows helpers of integration tests not as tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;

use offhook_sounds::{DEFAULT_HOLD_MUSIC, Language, hold_music, prompt, prompts};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Catalogue {
    prompt: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    text: String,
    spoken: Option<String>,
    tone: Option<Tone>,
    speaker: String,
    licence: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tone {
    frequency: f64,
    length: String,
}

fn catalogue(language: Language) -> Vec<Entry> {
    let text = match language.tag() {
        "de" => include_str!("../prompts.de.toml"),
        _ => include_str!("../prompts.toml"),
    };
    toml::from_str::<Catalogue>(text).unwrap().prompt
}

/// Every prompt of every language with what is written of it.
fn all() -> impl Iterator<Item = (Language, Entry)> {
    let entries = |language: &Language| {
        catalogue(*language)
            .into_iter()
            .zip(std::iter::repeat(*language))
    };
    Language::ALL
        .iter()
        .flat_map(entries)
        .map(|(entry, language)| (language, entry))
}

/// Samples of a WAV that is 16 kHz, mono, 16 bit; from -1 to 1.
fn samples(wav: &[u8]) -> Vec<f64> {
    let reader = hound::WavReader::new(Cursor::new(wav)).unwrap();
    let spec = reader.spec();
    assert_eq!(
        (spec.sample_rate, spec.channels, spec.bits_per_sample),
        (16_000, 1, 16)
    );
    assert_eq!(spec.sample_format, hound::SampleFormat::Int);
    reader
        .into_samples::<i16>()
        .map(|sample| f64::from(sample.unwrap()) / 32_768.0)
        .collect()
}

fn count(samples: &[f64]) -> f64 {
    f64::from(u32::try_from(samples.len()).unwrap())
}

fn seconds(samples: &[f64]) -> f64 {
    count(samples) / 16_000.0
}

fn peak(samples: &[f64]) -> f64 {
    samples
        .iter()
        .fold(0.0, |peak, sample| sample.abs().max(peak))
}

fn mean(samples: &[f64]) -> f64 {
    samples.iter().sum::<f64>() / count(samples)
}

fn rms_dbfs(samples: &[f64]) -> f64 {
    10.0 * (samples.iter().map(|sample| sample * sample).sum::<f64>() / count(samples)).log10()
}

/// Power at one frequency, 1 for a full-scale sine (Goertzel).
fn power_at(samples: &[f64], hertz: f64) -> f64 {
    let turn = std::f64::consts::TAU * hertz / 16_000.0;
    let (mut one, mut two) = (0.0, 0.0);
    for sample in samples {
        (one, two) = (sample + 2.0 * turn.cos() * one - two, one);
    }
    (one * one + two * two - 2.0 * turn.cos() * one * two) * (2.0 / count(samples)).powi(2)
}

#[test]
fn every_prompt_has_a_sound_and_every_sound_a_prompt() {
    for language in Language::ALL.iter().copied() {
        let entries = catalogue(language);
        let written: BTreeSet<_> = entries.iter().map(|entry| entry.id.clone()).collect();
        assert_eq!(written.len(), entries.len(), "an id is used twice");
        let of_language = prompts().filter(|prompt| prompt.language == language);
        let embedded: BTreeSet<_> = of_language.map(|prompt| prompt.id.to_owned()).collect();
        assert_eq!(written, embedded);
    }
}

/// Numbers, dates and the like have their grammar; all else is asked for by the same id.
#[test]
fn every_sentence_exists_in_every_language() {
    let grammar = [
        "number/",
        "duration/",
        "time/",
        "date/",
        "money/",
        "ordinal/",
    ];
    for (language, entry) in all() {
        if grammar.iter().any(|folder| entry.id.starts_with(folder)) {
            continue;
        }
        for other in Language::ALL.iter().copied() {
            assert!(
                prompt(other, &entry.id).is_some(),
                "{} of {language} in {other}",
                entry.id
            );
        }
    }
}

#[test]
fn every_prompt_says_who_speaks_and_under_which_licence() {
    let speakers = BTreeMap::from([
        ("flite slt", "CMU-Flite"),
        ("espeak-ng de", "espeak-ng"),
        ("tone", "Apache-2.0 OR MIT"),
    ]);
    for (_, entry) in all() {
        let licence = speakers.get(&*entry.speaker);
        assert_eq!(licence, Some(&&*entry.licence), "{}", entry.id);
        assert_eq!(entry.text.is_empty(), entry.tone.is_some(), "{}", entry.id);
        assert_ne!(
            entry.spoken.as_deref(),
            Some(entry.text.as_str()),
            "{}",
            entry.id
        );
    }
}

#[test]
fn every_prompt_takes_about_as_long_as_saying_its_text() {
    for (language, entry) in all().filter(|(_, entry)| entry.tone.is_none()) {
        let length = seconds(&samples(prompt(language, &entry.id).unwrap().wav));
        let spoken = entry.spoken.unwrap_or(entry.text);
        let letters = u32::try_from(spoken.chars().filter(|c| c.is_alphabetic()).count()).unwrap();
        let pace = f64::from(letters) / length;
        let id = format!("{language}/{}", entry.id);
        assert!(
            (2.5..23.0).contains(&pace),
            "{id}: {pace:.1} letters a second"
        );
        assert!((0.2..12.0).contains(&length), "{id}: {length:.2} s");
    }
}

#[test]
fn every_prompt_is_audible_and_neither_clipped_nor_off_centre() {
    for prompt in prompts() {
        let samples = samples(prompt.wav);
        let id = prompt.id;
        let loudness = rms_dbfs(&samples);
        assert!(
            (-26.0..-17.0).contains(&loudness),
            "{id}: {loudness:.1} dBFS"
        );
        assert!(
            (0.1..0.85).contains(&peak(&samples)),
            "{id}: peak {:.2}",
            peak(&samples)
        );
        assert!(
            mean(&samples).abs() < 0.001,
            "{id}: DC {:.4}",
            mean(&samples)
        );
    }
}

#[test]
fn prompts_join_without_clicks_or_long_pauses() {
    for prompt in prompts() {
        let samples = samples(prompt.wav);
        let (first, last) = (samples[0].abs(), samples[samples.len() - 1].abs());
        assert!(
            first < 0.002 && last < 0.002,
            "{}: starts {first}, ends {last}",
            prompt.id
        );
        let loud = |sample: &f64| sample.abs() > 0.01;
        let lead_in = samples.iter().position(loud).unwrap();
        let lead_out = samples.iter().rev().position(loud).unwrap();
        assert!(
            lead_in < 2_400 && lead_out < 4_000,
            "{}: {lead_in}, {lead_out}",
            prompt.id
        );
    }
}

#[test]
fn the_beep_is_the_tone_it_is_said_to_be() {
    for (language, entry) in all() {
        let Some(tone) = entry.tone else { continue };
        let samples = samples(prompt(language, &entry.id).unwrap().wav);
        let length: f64 = tone.length.strip_suffix("ms").unwrap().parse().unwrap();
        assert!(
            (seconds(&samples) * 1000.0 - length).abs() < 1.0,
            "{}",
            entry.id
        );
        let total = 2.0 * samples.iter().map(|s| s * s).sum::<f64>() / count(&samples);
        let share = power_at(&samples, tone.frequency) / total;
        assert!(
            share > 0.95,
            "{}: {share:.2} of its power is at its frequency",
            entry.id
        );
    }
}

#[test]
fn a_prompt_is_found_by_its_id_alone() {
    for listed in prompts() {
        assert_eq!(prompt(listed.language, listed.id), Some(listed));
    }
    for stranger in [
        "",
        "number",
        "number/7.wav",
        "en/number/7",
        "../en/number/7",
        "NUMBER/7",
    ] {
        assert_eq!(prompt(Language::En, stranger), None);
    }
}

#[test]
fn there_is_default_hold_music() {
    assert!(hold_music().any(|music| music.class == DEFAULT_HOLD_MUSIC));
}

#[test]
fn hold_music_is_of_bearable_length_and_loudness() {
    for music in hold_music() {
        let samples = samples(music.wav);
        assert!(
            (40.0..=60.0).contains(&seconds(&samples)),
            "{}",
            music.class
        );
        assert!(
            (-20.0..-16.0).contains(&rms_dbfs(&samples)),
            "{}",
            rms_dbfs(&samples)
        );
        assert!(
            peak(&samples) < 0.9,
            "{}: peak {:.2}",
            music.class,
            peak(&samples)
        );
        assert!(
            mean(&samples).abs() < 0.0005,
            "{}: DC {}",
            music.class,
            mean(&samples)
        );
        // No second of it is silence: a caller who hears nothing hangs up.
        for (second, part) in samples.chunks_exact(16_000).enumerate() {
            assert!(rms_dbfs(part) > -26.0, "{} at {second} s", music.class);
        }
    }
}

#[test]
fn the_loop_of_hold_music_closes_without_a_click() {
    for music in hold_music() {
        let samples = samples(music.wav);
        let n = samples.len();
        let around = [samples[n - 2], samples[n - 1], samples[0], samples[1]];
        // A click is a step the music itself does not make: compare with the usual step and bend.
        let step = |pair: &[f64]| (pair[1] - pair[0]).abs();
        let bend = |three: &[f64]| (three[2] - 2.0 * three[1] + three[0]).abs();
        let usual_step = samples.windows(2).map(step).sum::<f64>() / count(&samples);
        let usual_bend = samples.windows(3).map(bend).sum::<f64>() / count(&samples);
        for pair in around.windows(2) {
            assert!(step(pair) < 3.0 * usual_step, "{}: {around:?}", music.class);
        }
        for three in around.windows(3) {
            assert!(
                bend(three) < 4.0 * usual_bend,
                "{}: {around:?}",
                music.class
            );
        }
    }
}

/// Noise spreads its power over all frequencies; a piece in D major puts it on the scale's notes.
#[test]
fn the_default_hold_music_is_music_in_d_major() {
    let music = hold_music()
        .find(|music| music.class == DEFAULT_HOLD_MUSIC)
        .unwrap();
    let samples = samples(music.wav);
    let (mut in_scale, mut outside) = (0.0, 0.0);
    for half_tones_from_d4 in 0..24_i32 {
        let hertz = 440.0 * 2_f64.powf(f64::from(half_tones_from_d4 - 7) / 12.0);
        let power: f64 = samples
            .chunks_exact(12_800)
            .map(|beat| power_at(beat, hertz))
            .sum();
        match half_tones_from_d4 % 12 {
            0 | 2 | 4 | 5 | 7 | 9 | 11 => in_scale += power,
            _ => outside += power,
        }
    }
    assert!(
        in_scale > 30.0 * outside,
        "{in_scale} on the notes, {outside} between them"
    );
}

#[test]
fn all_sounds_together_stay_small_enough_for_a_repository() {
    let speech: usize = prompts().map(|prompt| prompt.wav.len()).sum();
    let music: usize = hold_music().map(|music| music.wav.len()).sum();
    assert!(
        speech < 9_000_000 && music < 2_000_000,
        "{speech} and {music} bytes"
    );
}
