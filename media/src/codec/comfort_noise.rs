//! Comfort noise: what silence sounds like, in a few bytes (RFC 3389).

use crate::time::Rate;

/// The most reflection coefficients that are used; what follows them is left out, as section 3
/// allows.
const MOST: usize = 12;

/// How many we send: the shape of a room's noise needs no more.
const SENT: usize = 6;

/// How the noise of a silent line sounds: its level and, as far as it is said, its spectrum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoiseShape {
    /// Its level below the overload point, in dBov without the sign: 0 to 127.
    level: u8,
    /// Reflection coefficients of an all-pole model, as many as there are, then zeros.
    reflections: [f32; MOST],
}

impl NoiseShape {
    /// Reads a payload; `None` if it is empty or its level's highest bit, which must be 0, is not.
    #[must_use]
    pub fn parse(payload: &[u8]) -> Option<Self> {
        let (&level, coefficients) = payload.split_first()?;
        if level > 127 {
            return None;
        }
        let mut reflections = [0.0; MOST];
        for (reflection, &index) in reflections.iter_mut().zip(coefficients) {
            // Section 3.2; 255 is reserved and would leave the unit circle.
            *reflection = 258.0 * (f32::from(index.min(254)) - 127.0) / 32_768.0;
        }
        Some(Self { level, reflections })
    }

    /// Writes it as a payload with six coefficients; how many bytes it takes, 0 when there is no
    /// room.
    pub fn write(&self, payload: &mut [u8]) -> usize {
        let Some(room) = payload.get_mut(..=SENT) else {
            return 0;
        };
        room[0] = self.level;
        for (byte, reflection) in room[1..].iter_mut().zip(self.reflections) {
            *byte = index(reflection);
        }
        room.len()
    }

    /// How loud the noise is, in decibels relative to the overload point: 0 to -127.
    #[must_use]
    pub fn dbov(&self) -> f32 {
        -f32::from(self.level)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to the range first"
)]
fn index(reflection: f32) -> u8 {
    (reflection * 32_768.0 / 258.0 + 127.0)
        .round()
        .clamp(0.0, 254.0) as u8
}

/// Measures noise, so that a [`NoiseShape`] describes it.
#[derive(Debug, Clone)]
pub struct NoiseMeter {
    /// The mean product of samples so far apart, over the last frames.
    correlation: [f32; SENT + 1],
    heard: bool,
}

impl Default for NoiseMeter {
    fn default() -> Self {
        Self::new()
    }
}

impl NoiseMeter {
    /// A meter that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            correlation: [0.0; SENT + 1],
            heard: false,
        }
    }

    /// Takes a frame of noise into account; the last five or so count.
    pub fn hear(&mut self, pcm: &[i16]) {
        let share = if self.heard { 0.2 } else { 1.0 };
        let count = pcm.len().max(1) as f32;
        for (lag, mean) in self.correlation.iter_mut().enumerate() {
            let pairs = pcm.iter().zip(pcm.iter().skip(lag));
            let sum: i64 = pairs
                .map(|(&a, &b)| i64::from(i32::from(a) * i32::from(b)))
                .sum();
            *mean += (sum as f32 / count - *mean) * share;
        }
        self.heard = true;
    }

    /// What was heard: its level, and its spectrum by the recursion of Levinson and Durbin.
    #[must_use]
    pub fn shape(&self) -> NoiseShape {
        let power = self.correlation[0];
        let dbov = 10.0 * (power.max(1e-4) / 32_768f32.powi(2)).log10();
        let mut reflections = [0.0; MOST];
        let mut predictor = [0.0f32; SENT + 1];
        predictor[0] = 1.0;
        // A little white noise keeps the recursion stable.
        let mut error = power * 1.0001 + 1e-3;
        for order in 1..=SENT {
            let missed: f32 = (0..order)
                .map(|n| predictor[n] * self.correlation[order - n])
                .sum();
            let reflection = (-missed / error).clamp(-0.98, 0.98);
            let before = predictor;
            for n in 1..=order {
                predictor[n] = before[n] + reflection * before[order - n];
            }
            error *= 1.0 - reflection * reflection;
            reflections[order - 1] = reflection;
        }
        NoiseShape {
            level: decibels(dbov),
            reflections,
        }
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the value is clamped to the range first"
)]
fn decibels(dbov: f32) -> u8 {
    (-dbov).round().clamp(0.0, 127.0) as u8
}

