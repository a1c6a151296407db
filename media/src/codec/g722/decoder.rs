//! Bytes to samples at 16 kHz.

use super::BLOCK;
use super::band::{Band, saturate};
use super::mirror::Mirror;

/// The inverse quantizer of all six bits of the lower band (table 9).
const STEPS: [i32; 64] = [
    -136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232,
    -9360, -8576, -7856, -7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776,
    -2400, -2032, -1688, -1360, -1040, -728, 24808, 21904, 19008, 16704, 14984, 13512, 12280,
    11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456, 4944, 4464, 4008, 3576, 3168, 2776,
    2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
];

/// A decoder of one stream.
#[derive(Debug, Clone)]
pub(crate) struct G722Decoder {
    low: Band,
    high: Band,
    mirror: Mirror,
}

impl G722Decoder {
    /// A decoder that has heard nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            low: Band::low(),
            high: Band::high(),
            mirror: Mirror::new(),
        }
    }

    /// Decodes each byte to two samples, as many as fit; how many were written.
    pub(crate) fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> usize {
        let mut written = 0;
        for (bytes, pcm) in payload.chunks(BLOCK).zip(pcm.chunks_mut(2 * BLOCK)) {
            let count = bytes.len().min(pcm.len() / 2);
            for (at, &byte) in bytes[..count].iter().enumerate() {
                let (low, high) = self.bands(usize::from(byte));
                self.mirror.put(at, narrow(low + high), narrow(low - high));
            }
            for (at, pair) in pcm.chunks_exact_mut(2).enumerate().take(count) {
                let (second, first) = self.mirror.filtered(at);
                pair[0] = narrow(first >> 11);
                pair[1] = narrow(second >> 11);
            }
            self.mirror.pass(count);
            written += 2 * count;
        }
        written
    }

    fn bands(&mut self, code: usize) -> (i32, i32) {
        let limit = |value: i32| value.clamp(-16_384, 16_383);
        let low = code & 63;
        let signal = limit(self.low.expected() + ((self.low.scale() * STEPS[low]) >> 15));
        self.low.take_low(low >> 2);
        let expected = self.high.expected();
        let difference = self.high.take_high(code >> 6);
        (signal, limit(expected + difference))
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is cut to 16 bits first"
)]
fn narrow(value: i32) -> i16 {
    saturate(value) as i16
}
