//! Samples at 16 kHz to bytes.

use super::BLOCK;
use super::band::{Band, saturate};
use super::mirror::Mirror;

/// Where the steps of the lower band's quantizer end, in units of its scale (table 7).
const DECISIONS: [i32; 29] = [
    35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714, 786, 858, 940, 1023,
    1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
];

/// The same for the two steps of the upper band.
const HIGH_DECISION: i32 = 564;

/// An encoder of one stream.
#[derive(Debug, Clone)]
pub(crate) struct G722Encoder {
    low: Band,
    high: Band,
    mirror: Mirror,
}

impl G722Encoder {
    /// An encoder that has heard nothing yet.
    pub(crate) fn new() -> Self {
        Self {
            low: Band::low(),
            high: Band::high(),
            mirror: Mirror::new(),
        }
    }

    /// Encodes every two samples to a byte, as many as fit; how many were written. A sample left
    /// over is dropped: every frame has an even number.
    pub(crate) fn encode(&mut self, pcm: &[i16], payload: &mut [u8]) -> usize {
        let mut written = 0;
        for (pcm, bytes) in pcm.chunks(2 * BLOCK).zip(payload.chunks_mut(BLOCK)) {
            let count = bytes.len().min(pcm.len() / 2);
            for (at, pair) in pcm.chunks_exact(2).take(count).enumerate() {
                self.mirror.put(at, pair[0], pair[1]);
            }
            for (at, byte) in bytes[..count].iter_mut().enumerate() {
                let (first, second) = self.mirror.filtered(at);
                let low = self.low_code((second + first) >> 14);
                let high = self.high_code((second - first) >> 14);
                *byte = high << 6 | low;
            }
            self.mirror.pass(count);
            written += count;
        }
        written
    }

    fn low_code(&mut self, sample: i32) -> u8 {
        let missed = saturate(sample - self.low.expected());
        let size = if missed < 0 { !missed } else { missed };
        let scale = self.low.scale();
        let step = DECISIONS.partition_point(|decision| (decision * scale) >> 12 <= size);
        let step = u8::try_from(step).unwrap_or(29);
        let code = match (missed < 0, step) {
            (false, step) => 61 - step,
            (true, 0 | 1) => 63 - step,
            (true, step) => 33 - step,
        };
        self.low.take_low(usize::from(code >> 2));
        code
    }

    fn high_code(&mut self, sample: i32) -> u8 {
        let missed = saturate(sample - self.high.expected());
        let size = if missed < 0 { !missed } else { missed };
        let far = size >= (HIGH_DECISION * self.high.scale()) >> 12;
        let code = match (missed < 0, far) {
            (true, true) => 0,
            (true, false) => 1,
            (false, true) => 2,
            (false, false) => 3,
        };
        self.high.take_high(usize::from(code));
        code
    }
}
