//! The jitter buffer on made-up networks.

mod network;
mod order;
mod sound;
mod wait;

use std::time::{Duration, Instant};

use super::*;
use crate::codec::{Coding, Law};
use crate::test_time::epoch;
use crate::time::RtpTime;

const FRAME: Duration = Duration::from_millis(20);

/// G.711, with a concealment that can be told from speech: it keeps the last sample.
#[derive(Debug, Default)]
struct Plain {
    last: i16,
}

impl AudioDecoder for Plain {
    fn decode(&mut self, _coding: Coding, payload: &[u8], pcm: &mut [i16]) -> Option<usize> {
        let count = Law::Mu.decode_frame(payload, pcm);
        self.last = *pcm[..count].last()?;
        Some(count)
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        pcm.fill(self.last);
    }

    fn recover(&mut self, _next: &[u8], _pcm: &mut [i16]) -> bool {
        false
    }
}
