//! Call-progress tones from their definition: frequencies and cadence (ITU-T E.180).

use std::f64::consts::TAU;
use std::time::Duration;

use crate::time::{self, SAMPLE_RATE};

/// One part of a cadence.
#[derive(Debug, Clone, PartialEq)]
pub struct ToneSegment {
    /// What sounds together, in hertz; empty is silence.
    pub frequencies: Vec<f64>,
    /// For how long. Zero or more; a tone of one segment with zero length sounds without a pause.
    pub duration: Duration,
}

/// A tone: segments played in order, over and over.
#[derive(Debug, Clone, PartialEq)]
pub struct Tone {
    /// The cadence.
    pub segments: Vec<ToneSegment>,
    /// The level of all frequencies together, in dBm0 (0 is near full scale; tones are about -13).
    pub level: f64,
}

/// Full-scale sine of 16-bit samples is +3.14 dBm0 in µ-law, taken as +3 here.
const FULL_SCALE_DBM0: f64 = 3.0;

/// Longest cycle that is rendered, so that a wrong definition cannot fill the memory.
const MAX_CYCLE: Duration = Duration::from_secs(60);

impl Tone {
    /// A tone that never pauses.
    #[must_use]
    pub fn continuous(frequencies: &[f64]) -> Self {
        Self {
            segments: vec![ToneSegment {
                frequencies: frequencies.to_vec(),
                duration: Duration::ZERO,
            }],
            level: -13.0,
        }
    }

    /// A tone of one sound and one pause, such as ringback.
    #[must_use]
    pub fn cadenced(frequencies: &[f64], on: Duration, off: Duration) -> Self {
        let segment = |frequencies: &[f64], duration| ToneSegment {
            frequencies: frequencies.to_vec(),
            duration,
        };
        Self {
            segments: vec![segment(frequencies, on), segment(&[], off)],
            level: -13.0,
        }
    }

    /// One cycle of the tone at 8 kHz, at most a minute. A tone that never pauses becomes one
    /// second, in which whole hertz fit without a click.
    #[must_use]
    pub fn render(&self) -> Vec<i16> {
        let endless = self.segments.len() == 1 && self.segments[0].duration.is_zero();
        let limit = time::samples(MAX_CYCLE) as usize;
        let mut pcm = Vec::new();
        for segment in &self.segments {
            let wanted = if endless {
                SAMPLE_RATE
            } else {
                time::samples(segment.duration)
            };
            let room = limit.saturating_sub(pcm.len());
            let count = (wanted as usize).min(room);
            self.render_segment(segment, count, &mut pcm);
        }
        pcm
    }

    fn render_segment(&self, segment: &ToneSegment, count: usize, pcm: &mut Vec<i16>) {
        let voices = segment.frequencies.len().max(1) as f64;
        // Each voice gets its share of the power.
        let amplitude = peak_of(self.level) / voices.sqrt();
        for n in 0..count {
            let at = n as f64 / f64::from(SAMPLE_RATE);
            let sum: f64 = segment
                .frequencies
                .iter()
                .map(|hertz| (TAU * hertz * at).sin())
                .sum();
            pcm.push(clamp(sum * amplitude));
        }
    }
}

/// A sine of `hertz` at 8 kHz, `count` samples long, with this peak value.
#[must_use]
pub fn sine(hertz: f64, count: usize, peak: f64) -> Vec<i16> {
    (0..count)
        .map(|n| clamp((TAU * hertz * n as f64 / f64::from(SAMPLE_RATE)).sin() * peak))
        .collect()
}

/// The peak value of a sine with this level in dBm0.
#[must_use]
pub(crate) fn peak_of(level: f64) -> f64 {
    32_767.0 * 10f64.powf((level - FULL_SCALE_DBM0) / 20.0)
}

/// The nearest sample value.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to the range first"
)]
pub(crate) fn clamp(value: f64) -> i16 {
    value.round().clamp(-32_768.0, 32_767.0) as i16
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::goertzel::Goertzel;

    #[test]
    fn a_cadence_sounds_and_pauses_for_its_durations() {
        let tone = Tone::cadenced(&[425.0], Duration::from_secs(1), Duration::from_secs(4));
        let pcm = tone.render();
        assert_eq!(pcm.len(), 5 * 8000);
        assert!(Goertzel::new(425.0).share(&pcm[..8000]) > 0.9);
        assert!(pcm[8000..].iter().all(|&sample| sample == 0));
    }

    #[test]
    fn a_tone_of_two_frequencies_has_both_at_its_level() {
        let pcm = Tone::continuous(&[440.0, 480.0]).render();
        let share = |hertz| Goertzel::new(hertz).share(&pcm);
        assert!((share(440.0) - 0.5).abs() < 0.02 && (share(480.0) - 0.5).abs() < 0.02);
        let power = pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 8000.0;
        let dbm0 = 10.0 * (2.0 * power / 32_767f64.powi(2)).log10() + FULL_SCALE_DBM0;
        assert!((dbm0 + 13.0).abs() < 0.2, "{dbm0}");
    }

    #[test]
    fn an_endless_cadence_is_cut_at_a_minute() {
        let tone = Tone::cadenced(&[425.0], Duration::from_secs(86_400), Duration::MAX);
        assert_eq!(tone.render().len(), 60 * 8000);
    }
}
