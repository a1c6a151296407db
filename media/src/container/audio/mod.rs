//! Audio files of any common format as 16 kHz mono samples, measured and brought to one loudness.
//!
//! WAV, MP3, FLAC, OGG/Vorbis and OGG/Opus. A file is read once, from its beginning, and never held
//! whole: what it costs is its length in samples, and that is limited. Whatever its header claims,
//! only what is really there is taken. What was chained (RFC 3533 section 4), as radio stations do with
//! every title, is one file.

mod error;
mod reader;
mod resampler;
mod survey;
mod vorbis_setup;

use std::time::Duration;

pub use symphonia::core::io::MediaSource;

pub use error::AudioError;
pub use reader::{AudioFormat, AudioReader};
pub use resampler::FileResampler;
pub use survey::{Survey, TARGET_LUFS};

/// Samples per second of what [`load`] gives.
pub const FILE_RATE: u32 = 16_000;

/// Most channels a file may have: more than 7.1 is a lie or nobody's music.
pub const MAX_CHANNELS: u16 = 8;

/// A file's audio, ready to be played.
#[derive(Debug, Clone)]
pub struct Audio {
    /// Mono samples at [`FILE_RATE`], without DC and at [`TARGET_LUFS`].
    pub pcm: Vec<i16>,
    /// What the file was.
    pub survey: Survey,
}

/// Reads a whole file: decodes, mixes to mono, resamples, measures and normalises.
///
/// # Errors
/// When the format is not known, its header contradicts itself, it is longer than `longest`, has no
/// sound in it, is clipped beyond repair, or is damaged so much that little can be heard.
pub fn load(source: Box<dyn MediaSource>, longest: Duration) -> Result<Audio, AudioError> {
    let mut reader = AudioReader::open(source)?;
    let limit = usize::try_from(longest.as_millis() * u128::from(FILE_RATE) / 1000);
    let limit = limit.unwrap_or(usize::MAX);
    let mut pcm = Vec::new();
    let mut block = Vec::new();
    let mut meter = survey::Meter::new(&reader)?;
    loop {
        block.clear();
        let more = reader.read(&mut block, &mut meter)?;
        pcm.extend(block.iter().map(|sample| survey::to_i16(*sample)));
        if pcm.len() > limit {
            return Err(AudioError::TooLong { longest });
        }
        if !more {
            break;
        }
    }
    let survey = meter.finish(&reader, pcm.len())?;
    survey.apply(&mut pcm);
    Ok(Audio { pcm, survey })
}

#[cfg(test)]
mod tests;
