//! Ears: which tone is in a piece of audio, how loud, and when.
//!
//! Works on plain samples and knows nothing of the engine it judges.

use std::f64::consts::PI;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

/// The level of silence, in dBFS: what an empty or all-zero piece has.
pub const SILENCE: f64 = -100.0;

/// Sounds below this level, in dBFS, are no tone but noise of coding.
pub const AUDIBLE: f64 = -50.0;

/// A pure tone found in a piece of audio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// In hertz, within about 2 Hz for a piece of 200 ms.
    pub frequency: f64,
    /// Level of this tone alone in dBFS; a full-scale sine has −3.01.
    pub level: f64,
    /// The tone's share of all energy, 0 to 1: near 1 when nothing else is heard.
    pub share: f64,
}

impl fmt::Display for Tone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (frequency, level) = (self.frequency, self.level);
        write!(
            f,
            "{frequency:.0} Hz at {level:.1} dBFS, {:.0} % of it",
            self.share * 100.0
        )
    }
}

/// The level of a piece in dBFS (root mean square against full scale).
#[must_use]
pub fn level(samples: &[i16]) -> f64 {
    if samples.is_empty() {
        return SILENCE;
    }
    let sum: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    decibels(sum / count(samples))
}

/// The tone at exactly `frequency` in a piece at `rate` samples per second: Goertzel's filter under
/// a Hann window, so that a loud neighbour does not leak in.
#[must_use]
pub fn tone_at(samples: &[i16], rate: u32, frequency: f64) -> Tone {
    let step = 2.0 * PI * frequency / f64::from(rate);
    let turn = 2.0 * step.cos();
    let (mut one, mut two) = (0.0_f64, 0.0_f64);
    let (mut weights, mut energy, mut squares) = (0.0, 0.0, 0.0);
    let length = count(samples);
    for (place, &sample) in (0_u32..).zip(samples) {
        let weight = 0.5 - 0.5 * (2.0 * PI * (f64::from(place) + 0.5) / length).cos();
        let value = f64::from(sample) * weight;
        (one, two) = (value + turn * one - two, one);
        weights += weight;
        squares += weight * weight;
        energy += value * value;
    }
    if energy <= 0.0 {
        return Tone {
            frequency,
            level: SILENCE,
            share: 0.0,
        };
    }
    let magnitude = one * one + two * two - turn * one * two;
    // A sine of amplitude A has |X| = A/2 · Σw, and mean square A²/2.
    let mean_square = 2.0 * magnitude / (weights * weights);
    Tone {
        frequency,
        level: decibels(mean_square),
        share: (mean_square * squares / energy).clamp(0.0, 1.0),
    }
}

/// The strongest tone between 60 Hz and 90 % of what `rate` can carry. `None` when the piece is
/// inaudible or has no tone that makes up a third of it.
#[must_use]
pub fn dominant_tone(samples: &[i16], rate: u32) -> Option<Tone> {
    if samples.len() < 16 || level(samples) < AUDIBLE {
        return None;
    }
    let highest = f64::from(rate) * 0.45;
    let width = (f64::from(rate) / count(samples)).max(4.0);
    let coarse = strongest(samples, rate, 60.0, highest, width / 2.0)?;
    let (low, high) = (coarse.frequency - width, coarse.frequency + width);
    let fine = strongest(samples, rate, low.max(20.0), high, 1.0)?;
    (fine.share > 1.0 / 3.0).then_some(fine)
}

fn strongest(samples: &[i16], rate: u32, low: f64, high: f64, step: f64) -> Option<Tone> {
    let mut best: Option<Tone> = None;
    let mut frequency = low;
    while frequency <= high {
        let tone = tone_at(samples, rate, frequency);
        if best.is_none_or(|best| tone.level > best.level) {
            best = Some(tone);
        }
        frequency += step;
    }
    best
}

/// True when the tone at `frequency` is audible and makes up most of the piece.
#[must_use]
pub fn is_tone(samples: &[i16], rate: u32, frequency: f64) -> bool {
    let tone = tone_at(samples, rate, frequency);
    tone.level > AUDIBLE && tone.share > 0.6
}

/// True when the tone at `frequency` is there, whatever else is too: both parties of a mono
/// recording, a caller under an announcement.
#[must_use]
pub fn has_tone(samples: &[i16], rate: u32, frequency: f64) -> bool {
    let tone = tone_at(samples, rate, frequency);
    tone.level > AUDIBLE && tone.share > 0.05
}

/// The dominant tone of each consecutive window; a last, shorter one is left out.
#[must_use]
pub fn tones_over_time(samples: &[i16], rate: u32, window: Duration) -> Vec<Option<Tone>> {
    let length = samples_in(window, rate).max(1);
    let windows = samples.chunks_exact(length);
    windows.map(|piece| dominant_tone(piece, rate)).collect()
}

