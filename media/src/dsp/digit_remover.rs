//! Keys taken out of sound, so that a recording does not tell a card number.

use crate::dsp::dtmf::{DtmfDetector, KeyTone};

/// How long sound is held back, in parts of a second: 60 ms. A key is known 40 ms after it went
/// down, and frames are of 20 ms.
const HELD: (u32, u32) = (6, 100);

/// Silences keys. Sound comes out 60 ms later, since a key is known only when it has begun.
#[derive(Debug)]
pub struct DigitRemover {
    detector: DtmfDetector,
    /// Samples per sample at 8 kHz.
    ratio: usize,
    held: Box<[i16]>,
    /// Where the oldest held sample is.
    at: usize,
    /// Samples still to be silenced from the oldest on.
    silenced: usize,
}

impl DigitRemover {
    /// For sound at 8, 16 or 48 kHz.
    #[must_use]
    pub fn new(rate: u32) -> Self {
        let held = (rate * HELD.0 / HELD.1).max(480);
        Self {
            detector: DtmfDetector::new(),
            ratio: (rate / 8000).max(1) as usize,
            held: vec![0; held as usize].into_boxed_slice(),
            at: 0,
            silenced: 0,
        }
    }

    /// How many samples later sound comes out.
    #[must_use]
    pub fn delay(&self) -> usize {
        self.held.len()
    }

    /// Replaces at most 20 ms of sound by what came 60 ms before, without keys. Tells the keys.
    pub fn process(&mut self, pcm: &mut [i16]) -> Option<KeyTone> {
        let told = self.listen(pcm);
        if self.detector.is_pressed() {
            // All that is held may be the key already.
            self.silenced = self.held.len() + pcm.len();
        } else if let Some(KeyTone::Released(..)) = told {
            // It ended 30 ms or more before the end of this frame.
            self.silenced = self.held.len() / 2 + pcm.len();
        }
        for sample in pcm {
            std::mem::swap(sample, &mut self.held[self.at]);
            self.at = (self.at + 1) % self.held.len();
            if self.silenced > 0 {
                self.silenced -= 1;
                *sample = 0;
            }
        }
        told
    }

    fn listen(&mut self, pcm: &[i16]) -> Option<KeyTone> {
        if self.ratio == 1 {
            return self.detector.push(pcm);
        }
        let mut told = None;
        // Keys lie below 1.7 kHz, where a plain mean does no harm.
        for piece in pcm.chunks(self.ratio) {
            let sum: i32 = piece.iter().map(|&sample| i32::from(sample)).sum();
            let mean = sum / i32::try_from(piece.len()).unwrap_or(1);
            let sample = i16::try_from(mean).unwrap_or(0);
            told = self.detector.push(&[sample]).or(told);
        }
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::dtmf::{DtmfTone, USUAL_LEVELS};
    use crate::dsp::goertzel::Goertzel;
    use crate::dsp::tone::sine;

    fn run(pcm: &[i16], rate: u32) -> Vec<i16> {
        let mut remover = DigitRemover::new(rate);
        let frame = (rate / 50) as usize;
        let delay = remover.delay();
        let mut out = Vec::new();
        for piece in pcm.chunks(frame) {
            let mut piece = piece.to_vec();
            remover.process(&mut piece);
            out.extend(piece);
        }
        out.split_off(delay)
    }

    #[test]
    fn keys_are_silenced_and_speech_beside_them_stays() {
        for (rate, offset) in [(8000u32, 0), (8000, 37), (16_000, 11)] {
            let second = rate as usize;
            let mut pcm = sine(440.0, second / 2 + offset, 6000.0);
            let talk = pcm.len();
            let mut tone = vec![0; second / 10];
            DtmfTone::new('7', rate, USUAL_LEVELS)
                .unwrap()
                .fill(&mut tone);
            pcm.extend(&tone);
            pcm.extend(sine(440.0, second, 6000.0));
            let out = run(&pcm, rate);
            let key = &out[talk..talk + tone.len()];
            assert!(key.iter().all(|&sample| sample == 0), "{rate} {offset}");
            // At most 60 ms before and 50 ms behind it are gone.
            let before = talk - second * 6 / 100;
            let differs = out.iter().zip(&pcm).position(|(one, other)| one != other);
            assert!(differs >= Some(before), "{rate} {offset}: {differs:?}");
            let behind = talk + tone.len() + second * 5 / 100;
            let wrong = (behind..out.len()).rfind(|&n| out[n] != pcm[n]);
            assert_eq!(wrong, None, "{rate} {offset}: {behind}");
            assert!(Goertzel::new(852.0).share(&out[..8000]) < 0.01);
        }
    }

    #[test]
    fn short_keys_are_silenced_too() {
        let mut pcm = vec![0; 1000];
        let mut tone = vec![0; 400];
        DtmfTone::new('0', 8000, USUAL_LEVELS)
            .unwrap()
            .fill(&mut tone);
        pcm.extend(tone);
        pcm.extend([0; 2000]);
        assert!(run(&pcm, 8000).iter().all(|&sample| sample == 0));
    }
}