/// Makes noise of a [`NoiseShape`]; it goes over to a new one smoothly.
#[derive(Debug, Clone)]
pub struct ComfortNoise {
    seed: u32,
    wanted: Excitation,
    now: Excitation,
    /// The synthesis lattice's memory.
    memory: [f32; MOST],
    /// Stages of the lattice that were ever of use.
    stages: usize,
    /// The share of the way to the wanted shape that one sample goes.
    pace: f32,
}

/// What goes through the lattice, and the lattice.
#[derive(Debug, Clone, Copy)]
struct Excitation {
    /// The root mean square of the white noise that goes in.
    amplitude: f32,
    reflections: [f32; MOST],
}

impl ComfortNoise {
    /// A source that is silent until it is told a shape.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        let silent = Excitation {
            amplitude: 0.0,
            reflections: [0.0; MOST],
        };
        Self {
            seed: 0x2545_F491,
            wanted: silent,
            now: silent,
            memory: [0.0; MOST],
            stages: 0,
            // Within about 20 ms.
            pace: 1.0 / (5.0 * rate.per_millisecond() as f32),
        }
    }

    /// Takes a payload; false, with nothing changed, if it is none.
    pub fn take(&mut self, payload: &[u8]) -> bool {
        let Some(shape) = NoiseShape::parse(payload) else {
            return false;
        };
        self.set(&shape);
        true
    }

    /// Makes noise of this shape from now on. The first is taken up at once.
    pub fn set(&mut self, shape: &NoiseShape) {
        // The lattice amplifies white noise by this; without it the level would depend on the shape.
        let loss: f32 = shape.reflections.iter().map(|k| 1.0 - k * k).product();
        let level = 32_768.0 * 10f32.powf(shape.dbov() / 20.0);
        let last = shape.reflections.iter().rposition(|&k| k != 0.0);
        self.stages = self.stages.max(last.map_or(0, |last| last + 1));
        self.wanted = Excitation {
            amplitude: level * loss.max(0.0).sqrt(),
            reflections: shape.reflections,
        };
        if self.now.amplitude == 0.0 {
            self.now = self.wanted;
        }
    }

    /// Fills a frame with noise.
    pub fn fill(&mut self, pcm: &mut [i16]) {
        pcm.fill(0);
        self.add(pcm, 1, 1);
    }

    /// Adds noise to a frame that starts `since` samples after the noise did, which comes up within
    /// `rise` samples.
    pub(crate) fn add(&mut self, pcm: &mut [i16], since: usize, rise: usize) {
        for (sample, n) in pcm.iter_mut().zip(since..) {
            let gain = if n >= rise {
                1.0
            } else {
                n as f32 / rise as f32
            };
            let noise = self.next() * gain;
            *sample = sample.saturating_add(crate::dsp::tone::clamp(f64::from(noise)));
        }
    }

    /// One sample: the inverse lattice over white noise.
    fn next(&mut self) -> f32 {
        let pace = self.pace;
        self.now.amplitude += (self.wanted.amplitude - self.now.amplitude) * pace;
        let pairs = self.now.reflections.iter_mut().zip(self.wanted.reflections);
        for (now, wanted) in pairs {
            *now += (wanted - *now) * pace;
        }
        let mut forward = self.white() * self.now.amplitude;
        for n in (0..self.stages).rev() {
            let reflection = self.now.reflections[n];
            forward -= reflection * self.memory[n];
            if n + 1 < MOST {
                self.memory[n + 1] = self.memory[n] + reflection * forward;
            }
        }
        self.memory[0] = forward;
        forward
    }

    /// Uniform noise of unit power.
    fn white(&mut self) -> f32 {
        // A linear congruence: its upper bits are white enough for silence.
        self.seed = self
            .seed
            .wrapping_mul(1_664_525)
            .wrapping_add(1_013_904_223);
        let signed = (self.seed >> 8) as f32 / 8_388_608.0 - 1.0;
        signed * 3f32.sqrt()
    }
}
