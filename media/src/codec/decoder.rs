//! Decoding: payloads to samples at any rate, and something to hear where payloads are lost.

use std::fmt;

use super::coding::{Coding, MAX_MILLISECONDS};
use super::conceal::Concealer;
use super::error::CodecError;
use super::g711::Law;
use super::g722::G722Decoder;
use super::opus::OpusDecoder;
use crate::dsp::resample::Resampler;
use crate::time::Rate;

/// Makes samples of one stream of payloads. State that is large is made here, once; decoding
/// allocates nothing.
pub struct Decoder {
    coding: Coding,
    rate: Rate,
    native: Rate,
    state: State,
    adapter: Option<Box<Adapter>>,
}

/// Opus helps itself where packets are missing; the others need a concealer.
enum State {
    Law(Law, Concealer),
    L16(Concealer),
    G722(Box<G722Decoder>, Concealer),
    Opus(OpusDecoder),
}

/// From the coding's own rate to the wanted one.
struct Adapter {
    resampler: Resampler,
    native: Box<[i16]>,
}

impl Decoder {
    /// A decoder whose samples are at `rate`.
    ///
    /// # Errors
    /// The codec library has no memory.
    pub fn new(coding: Coding, rate: Rate) -> Result<Self, CodecError> {
        let native = coding.native_rate(rate);
        let state = match coding {
            Coding::Pcmu => State::Law(Law::Mu, Concealer::new(native)),
            Coding::Pcma => State::Law(Law::A, Concealer::new(native)),
            Coding::L16(_) => State::L16(Concealer::new(native)),
            Coding::G722 => State::G722(Box::new(G722Decoder::new()), Concealer::new(native)),
            Coding::Opus => State::Opus(OpusDecoder::new(rate)?),
        };
        let longest = MAX_MILLISECONDS as usize * native.per_millisecond();
        let adapter = (native != rate).then(|| {
            Box::new(Adapter {
                resampler: Resampler::new(native, rate),
                native: vec![0; longest].into(),
            })
        });
        Ok(Self {
            coding,
            rate,
            native,
            state,
            adapter,
        })
    }

    /// What it decodes.
    #[must_use]
    pub fn coding(&self) -> Coding {
        self.coding
    }

    /// The rate of the samples it makes.
    #[must_use]
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// By how many samples at [`Decoder::rate`] the output is behind for resampling; what the coding
    /// itself takes is [`crate::codec::Encoder::delay`]'s.
    #[must_use]
    pub fn delay(&self) -> usize {
        let resampling = self.adapter.as_ref().map_or(0, |a| a.resampler.delay());
        resampling * self.rate.per_millisecond() / self.native.per_millisecond()
    }

    /// Decodes a payload; how many samples it gave. There must be room for all of them: a payload
    /// lasts up to 120 ms.
    ///
    /// # Errors
    /// What is wrong with the payload. Nothing was written then.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let units = self.coding.duration(payload)? as usize;
        let samples = units * self.native.hertz() as usize / self.coding.clock_rate() as usize;
        let Some(adapter) = &mut self.adapter else {
            let room = pcm.get_mut(..samples).ok_or(CodecError::TooLong)?;
            return self.state.decode(payload, room);
        };
        if pcm.len() < adapter.resampler.most_samples(samples) {
            return Err(CodecError::TooLong);
        }
        let native = &mut adapter.native[..samples];
        self.state.decode(payload, native)?;
        Ok(adapter.resampler.resample(native, pcm))
    }

    /// Fills `pcm` with what stands in for a lost packet: as long as that packet, in multiples of
    /// 2.5 ms. It goes on from what was decoded before and fades when nothing new comes; after a
    /// comfort noise packet it is that noise.
    pub fn conceal(&mut self, pcm: &mut [i16]) {
        let Some(adapter) = &mut self.adapter else {
            return self.state.conceal(pcm);
        };
        for piece in pcm.chunks_mut(20 * self.rate.per_millisecond()) {
            // Of an odd length a little more is made up than there is room for.
            let samples = piece.len() * self.native.per_millisecond();
            let native = &mut adapter.native[..samples.div_ceil(self.rate.per_millisecond())];
            self.state.conceal(native);
            let written = adapter.resampler.resample(native, piece);
            piece[written..].fill(0);
        }
    }

    /// The payloads from now on are of this law of G.711. Of no effect on a decoder of something
    /// else.
    pub fn set_law(&mut self, law: Law) {
        if let State::Law(own, _) = &mut self.state {
            *own = law;
            self.coding = law.into();
        }
    }

    /// Fills `pcm`, the end of what was lost, with what the packet behind it still knows of it.
    /// False, with nothing done, when it knows nothing: then [`Decoder::conceal`].
    pub fn recover(&mut self, next_payload: &[u8], pcm: &mut [i16]) -> bool {
        match &mut self.state {
            State::Opus(opus) => opus.recover(next_payload, pcm),
            State::Law(..) | State::L16(_) | State::G722(..) => false,
        }
    }

    /// The far end says that it is silent from now on and how that sounds (RFC 3389): until the
    /// next packet of audio, [`Decoder::rest`] and [`Decoder::conceal`] give that noise. False, with
    /// nothing changed, when the payload is none or the coding has silence of its own.
    pub fn take_comfort_noise(&mut self, payload: &[u8]) -> bool {
        match &mut self.state {
            State::Law(_, concealer) | State::L16(concealer) | State::G722(_, concealer) => {
                concealer.rest(payload)
            }
            State::Opus(_) => false,
        }
    }

    /// Another stream begins: what was learnt of the former one, its silence included, is forgotten.
    /// What was heard last is not, so that the sound goes on without a step.
    pub fn reset(&mut self) {
        match &mut self.state {
            State::Law(_, concealer) | State::L16(concealer) => concealer.end_rest(),
            State::G722(g722, concealer) => {
                **g722 = G722Decoder::new();
                concealer.end_rest();
            }
            State::Opus(opus) => opus.reset(),
        }
    }

    /// Fills `pcm`, in multiples of 2.5 ms, while the far end sends nothing and nothing is lost:
    /// with the noise it last said it had, or, which is false, with silence.
    pub fn rest(&mut self, pcm: &mut [i16]) -> bool {
        let resting = match &self.state {
            State::Law(_, concealer) | State::L16(concealer) | State::G722(_, concealer) => {
                concealer.is_resting()
            }
            State::Opus(opus) => opus.is_resting(),
        };
        if resting {
            self.conceal(pcm);
        } else {
            pcm.fill(0);
        }
        resting
    }
}

impl State {
    /// `pcm` has exactly the payload's length.
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        match self {
            Self::Law(law, concealer) => {
                law.decode_frame(payload, pcm);
                concealer.decoded(pcm);
            }
            Self::L16(concealer) => {
                for (sample, bytes) in pcm.iter_mut().zip(payload.chunks_exact(2)) {
                    *sample = i16::from_be_bytes([bytes[0], bytes[1]]);
                }
                concealer.decoded(pcm);
            }
            Self::G722(g722, concealer) => {
                g722.decode(payload, pcm);
                concealer.decoded(pcm);
            }
            Self::Opus(opus) => return opus.decode(payload, pcm),
        }
        Ok(pcm.len())
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        match self {
            Self::Law(_, concealer) | Self::L16(concealer) | Self::G722(_, concealer) => {
                concealer.conceal(pcm);
            }
            Self::Opus(opus) => opus.conceal(pcm),
        }
    }
}

impl fmt::Debug for Decoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoder")
            .field("coding", &self.coding)
            .field("rate", &self.rate)
            .finish_non_exhaustive()
    }
}