/// Pieces with a [`likeness`] above this say the same: coding and resampling leave more, other
/// speech and music far less.
pub const SAME_WORDS: f64 = 0.8;

/// How much the likest piece of `heard` looks like `wanted`: the greatest normalised
/// cross-correlation, 1 for the same waveform at any loudness, about 0 for anything else.
#[must_use]
pub fn likeness(heard: &[i16], wanted: &[i16]) -> f64 {
    let wanted: Vec<f64> = wanted.iter().map(|&sample| f64::from(sample)).collect();
    let heard: Vec<f64> = heard.iter().map(|&sample| f64::from(sample)).collect();
    let own: f64 = wanted.iter().map(|value| value * value).sum();
    if wanted.is_empty() || own <= 0.0 {
        return 0.0;
    }
    let mut best = 0.0_f64;
    for piece in heard.windows(wanted.len()) {
        let (mut product, mut energy) = (0.0, 0.0);
        for (one, other) in piece.iter().zip(&wanted) {
            product += one * other;
            energy += one * one;
        }
        // Silence looks like nothing.
        if energy > own / 100.0 {
            best = best.max(product / (energy * own).sqrt());
        }
    }
    best
}

/// How much later `heard` has what `said` has: where the two correlate best, within `most`. `None`
/// when they have nothing in common. Wants something that does not repeat itself, such as speech
/// or noise, of up to a second.
#[must_use]
pub fn delay(heard: &[i16], said: &[i16], rate: u32, most: Duration) -> Option<Duration> {
    let last = samples_in(most, rate).min(heard.len().checked_sub(said.len())?);
    let energy = |piece: &[i16]| {
        piece
            .iter()
            .map(|&s| f64::from(s) * f64::from(s))
            .sum::<f64>()
    };
    let own = energy(said);
    let mut best = (SAME_WORDS / 2.0, None);
    for late in 0..=last {
        let piece = &heard[late..late + said.len()];
        let product: i64 = piece
            .iter()
            .zip(said)
            .map(|(&a, &b)| i64::from(a) * i64::from(b))
            .sum();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
        let likeness = product as f64 / (energy(piece) * own).sqrt().max(1.0);
        if likeness > best.0 {
            best = (likeness, Some(late));
        }
    }
    let samples = u32::try_from(best.1?).ok()?;
    Some(Duration::from_secs(1) * samples / rate.max(1))
}

/// How far the tone at `frequency` is above all else in a piece, in dB.
#[must_use]
pub fn signal_to_noise(samples: &[i16], rate: u32, frequency: f64) -> f64 {
    let share = tone_at(samples, rate, frequency).share;
    10.0 * (share.max(1e-10) / (1.0 - share).max(1e-10)).log10()
}

/// Where the waveform bends `times` as sharply as it does nearly everywhere: a click. Several
/// within 5 ms are one.
#[must_use]
pub fn clicks(samples: &[i16], rate: u32, times: f64) -> Vec<usize> {
    let bend = |w: &[i16]| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs();
    let bends: Vec<i32> = samples.windows(3).map(bend).collect();
    let mut sorted = bends.clone();
    sorted.sort_unstable();
    let Some(&usual) = sorted.get(sorted.len() * 98 / 100) else {
        return Vec::new();
    };
    // Below this nobody hears it, whatever the rest is.
    let limit = f64::from(usual.max(20)) * times;
    let apart = samples_in(Duration::from_millis(5), rate);
    let mut found: Vec<usize> = Vec::new();
    for (place, _) in bends
        .iter()
        .enumerate()
        .filter(|(_, bend)| f64::from(**bend) > limit)
    {
        if found.last().is_none_or(|last| place > last + apart) {
            found.push(place + 1);
        }
    }
    found
}

/// Silences of at least `shortest` between sounds: where each begins, and how long it is.
#[must_use]
pub fn gaps(samples: &[i16], rate: u32, shortest: Duration) -> Vec<(Duration, Duration)> {
    let window = Duration::from_millis(5);
    let pieces = samples.chunks_exact(samples_in(window, rate).max(1));
    let heard: Vec<bool> = pieces.map(|piece| level(piece) > AUDIBLE).collect();
    let mut gaps = Vec::new();
    let mut silent_since = None;
    let first = heard.iter().position(|heard| *heard).unwrap_or(heard.len());
    for (place, heard) in (0_u32..).zip(&heard).skip(first) {
        match (heard, silent_since) {
            (false, None) => silent_since = Some(place),
            (true, Some(since)) => {
                let length = window * (place - since);
                if length >= shortest {
                    gaps.push((window * since, length));
                }
                silent_since = None;
            }
            (true, None) | (false, Some(_)) => {}
        }
    }
    gaps
}

