//! Music that comes as it is played: a window of sounds that moves along a class's timeline.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crate::container::audio::{AudioError, FILE_RATE, FileResampler};
use crate::dsp::tone::clamp;
use crate::graph::encoding::Encoders;
use crate::graph::music::Program;
use crate::graph::sound::Sound;
use crate::time::{FRAME, SAMPLE_RATE};

/// Frames of a piece: a second.
const PIECE: u64 = 50;

/// Samples of a piece at 16 kHz.
const PIECE_SAMPLES: usize = FILE_RATE as usize;

/// Frames between what is received and what is played, at least, when the stream begins.
const LEAD: u64 = 100;

/// Frames of what was played that are kept, for threads that are behind.
const BEHIND: u64 = 100;

/// Frames that may lie ahead: more is only memory.
const AHEAD: u64 = 250;

/// The loudness streams are led to, in dB of full scale, and how far they may be led.
const TARGET_DBFS: f64 = -23.0;
const MOST_UP_DB: f64 = 6.0;
const MOST_DOWN_DB: f64 = -24.0;

/// How much the gain may change in a second, in dB: slower than music itself changes.
const SLEW_DB: f64 = 1.0;

/// Makes a class's programs of a stream. Told the turn of the wheel, since the stream has no clock
/// of its own.
#[derive(Debug)]
pub struct LiveProgram {
    /// What plays before, after, and while the stream fails.
    otherwise: Arc<Program>,
    narrow: FileResampler,
    /// What is not yet a whole piece.
    rest: Vec<f32>,
    pieces: VecDeque<Arc<Sound>>,
    /// Where the first piece begins; none before there is one.
    from: Option<u64>,
    encoders: Encoders,
    gain_db: Option<f64>,
}

impl LiveProgram {
    /// A stream that has not begun.
    ///
    /// # Errors
    /// Never, in fact: the rates are fixed.
    pub fn new(otherwise: Arc<Program>) -> Result<Self, AudioError> {
        Ok(Self {
            otherwise,
            narrow: FileResampler::new(FILE_RATE, SAMPLE_RATE)?,
            rest: Vec::new(),
            pieces: VecDeque::new(),
            from: None,
            encoders: Encoders::default(),
            gain_db: None,
        })
    }

    /// How long to wait before more is taken, so that no more lies ahead than is needed.
    #[must_use]
    pub fn wait(&self, tick: u64) -> Duration {
        let end = self.end().unwrap_or(0);
        let ahead = end.saturating_sub(tick + AHEAD);
        FRAME * u32::try_from(ahead).unwrap_or(u32::MAX)
    }

    /// Takes samples at 16 kHz; what plays from now on, if that is something new.
    pub fn push(&mut self, tick: u64, pcm: &[f32]) -> Option<Program> {
        self.rest.extend_from_slice(pcm);
        let mut grown = false;
        while self.rest.len() >= PIECE_SAMPLES {
            let piece: Vec<f32> = self.rest.drain(..PIECE_SAMPLES).collect();
            self.add(tick, piece);
            grown = true;
        }
        let from = self.from.filter(|_| grown)?;
        let pieces = self.pieces.make_contiguous();
        Some(Program::window(from, pieces, Arc::clone(&self.otherwise)))
    }

    fn end(&self) -> Option<u64> {
        Some(self.from? + PIECE * self.pieces.len() as u64)
    }

    fn add(&mut self, tick: u64, mut piece: Vec<f32>) {
        self.level(&mut piece);
        let mut narrow = Vec::new();
        self.narrow.push(&piece, &mut narrow);
        let whole = |samples: &[f32]| -> Vec<i16> {
            let sample = |s: &f32| clamp(f64::from(*s) * 32_767.0);
            samples.iter().map(sample).collect()
        };
        // What the filter holds back at the very beginning is silence before it, not a hole in it.
        let missing = (PIECE_SAMPLES / 2).saturating_sub(narrow.len());
        let narrow = [vec![0; missing], whole(&narrow)].concat();
        let sound = Sound::of(&narrow, &whole(&piece));
        let late = self.end().is_none_or(|end| end <= tick);
        if late {
            self.pieces.clear();
            self.from = Some(tick + LEAD);
        }
        self.pieces.push_back(Arc::new(sound));
        // Whoever hears one piece hears the next ones in the same coding.
        self.encoders.encode_wanted(&self.pieces);
        while let Some(from) = self.from
            && self.pieces.len() > 1
            && from + PIECE + BEHIND <= tick
        {
            self.pieces.pop_front();
            self.from = Some(from + PIECE);
        }
    }

