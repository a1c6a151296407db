//! Keys as tones (ITU-T Q.23): found in sound, and made.

use std::f64::consts::TAU;
use std::sync::OnceLock;
use std::time::Duration;

use crate::dsp::correlator::{BLOCK, Correlator, Spectrum, leakage};
use crate::dsp::tone;

/// Rows, then columns, in hertz (Q.23 table 1).
const FREQUENCIES: [f64; 8] = [697.0, 770.0, 852.0, 941.0, 1209.0, 1336.0, 1477.0, 1633.0];

const KEYS: [[char; 4]; 4] = [
    ['1', '2', '3', 'A'],
    ['4', '5', '6', 'B'],
    ['7', '8', '9', 'C'],
    ['*', '0', '#', 'D'],
];

/// How far a frequency may be off: between the 1.5 % that must be taken and the 3.5 % that must not
/// (Q.24 table A.1).
const TOLERANCE: f32 = 0.021;

/// Each tone's mean square must be at least this: -33 dBm0.
const FAINTEST: f32 = 134_000.0;

/// The column may be stronger than the row by 4 dB, and weaker by 8 dB (Q.24), with 2 dB to spare
/// for what lines and codecs add.
const TWIST: (f32, f32) = (0.1, 4.0);

/// The part of all power that both tones must have while a key is looked for. Speech that hits two
/// frequencies has more besides.
const PURE: f32 = 0.87;

/// The same while a key is down: a block cut in half by a drop-out still counts.
const STILL: f32 = 0.4;

/// From one block to the next a tone may not change by more than this factor in power.
const STEADY: f32 = 2.0;

/// Two windows of two blocks each, that is 30 ms within one key.
const HITS: u8 = 2;

/// Blocks without the key that end it. A drop-out of 20 ms leaves at most two, a pause of 40 ms at
/// least three.
const MISSES: u8 = 3;

/// What happened to a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyTone {
    /// It went down, 30 to 40 ms ago.
    Pressed(char),
    /// It was let go, 30 to 40 ms ago, after so long.
    Released(char, Duration),
}

