//! Decoding a file or a stream, packet by packet.

use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use symphonia::core::codecs::audio::well_known::{CODEC_ID_MP3, CODEC_ID_OPUS, CODEC_ID_VORBIS};
use symphonia::core::codecs::audio::{
    AudioCodecParameters, AudioDecoder, AudioDecoderOptions, well_known::CODEC_ID_FLAC,
};
use symphonia::core::common::Limit;
use symphonia::core::errors::Error;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, FormatReader, TrackType};
use symphonia::core::io::{MediaSource, MediaSourceStream};
use symphonia::core::meta::MetadataOptions;
use symphonia::core::packet::Packet;

use super::survey::Meter;
use super::{AudioError, FILE_RATE, FileResampler, MAX_CHANNELS, vorbis_setup};

/// Packets in a row that may be undecodable before the rest is given up.
const MAX_DAMAGED_RUN: u32 = 64;

/// Longest Opus packet (RFC 6716 section 3.2.5), in samples at [`FILE_RATE`].
const OPUS_PACKET: usize = 120 * 16;

/// Largest tag that is kept, in bytes; pictures are not.
const TAG_BYTES: usize = 64 * 1024;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AudioFormat {
    /// RIFF WAVE with linear PCM, A-law or µ-law.
    Wav,
    /// MPEG audio layer 3.
    Mp3,
    /// FLAC, in its own container or in OGG.
    Flac,
    /// Vorbis in OGG.
    Vorbis,
    /// Opus in OGG (RFC 7845).
    Opus,
}

impl AudioFormat {
    /// Its usual file name extension.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Mp3 => "mp3",
            Self::Flac => "flac",
            Self::Vorbis => "ogg",
            Self::Opus => "opus",
        }
    }
}

/// Gives the audio of a file, or of a stream without an end, as mono samples at [`FILE_RATE`].
pub struct AudioReader {
    container: Box<dyn FormatReader>,
    part: Part,
    format: AudioFormat,
    rate: u32,
    channels: usize,
    interleaved: Vec<f32>,
    mono: Vec<f32>,
    given: u64,
    damaged: u32,
    /// Undecodable packets since the last good one.
    damaged_run: u32,
}

/// What is decoded the same way: a file, or one of the streams that are chained to one.
struct Part {
    track: u32,
    decoder: Decoder,
    format: AudioFormat,
    rate: u32,
    /// Of what the decoder gives.
    channels: usize,
    resampler: FileResampler,
}

/// What came next in a container.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    Packet,
    /// The beginning of another part.
    Part,
    End,
}

enum Decoder {
    Symphonia(Box<dyn AudioDecoder>),
    Opus {
        decoder: Box<opus::Decoder>,
        /// Samples at [`FILE_RATE`] that are no audio yet (RFC 7845 section 4.2).
        skip: usize,
    },
}

impl std::fmt::Debug for AudioReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AudioReader")
            .field("format", &self.format)
            .field("rate", &self.rate)
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

impl AudioReader {
    /// Looks at the beginning of `source`.
    ///
    /// # Errors
    /// When it is of no known format, or what its header says cannot be played.
    pub fn open(source: Box<dyn MediaSource>) -> Result<Self, AudioError> {
        guarded(Duration::ZERO, || Self::probe(source))
    }

    fn probe(source: Box<dyn MediaSource>) -> Result<Self, AudioError> {
        let stream = MediaSourceStream::new(source, Default::default());
        let mut metadata = MetadataOptions::default();
        metadata.limit_tag_bytes = Limit::Maximum(TAG_BYTES);
        metadata.limit_visual_bytes = Limit::Maximum(0);
        let container = symphonia::default::get_probe()
            .probe(&Hint::new(), stream, FormatOptions::default(), metadata)
            .map_err(|error| at_open(&error))?;
        let part = Part::new(container.as_ref())?;
        Ok(Self {
            format: part.format,
            rate: part.rate,
            channels: part.channels,
            part,
            container,
            interleaved: Vec::new(),
            mono: Vec::new(),
            given: 0,
            damaged: 0,
            damaged_run: 0,
        })
    }

    /// Its format: that of its first part.
    #[must_use]
    pub fn format(&self) -> AudioFormat {
        self.format
    }

    /// Its samples per second, before resampling, in its first part.
    #[must_use]
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// The channels its samples have in its first part.
    #[must_use]
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Packets left out so far because they could not be decoded.
    #[must_use]
    pub fn damaged(&self) -> u32 {
        self.damaged
    }

