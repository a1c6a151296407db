//! Fax tones (ITU-T T.30 section 4, V.8): who hears one leaves the sound alone from then on.

use std::sync::OnceLock;

use offhook_core::fax::FaxTone;

use crate::dsp::correlator::{BLOCK, Correlator, Spectrum, leakage};

const FREQUENCIES: [f64; 2] = [1100.0, 2100.0];

/// How far the frequencies may be off, in hertz: T.30 allows 38 for the calling tone and 15 for the
/// answer.
const TOLERANCE: [f32; 2] = [40.0, 20.0];

/// The part of all power that the tone must have.
const PURE: f32 = 0.85;

/// Its mean square must be at least this: -40 dBm0.
const FAINTEST: f32 = 27_000.0;

/// Blocks of 10 ms that must have it: 300 ms, of the 500 that a calling tone lasts.
const WANTED: u8 = 30;

/// Blocks in between that may be without: a reversal of the phase spoils three, a lost packet two.
const SPARE: u8 = 4;

/// Finds fax tones in sound at 8 kHz, within 350 ms of their beginning.
#[derive(Debug, Clone)]
pub struct FaxDetector {
    pending: [i16; BLOCK],
    filled: usize,
    before: Spectrum<2>,
    heard: [Run; 2],
}

#[derive(Debug, Clone, Copy, Default)]
struct Run {
    hits: u8,
    misses: u8,
}

impl Default for FaxDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl FaxDetector {
    /// A detector that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pending: [0; BLOCK],
            filled: 0,
            before: Spectrum::default(),
            heard: [Run::default(); 2],
        }
    }

    /// Takes in some sound; each tone is told once while it lasts.
    pub fn push(&mut self, pcm: &[i16]) -> Option<FaxTone> {
        let mut told = None;
        let mut rest = pcm;
        while !rest.is_empty() {
            let count = rest.len().min(BLOCK - self.filled);
            let (now, later) = rest.split_at(count);
            self.pending[self.filled..self.filled + count].copy_from_slice(now);
            self.filled += count;
            rest = later;
            if self.filled == BLOCK {
                self.filled = 0;
                told = self.look().or(told);
            }
        }
        told
    }

    fn look(&mut self) -> Option<FaxTone> {
        let seen = table().look(&self.pending);
        let before = std::mem::replace(&mut self.before, seen);
        let mut told = None;
        for (f, tone) in [FaxTone::Calling, FaxTone::Answering]
            .into_iter()
            .enumerate()
        {
            let run = &mut self.heard[f];
            if !is_tone(&before, &seen, f) {
                run.misses += 1;
                if run.misses > SPARE {
                    *run = Run::default();
                }
                continue;
            }
            run.misses = 0;
            run.hits = run.hits.saturating_add(1);
            if run.hits == WANTED {
                told = Some(tone);
            }
        }
        told
    }
}

fn table() -> &'static Correlator<2> {
    static TABLE: OnceLock<Correlator<2>> = OnceLock::new();
    TABLE.get_or_init(|| Correlator::new(FREQUENCIES))
}

fn is_tone(before: &Spectrum<2>, seen: &Spectrum<2>, f: usize) -> bool {
    if seen.of(f) < FAINTEST || seen.of(f) < seen.power * PURE / 2.0 {
        return false;
    }
    let offset = table().offset(before, seen, f);
    offset.abs() <= TOLERANCE[f] && seen.of(f) / leakage(offset) >= seen.power * PURE
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use super::*;
    use crate::dsp::tone::{clamp, sine};

    /// When the first tone is told, in milliseconds.
    fn told(pcm: &[i16]) -> Option<(FaxTone, usize)> {
        let mut detector = FaxDetector::new();
        pcm.chunks(160)
            .enumerate()
            .find_map(|(n, frame)| Some((detector.push(frame)?, (n + 1) * 20)))
    }

    #[test]
    fn a_calling_fax_is_heard_within_its_first_half_second() {
        for hertz in [1062.0, 1100.0, 1138.0] {
            for peak in [400.0, 4000.0, 20_000.0] {
                let mut pcm = vec![0; 333];
                pcm.extend(sine(hertz, 4000, peak));
                let (tone, at) = told(&pcm).unwrap();
                assert_eq!(tone, FaxTone::Calling);
                assert!(at <= 400, "{hertz} {at}");
            }
        }
    }

    #[test]
    fn an_answering_fax_is_heard_with_reversals_and_modulation() {
        // ANSam: the phase reversed every 450 ms, the level modulated by 20 % at 15 Hz.
        let ansam = |n: usize| {
            let at = n as f64 / 8000.0;
            let sign = if (n / 3600).is_multiple_of(2) {
                1.0
            } else {
                -1.0
            };
            let level = 1.0 + 0.2 * (TAU * 15.0 * at).sin();
            clamp((TAU * 2100.0 * at).sin() * level * sign * 5000.0)
        };
        let pcm: Vec<i16> = (0..8000).map(ansam).collect();
        assert!(matches!(told(&pcm), Some((FaxTone::Answering, at)) if at <= 400));
        // And where a reversal comes in the middle of it.
        assert!(matches!(told(&pcm[2000..]), Some((FaxTone::Answering, at)) if at <= 500));
    }

    #[test]
    fn other_tones_and_short_ones_are_no_fax() {
        for hertz in [440.0, 1000.0, 1004.0, 1200.0, 2000.0, 2130.0, 2200.0] {
            assert_eq!(told(&sine(hertz, 8000, 8000.0)), None, "{hertz}");
        }
        assert_eq!(told(&sine(1100.0, 1600, 8000.0)), None);
        assert_eq!(told(&[0; 8000]), None);
    }
}
