//! WAV: the canonical 44-byte header recordings are written with, and reading any PCM WAV file.

use std::io::Cursor;

use crate::dsp::resample;

/// Length of the header recordings begin with.
pub const HEADER_LEN: usize = 44;

/// The header of a PCM WAV file without extra chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WavHeader {
    /// Interleaved channels, 1 or more.
    pub channels: u16,
    /// Samples per second and channel.
    pub sample_rate: u32,
    /// Bits per sample.
    pub bits: u16,
    /// Bytes of audio that follow.
    pub data_bytes: u32,
}

/// Why bytes are not a WAV file we can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// Shorter than a header.
    #[error("the file is shorter than a WAV header")]
    Truncated,
    /// A chunk id is missing or out of place.
    #[error("the file is not a canonical WAV file")]
    NotCanonical,
    /// Not linear PCM.
    #[error("the file is not linear PCM")]
    NotPcm,
    /// A sample rate nobody uses.
    #[error("the sample rate is not supported")]
    SampleRate,
    /// Zero channels, an impossible rate, or sizes that contradict each other.
    #[error("the WAV header contradicts itself")]
    Contradictory,
}

impl WavHeader {
    /// A header for 16-bit audio with nothing in it yet.
    #[must_use]
    pub fn pcm16(channels: u16, sample_rate: u32) -> Self {
        Self {
            channels,
            sample_rate,
            bits: 16,
            data_bytes: 0,
        }
    }

    /// Bytes of one sample of every channel.
    #[must_use]
    pub fn block_align(&self) -> u16 {
        self.channels.saturating_mul(self.bits / 8)
    }

    /// The length of the audio in milliseconds.
    #[must_use]
    pub fn milliseconds(&self) -> u64 {
        let per_second = u64::from(self.block_align()) * u64::from(self.sample_rate);
        (u64::from(self.data_bytes) * 1000)
            .checked_div(per_second)
            .unwrap_or(0)
    }

    /// Its wire form.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        let byte_rate = self
            .sample_rate
            .saturating_mul(u32::from(self.block_align()));
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, b"RIFF");
        put(4, &self.data_bytes.saturating_add(36).to_le_bytes());
        put(8, b"WAVEfmt ");
        put(16, &16u32.to_le_bytes());
        put(20, &1u16.to_le_bytes());
        put(22, &self.channels.to_le_bytes());
        put(24, &self.sample_rate.to_le_bytes());
        put(28, &byte_rate.to_le_bytes());
        put(32, &self.block_align().to_le_bytes());
        put(34, &self.bits.to_le_bytes());
        put(36, b"data");
        put(40, &self.data_bytes.to_le_bytes());
        bytes
    }

    /// Reads the header of a recording of ours. What it says of the audio's size is not checked
    /// against anything: after a crash it is behind the truth.
    ///
    /// # Errors
    /// When the bytes are too few, or not such a header.
    pub fn parse(bytes: &[u8]) -> Result<Self, WavError> {
        let bytes: &[u8; HEADER_LEN] = bytes.first_chunk().ok_or(WavError::Truncated)?;
        let two = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let four = |at: usize| u32::from(two(at)) | u32::from(two(at + 2)) << 16;
        let ids = bytes[..4] == *b"RIFF" && bytes[8..16] == *b"WAVEfmt " && four(16) == 16;
        if !ids || bytes[36..40] != *b"data" {
            return Err(WavError::NotCanonical);
        }
        if two(20) != 1 {
            return Err(WavError::NotPcm);
        }
        let header = Self {
            channels: two(22),
            sample_rate: four(24),
            bits: two(34),
            data_bytes: four(40),
        };
        let sane = header.channels > 0 && header.sample_rate > 0 && matches!(header.bits, 8 | 16);
        if !sane || header.block_align() != two(32) {
            return Err(WavError::Contradictory);
        }
        Ok(header)
    }
}

/// Decodes a PCM WAV file of any rate, 8 to 32 bits or float, to 8 kHz mono.
///
/// # Errors
/// When it is not such a file or is cut off within its header.
pub fn decode_to_8k(file: &[u8]) -> Result<Vec<i16>, WavError> {
    let (mono, rate) = decode_mono(file)?;
    Ok(resample::to_8k(&mono, rate))
}

