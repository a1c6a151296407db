//! Hold music: classes of sounds on one timeline, changed while people listen.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::AHashMap;
use arc_swap::ArcSwap;

use crate::codec::Coding;
use crate::graph::sound::{Made, Sound};
use crate::time::Rate;

/// Rounds after which a random order begins again: long enough that nobody notices.
const ROUNDS: u64 = 8;

/// What a class of hold music plays, and when it was last heard. All its listeners hear the same
/// moment: what plays is a question of the wheel's turn alone.
pub struct MusicClass {
    name: Box<str>,
    program: ArcSwap<Program>,
    /// The newest turn of the wheel anybody heard it in, plus one; 0 is never.
    heard: AtomicU64,
}

/// In which order the pieces of a class come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MusicOrder {
    /// As they are listed.
    #[default]
    Linear,
    /// Shuffled anew in each round, by this seed.
    Random(u64),
}

/// Sounds on a timeline of frames.
#[derive(Debug, Default)]
pub struct Program {
    /// In the order of their starts, without gaps.
    pieces: Box<[Piece]>,
    span: Span,
    /// What plays outside of the span.
    otherwise: Option<Arc<Self>>,
}

#[derive(Debug)]
struct Piece {
    start: u64,
    sound: Arc<Sound>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Span {
    /// Over and over, this many frames.
    Round(u64),
    /// Once, between these turns of the wheel.
    Once { from: u64, until: u64 },
}

impl Default for Span {
    fn default() -> Self {
        Self::Round(0)
    }
}

impl Program {
    /// These sounds for ever. Without any, silence.
    #[must_use]
    pub fn looped(sounds: &[Arc<Sound>], order: MusicOrder) -> Self {
        let sounds: Vec<_> = sounds.iter().filter(|s| s.frames() > 0).collect();
        let rounds = match order {
            MusicOrder::Linear => 1,
            MusicOrder::Random(_) => ROUNDS,
        };
        let (mut start, mut last) = (0, None);
        let mut pieces = Vec::new();
        for round in 0..rounds {
            let mut turn: Vec<usize> = (0..sounds.len()).collect();
            if let MusicOrder::Random(seed) = order {
                shuffle(&mut turn, seed ^ round);
                // Nothing comes twice in a row.
                if turn.len() > 1 && turn.first().copied() == last {
                    turn.rotate_left(1);
                }
            }
            last = turn.last().copied();
            for index in turn {
                let sound = Arc::clone(sounds[index]);
                let frames = sound.frames() as u64;
                pieces.push(Piece { start, sound });
                start += frames;
            }
        }
        Self {
            pieces: pieces.into(),
            span: Span::Round(start),
            otherwise: None,
        }
    }

    /// These sounds one after the other, once, from a turn of the wheel on: a window of a stream.
    /// Before and after it `otherwise` plays.
    #[must_use]
    pub fn window(from: u64, sounds: &[Arc<Sound>], otherwise: Arc<Self>) -> Self {
        let mut until = from;
        let place = |sound: &Arc<Sound>| {
            let start = until;
            until += sound.frames() as u64;
            Piece {
                start,
                sound: Arc::clone(sound),
            }
        };
        let pieces = sounds.iter().map(place).collect();
        Self {
            pieces,
            span: Span::Once { from, until },
            otherwise: Some(otherwise),
        }
    }

    /// Its length in frames: of a round, or of the window.
    #[must_use]
    pub fn frames(&self) -> u64 {
        match self.span {
            Span::Round(frames) => frames,
            Span::Once { from, until } => until - from,
        }
    }

    /// The memory its sounds take, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let sounds = self.pieces.iter().map(|piece| &piece.sound);
        let unique: AHashMap<_, _> = sounds.map(|s| (Arc::as_ptr(s), s.bytes())).collect();
        unique.values().sum()
    }

    /// What plays in a turn of the wheel, and which frame of it; nothing is silence.
    #[must_use]
    pub fn at(&self, tick: u64) -> Option<(&Arc<Sound>, usize)> {
        let position = match self.span {
            Span::Round(frames) => tick.checked_rem(frames)?,
            Span::Once { from, until } if (from..until).contains(&tick) => tick,
            Span::Once { .. } => return self.otherwise.as_ref()?.at(tick),
        };
        let index = self.pieces.partition_point(|piece| piece.start <= position);
        let piece = self.pieces.get(index.checked_sub(1)?)?;
        let frame = usize::try_from(position - piece.start).ok()?;
        Some((&piece.sound, frame))
    }
}