    /// Leads the stream to the loudness of all other sounds, slowly.
    fn level(&mut self, piece: &mut [f32]) {
        let power: f64 = piece.iter().map(|s| f64::from(*s).powi(2)).sum();
        let level = 10.0 * (power / piece.len().max(1) as f64).max(1e-9).log10();
        let before = self.gain_db;
        // A pause in the music is none of its loudness.
        let wanted = if level < -50.0 {
            before.unwrap_or(0.0)
        } else {
            (TARGET_DBFS - level).clamp(MOST_DOWN_DB, MOST_UP_DB)
        };
        let start = before.unwrap_or(wanted);
        let end = wanted.clamp(start - SLEW_DB, start + SLEW_DB);
        self.gain_db = Some(end);
        let count = piece.len().max(1) as f64;
        for (n, sample) in piece.iter_mut().enumerate() {
            let gain_db = start + (end - start) * n as f64 / count;
            #[expect(clippy::cast_possible_truncation, reason = "a factor below 2")]
            {
                *sample *= 10f64.powf(gain_db / 20.0) as f32;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Coding, Decoder, Law};
    use crate::dsp::goertzel::Goertzel;
    use crate::graph::music::{MusicClass, MusicOrder};
    use crate::graph::sound::Made;
    use crate::time::Rate;

    fn tone(hertz: f64, seconds: usize, peak: f64) -> Vec<f32> {
        let turn = std::f64::consts::TAU * hertz / f64::from(FILE_RATE);
        let sample = |n: usize| (turn * n as f64).sin() * peak;
        #[expect(clippy::cast_possible_truncation, reason = "at most 1")]
        let pcm = (0..seconds * PIECE_SAMPLES).map(|n| sample(n) as f32);
        pcm.collect()
    }

    fn files() -> Arc<Program> {
        let sound = Arc::new(Sound::encode(&[500; 1600]));
        Arc::new(Program::looped(&[sound], MusicOrder::Linear))
    }

    fn heard(class: &MusicClass, ticks: std::ops::Range<u64>) -> Vec<i16> {
        let mut payload = [0; 160];
        let mut pcm = Vec::new();
        for tick in ticks {
            assert_eq!(
                class.payload(Coding::Pcma, tick, &mut payload),
                Made::Payload(160)
            );
            pcm.extend(payload.map(|byte| Law::A.decode(byte)));
        }
        pcm
    }

    #[test]
    fn a_stream_is_heard_without_a_gap_at_the_loudness_of_all_sounds() {
        let class = MusicClass::new("radio", Program::default());
        let mut live = LiveProgram::new(files()).unwrap();
        let pcm = tone(440.0, 20, 0.9);
        let mut tick = 1000;
        let mut all = Vec::new();
        for block in pcm.chunks(1152) {
            while !live.wait(tick).is_zero() {
                if tick >= 1000 + LEAD {
                    all.extend(heard(&class, tick..tick + 1));
                }
                tick += 1;
            }
            if let Some(program) = live.push(tick, block) {
                class.set_program(Arc::new(program));
            }
        }
        assert!(all.len() > 10 * 8000, "{}", all.len());
        for (n, second) in all.chunks_exact(8000).enumerate() {
            // The stream begins with what the filter holds back.
            let least = if n == 0 { 0.997 } else { 0.999 };
            let share = Goertzel::new(440.0).share(second);
            assert!(share > least, "{n}: {share}");
            let power: f64 = second.iter().map(|s| f64::from(*s).powi(2)).sum();
            let level = 10.0 * (power / 8000.0 / 32_768f64.powi(2)).log10();
            assert!((level - TARGET_DBFS).abs() < 1.0, "{level}");
        }
    }

    #[test]
    fn when_the_stream_stalls_the_files_play_and_then_it_goes_on() {
        let class = MusicClass::new("radio", Program::default());
        let mut live = LiveProgram::new(files()).unwrap();
        let program = live.push(0, &tone(440.0, 2, 0.5)).unwrap();
        class.set_program(Arc::new(program));
        let file = |tick| {
            heard(&class, tick..tick + 1)
                .iter()
                .all(|s| (480..520).contains(s))
        };
        assert!(file(0) && file(99) && !file(100) && !file(199) && file(200) && file(5000));
        let program = live.push(6000, &tone(440.0, 1, 0.5)).unwrap();
        class.set_program(Arc::new(program));
        assert!(file(6000) && !file(6100) && file(6150));
    }

    #[test]
    fn memory_is_bounded_however_long_it_runs() {
        let mut live = LiveProgram::new(files()).unwrap();
        let second = tone(440.0, 1, 0.5);
        for tick in (0..50_000).step_by(50) {
            live.push(tick, &second);
            assert!(live.pieces.len() < 12, "{}", live.pieces.len());
        }
    }

    #[test]
    fn opus_listeners_hear_one_stream_across_pieces() {
        let class = MusicClass::new("radio", Program::default());
        let mut live = LiveProgram::new(files()).unwrap();
        let pcm = tone(440.0, 8, 0.5);
        let mut payload = [0; 2000];
        let mut decoder = Decoder::new(Coding::Opus, Rate::Wide).unwrap();
        let (mut all, mut frame) = (Vec::new(), [0; 320]);
        for (second, block) in (0u64..).zip(pcm.chunks(PIECE_SAMPLES)) {
            let program = live.push(second * 50, block).unwrap();
            class.set_program(Arc::new(program));
            for tick in second * 50..second * 50 + 50 {
                if let Made::Payload(length) = class.payload(Coding::Opus, tick, &mut payload) {
                    let count = decoder.decode(&payload[..length], &mut frame).unwrap();
                    all.extend_from_slice(&frame[..count]);
                }
            }
        }
        assert!(all.len() >= 3 * 16_000, "{}", all.len());
        let steady = &all[all.len() - 2 * 16_000..];
        // The detector counts in 8 kHz.
        assert!(Goertzel::new(220.0).share(steady) > 0.97);
    }
}
