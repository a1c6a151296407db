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
struct Voice(Decoder);

impl AudioIn {
    pub(super) fn new(
        coding: Coding,
        rate: Rate,
        settings: JitterSettings,
    ) -> Result<Self, CodecError> {
        let decoder = Decoder::new(coding, rate)?;
        Ok(Self {
            playout: Playout::new(coding.clock_rate(), rate.hertz(), settings),
            voice: Voice(decoder),
            epoch: None,
        })
    }

    /// Takes a packet in: of its coding, or of the other law of G.711, which is decoded between the
    /// others.
    pub(super) fn push(
        &mut self,
        now: Instant,
        coding: Coding,
        received: &Received,
        payload: &[u8],
    ) {
        self.follow(received);
        let packet = AudioPacket {
            sequence: received.arrival.extended,
            time: received.time,
            units: received.units,
            coding,
            copied: coding.copied(payload),
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

    /// A packet that says how the far end's silence sounds: what is heard when what came before it
    /// was played.
    pub(super) fn rest(&mut self, received: &Received, payload: &[u8]) {
        self.follow(received);
        self.playout.push_noise(received.arrival.extended, payload);
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
            self.voice.0.reset();
        }
    }
}

impl AudioDecoder for Voice {
    fn decode(&mut self, coding: Coding, payload: &[u8], pcm: &mut [i16]) -> Option<usize> {
        if let Some(law) = coding.law() {
            self.0.set_law(law);
        }
        self.0.decode(payload, pcm).ok()
    }

    fn conceal(&mut self, pcm: &mut [i16]) {
        self.0.conceal(pcm);
    }

    fn recover(&mut self, next: &[u8], pcm: &mut [i16]) -> bool {
        self.0.recover(next, pcm)
    }

    fn take_noise(&mut self, payload: &[u8]) {
        // One that is no comfort noise is one without sound.
        let _: bool = self.0.take_comfort_noise(payload);
    }

    fn rest(&mut self, pcm: &mut [i16]) -> bool {
        self.0.rest(pcm)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::codec::Encoder;
    use crate::dsp::tone::sine;
    use crate::rtp::Arrival;
    use crate::session::receiving::Content;
    use crate::test_time::epoch;
    use crate::time::RtpTime;

    fn dbov(pcm: &[i16]) -> f64 {
        let power = pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len() as f64;
        10.0 * (power.max(1e-3) / 32_768f64.powi(2)).log10()
    }

    fn received(number: u32, units: u32) -> Received {
        Received {
            payload: 0..0,
            content: Content::Audio(Coding::Pcmu),
            time: RtpTime(number * 160),
            units,
            ssrc: 1,
            marker: false,
            arrival: Arrival {
                extended: 70_000 + number,
                epoch: 0,
            },
            latched: false,
        }
    }

    /// A second of speech, three of silence whose sound is told once, a second of speech; what is
    /// heard of it, at 16 kHz. One packet is lost on the way.
    fn heard_with_a_pause(lost: Option<u32>) -> Vec<i16> {
        let (coding, rate) = (Coding::Pcmu, Rate::Wide);
        let mut audio = AudioIn::new(coding, rate, JitterSettings::default()).unwrap();
        let mut encoder = Encoder::new(coding, Rate::Narrow, &Default::default()).unwrap();
        let voice = sine(400.0, 160, 8000.0);
        let mut heard = Vec::new();
        for n in 0..250 {
            let now = epoch() + Duration::from_millis(20) * n;
            match n {
                50 => audio.rest(&received(n, 0), &[55, 100]),
                51..200 => {}
                _ if Some(n) == lost => {}
                _ => {
                    let mut payload = [0; 160];
                    encoder.encode(&voice, &mut payload).unwrap();
                    // Its numbers go on after the silence, its timestamps with the time.
                    let number = if n < 200 { n } else { n - 149 };
                    let packet = Received {
                        time: RtpTime(n * 160),
                        ..received(number, 160)
                    };
                    audio.push(now, coding, &packet, &payload);
                }
            }
            let mut frame = [0; 320];
            audio.pull(now, &mut frame);
            heard.extend_from_slice(&frame);
        }
        heard
    }

    #[test]
    fn a_far_end_that_falls_silent_is_heard_as_it_says_it_sounds_until_it_speaks() {
        // The last packets of the speech may be lost, too.
        for lost in [None, Some(47), Some(48), Some(49)] {
            let heard = heard_with_a_pause(lost);
            // By tenths of a second.
            let level = |from: usize, to: usize| dbov(&heard[from * 1600..to * 1600]);
            let spoken = dbov(&sine(400.0, 160, 8000.0));
            assert!((level(5, 9) - spoken).abs() < 1.0, "{lost:?}");
            let rest = level(13, 39);
            assert!((rest + 55.0).abs() < 1.5, "{lost:?}: {rest}");
            let again = level(43, 50);
            assert!((again - spoken).abs() < 1.0, "{lost:?}: {again}");
        }
    }

    #[test]
    fn another_stream_is_decoded_as_if_nothing_had_been_before_it() {
        let (coding, rate) = (Coding::G722, Rate::Wide);
        let mut audio = AudioIn::new(coding, rate, JitterSettings::default()).unwrap();
        let mut loudest = 0;
        for stream in 0..2 {
            let mut encoder = Encoder::new(coding, rate, &Default::default()).unwrap();
            let spoken = match stream {
                0 => sine(3100.0, 320, 20_000.0),
                _ => vec![0; 320],
            };
            for n in 0..50 {
                let now = epoch() + Duration::from_millis(20) * (50 * stream + n);
                let mut payload = [0; 160];
                encoder.encode(&spoken, &mut payload).unwrap();
                let mut packet = received(n, 160);
                packet.content = Content::Audio(coding);
                packet.arrival.epoch = stream;
                audio.push(now, coding, &packet, &payload);
                let mut frame = [0; 320];
                audio.pull(now, &mut frame);
                // What is left of the former stream fades within a frame.
                if stream == 1 && n > 0 {
                    let peak = frame.iter().map(|sample| sample.unsigned_abs()).max();
                    loudest = loudest.max(peak.unwrap_or(0));
                }
            }
        }
        assert!(loudest < 100, "{loudest}");
    }
}
