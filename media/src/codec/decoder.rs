//! Decoding: payloads to samples at any rate, and something to hear where payloads are lost.

use std::fmt;

use super::coding::{Coding, MAX_MILLISECONDS};
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

enum State {
    Law(Law),
    L16,
    G722(Box<G722Decoder>),
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
            Coding::Pcmu => State::Law(Law::Mu),
            Coding::Pcma => State::Law(Law::A),
            Coding::L16(_) => State::L16,
            Coding::G722 => State::G722(Box::new(G722Decoder::new())),
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
    /// 2.5 ms. It goes on from what was decoded before and fades when nothing new comes.
    pub fn conceal(&mut self, pcm: &mut [i16]) {
        let Some(adapter) = &mut self.adapter else {
            return self.state.conceal(pcm);
        };
        for piece in pcm.chunks_mut(20 * self.rate.per_millisecond()) {
            let samples = piece.len() * self.native.per_millisecond() / self.rate.per_millisecond();
            let native = &mut adapter.native[..samples];
            self.state.conceal(native);
            let written = adapter.resampler.resample(native, piece);
            piece[written..].fill(0);
        }
    }

    /// Fills `pcm`, as long as the lost packet, with what the packet behind it still knows of it.
    /// False, with nothing done, when it knows nothing: then [`Decoder::conceal`].
    pub fn recover(&mut self, next_payload: &[u8], pcm: &mut [i16]) -> bool {
        match &mut self.state {
            State::Opus(opus) => opus.recover(next_payload, pcm),
            State::Law(_) | State::L16 | State::G722(_) => false,
        }
    }
}

impl State {
    /// `pcm` has exactly the payload's length.
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        match self {
            Self::Law(law) => Ok(law.decode_frame(payload, pcm)),
            Self::L16 => {
                for (sample, bytes) in pcm.iter_mut().zip(payload.chunks_exact(2)) {
                    *sample = i16::from_be_bytes([bytes[0], bytes[1]]);
                }
                Ok(pcm.len())
            }
            Self::G722(g722) => Ok(g722.decode(payload, pcm)),
            Self::Opus(opus) => opus.decode(payload, pcm),
        }
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        match self {
            Self::Law(_) | Self::L16 | Self::G722(_) => pcm.fill(0),
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
