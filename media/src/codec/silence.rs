//! Telling silence from speech, so that silence need not be sent (RFC 3389 section 4).

use super::comfort_noise::{NoiseMeter, NoiseShape};

/// So much above the noise somebody speaks, in dB.
const ABOVE_NOISE: f32 = 8.0;

/// Below this level, in dBov, nobody does; the noise is not thought to be louder than the other,
/// since sound that keeps its level is music as well: what is louder is sent, whatever it is.
const QUIETEST_SPEECH: f32 = -55.0;
const LOUDEST_NOISE: f32 = -58.0;

/// The noise is believed to rise by so much a second, in dB, until speech shows otherwise.
const RISE: f32 = 3.0;

/// Ends of words are quiet: so long after the last loud frame all is still speech, in ms.
const HANGOVER: u32 = 200;

/// The noise is described anew when its level changed by so much, in dB, or after so many ms.
const CHANGED: f32 = 3.0;
const REPEATED: u32 = 2000;

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Utterance {
    /// To be encoded.
    Speech,
    /// To be described by this.
    Noise(NoiseShape),
    /// The noise that was described before.
    Nothing,
}

/// Decides frame by frame what need not be sent.
#[derive(Debug, Clone)]
pub(crate) struct SilenceDetector {
    /// The level of what is not speech, in dBov.
    floor: f32,
    /// For how long nobody has spoken, in ms.
    quiet_for: u32,
    meter: NoiseMeter,
    /// The level that was described last, and how long ago, in ms.
    described: Option<(f32, u32)>,
}

impl SilenceDetector {
    /// A detector that takes all for speech until it has heard some silence.
    pub(crate) fn new() -> Self {
        Self {
            floor: QUIETEST_SPEECH,
            quiet_for: 0,
            meter: NoiseMeter::new(),
            described: None,
        }
    }

    /// Judges a frame that lasts so many milliseconds.
    pub(crate) fn judge(&mut self, pcm: &[i16], milliseconds: u32) -> Utterance {
        let level = level(pcm);
        if level < self.floor {
            self.floor = level.max(-90.0);
        } else {
            let rise = RISE * milliseconds as f32 / 1000.0;
            self.floor = (self.floor + rise).min(level).min(LOUDEST_NOISE);
        }
        if level > (self.floor + ABOVE_NOISE).max(QUIETEST_SPEECH) {
            self.quiet_for = 0;
            self.described = None;
            return Utterance::Speech;
        }
        self.quiet_for = self.quiet_for.saturating_add(milliseconds);
        self.meter.hear(pcm);
        if self.quiet_for <= HANGOVER {
            return Utterance::Speech;
        }
        let shape = self.meter.shape();
        let described = self
            .described
            .map(|(level, age)| (level, age + milliseconds));
        self.described = match described {
            Some((level, age)) if age < REPEATED && (level - shape.dbov()).abs() < CHANGED => {
                Some((level, age))
            }
            Some(_) | None => {
                self.described = Some((shape.dbov(), 0));
                return Utterance::Noise(shape);
            }
        };
        Utterance::Nothing
    }
}

/// The level of a frame in dBov.
fn level(pcm: &[i16]) -> f32 {
    let energy = crate::dsp::mix::energy(pcm) as f32 / pcm.len().max(1) as f32;
    10.0 * (energy.max(1e-3) / 32_768f32.powi(2)).log10()
}
