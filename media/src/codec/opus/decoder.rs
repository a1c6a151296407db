//! One stream of Opus packets to samples of one channel.

use opus::Channels;

use super::toc::Toc;
use crate::codec::error::CodecError;
use crate::time::Rate;

/// A decoder with libopus's state, 20 KB or so on the heap. It decodes at any [`Rate`] by itself
/// and two channels to one.
#[derive(Debug)]
pub(crate) struct OpusDecoder {
    state: opus::Decoder,
    rate: Rate,
    /// The last packet said that silence begins, or goes on.
    resting: bool,
}

impl OpusDecoder {
    /// A decoder that has heard nothing yet.
    pub(crate) fn new(rate: Rate) -> Result<Self, CodecError> {
        let state = opus::Decoder::new(rate.hertz(), Channels::Mono);
        Ok(Self {
            state: state.map_err(|_| CodecError::Refused)?,
            rate,
            resting: false,
        })
    }

    /// Decodes a packet into exactly as much of `pcm` as [`Toc::samples`] says.
    pub(crate) fn decode(&mut self, packet: &[u8], pcm: &mut [i16]) -> Result<usize, CodecError> {
        let samples = Toc::parse(packet)?.samples(self.rate);
        let room = pcm.get_mut(..samples).ok_or(CodecError::TooLong)?;
        let decoded = self.state.decode(packet, room, false);
        self.resting = packet.len() <= 2;
        decoded.map_err(|_| CodecError::Refused)
    }

    /// Another stream begins.
    pub(crate) fn reset(&mut self) {
        // There is nothing in it to refuse.
        self.state.reset_state().ok();
        self.resting = false;
    }

    /// Whether the far end sends nothing because it is silent (RFC 7587 section 3.1.3): its last
    /// packet had no audio.
    pub(crate) fn is_resting(&self) -> bool {
        self.resting
    }

    /// Fills `pcm` with what a lost packet may have held. Lengths are multiples of 2.5 ms; what is
    /// left over is silent.
    pub(crate) fn conceal(&mut self, pcm: &mut [i16]) {
        let step = self.rate.per_millisecond() * 5 / 2;
        let (whole, rest) = pcm.split_at_mut(pcm.len() / step * step);
        rest.fill(0);
        // At once as much as the longest packet holds.
        for piece in whole.chunks_mut(48 * step) {
            if self.state.decode(&[], piece, false).is_err() {
                piece.fill(0);
            }
        }
    }

    /// Fills `pcm` with the lost frame that the packet behind it carries along; false, with nothing
    /// done, when it carries none or one that is longer than `pcm`.
    pub(crate) fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> bool {
        let Ok(toc) = Toc::parse(next) else {
            return false;
        };
        let frame = toc.samples(self.rate) / usize::from(toc.frames());
        if !toc.has_fec() || frame > pcm.len() {
            return false;
        }
        self.state.decode(next, pcm, true).is_ok()
    }
}
