//! The two tones a room hears when somebody comes or goes.

use std::collections::VecDeque;
use std::f64::consts::{PI, TAU};

use crate::dsp::tone::clamp;
use crate::time::Rate;

/// Rising at entry, falling at exit; each lasts so many milliseconds.
const LOW: f64 = 587.0;
const HIGH: f64 = 880.0;
const NOTE: usize = 120;

/// How long a note takes to rise and to fall, in milliseconds.
const EDGE: usize = 10;

/// About -20 dBm0: noticed, but not louder than who talks.
const PEAK: f64 = 2300.0;

/// Chimes that wait for their turn; when a hundred come at once, nobody needs to hear a hundred.
const WAITING: usize = 3;

/// Which one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chime {
    Entry,
    Exit,
}

/// The chimes of a room: rendered once, played one after the other.
#[derive(Debug)]
pub(super) struct Chimes {
    entry: Box<[i16]>,
    exit: Box<[i16]>,
    waiting: VecDeque<Chime>,
    /// Samples of the first in line that were heard.
    played: usize,
}

impl Chimes {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            entry: render(rate, [LOW, HIGH]),
            exit: render(rate, [HIGH, LOW]),
            waiting: VecDeque::with_capacity(WAITING),
            played: 0,
        }
    }

    pub(super) fn ring(&mut self, chime: Chime) {
        if self.waiting.len() < WAITING {
            self.waiting.push_back(chime);
        }
    }

    /// Adds the next frame of what rings; whether anything does.
    pub(super) fn add(&mut self, sum: &mut [i32]) -> bool {
        let Some(chime) = self.waiting.front() else {
            return false;
        };
        let pcm = match chime {
            Chime::Entry => &self.entry,
            Chime::Exit => &self.exit,
        };
        let rest = pcm.get(self.played..).unwrap_or_default();
        for (sum, &sample) in sum.iter_mut().zip(rest) {
            *sum += i32::from(sample);
        }
        self.played += sum.len();
        if self.played >= pcm.len() {
            self.waiting.pop_front();
            self.played = 0;
        }
        true
    }
}

fn render(rate: Rate, notes: [f64; 2]) -> Box<[i16]> {
    let per_millisecond = rate.frame_samples() / 20;
    let (count, edge) = (NOTE * per_millisecond, EDGE * per_millisecond);
    let note = |hertz: f64| {
        (0..count).map(move |n| {
            let to_edge = n.min(count - 1 - n).min(edge) as f64 / edge as f64;
            let envelope = (1.0 - (PI * to_edge).cos()) / 2.0;
            let turns = hertz * n as f64 / f64::from(rate.hertz());
            clamp(PEAK * envelope * (TAU * turns).sin())
        })
    };
    notes.into_iter().flat_map(note).collect()
}
