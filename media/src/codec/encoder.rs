//! Encoding: frames of samples at any rate to payloads.

use std::fmt;

use offhook_core::sdp::{OpusParameters, OpusWish};

use super::coding::Coding;
use super::comfort_noise::NoiseShape;
use super::error::CodecError;
use super::g711::Law;
use super::g722::G722Encoder;
use super::opus::OpusEncoder;
use super::silence::{SilenceDetector, Utterance};
use crate::dsp::resample::Resampler;
use crate::time::Rate;

/// The longest frame that is encoded, in milliseconds.
const MAX_MILLISECONDS: usize = 60;

/// Samples by which what leaves G.722's filters is behind what entered them.
const G722_DELAY: usize = 22;

/// How payloads are to be made. Of interest to Opus; the other codings have nothing to choose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EncoderSettings {
    /// How much work the encoder takes on, 0 to 10. PESQ hardly tells 0 from 9 on speech, and the
    /// processor tells them apart by a factor of three.
    pub complexity: u8,
    /// Bits per second; `None` is what suits the rate.
    pub bit_rate: Option<u32>,
    /// Never more bits per second than this, whatever is wanted (`maxaveragebitrate`).
    pub max_bit_rate: u32,
    /// The highest rate the far end can play, in hertz (`maxplaybackrate`): no bits go into a band
    /// it will not hear.
    pub max_playback_rate: u32,
    /// The loss to be ready for at first, in percent.
    pub expected_loss: u8,
    /// Whether packets may also carry, coarsely, the one before them (`useinbandfec`). They do when
    /// loss is expected.
    pub carries_twice: bool,
    /// Whether the bit rate may follow what is said (`cbr`).
    pub bit_rate_mode: BitRateMode,
    /// What becomes of silence (`usedtx`).
    pub silence: Silence,
}

impl Default for EncoderSettings {
    fn default() -> Self {
        Self {
            complexity: 0,
            bit_rate: None,
            max_bit_rate: 510_000,
            max_playback_rate: 48_000,
            expected_loss: 0,
            carries_twice: true,
            bit_rate_mode: BitRateMode::Variable,
            silence: Silence::Sent,
        }
    }
}

impl EncoderSettings {
    /// The same within what the far end wants (RFC 7587 section 6.1): nothing is carried twice and
    /// no silence suppressed for one that does not ask for it.
    #[must_use]
    pub fn wanted_by(mut self, opus: &OpusParameters) -> Self {
        self.max_playback_rate = self.max_playback_rate.min(opus.max_playback_rate);
        if let Some(bit_rate) = opus.max_average_bitrate {
            self.max_bit_rate = self.max_bit_rate.min(bit_rate);
        }
        self.carries_twice &= opus.wants(OpusWish::InBandFec);
        if opus.wants(OpusWish::ConstantBitrate) {
            self.bit_rate_mode = BitRateMode::Constant;
        }
        if !opus.wants(OpusWish::Dtx) {
            self.silence = Silence::Sent;
        }
        self
    }
}

/// Whether the bit rate may change from packet to packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BitRateMode {
    /// It may.
    #[default]
    Variable,
    /// Every packet has the same length: nothing can be learnt from it (RFC 6562).
    Constant,
}

/// What becomes of silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Silence {
    /// It is encoded as anything else.
    #[default]
    Sent,
    /// Nothing is sent while it lasts, but for an occasional packet: Opus has them among its own,
    /// for the others see [`Encoder::comfort_noise`].
    Suppressed,
}

/// Makes one stream of payloads from one stream of samples. State that is large is made here, once;
/// encoding allocates nothing.
pub struct Encoder {
    coding: Coding,
    rate: Rate,
    state: State,
    adapter: Option<Box<Adapter>>,
    silence: Option<Box<SilenceDetector>>,
    /// What has to be said about the noise of a line that fell silent.
    noise: Option<NoiseShape>,
}

#[derive(Debug)]
enum State {
    Law(Law),
    L16,
    G722(Box<G722Encoder>),
    Opus(OpusEncoder),
}

/// From the rate of the frames to the one the coding has.
struct Adapter {
    resampler: Resampler,
    native: Box<[i16]>,
}