/// How many samples `duration` has at `rate`.
#[must_use]
pub fn samples_in(duration: Duration, rate: u32) -> usize {
    let micros = duration.as_micros() * u128::from(rate) / 1_000_000;
    usize::try_from(micros).unwrap_or(usize::MAX)
}

/// A sine of `amplitude` (0 to 1 of full scale), for feeding what is to be heard.
#[must_use]
pub fn sine(frequency: f64, amplitude: f64, rate: u32, length: Duration) -> Vec<i16> {
    let total = u32::try_from(samples_in(length, rate)).unwrap_or(u32::MAX);
    let at = |n: u32| (2.0 * PI * frequency * f64::from(n) / f64::from(rate)).sin();
    (0..total).map(|n| to_sample(at(n) * amplitude)).collect()
}

/// A sample from −1.0 to 1.0 of full scale.
#[must_use]
pub fn to_sample(value: f64) -> i16 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "clamped to the range of i16"
    )]
    let sample = (value * 32767.0).round().clamp(-32768.0, 32767.0) as i16;
    sample
}

fn decibels(mean_square: f64) -> f64 {
    if mean_square <= 0.0 {
        return SILENCE;
    }
    (10.0 * (mean_square / (32768.0 * 32768.0)).log10()).max(SILENCE)
}

fn count(samples: &[i16]) -> f64 {
    u32::try_from(samples.len()).map_or(f64::MAX, f64::from)
}

/// A recording as it lies on disk, its channels apart.
#[derive(Debug, Clone)]
pub struct Wav {
    /// Samples per second.
    pub rate: u32,
    /// The samples of each channel: 0 is left.
    pub channels: Vec<Vec<i16>>,
}

