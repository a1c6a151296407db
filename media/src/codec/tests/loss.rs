use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::codec::Toc;

/// How a lost packet is replaced.
#[derive(Clone, Copy, PartialEq)]
enum Repair {
    /// By silence.
    Nothing,
    /// By what the decoder makes up.
    Conceal,
    /// By the packet behind it where that knows it, else as above.
    Recover,
}

/// What is heard when these packets of 20 ms do not come.
fn heard(
    coding: Coding,
    rate: Rate,
    packets: &[Vec<u8>],
    lost: &[bool],
    repair: Repair,
) -> Vec<i16> {
    let mut decoder = Decoder::new(coding, rate).unwrap();
    let mut heard = Vec::new();
    let mut frame = vec![0; rate.frame_samples()];
    for (n, packet) in packets.iter().enumerate() {
        if !lost[n] {
            assert_eq!(decoder.decode(packet, &mut frame), Ok(frame.len()));
        } else {
            let next = packets
                .get(n + 1)
                .filter(|_| lost.get(n + 1) == Some(&false));
            let recovered = repair == Repair::Recover
                && next.is_some_and(|next| decoder.recover(next, &mut frame));
            if repair == Repair::Nothing {
                frame.fill(0);
            } else if !recovered {
                decoder.conceal(&mut frame);
            }
        }
        heard.extend_from_slice(&frame);
    }
    heard
}

/// Losses of this share, `burst` packets long on average; the first second comes whole.
fn losses(count: usize, share: f64, burst: f64) -> Vec<bool> {
    let mut random = SmallRng::seed_from_u64(7_788);
    let mut lost = false;
    (0..count)
        .map(|n| {
            let chance = if lost {
                1.0 - 1.0 / burst
            } else {
                share / (1.0 - share) / burst
            };
            lost = n > 50 && random.random_bool(chance);
            lost
        })
        .collect()
}

/// The mean over 20 ms of how far the spectrum's envelope is kept: difference of levels in dB,
/// where somebody speaks. Waveforms of Opus cannot be compared, loudness can.
fn level_error(rate: Rate, whole: &[i16], heard: &[i16]) -> f64 {
    let frame = rate.frame_samples();
    let frames = whole.chunks_exact(frame).zip(heard.chunks_exact(frame));
    let errors: Vec<f64> = frames
        .filter(|(whole, _)| dbov(whole) > -45.0)
        .map(|(whole, heard)| (dbov(whole) - dbov(heard).max(-70.0)).abs())
        .collect();
    errors.iter().sum::<f64>() / errors.len() as f64
}

#[test]
fn losses_at_random_and_in_bursts_are_heard_less_when_they_are_concealed() {
    for (coding, rate) in [
        (Coding::Pcmu, Rate::Narrow),
        (Coding::Pcma, Rate::Wide),
        (Coding::G722, Rate::Wide),
        (Coding::L16(Rate::Wide), Rate::Wide),
        (Coding::Opus, Rate::Narrow),
        (Coding::Opus, Rate::Full),
    ] {
        let said = speech(rate);
        let packets = encoded(&mut encoder(coding, rate), &said, 20);
        let none = vec![false; packets.len()];
        let whole = heard(coding, rate, &packets, &none, Repair::Nothing);
        for (percent, burst) in [(1.0, 1.0), (5.0, 1.0), (20.0, 1.0), (5.0, 3.0), (20.0, 3.0)] {
            let lost = losses(packets.len(), percent / 100.0, burst);
            let error =
                |repair| level_error(rate, &whole, &heard(coding, rate, &packets, &lost, repair));
            let (silent, concealed) = (error(Repair::Nothing), error(Repair::Conceal));
            println!(
                "{coding:?} {rate:?} {percent} % by {burst}: {concealed:.2} dB, silent {silent:.2} dB"
            );
            assert!(
                concealed < silent * 0.6,
                "{coding:?} {rate:?} {percent} {burst}: {concealed} {silent}"
            );
        }
    }
}

#[test]
fn a_frame_that_is_carried_twice_is_recovered_nearer_than_it_is_concealed() {
    for rate in Rate::ALL {
        let said = speech(rate);
        let settings = EncoderSettings {
            carries_twice: true,
            expected_loss: 20,
            complexity: 5,
            ..EncoderSettings::default()
        };
        let mut encoder = Encoder::new(Coding::Opus, rate, &settings).unwrap();
        let packets = encoded(&mut encoder, &said, 20);
        let carrying = packets
            .iter()
            .filter(|p| Toc::parse(p).unwrap().has_fec())
            .count();
        assert!(
            carrying * 2 > packets.len(),
            "{carrying} of {}",
            packets.len()
        );
        let none = vec![false; packets.len()];
        let whole = heard(Coding::Opus, rate, &packets, &none, Repair::Nothing);
        let lost = losses(packets.len(), 0.1, 1.0);
        let error = |repair| {
            level_error(
                rate,
                &whole,
                &heard(Coding::Opus, rate, &packets, &lost, repair),
            )
        };
        let (concealed, recovered) = (error(Repair::Conceal), error(Repair::Recover));
        println!("{rate:?}: concealed {concealed:.2} dB, recovered {recovered:.2} dB");
        assert!(
            recovered < concealed * 0.8,
            "{rate:?} {concealed} {recovered}"
        );
    }
}

#[test]
fn nothing_is_carried_twice_unless_the_far_end_wants_it_and_loss_is_expected() {
    let said = &speech(Rate::Wide)[..160_000];
    for (carries_twice, expected_loss) in [(false, 20), (true, 0)] {
        let settings = EncoderSettings {
            carries_twice,
            expected_loss,
            ..EncoderSettings::default()
        };
        let mut encoder = Encoder::new(Coding::Opus, Rate::Wide, &settings).unwrap();
        let packets = encoded(&mut encoder, said, 20);
        assert!(packets.iter().all(|p| !Toc::parse(p).unwrap().has_fec()));
        // From now on it is.
        encoder.set_expected_loss(20);
        let packets = encoded(&mut encoder, said, 20);
        let carrying = packets.iter().any(|p| Toc::parse(p).unwrap().has_fec());
        assert_eq!(carrying, carries_twice);
        let mut decoder = Decoder::new(Coding::Opus, Rate::Wide).unwrap();
        assert!(carries_twice || !decoder.recover(&packets[60], &mut [0; 320]));
    }
}

#[test]
fn only_opus_recovers() {
    let mut pcm = [7; 160];
    for coding in [Coding::Pcmu, Coding::G722, Coding::L16(Rate::Narrow)] {
        let mut decoder = Decoder::new(coding, Rate::Narrow).unwrap();
        assert!(!decoder.recover(&[0; 160], &mut pcm));
    }
    assert_eq!(pcm, [7; 160]);
}
