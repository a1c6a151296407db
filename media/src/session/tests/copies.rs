//! Losses repaired by the copies that packets of Opus carry, from the encoder to the sound.

use super::*;
use crate::codec::tests::{encoded, speech};
use crate::codec::{Coding, Encoder, EncoderSettings};
use crate::rtp::Arrival;
use crate::session::audio_in::AudioIn;
use crate::session::jitter::{JitterSettings, JitterStats};
use crate::time::Rate;

/// What the jitter buffer did, and how many of the lost packets were carried again.
fn heard(milliseconds: u32, phase: u64, loses: bool) -> (JitterStats, u64) {
    let rate = Rate::Wide;
    let settings = EncoderSettings {
        carries_twice: true,
        expected_loss: 20,
        ..EncoderSettings::default()
    };
    let mut encoder = Encoder::new(Coding::Opus, rate, &settings).unwrap();
    let packets = encoded(&mut encoder, &speech(rate), milliseconds as usize);
    let units = milliseconds * 48;
    let mut audio = AudioIn::new(Coding::Opus, rate, JitterSettings::default()).unwrap();
    let ptime = Duration::from_millis(milliseconds.into());
    let is_lost = |n: usize| loses && n % 10 == 9;
    let (mut carried, mut turn) = (0, Duration::from_millis(phase));
    for (n, payload) in packets.iter().enumerate() {
        let number = u32::try_from(n).unwrap();
        if n > 0 && is_lost(n - 1) && Coding::Opus.copied(payload) > 0 {
            carried += 1;
        }
        if !is_lost(n) {
            let received = Received {
                payload: 0..payload.len(),
                content: Content::Audio(Coding::Opus),
                time: RtpTime(number * units),
                units,
                ssrc: 1,
                marker: false,
                arrival: Arrival {
                    extended: 70_000 + number,
                    epoch: 0,
                },
                latched: false,
            };
            audio.push(epoch() + ptime * number, Coding::Opus, &received, payload);
        }
        while turn < ptime * (number + 1) {
            let mut frame = [0; 320];
            audio.pull(epoch() + turn, &mut frame);
            turn += FRAME;
        }
    }
    (audio.stats(), carried)
}

#[test]
fn lost_packets_of_any_length_are_had_from_their_copies_whenever_they_are_asked_for() {
    for milliseconds in [20, 40, 60] {
        for phase in [1, 9, 17, 19] {
            let (stats, carried) = heard(milliseconds, phase, true);
            assert!(carried >= 5, "{milliseconds}: {carried}");
            assert!(
                stats.recovered * 10 >= carried * 8,
                "{milliseconds} ms, {phase} ms: {carried} {stats:?}"
            );
        }
    }
}

#[test]
fn nobody_waits_for_copies_where_nothing_is_lost() {
    for phase in [1, 9, 17, 19] {
        let (stats, _) = heard(20, phase, false);
        assert!(stats.target <= Duration::from_millis(20), "{stats:?}");
        assert_eq!(stats.recovered, 0);
    }
}