impl Wav {
    /// Reads a 16-bit PCM file.
    ///
    /// # Errors
    /// When the file is not there, or not such a WAV.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
        Self::parse(&bytes).with_context(|| path.display().to_string())
    }

    /// Reads a 16-bit PCM file that came over the network.
    ///
    /// # Errors
    /// When it is not such a WAV.
    pub fn parse(bytes: &[u8]) -> Result<Self> {
        let mut reader = hound::WavReader::new(bytes)?;
        let spec = reader.spec();
        ensure!(spec.bits_per_sample == 16, "{} bits", spec.bits_per_sample);
        ensure!(spec.channels > 0, "no channel");
        let width = usize::from(spec.channels);
        let samples = reader.samples::<i16>().collect::<Result<Vec<_>, _>>()?;
        let channel = |n| samples.iter().skip(n).step_by(width).copied().collect();
        Ok(Self {
            rate: spec.sample_rate,
            channels: (0..width).map(channel).collect(),
        })
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        let frames = self.channels.first().map_or(0, Vec::len);
        let frames = u32::try_from(frames).unwrap_or(u32::MAX);
        Duration::from_secs(1) * frames / self.rate.max(1)
    }

    /// How long `frequency` is the tone of `channel`, counted in windows of 100 ms.
    #[must_use]
    pub fn time_with_tone(&self, channel: usize, frequency: f64) -> Duration {
        let window = Duration::from_millis(100);
        let samples = self.channels.get(channel).map_or(&[][..], Vec::as_slice);
        let pieces = samples.chunks_exact(samples_in(window, self.rate).max(1));
        let hits = pieces.filter(|piece| is_tone(piece, self.rate, frequency));
        window * u32::try_from(hits.count()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: u32 = 8000;

    fn piece(frequency: f64, amplitude: f64) -> Vec<i16> {
        sine(frequency, amplitude, RATE, Duration::from_millis(200))
    }

    fn sum(one: &[i16], other: &[i16]) -> Vec<i16> {
        one.iter().zip(other).map(|(a, b)| a + b).collect()
    }

    #[test]
    fn a_sine_is_found_at_its_frequency_and_level() {
        for frequency in [200.0, 440.0, 697.0, 1000.0, 2600.0, 3400.0] {
            let tone = dominant_tone(&piece(frequency, 0.5), RATE).unwrap();
            assert!((tone.frequency - frequency).abs() <= 2.0, "{tone}");
            assert!((tone.level - -9.03).abs() < 0.2, "{tone}");
            assert!(tone.share > 0.97, "{tone}");
        }
    }

    #[test]
    fn the_louder_of_two_tones_dominates_and_both_are_there() {
        let both = sum(&piece(440.0, 0.4), &piece(900.0, 0.2));
        let tone = dominant_tone(&both, RATE).unwrap();
        assert!((tone.frequency - 440.0).abs() <= 2.0, "{tone}");
        assert!((tone.share - 0.8).abs() < 0.02, "{tone}");
        assert!(has_tone(&both, RATE, 440.0) && has_tone(&both, RATE, 900.0));
        assert!(!is_tone(&both, RATE, 900.0) && !has_tone(&both, RATE, 600.0));
    }

    #[test]
    fn silence_and_noise_have_no_tone() {
        assert_eq!(dominant_tone(&[0; 1600], RATE), None);
        assert_eq!(level(&[]), SILENCE);
        let mut state = 1_u32;
        let noise: Vec<i16> = (0..1600)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                to_sample(f64::from(state) / f64::from(u32::MAX) - 0.5)
            })
            .collect();
        assert_eq!(dominant_tone(&noise, RATE), None);
        assert!(level(&noise) > -20.0);
    }

    #[test]
    fn a_change_of_tone_shows_in_time() {
        let mut samples = piece(440.0, 0.3);
        samples.extend([0; 1600]);
        samples.extend(piece(900.0, 0.3));
        let tones = tones_over_time(&samples, RATE, Duration::from_millis(100));
        let heard: Vec<_> = tones
            .iter()
            .map(|t| t.map(|t| t.frequency.round()))
            .collect();
        assert_eq!(
            heard,
            [
                Some(440.0),
                Some(440.0),
                None,
                None,
                Some(900.0),
                Some(900.0)
            ]
        );
    }

    #[test]
    fn words_are_found_at_any_loudness_and_tones_are_not_taken_for_them() {
        let mut state = 7_u32;
        let mut noise = |length: usize| -> Vec<i16> {
            let mut next = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                to_sample(f64::from(state) / f64::from(u32::MAX) - 0.5)
            };
            (0..length).map(|_| next()).collect()
        };
        let words = noise(800);
        let mut heard = noise(1000);
        heard.extend(words.iter().map(|sample| sample / 3));
        heard.extend(noise(1000));
        assert!(likeness(&heard, &words) > 0.99);
        assert!(likeness(&piece(440.0, 0.5), &words) < 0.3);
        assert!(likeness(&noise(3000), &words) < 0.3);
    }

    #[test]
    fn delay_is_found_to_the_sample_and_not_where_there_is_none() {
        let mut dice = crate::impair::Dice::new(4);
        let mut noise = |length: usize| -> Vec<i16> {
            (0..length).map(|_| to_sample(dice.roll() - 0.5)).collect()
        };
        let said = noise(1600);
        let mut heard = noise(437);
        heard.extend(said.iter().map(|sample| sample / 4));
        heard.extend(noise(400));
        let late = delay(&heard, &said, RATE, Duration::from_millis(100));
        assert_eq!(late, Some(Duration::from_secs(1) * 437 / RATE));
        assert_eq!(
            delay(&noise(4000), &said, RATE, Duration::from_millis(300)),
            None
        );
    }

    #[test]
    fn noise_clicks_and_gaps_are_heard() {
        let tone = sine(440.0, 0.3, RATE, Duration::from_secs(1));
        assert!(signal_to_noise(&tone, RATE, 440.0) > 35.0);
        let mut dice = crate::impair::Dice::new(9);
        let noisy: Vec<i16> = tone
            .iter()
            .map(|sample| sample + to_sample((dice.roll() - 0.5) * 0.0735))
            .collect();
        let found = signal_to_noise(&noisy, RATE, 440.0);
        assert!((found - 20.0).abs() < 1.0, "{found}");
        assert!(clicks(&tone, RATE, 3.0).is_empty());
        let mut cut = tone.clone();
        cut[4000..4400].fill(0);
        cut.drain(6000..6009);
        let heard = clicks(&cut, RATE, 3.0);
        assert!(
            heard.iter().any(|place| place.abs_diff(6000) < 4),
            "{heard:?}"
        );
        assert_eq!(
            gaps(&cut, RATE, Duration::from_millis(20)),
            [(Duration::from_millis(500), Duration::from_millis(50))]
        );
    }

    #[test]
    fn a_stereo_file_is_read_channel_by_channel() {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: RATE,
            bits_per_sample: 16,
            sample_format: hound::SampleFormat::Int,
        };
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for (left, right) in piece(440.0, 0.3).into_iter().zip(piece(900.0, 0.3)) {
            writer.write_sample(left).unwrap();
            writer.write_sample(right).unwrap();
        }
        writer.finalize().unwrap();
        let wav = Wav::parse(bytes.get_ref()).unwrap();
        assert_eq!(wav.duration(), Duration::from_millis(200));
        assert_eq!(wav.time_with_tone(0, 440.0), Duration::from_millis(200));
        assert_eq!(wav.time_with_tone(1, 900.0), Duration::from_millis(200));
        assert_eq!(wav.time_with_tone(0, 900.0), Duration::ZERO);
    }
}