impl Encoder {
    /// An encoder of frames at `rate`.
    ///
    /// # Errors
    /// The codec library has no memory, or does not take the settings.
    pub fn new(coding: Coding, rate: Rate, settings: &EncoderSettings) -> Result<Self, CodecError> {
        let native = coding.native_rate(rate);
        let state = match coding {
            Coding::Pcmu => State::Law(Law::Mu),
            Coding::Pcma => State::Law(Law::A),
            Coding::L16(_) => State::L16,
            Coding::G722 => State::G722(Box::new(G722Encoder::new())),
            Coding::Opus => State::Opus(OpusEncoder::new(rate, settings)?),
        };
        let adapter = (native != rate).then(|| {
            Box::new(Adapter {
                resampler: Resampler::new(rate, native),
                native: vec![0; MAX_MILLISECONDS * native.per_millisecond()].into(),
            })
        });
        // Opus knows by itself.
        let suppressed = settings.silence == Silence::Suppressed && coding != Coding::Opus;
        Ok(Self {
            coding,
            rate,
            state,
            adapter,
            silence: suppressed.then(|| Box::new(SilenceDetector::new())),
            noise: None,
        })
    }

    /// What it encodes to.
    #[must_use]
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// The rate of the samples it takes.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Encodes one packet's worth of samples, a multiple of 10 ms up to 60 (for Opus 10, 20, 40 or
    /// 60: see [`Coding::packet_milliseconds`]); how many bytes it takes. 0 bytes: it need not be
    /// sent, but time passes.
    ///
    /// # Errors
    /// The frame has another length, or `out` is too small.
    pub fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, CodecError> {
        let unit = 10 * self.rate.per_millisecond();
        if pcm.is_empty()
            || !pcm.len().is_multiple_of(unit)
            || pcm.len() > MAX_MILLISECONDS / 10 * unit
        {
            return Err(CodecError::FrameLength);
        }
        let milliseconds = pcm.len() / self.rate.per_millisecond();
        let native = match &mut self.adapter {
            None => pcm,
            Some(adapter) => {
                let length = adapter.resampler.resample(pcm, &mut adapter.native);
                &adapter.native[..length]
            }
        };
        self.noise = None;
        if let Some(silence) = &mut self.silence {
            match silence.judge(native, u32::try_from(milliseconds).unwrap_or(0)) {
                Utterance::Speech => {}
                Utterance::Nothing => return Ok(0),
                Utterance::Noise(shape) => {
                    self.noise = Some(shape);
                    return Ok(0);
                }
            }
        }
        self.state.encode(native, out)
    }

    /// After [`Encoder::encode`] gave nothing to send: a comfort noise payload (RFC 3389) that is
    /// to be sent instead; how many bytes it takes, 0 if there is none now. Needs seven bytes.
    pub fn comfort_noise(&mut self, out: &mut [u8]) -> usize {
        self.noise.take().map_or(0, |shape| shape.write(out))
    }

    /// How much loss to be ready for from now on, in percent. Only Opus can do anything about it.
    pub fn set_expected_loss(&mut self, percent: u8) {
        match &mut self.state {
            State::Opus(opus) => opus.set_expected_loss(percent),
            State::Law(_) | State::L16 | State::G722(_) => {}
        }
    }

    /// By how many samples at [`Encoder::rate`] a decoder's output is behind the input, resampling
    /// in this encoder included.
    pub fn delay(&mut self) -> usize {
        let resampling = self.adapter.as_ref().map_or(0, |a| a.resampler.delay());
        let coding = match &mut self.state {
            State::Opus(opus) => opus.delay(),
            State::G722(_) => {
                let native = Rate::Wide.per_millisecond();
                G722_DELAY * self.rate.per_millisecond() / native
            }
            State::Law(_) | State::L16 => 0,
        };
        resampling + coding
    }
}

impl State {
    fn encode(&mut self, pcm: &[i16], out: &mut [u8]) -> Result<usize, CodecError> {
        match self {
            Self::Law(law) if out.len() >= pcm.len() => Ok(law.encode_frame(pcm, out)),
            Self::L16 if out.len() >= pcm.len() * 2 => {
                for (bytes, sample) in out.chunks_exact_mut(2).zip(pcm) {
                    bytes.copy_from_slice(&sample.to_be_bytes());
                }
                Ok(pcm.len() * 2)
            }
            Self::G722(g722) if out.len() >= pcm.len() / 2 => Ok(g722.encode(pcm, out)),
            Self::Law(_) | Self::L16 | Self::G722(_) => Err(CodecError::NoRoom),
            Self::Opus(opus) => opus.encode(pcm, out),
        }
    }
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("coding", &self.coding)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}