impl MusicClass {
    /// A class that plays this.
    #[must_use]
    pub fn new(name: &str, program: Program) -> Self {
        Self {
            name: name.into(),
            program: ArcSwap::from_pointee(program),
            heard: AtomicU64::new(0),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it plays now.
    #[must_use]
    pub fn program(&self) -> Arc<Program> {
        self.program.load_full()
    }

    /// From the next frame on everybody who hears it hears this.
    pub fn set_program(&self, program: Arc<Program>) {
        self.program.store(program);
    }

    /// The newest turn of the wheel in which somebody heard it.
    #[must_use]
    pub fn last_heard(&self) -> Option<u64> {
        self.heard.load(Ordering::Relaxed).checked_sub(1)
    }

    /// Writes what plays in this turn of the wheel.
    pub fn payload(&self, coding: Coding, tick: u64, payload: &mut [u8]) -> Made {
        // Threads may overtake each other by a turn, which nobody asks to know.
        self.heard.store(tick + 1, Ordering::Relaxed);
        match self.program.load().at(tick) {
            Some((sound, frame)) => sound.payload(coding, frame, payload),
            None => Sound::silence(coding, payload),
        }
    }
}

impl MusicClass {
    /// Writes the samples that play in this turn of the wheel: a frame at `rate`.
    pub fn pcm(&self, rate: Rate, tick: u64, pcm: &mut [i16]) {
        self.heard.store(tick + 1, Ordering::Relaxed);
        match self.program.load().at(tick) {
            Some((sound, frame)) => sound.pcm(rate, frame, pcm),
            None => pcm.fill(0),
        }
    }
}

impl std::fmt::Debug for MusicClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MusicClass")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Fisher and Yates, with a generator of its own so that a seed means the same for ever
/// (SplitMix64).
fn shuffle(turn: &mut [usize], seed: u64) {
    let mut state = seed;
    for last in (1..turn.len()).rev() {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        let other = usize::try_from(mixed % (last as u64 + 1)).unwrap_or(0);
        turn.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::Law;

    fn sounds(frames: &[usize]) -> Vec<Arc<Sound>> {
        let sound = |frames: &usize| Arc::new(Sound::encode(&vec![1000; frames * 160]));
        frames.iter().map(sound).collect()
    }

    /// Which of the sounds plays in each turn.
    fn played(program: &Program, sounds: &[Arc<Sound>], ticks: std::ops::Range<u64>) -> Vec<usize> {
        let index = |tick| {
            let (sound, _) = program.at(tick).unwrap();
            sounds.iter().position(|s| Arc::ptr_eq(s, sound)).unwrap()
        };
        ticks.map(index).collect()
    }

    #[test]
    fn pieces_come_one_after_the_other_and_begin_again() {
        let sounds = sounds(&[2, 0, 3]);
        let program = Program::looped(&sounds, MusicOrder::Linear);
        assert_eq!(played(&program, &sounds, 0..7), [0, 0, 2, 2, 2, 0, 0]);
        assert_eq!(program.at(4).map(|(_, frame)| frame), Some(2));
        assert_eq!(program.frames(), 5);
    }

    #[test]
    fn a_random_order_plays_each_piece_once_a_round_and_none_twice_in_a_row() {
        let sounds = sounds(&[1; 7]);
        let orders: Vec<Vec<usize>> = [1, 1, 2]
            .map(|seed| Program::looped(&sounds, MusicOrder::Random(seed)))
            .iter()
            .map(|program| played(program, &sounds, 0..56))
            .collect();
        assert_eq!(orders[0], orders[1], "a seed means an order");
        assert_ne!(orders[0], orders[2]);
        for round in orders[0].chunks(7) {
            let mut sorted = round.to_vec();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6]);
        }
        assert!(orders[0].windows(2).all(|pair| pair[0] != pair[1]));
        assert_ne!(orders[0][..7], orders[0][7..14], "rounds differ");
    }

    #[test]
    fn a_class_without_music_is_silent() {
        let class = MusicClass::new("none", Program::default());
        let mut payload = [0; 160];
        let made = class.payload(Coding::Pcma, 7, &mut payload);
        assert_eq!((made, payload), (Made::Payload(160), [0xD5; 160]));
    }

    #[test]
    fn outside_of_a_streams_window_its_replacement_plays() {
        let all = sounds(&[2, 2, 5]);
        let files = Arc::new(Program::looped(&all[2..], MusicOrder::Linear));
        let window = Program::window(100, &all[..2], files);
        assert_eq!(played(&window, &all, 98..106), [2, 2, 0, 0, 1, 1, 2, 2]);
    }

    #[test]
    fn a_change_is_heard_at_once_and_listening_is_noticed() {
        let class = MusicClass::new("pop", Program::default());
        assert_eq!(class.last_heard(), None);
        let loud = Program::looped(&sounds(&[1]), MusicOrder::Linear);
        let mut payload = [0; 160];
        class.payload(Coding::Pcmu, 41, &mut payload);
        assert_eq!(payload, [0xFF; 160]);
        class.set_program(Arc::new(loud));
        class.payload(Coding::Pcmu, 42, &mut payload);
        assert_eq!(payload, [Law::Mu.encode(1000); 160]);
        assert_eq!(class.last_heard(), Some(42));
    }
}