    /// Appends the audio of the next packet to `pcm`; false at the end. Blocks as long as its source
    /// does.
    ///
    /// # Errors
    /// When the source cannot be read, or nothing could be decoded for a while.
    pub fn next(&mut self, pcm: &mut Vec<f32>) -> Result<bool, AudioError> {
        self.advance(pcm, None)
    }

    pub(super) fn read(
        &mut self,
        pcm: &mut Vec<f32>,
        meter: &mut Meter,
    ) -> Result<bool, AudioError> {
        self.advance(pcm, Some(meter))
    }

    fn advance(
        &mut self,
        pcm: &mut Vec<f32>,
        meter: Option<&mut Meter>,
    ) -> Result<bool, AudioError> {
        let before = pcm.len();
        let at = self.position();
        let step = guarded(at, || self.decode_packet())?;
        self.hand_on(pcm, step);
        if let Some(meter) = meter {
            meter.see_original(&self.interleaved, self.part.channels);
            meter.see(&pcm[before..]);
        }
        self.given += (pcm.len() - before) as u64;
        if step == Step::Part {
            self.part = guarded(at, || Part::new(self.container.as_ref()))?;
        }
        Ok(step != Step::End)
    }

    fn position(&self) -> Duration {
        Duration::from_millis(self.given * 1000 / u64::from(FILE_RATE))
    }

    /// Mixes and resamples what was decoded.
    fn hand_on(&mut self, pcm: &mut Vec<f32>, step: Step) {
        self.mono.clear();
        let channels = self.part.channels;
        let share = 1.0 / channels as f32;
        let blocks = self.interleaved.chunks_exact(channels);
        self.mono
            .extend(blocks.map(|block| finite(block.iter().sum::<f32>() * share)));
        self.part.resampler.push(&self.mono, pcm);
        if step != Step::Packet {
            self.part.resampler.finish(pcm);
        }
    }

    /// Decodes one packet into `interleaved`.
    fn decode_packet(&mut self) -> Result<Step, AudioError> {
        self.interleaved.clear();
        let packet = match self.container.next_packet() {
            Ok(Some(packet)) => packet,
            Ok(None) => return Ok(Step::End),
            Err(Error::ResetRequired) => {
                return Ok(Step::Part);
            }
            Err(Error::IoError(error)) if error.kind() == ErrorKind::UnexpectedEof => {
                return Ok(Step::End);
            }
            Err(Error::IoError(error)) => return Err(AudioError::from(&error)),
            Err(error) => return self.damage(what(&error)),
        };
        let part = &mut self.part;
        if packet.track_id != part.track {
            return Ok(Step::Packet);
        }
        let decoded = part
            .decoder
            .decode(&packet, part.channels, &mut self.interleaved);
        match decoded {
            Ok(()) => {
                self.damaged_run = 0;
                Ok(Step::Packet)
            }
            Err(what) => self.damage(what),
        }
    }

    fn damage(&mut self, what: &'static str) -> Result<Step, AudioError> {
        self.damaged += 1;
        self.damaged_run += 1;
        if self.damaged_run > MAX_DAMAGED_RUN {
            return Err(AudioError::Damaged {
                at: self.position(),
                what,
            });
        }
        Ok(Step::Packet)
    }
}

impl Part {
    /// What the container stands at the beginning of.
    fn new(container: &dyn FormatReader) -> Result<Self, AudioError> {
        let track = container.default_track(TrackType::Audio);
        let track = track.ok_or(AudioError::Unsupported("no audio"))?;
        let parameters = track.codec_params.as_ref().and_then(|codec| codec.audio());
        let parameters = parameters.ok_or(AudioError::Unsupported("an unknown codec"))?;
        let rate = parameters.sample_rate.unwrap_or(0);
        let channels = parameters.channels.as_ref().map_or(0, |c| c.count());
        if channels == 0 || channels > usize::from(MAX_CHANNELS) {
            return Err(AudioError::Channels(channels));
        }
        let (decoder, format) = Decoder::new(parameters)?;
        let (resampler, channels) = match decoder {
            // It mixes and resamples by itself.
            Decoder::Opus { .. } => (FileResampler::new(FILE_RATE, FILE_RATE)?, 1),
            Decoder::Symphonia(_) => (FileResampler::new(rate, FILE_RATE)?, channels),
        };
        Ok(Self {
            track: track.id,
            decoder,
            format,
            rate,
            channels,
            resampler,
        })
    }
}

