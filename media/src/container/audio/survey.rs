//! Measuring a file while it is read, and what follows from it.

use std::time::Duration;

use ebur128::{EbuR128, Mode};

use super::{AudioError, AudioFormat, AudioReader, FILE_RATE};

/// The loudness files are brought to, in LUFS (EBU R 128) of the mono mix: that of the built-in
/// prompts, and about 20 dB below the level at which a telephone line distorts.
pub const TARGET_LUFS: f64 = -23.0;

/// The peak that normalising leaves, in dB of full scale.
const PEAK_DBFS: f64 = -1.0;

/// Most that a quiet file is raised by, in dB: beyond that it is its noise that grows.
const MAX_GAIN_DB: f64 = 20.0;

/// A file whose loudest sample is below this is silent.
const SILENT_DBFS: f64 = -60.0;

/// A sample this near to full scale may be cut off; so many in a row are.
const FULL_SCALE: f32 = 0.9995;
const CLIPPED_RUN: u32 = 3;

/// Most of a file that may be clipped, in per cent.
const MAX_CLIPPED_PERCENT: f64 = 1.0;

/// A hundredth of full scale counts as sound.
const QUIET: f32 = 0.01;

/// What was found in a file.
#[derive(Debug, Clone, PartialEq)]
pub struct Survey {
    /// Its format.
    pub format: AudioFormat,
    /// Its samples per second and channel.
    pub rate: u32,
    /// Its channels.
    pub channels: usize,
    /// How long it plays.
    pub duration: Duration,
    /// Its loudest sample, in dB of full scale.
    pub peak_dbfs: f64,
    /// Its loudness before normalising, in LUFS; `None` when it is too short to have one.
    pub loudness: Option<f64>,
    /// What it was raised or lowered by, in dB.
    pub gain_db: f64,
    /// Its mean, which was taken away, as a share of full scale.
    pub dc: f64,
    /// Samples that are part of a cut-off wave, in per cent.
    pub clipped_percent: f64,
    /// Samples below a hundredth of full scale, in per cent.
    pub quiet_percent: f64,
    /// Packets that could not be decoded and were left out.
    pub damaged_packets: u32,
}

impl Survey {
    /// Takes the mean away and applies the gain.
    pub(super) fn apply(&self, pcm: &mut [i16]) {
        let gain = 10f64.powf(self.gain_db / 20.0);
        for sample in pcm {
            let centred = f64::from(*sample) - self.dc * 32_768.0;
            *sample = crate::dsp::tone::clamp(centred * gain);
        }
    }
}

/// What is counted while a file is read.
pub(super) struct Meter {
    loudness: EbuR128,
    /// Of the loudest sample, before any gain.
    peak: f32,
    samples: u64,
    sum: f64,
    squares: f64,
    quiet: u64,
    clipped: u64,
    /// Samples in a row at full scale, for each channel.
    runs: Vec<u32>,
    interleaved: u64,
}

impl Meter {
    pub(super) fn new(reader: &AudioReader) -> Result<Self, AudioError> {
        // The histogram keeps what it remembers of an hour as small as of a second.
        let loudness = EbuR128::new(1, FILE_RATE, Mode::I | Mode::HISTOGRAM);
        Ok(Self {
            loudness: loudness.map_err(|_| AudioError::SampleRate(reader.rate()))?,
            peak: 0.0,
            samples: 0,
            sum: 0.0,
            squares: 0.0,
            quiet: 0,
            clipped: 0,
            runs: vec![0; reader.channels()],
            interleaved: 0,
        })
    }

    /// Samples as they are in the file, all channels in turn.
    pub(super) fn see_original(&mut self, interleaved: &[f32], channels: usize) {
        self.runs.resize(channels, 0);
        for block in interleaved.chunks_exact(channels) {
            for (run, sample) in self.runs.iter_mut().zip(block) {
                if sample.abs() < FULL_SCALE {
                    *run = 0;
                    continue;
                }
                *run += 1;
                self.clipped += match *run {
                    CLIPPED_RUN => u64::from(CLIPPED_RUN),
                    run if run > CLIPPED_RUN => 1,
                    _ => 0,
                };
            }
        }
        self.interleaved += interleaved.len() as u64;
    }

    /// Samples as they will be played.
    pub(super) fn see(&mut self, mono: &[f32]) {
        for sample in mono {
            self.peak = self.peak.max(sample.abs());
            self.sum += f64::from(*sample);
            self.squares += f64::from(*sample).powi(2);
            self.quiet += u64::from(sample.abs() < QUIET);
        }
        self.samples += mono.len() as u64;
        // Only a wrong number of channels is refused, and there is one.
        self.loudness.add_frames_f32(mono).ok();
    }

    pub(super) fn finish(self, reader: &AudioReader, length: usize) -> Result<Survey, AudioError> {
        if self.samples == 0 {
            return Err(AudioError::Empty);
        }
        let share = |count: u64, of: u64| 100.0 * count as f64 / of.max(1) as f64;
        let peak_dbfs = decibels(f64::from(self.peak));
        let dc = self.sum / self.samples as f64;
        let power = self.squares / self.samples as f64 - dc * dc;
        if peak_dbfs < SILENT_DBFS || decibels(power.max(0.0).sqrt()) < SILENT_DBFS - 10.0 {
            return Err(AudioError::Silent { peak_dbfs });
        }
        let clipped_percent = share(self.clipped, self.interleaved);
        if clipped_percent > MAX_CLIPPED_PERCENT {
            return Err(AudioError::Clipped {
                percent: clipped_percent,
                allowed: MAX_CLIPPED_PERCENT,
            });
        }
        // Of less than 400 ms nothing is known; then the mean power says nearly the same.
        let known = self.loudness.loudness_global().ok();
        let loudness = known.filter(|lufs| lufs.is_finite());
        let level = loudness.unwrap_or_else(|| decibels(power.max(0.0).sqrt()));
        let room = PEAK_DBFS - decibels(f64::from(self.peak) + dc.abs());
        let gain_db = (TARGET_LUFS - level).min(room).clamp(-60.0, MAX_GAIN_DB);
        Ok(Survey {
            format: reader.format(),
            rate: reader.rate(),
            channels: reader.channels(),
            duration: Duration::from_micros(length as u64 * 1_000_000 / u64::from(FILE_RATE)),
            peak_dbfs,
            loudness,
            gain_db,
            dc,
            clipped_percent,
            quiet_percent: share(self.quiet, self.samples),
            damaged_packets: reader.damaged(),
        })
    }
}

fn decibels(amplitude: f64) -> f64 {
    20.0 * amplitude.max(1e-9).log10()
}

pub(super) fn to_i16(sample: f32) -> i16 {
    crate::dsp::tone::clamp(f64::from(sample) * 32_767.0)
}
