//! One stream of Opus packets to samples of one channel.

use opus::Channels;

use super::toc::Toc;
use crate::codec::error::CodecError;
use crate::time::Rate;

/// Samples in the longest frame: 60 ms at 48 kHz.
const LONGEST_FRAME: usize = 60 * Rate::Full.per_millisecond();

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

    /// Fills `pcm` with the lost frame that the packet behind it carries along: with its end where it
    /// is longer than that, and what is before it made up where it is shorter. False, with nothing
    /// done, when it carries none.
    pub(crate) fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> bool {
        let Ok(toc) = Toc::parse(next) else {
            return false;
        };
        if !toc.has_fec() {
            return false;
        }
        let frame = toc.samples(self.rate) / usize::from(toc.frames());
        if frame <= pcm.len() {
            return self.state.decode(next, pcm, true).is_ok();
        }
        // Decoded as a whole or not at all.
        let mut whole = [0; LONGEST_FRAME];
        let whole = &mut whole[..frame.min(LONGEST_FRAME)];
        let recovered = self.state.decode(next, whole, true).is_ok();
        if recovered {
            pcm.copy_from_slice(&whole[whole.len() - pcm.len()..]);
        }
        recovered
    }
}