/// The samples of a PCM WAV file, its channels mixed, and their rate.
///
/// # Errors
/// When it is not such a file or is cut off within its header.
pub fn decode_mono(file: &[u8]) -> Result<(Vec<i16>, u32), WavError> {
    let mut reader = hound::WavReader::new(Cursor::new(file)).map_err(|error| reason(&error))?;
    let spec = reader.spec();
    if spec.channels == 0 {
        return Err(WavError::Contradictory);
    }
    if !resample::is_supported(spec.sample_rate) {
        return Err(WavError::SampleRate);
    }
    // A file whose data is cut off gives the samples it has.
    let samples: Vec<f64> = match spec.sample_format {
        hound::SampleFormat::Float => reader
            .samples::<f32>()
            .map_while(Result::ok)
            .map(|sample| f64::from(sample) * 32_768.0)
            .collect(),
        hound::SampleFormat::Int => {
            let scale = 2f64.powi(16 - i32::from(spec.bits_per_sample));
            reader
                .samples::<i32>()
                .map_while(Result::ok)
                .map(|sample| f64::from(sample) * scale)
                .collect()
        }
    };
    let mono: Vec<i16> = samples
        .chunks(usize::from(spec.channels))
        .map(|block| crate::dsp::tone::clamp(block.iter().sum::<f64>() / block.len() as f64))
        .collect();
    Ok((mono, spec.sample_rate))
}

fn reason(error: &hound::Error) -> WavError {
    match error {
        hound::Error::IoError(_) => WavError::Truncated,
        hound::Error::FormatError(_) => WavError::NotCanonical,
        hound::Error::TooWide | hound::Error::UnfinishedSample => WavError::Contradictory,
        hound::Error::Unsupported | hound::Error::InvalidSampleFormat => WavError::NotPcm,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsp::goertzel::Goertzel;
    use crate::dsp::tone::sine;

    #[test]
    fn a_header_survives_its_bytes() {
        let mut header = WavHeader::pcm16(2, 8000);
        header.data_bytes = 32_000;
        assert_eq!(WavHeader::parse(&header.to_bytes()), Ok(header));
        assert_eq!(header.milliseconds(), 1000);
    }

    #[test]
    fn hound_reads_what_we_write() {
        let pcm = sine(440.0, 800, 8000.0);
        let mut header = WavHeader::pcm16(1, 8000);
        header.data_bytes = 1600;
        let mut file = header.to_bytes().to_vec();
        file.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
        assert_eq!(decode_to_8k(&file), Ok(pcm));
    }

    #[test]
    fn a_stereo_file_at_48_kilohertz_becomes_mono_at_8() {
        let spec = hound::WavSpec {
            channels: 2,
            sample_rate: 48_000,
            bits_per_sample: 24,
            sample_format: hound::SampleFormat::Int,
        };
        let mut bytes = Cursor::new(Vec::new());
        let mut writer = hound::WavWriter::new(&mut bytes, spec).unwrap();
        for n in 0..48_000 {
            let at = f64::from(n) / 48_000.0 * std::f64::consts::TAU;
            for hertz in [500.0, 700.0] {
                #[expect(clippy::cast_possible_truncation, reason = "within 24 bits")]
                let sample = ((at * hertz).sin() * 4_000_000.0) as i32;
                writer.write_sample(sample).unwrap();
            }
        }
        writer.finalize().unwrap();
        let pcm = decode_to_8k(bytes.get_ref()).unwrap();
        assert_eq!(pcm.len(), 8000);
        for hertz in [500.0, 700.0] {
            assert!(Goertzel::new(hertz).share(&pcm) > 0.45, "{hertz}");
        }
    }

    #[test]
    fn bytes_that_are_no_wav_file_are_refused() {
        assert_eq!(WavHeader::parse(b"RIFF"), Err(WavError::Truncated));
        assert_eq!(WavHeader::parse(&[0; 60]), Err(WavError::NotCanonical));
        assert!(decode_to_8k(b"not a wav file at all").is_err());
        assert!(decode_to_8k(&[]).is_err());
        let mut lying = WavHeader::pcm16(2, 8000).to_bytes();
        lying[32] = 3;
        assert_eq!(WavHeader::parse(&lying), Err(WavError::Contradictory));
    }
}
