//! The sound of a pressed key (ITU-T Q.23), for far ends that take no telephone events.

use std::f32::consts::TAU;

use crate::time::FRAME_SAMPLES;

const LOW: [f32; 4] = [697.0, 770.0, 852.0, 941.0];
const HIGH: [f32; 4] = [1209.0, 1336.0, 1477.0, 1633.0];

/// The keys by row and column.
const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// Peak of each of the two tones: -9 dBm0 for the low one, 2 dB more for the high one, which lines
/// weaken more (ETSI ES 201 235-2).
const PEAKS: [f32; 2] = [8230.0, 10_361.0];

/// Makes the tone of one key after the other.
#[derive(Debug, Clone, Default)]
pub(super) struct KeyTone {
    key: Option<char>,
    /// Samples of this key so far.
    sounded: u32,
}

impl KeyTone {
    /// Writes a frame of 20 ms at 8 kHz; `None` is silence, and ends a key.
    pub(super) fn frame(&mut self, key: Option<char>, pcm: &mut [i16; FRAME_SAMPLES]) {
        if key != self.key {
            self.key = key;
            self.sounded = 0;
        }
        let Some([low, high]) = key.and_then(frequencies) else {
            pcm.fill(0);
            return;
        };
        for sample in pcm {
            #[expect(
                clippy::cast_precision_loss,
                reason = "a key sounds for seconds, not hours"
            )]
            let at = TAU * self.sounded as f32 / 8000.0;
            let sum = (at * low).sin() * PEAKS[0] + (at * high).sin() * PEAKS[1];
            *sample = crate::dsp::tone::clamp(f64::from(sum));
            // Every ten seconds the phase of whole hertz is where it began.
            self.sounded = (self.sounded + 1) % 80_000;
        }
    }
}

fn frequencies(key: char) -> Option<[f32; 2]> {
    let row = KEYS.iter().position(|row| row.contains(&key))?;
    let column = KEYS[row].iter().position(|other| *other == key)?;
    Some([LOW[row], HIGH[column]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::goertzel::Goertzel;

    #[test]
    fn every_key_has_its_two_tones_without_a_click_between_frames() {
        for (row, keys) in KEYS.iter().enumerate() {
            for (column, key) in keys.iter().enumerate() {
                let mut tone = KeyTone::default();
                let mut pcm = Vec::new();
                for _ in 0..5 {
                    let mut frame = [0; FRAME_SAMPLES];
                    tone.frame(Some(*key), &mut frame);
                    pcm.extend(frame);
                }
                let share = |hertz: f32| Goertzel::new(f64::from(hertz)).share(&pcm);
                let both = share(LOW[row]) + share(HIGH[column]);
                assert!(both > 0.97, "{key}: {both}");
            }
        }
    }
}
