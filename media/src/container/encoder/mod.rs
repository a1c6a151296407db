//! Recordings in their formats: samples in, the bytes of a growing file out.

use offhook_core::recording::{AudioFormat, RecordingStyle};

use crate::container::ogg_opus::OggOpus;
use crate::container::wav::WavHeader;

/// Why samples cannot be turned into a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncoderError {
    /// This build is without LAME.
    #[error("this build cannot make MP3 files: it was built without the feature \"mp3\"")]
    Mp3Missing,
    /// LAME refused.
    #[error("LAME cannot encode this")]
    Lame,
    /// libopus refused.
    #[error("libopus cannot encode this")]
    Opus,
}

/// Whether this build can make files of a format.
#[must_use]
pub fn can_encode(format: AudioFormat) -> bool {
    match format {
        AudioFormat::Wav | AudioFormat::Opus => true,
        AudioFormat::Mp3 => cfg!(feature = "mp3"),
    }
}

/// One recording's encoder. What it gives is the file, to be written as it comes, but for its first
/// bytes, which may have to be written again: see [`head_again`](Self::head_again).
#[derive(Debug)]
pub struct RecordingEncoder {
    style: RecordingStyle,
    /// Samples per channel taken in.
    samples: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Wav,
    #[cfg(feature = "mp3")]
    Mp3(Box<lame::Mp3>),
    Opus(Box<OggOpus>),
}

impl RecordingEncoder {
    /// An encoder; `serial` tells streams of Ogg files apart.
    ///
    /// # Errors
    /// When there is no encoder for the style.
    pub fn new(style: RecordingStyle, serial: u32) -> Result<Self, EncoderError> {
        let kind = match style.format {
            AudioFormat::Wav => Kind::Wav,
            #[cfg(feature = "mp3")]
            AudioFormat::Mp3 => Kind::Mp3(Box::new(lame::Mp3::new(style)?)),
            #[cfg(not(feature = "mp3"))]
            AudioFormat::Mp3 => return Err(EncoderError::Mp3Missing),
            AudioFormat::Opus => {
                let channels = style.layout.channels();
                let made = OggOpus::new(channels, style.rate.hertz(), style.bit_rate(), serial);
                Kind::Opus(Box::new(made.map_err(|_| EncoderError::Opus)?))
            }
        };
        Ok(Self {
            style,
            samples: 0,
            kind,
        })
    }

    /// Samples per channel taken in.
    #[must_use]
    pub fn samples(&self) -> u64 {
        self.samples
    }

    /// Samples per channel that can be heard in what was given so far; the others are still inside.
    #[must_use]
    pub fn heard(&self) -> u64 {
        let heard = match &self.kind {
            Kind::Wav => self.samples,
            #[cfg(feature = "mp3")]
            Kind::Mp3(mp3) => mp3.heard(),
            Kind::Opus(opus) => opus.heard(),
        };
        heard.min(self.samples)
    }

    /// The length of what was taken in.
    #[must_use]
    pub fn milliseconds(&self) -> u64 {
        self.samples * 1000 / u64::from(self.style.rate.hertz())
    }

    /// Appends what the file begins with.
    pub fn head(&mut self, out: &mut Vec<u8>) {
        match &mut self.kind {
            Kind::Wav => out.extend(
                WavHeader::pcm16(self.style.layout.channels(), self.style.rate.hertz()).to_bytes(),
            ),
            #[cfg(feature = "mp3")]
            Kind::Mp3(mp3) => out.extend(mp3.head(None)),
            Kind::Opus(opus) => opus.head(self.style.rate.hertz(), out),
        }
    }

    /// Takes in samples, the channels of one moment beside each other, and appends what became of
    /// those and of earlier ones.
    ///
    /// # Errors
    /// When the encoder refuses, which it has no reason to.
    pub fn encode(&mut self, pcm: &[i16], out: &mut Vec<u8>) -> Result<(), EncoderError> {
        self.samples += (pcm.len() / usize::from(self.style.layout.channels())) as u64;
        match &mut self.kind {
            Kind::Wav => {
                out.extend(pcm.iter().flat_map(|sample| sample.to_le_bytes()));
                Ok(())
            }
            #[cfg(feature = "mp3")]
            Kind::Mp3(mp3) => mp3.encode(pcm, out),
            Kind::Opus(opus) => opus.encode(pcm, out).map_err(|_| EncoderError::Opus),
        }
    }

    /// Appends what is still inside.
    ///
    /// # Errors
    /// When the encoder refuses.
    pub fn finish(&mut self, out: &mut Vec<u8>) -> Result<(), EncoderError> {
        match &mut self.kind {
            Kind::Wav => Ok(()),
            #[cfg(feature = "mp3")]
            Kind::Mp3(mp3) => mp3.finish(self.samples, out),
            Kind::Opus(opus) => opus.finish(out).map_err(|_| EncoderError::Opus),
        }
    }

