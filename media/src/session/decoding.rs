//! What a leg's far end says, as samples for whoever needs them.

use std::time::Instant;

use crate::session::audio_in::AudioIn;
use crate::session::jitter::{Heard, JitterStats};
use crate::session::media_session::MediaSession;
use crate::time::Rate;

/// How many decoders and encoders a session has: one of each at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Coders {
    /// Decoders.
    pub decoders: u64,
    /// Encoders.
    pub encoders: u64,
}

impl MediaSession {
    /// From now on what the far end says can be pulled as samples of this rate.
    pub fn start_decoding(&mut self, rate: Rate) {
        if self.decodes_at != Some(rate) {
            self.decodes_at = Some(rate);
            self.begin_decoding();
        }
    }

    /// Nobody needs the samples any more: what decoding takes is given back.
    pub fn stop_decoding(&mut self) {
        self.decodes_at = None;
        self.end_decoding();
    }

    /// The rate of the samples that can be pulled, if any can.
    #[must_use]
    pub fn decodes_at(&self) -> Option<Rate> {
        self.decodes_at
    }

    /// Writes the next 20 ms of what the far end says; to be called every 20 ms while decoding.
    /// Without decoding, or with nothing to decode, that is silence.
    pub fn pull(&mut self, now: Instant, pcm: &mut [i16]) -> Heard {
        let Some(audio) = &mut self.audio_in else {
            pcm.fill(0);
            return Heard::Silence;
        };
        audio.pull(now, pcm)
    }

    /// What it has of state that is large.
    #[must_use]
    pub fn coders(&self) -> Coders {
        Coders {
            decoders: u64::from(self.audio_in.is_some()),
            encoders: u64::from(self.audio_out.is_some()),
        }
    }

    /// What the jitter buffers did since the leg began; the wait is that of the one there is now.
    #[must_use]
    pub fn jitter(&self) -> JitterStats {
        let now = self.audio_in.as_ref().map(|audio| audio.stats());
        now.map_or(self.jitter, |now| sum(self.jitter, now))
    }

    /// Makes what decodes the coding that the far end speaks.
    pub(super) fn begin_decoding(&mut self) {
        self.end_decoding();
        let coding = self.remote.as_ref().map(|remote| remote.tongue.coding);
        if let (Some(rate), Some(coding)) = (self.decodes_at, coding) {
            // Without memory for it nothing is heard, and the call goes on.
            let audio = AudioIn::new(coding, rate, self.settings.jitter);
            self.audio_in = audio.ok().map(Box::new);
        }
    }

    fn end_decoding(&mut self) {
        self.jitter = self.jitter();
        self.audio_in = None;
    }
}

/// Totals of two buffers one after the other, and the waits of the second.
fn sum(before: JitterStats, now: JitterStats) -> JitterStats {
    JitterStats {
        received: before.received + now.received,
        lost: before.lost + now.lost,
        late: before.late + now.late,
        duplicate: before.duplicate + now.duplicate,
        discarded: before.discarded + now.discarded,
        recovered: before.recovered + now.recovered,
        resets: before.resets + now.resets,
        concealed: before.concealed + now.concealed,
        stalled: before.stalled + now.stalled,
        grown: before.grown + now.grown,
        shrunk: before.shrunk + now.shrunk,
        ..now
    }
}