/// Finds keys in sound at 8 kHz, by ITU-T Q.24. Looks at blocks of 10 ms; frequencies are measured
/// by the turn of their phases from block to block, which is far finer than a filter of that
/// length.
#[derive(Debug, Clone)]
pub struct DtmfDetector {
    pending: [i16; BLOCK],
    filled: usize,
    before: Spectrum<8>,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// No key; the one that is suspected, and how often it was seen in a row.
    Idle(Option<(Pair, u8)>),
    /// A key is down for so many blocks, the last of which it was not heard in.
    Down { pair: Pair, blocks: u32, misses: u8 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pair {
    row: usize,
    column: usize,
}

impl Pair {
    fn key(self) -> char {
        KEYS[self.row][self.column - 4]
    }
}

impl Default for DtmfDetector {
    fn default() -> Self {
        Self::new()
    }
}

impl DtmfDetector {
    /// A detector that has heard nothing.
    #[must_use]
    pub fn new() -> Self {
        Self {
            pending: [0; BLOCK],
            filled: 0,
            before: Spectrum::default(),
            state: State::Idle(None),
        }
    }

    /// Takes in at most 20 ms of sound. At most one thing happens in that time.
    pub fn push(&mut self, pcm: &[i16]) -> Option<KeyTone> {
        let mut rest = pcm;
        let mut told = None;
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

    /// Whether a key is down.
    #[must_use]
    pub fn is_pressed(&self) -> bool {
        matches!(self.state, State::Down { .. })
    }

    fn look(&mut self) -> Option<KeyTone> {
        let seen = table().look(&self.pending);
        let before = std::mem::replace(&mut self.before, seen);
        match self.state {
            State::Idle(suspect) => {
                let pair = found(&before, &seen);
                let Some(pair) = pair else {
                    self.state = State::Idle(None);
                    return None;
                };
                let hits = match suspect {
                    Some((same, hits)) if same == pair => hits + 1,
                    Some(_) | None => 1,
                };
                if hits < HITS {
                    self.state = State::Idle(Some((pair, hits)));
                    return None;
                }
                self.state = State::Down {
                    pair,
                    blocks: u32::from(HITS) + 1,
                    misses: 0,
                };
                Some(KeyTone::Pressed(pair.key()))
            }
            State::Down {
                pair,
                blocks,
                misses,
            } => {
                let misses = if goes_on(&seen, pair) { 0 } else { misses + 1 };
                if misses < MISSES {
                    self.state = State::Down {
                        pair,
                        blocks: blocks.saturating_add(1),
                        misses,
                    };
                    return None;
                }
                self.state = State::Idle(None);
                let heard = (blocks + 1).saturating_sub(u32::from(MISSES));
                let lasted = Duration::from_millis(10) * heard;
                Some(KeyTone::Released(pair.key(), lasted))
            }
        }
    }
}

fn table() -> &'static Correlator<8> {
    static TABLE: OnceLock<Correlator<8>> = OnceLock::new();
    TABLE.get_or_init(|| Correlator::new(FREQUENCIES))
}

/// The strongest row and column.
fn strongest(seen: &Spectrum<8>) -> Pair {
    let best = |from: usize| {
        let mut best = from;
        for f in from + 1..from + 4 {
            if seen.of(f) > seen.of(best) {
                best = f;
            }
        }
        best
    };
    Pair {
        row: best(0),
        column: best(4),
    }
}

/// The key that two blocks in a row have, if both are nothing but that.
fn found(before: &Spectrum<8>, seen: &Spectrum<8>) -> Option<Pair> {
    if seen.power < 2.0 * FAINTEST {
        return None;
    }
    let pair = strongest(seen);
    if strongest(before) != pair {
        return None;
    }
    let mut sums = [0.0; 2];
    for f in [pair.row, pair.column] {
        let offset = table().offset(before, seen, f);
        if offset.abs() > narrow(FREQUENCIES[f]) * TOLERANCE {
            return None;
        }
        let steady = seen.of(f) / before.of(f).max(1.0);
        if !(1.0 / STEADY..STEADY).contains(&steady) {
            return None;
        }
        let whole = leakage(offset);
        sums[0] += before.of(f) / whole;
        sums[1] += seen.of(f) / whole;
    }
    let (row, column) = (seen.of(pair.row), seen.of(pair.column));
    let audible = row >= FAINTEST && column >= FAINTEST;
    let balanced = (TWIST.0..TWIST.1).contains(&(column / row.max(1.0)));
    let pure = sums[0] >= before.power * PURE && sums[1] >= seen.power * PURE;
    (audible && balanced && pure).then_some(pair)
}

/// Whether a key that is down is heard in this block.
fn goes_on(seen: &Spectrum<8>, pair: Pair) -> bool {
    let (row, column) = (seen.of(pair.row), seen.of(pair.column));
    let both = row + column;
    // A voice near one of the two does not hold the key down.
    let balanced = (TWIST.0 / 2.0..TWIST.1 * 2.0).contains(&(column / row.max(1.0)));
    strongest(seen) == pair && balanced && both >= seen.power * STILL && both >= FAINTEST / 2.0
}

#[expect(clippy::cast_possible_truncation, reason = "a few thousand hertz")]
fn narrow(hertz: f64) -> f32 {
    hertz as f32
}

/// Makes one key's tones, at any rate, without allocating.
#[derive(Debug, Clone)]
pub struct DtmfTone {
    tones: [Oscillator; 2],
}

#[derive(Debug, Clone)]
struct Oscillator {
    phase: f64,
    step: f64,
    peak: f64,
}

/// What row and column are sent with where nothing else is asked for, in dBm0: the column is 2 dB
/// stronger, since lines weaken it more.
pub const USUAL_LEVELS: (f64, f64) = (-9.0, -7.0);

impl DtmfTone {
    /// The tones of a key at `rate` samples per second, the row and the column each with its level
    /// in dBm0; `None` when there is no such key.
    #[must_use]
    pub fn new(key: char, rate: u32, levels: (f64, f64)) -> Option<Self> {
        let place = KEYS.iter().flatten().position(|&known| known == key)?;
        let oscillator = |hertz: f64, level: f64| Oscillator {
            phase: 0.0,
            step: TAU * hertz / f64::from(rate.max(8000)),
            peak: tone::peak_of(level),
        };
        Some(Self {
            tones: [
                oscillator(FREQUENCIES[place / 4], levels.0),
                oscillator(FREQUENCIES[4 + place % 4], levels.1),
            ],
        })
    }

    /// Goes on with the tones.
    pub fn fill(&mut self, pcm: &mut [i16]) {
        for sample in pcm {
            let mut sum = 0.0;
            for tone in &mut self.tones {
                sum += tone.phase.sin() * tone.peak;
                tone.phase = (tone.phase + tone.step) % TAU;
            }
            *sample = tone::clamp(sum);
        }
    }
}

#[cfg(test)]
mod tests;
