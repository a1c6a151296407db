//! What a far end says as samples: the jitter buffer with the decoder behind it.

use std::time::Instant;

use crate::codec::{CodecError, Coding, Decoder};
use crate::session::jitter::{
    AudioDecoder, AudioPacket, Heard, JitterSettings, JitterStats, Playout,
};
use crate::session::receiving::Received;
use crate::time::Rate;

/// Decodes one far end's stream. Made when somebody needs its samples, dropped when nobody does:
/// some 40 KB with Opus.
#[derive(Debug)]
pub(super) struct AudioIn {
    playout: Playout,
    voice: Voice,
    epoch: Option<u32>,
}

#[derive(Debug)]
struct Voice {
    coding: Coding,
    decoder: Decoder,
}

impl AudioIn {
    pub(super) fn new(
        coding: Coding,
        rate: Rate,
        settings: JitterSettings,
    ) -> Result<Self, CodecError> {
        let decoder = Decoder::new(coding, rate)?;
        Ok(Self {
            playout: Playout::new(coding.clock_rate(), rate.hertz(), settings),
            voice: Voice { coding, decoder },
            epoch: None,
        })
    }

    pub(super) fn coding(&self) -> Coding {
        self.voice.coding
    }

    pub(super) fn push(&mut self, now: Instant, received: &Received, payload: &[u8]) {
        self.follow(received);
        let packet = AudioPacket {
            sequence: received.arrival.extended,
            time: received.time,
            units: received.units,
            payload,
        };
        // Late and repeated ones are counted in there.
        let _: crate::session::jitter::Pushed = self.playout.push(now, &packet);
    }

    /// A packet without sound: its number is not missing.
    pub(super) fn skip(&mut self, received: &Received) {
        self.follow(received);
        self.playout.skip(received.arrival.extended);
    }

    pub(super) fn pull(&mut self, now: Instant, pcm: &mut [i16]) -> Heard {
        self.playout.pull(now, &mut self.voice, pcm)
    }

    pub(super) fn stats(&self) -> JitterStats {
        self.playout.stats()
    }

    fn follow(&mut self, received: &Received) {
        let epoch = self.epoch.replace(received.arrival.epoch);
        if epoch.is_some_and(|epoch| epoch != received.arrival.epoch) {
            self.playout.restart();
        }
    }
}

impl AudioDecoder for Voice {
    fn decode(&mut self, payload: &[u8], pcm: &mut [i16]) -> Option<usize> {
        self.decoder.decode(payload, pcm).ok()
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        self.decoder.conceal(pcm);
    }

    fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> bool {
        self.decoder.recover(next, pcm)
    }
}