    /// The first bytes of the file as they are to be now that it has this many in all, if they differ
    /// from what [`head`](Self::head) said: a WAV file's at any time, an MP3's once it is finished.
    #[must_use]
    pub fn head_again(&self, bytes: u64) -> Option<Vec<u8>> {
        match &self.kind {
            Kind::Wav => {
                let mut header =
                    WavHeader::pcm16(self.style.layout.channels(), self.style.rate.hertz());
                let audio = bytes.saturating_sub(crate::container::wav::HEADER_LEN as u64);
                header.data_bytes = u32::try_from(audio).unwrap_or(u32::MAX);
                Some(header.to_bytes().to_vec())
            }
            #[cfg(feature = "mp3")]
            Kind::Mp3(mp3) => mp3.totals(bytes).map(|totals| mp3.head(Some(totals))),
            Kind::Opus(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;

#[cfg(feature = "mp3")]
mod lame {
    use mp3lame_encoder::{
        Bitrate, Builder, EncodeError, Encoder, FlushGap, InterleavedPcm, Mode, MonoPcm, Quality,
        VbrMode,
    };
    use offhook_core::recording::{Layout, RecordingRate, RecordingStyle};

    use super::EncoderError;
    use crate::container::mp3::{self, FRAME_SAMPLES, Totals};

    /// Room LAME wants beyond the samples themselves.
    const SLACK: usize = 7200;

    /// An MP3 in the making.
    pub(super) struct Mp3 {
        encoder: Encoder,
        style: RecordingStyle,
        /// Bytes given.
        given: u64,
        /// Samples per channel, once the end is known.
        end: Option<u64>,
    }

    impl std::fmt::Debug for Mp3 {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.debug_struct("Mp3")
                .field("style", &self.style)
                .finish_non_exhaustive()
        }
    }

    impl Mp3 {
        pub(super) fn new(style: RecordingStyle) -> Result<Self, EncoderError> {
            let bit_rate = match (style.rate, style.layout) {
                (RecordingRate::Narrow, Layout::Mono) => Bitrate::Kbps16,
                (RecordingRate::Narrow, Layout::Stereo) | (RecordingRate::Wide, Layout::Mono) => {
                    Bitrate::Kbps32
                }
                (RecordingRate::Wide, Layout::Stereo) => Bitrate::Kbps64,
            };
            let mode = match style.layout {
                // Not joint: each party keeps to its side.
                Layout::Stereo => Mode::Stereo,
                Layout::Mono => Mode::Mono,
            };
            let make = |builder: Builder| -> Result<Encoder, mp3lame_encoder::BuildError> {
                builder
                    .with_num_channels(u8::try_from(style.layout.channels()).unwrap_or(1))?
                    .with_sample_rate(style.rate.hertz())?
                    .with_output_sample_rate(std::num::NonZeroU32::new(style.rate.hertz()))?
                    .with_mode(mode)?
                    .with_brate(bit_rate)?
                    .with_vbr_mode(VbrMode::Off)?
                    .with_quality(Quality::Ok)?
                    // The first frame is ours: LAME's is known at the end only.
                    .with_to_write_vbr_tag(false)?
                    .build()
            };
            let encoder = Builder::new().ok_or(EncoderError::Lame)?;
            Ok(Self {
                encoder: make(encoder).map_err(|_| EncoderError::Lame)?,
                style,
                given: 0,
                end: None,
            })
        }

        pub(super) fn head(&self, totals: Option<Totals>) -> Vec<u8> {
            let channels = u8::try_from(self.style.layout.channels()).unwrap_or(1);
            let bit_rate = self.style.bit_rate() / 1000;
            mp3::info_frame(self.style.rate.hertz(), channels, bit_rate, totals).unwrap_or_default()
        }

        pub(super) fn encode(
            &mut self,
            pcm: &[i16],
            out: &mut Vec<u8>,
        ) -> Result<(), EncoderError> {
            out.reserve(pcm.len() * 5 / 4 + SLACK);
            let written = match self.style.layout {
                Layout::Mono => self.encoder.encode_to_vec(MonoPcm(pcm), out),
                Layout::Stereo => self.encoder.encode_to_vec(InterleavedPcm(pcm), out),
            };
            self.count(written)
        }

        pub(super) fn finish(
            &mut self,
            samples: u64,
            out: &mut Vec<u8>,
        ) -> Result<(), EncoderError> {
            out.reserve(SLACK);
            self.end = Some(samples);
            let written = self.encoder.flush_to_vec::<FlushGap>(out);
            self.count(written)
        }

        fn count(&mut self, written: Result<usize, EncodeError>) -> Result<(), EncoderError> {
            self.given += written.map_err(|_| EncoderError::Lame)? as u64;
            Ok(())
        }

        pub(super) fn heard(&self) -> u64 {
            let frame = self.head(None).len() as u64;
            (self.given / frame.max(1) * FRAME_SAMPLES).saturating_sub(mp3::DELAY)
        }

        /// What the first frame is to say of a finished file of so many bytes.
        pub(super) fn totals(&self, bytes: u64) -> Option<Totals> {
            let end = self.end?;
            let frame = self.head(None).len() as u64;
            let frames = (bytes / frame.max(1)).saturating_sub(1);
            // The decoder's own delay is not in the file.
            let padding = (frames * FRAME_SAMPLES).saturating_sub(end + FRAME_SAMPLES);
            Some(Totals {
                frames: u32::try_from(frames).ok()?,
                bytes: u32::try_from(bytes).ok()?,
                padding: u16::try_from(padding).ok()?,
            })
        }
    }
}
