//! Rooms on made-up time: everybody says a tone of his own, so that it is found again.

mod cost;
mod hearing;
mod inserts;
mod random;
mod relations;
mod talkers;

use std::f64::consts::TAU;

use super::*;
use crate::dsp::goertzel::Goertzel;
use crate::time::Rate;

/// Full-scale peak of the tones.
const PEAK: f64 = 8000.0;

/// A room and what its members say and hear.
struct Party {
    mixer: Mixer,
    guests: Vec<Guest>,
    frames: usize,
}

struct Guest {
    key: MemberKey,
    hertz: f64,
    peak: f64,
    heard: Vec<i16>,
    /// Which frames were its own mix, shared, or silence.
    kinds: Vec<char>,
}

impl Party {
    fn new(rate: Rate) -> Self {
        Self::with(MixerSettings::at(rate))
    }

    fn with(settings: MixerSettings) -> Self {
        Self {
            mixer: Mixer::new(settings),
            guests: Vec::new(),
            frames: 0,
        }
    }

    /// Somebody who says this tone from now on; 0 is nothing at all. Its number.
    fn joins(&mut self, hertz: f64) -> usize {
        self.joins_as(hertz, MemberSettings::default())
    }

    fn joins_as(&mut self, hertz: f64, settings: MemberSettings) -> usize {
        let key = self.mixer.join(settings).unwrap();
        self.guests.push(Guest {
            key,
            hertz,
            peak: PEAK,
            heard: Vec::new(),
            kinds: Vec::new(),
        });
        self.guests.len() - 1
    }

    fn key(&self, guest: usize) -> MemberKey {
        self.guests[guest].key
    }

    fn changes(&mut self, guest: usize, change: impl FnOnce(&mut MemberSettings)) {
        let key = self.key(guest);
        let mut settings = self.mixer.settings_of(key).unwrap();
        change(&mut settings);
        self.mixer.set(key, settings).unwrap();
    }

    /// Lets a frame pass.
    fn frame(&mut self) {
        let rate = self.mixer.rate();
        let count = rate.frame_samples();
        let start = self.frames * count;
        for guest in &self.guests {
            self.mixer.take(guest.key, |pcm| {
                for (n, sample) in (start..).zip(pcm.iter_mut()) {
                    let turns = guest.hertz * n as f64 / f64::from(rate.hertz());
                    *sample = crate::dsp::tone::clamp(guest.peak * (TAU * turns).sin());
                }
                guest.hertz > 0.0
            });
        }
        self.mixer.run();
        let silent = self.mixer.is_silent();
        for guest in &mut self.guests {
            let (kind, pcm) = match self.mixer.heard_by(guest.key) {
                Mix::Silence => ('-', None),
                Mix::Shared(pcm) => (if silent { '-' } else { 's' }, Some(pcm)),
                Mix::Own(pcm) => ('o', Some(pcm)),
            };
            guest.kinds.push(kind);
            match pcm {
                Some(pcm) => guest.heard.extend_from_slice(pcm),
                None => guest.heard.extend(std::iter::repeat_n(0, count)),
            }
        }
        self.frames += 1;
    }

    fn frames(&mut self, count: usize) {
        for _ in 0..count {
            self.frame();
        }
    }

    /// Lets so many frames pass that all gains are where they should be, and forgets them.
    fn settles(&mut self) {
        self.frames(5);
        self.forgets();
    }

    fn forgets(&mut self) {
        for guest in &mut self.guests {
            guest.heard.clear();
            guest.kinds.clear();
        }
    }

    /// How loud a listener heard somebody's tone, in decibels against how it was said; after 10
    /// frames more.
    fn level(&self, listener: usize, speaker: usize) -> f64 {
        let heard = &self.guests[listener].heard;
        self.level_in(heard, self.guests[speaker].hertz)
    }

    fn level_in(&self, pcm: &[i16], hertz: f64) -> f64 {
        let scale = 8000.0 / f64::from(self.mixer.rate().hertz());
        let power = Goertzel::new(hertz * scale).power(pcm);
        10.0 * (power.max(1e-9) / (PEAK * PEAK / 2.0)).log10()
    }

    fn hears(&self, listener: usize, speaker: usize) -> bool {
        let level = self.level(listener, speaker);
        assert!(
            !(-45.0..=-1.0).contains(&level),
            "{listener} hears {speaker} at {level} dB"
        );
        level > -1.0
    }

    fn events(&mut self) -> Vec<MixerEvent> {
        std::iter::from_fn(|| self.mixer.poll_event()).collect()
    }
}

/// Tones that fit a second's tenth without leaking into each other.
const TONES: [f64; 8] = [300.0, 500.0, 700.0, 900.0, 1100.0, 1300.0, 1700.0, 1900.0];

/// The largest step between two samples, also from one frame to the next.
fn largest_step(pcm: &[i16]) -> i32 {
    let steps = pcm
        .windows(2)
        .map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs());
    steps.max().unwrap_or(0)
}