impl Decoder {
    fn new(parameters: &AudioCodecParameters) -> Result<(Self, AudioFormat), AudioError> {
        let codec = parameters.codec;
        if codec == CODEC_ID_OPUS {
            let head = parameters.extra_data.as_deref().unwrap_or_default();
            return Self::opus(head).map(|decoder| (decoder, AudioFormat::Opus));
        }
        let format = match codec {
            CODEC_ID_MP3 => AudioFormat::Mp3,
            CODEC_ID_FLAC => AudioFormat::Flac,
            CODEC_ID_VORBIS => AudioFormat::Vorbis,
            _ => AudioFormat::Wav,
        };
        let headers = parameters.extra_data.as_deref().unwrap_or_default();
        if codec == CODEC_ID_VORBIS && !vorbis_setup::is_reasonable(headers) {
            return Err(AudioError::Unsupported(
                "broken or oversized Vorbis codebooks",
            ));
        }
        let decoder = symphonia::default::get_codecs()
            .make_audio_decoder(parameters, &AudioDecoderOptions::default())
            .map_err(|_| AudioError::Unsupported("an unknown codec"))?;
        Ok((Self::Symphonia(decoder), format))
    }

    /// By its identification header (RFC 7845 section 5.1).
    fn opus(head: &[u8]) -> Result<Self, AudioError> {
        let head: &[u8; 19] = head
            .first_chunk()
            .ok_or(AudioError::Unsupported("broken Opus"))?;
        if head[18] != 0 {
            return Err(AudioError::Unsupported("Opus with more than two channels"));
        }
        let decoder = opus::Decoder::new(FILE_RATE, opus::Channels::Mono)
            .map_err(|_| AudioError::Unsupported("broken Opus"))?;
        let pre_skip = usize::from(u16::from_le_bytes([head[10], head[11]]));
        Ok(Self::Opus {
            decoder: Box::new(decoder),
            // Counted at 48 kHz.
            skip: pre_skip / 3,
        })
    }

    fn decode(
        &mut self,
        packet: &Packet,
        channels: usize,
        interleaved: &mut Vec<f32>,
    ) -> Result<(), &'static str> {
        match self {
            Self::Symphonia(decoder) => {
                let decoded = decoder.decode(packet).map_err(|error| what(&error))?;
                if decoded.spec().channels().count() != channels {
                    return Err("the number of channels changes");
                }
                decoded.copy_to_vec_interleaved(interleaved);
            }
            Self::Opus { decoder, skip } => {
                interleaved.resize(OPUS_PACKET, 0.0);
                let count = decoder.decode_float(&packet.data, interleaved, false);
                let count = count.map_err(|_| {
                    interleaved.clear();
                    "an Opus packet is broken"
                })?;
                // The last packet may be longer than the audio in it.
                let cut = usize::try_from(packet.trim_end.get() / 3).unwrap_or(0);
                interleaved.truncate(count.saturating_sub(cut));
                let skipped = (*skip).min(interleaved.len());
                interleaved.drain(..skipped);
                *skip -= skipped;
            }
        }
        Ok(())
    }
}

/// Runs foreign decoders so that a fault of theirs is a damaged file, not an end of ours.
fn guarded<T>(at: Duration, work: impl FnOnce() -> Result<T, AudioError>) -> Result<T, AudioError> {
    let fault = AudioError::Damaged {
        at,
        what: "the decoder failed",
    };
    catch_unwind(AssertUnwindSafe(work)).unwrap_or(Err(fault))
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum that may grow: what it does not name is not understood"
)]
fn at_open(error: &Error) -> AudioError {
    match error {
        // The end of the file was reached before a format was found.
        Error::IoError(error) if error.kind() != ErrorKind::UnexpectedEof => {
            AudioError::from(error)
        }
        _ => AudioError::Unrecognised,
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "a foreign enum that may grow: what it does not name is not understood"
)]
fn what(error: &Error) -> &'static str {
    match error {
        Error::DecodeError(what) | Error::LimitError(what) | Error::Unsupported(what) => what,
        _ => "it cannot be decoded",
    }
}

/// Files in floating point may hold anything.
fn finite(sample: f32) -> f32 {
    if sample.is_finite() {
        sample.clamp(-4.0, 4.0)
    } else {
        0.0
    }
}
