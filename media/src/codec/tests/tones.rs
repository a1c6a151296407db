use std::f64::consts::TAU;

use super::*;
use crate::codec::{BitRateMode, CodecError, Toc};
use crate::dsp::tone::clamp;

const PEAK: f64 = 8000.0;

fn tone(rate: Rate, hertz: f64, samples: usize) -> Vec<i16> {
    let step = TAU * hertz / f64::from(rate.hertz());
    (0..samples)
        .map(|n| clamp(PEAK * (step * n as f64).sin()))
        .collect()
}

/// Level against what was said and distance to all else, in dB; for whole periods.
fn level_and_snr(pcm: &[i16], rate: Rate, hertz: f64) -> (f64, f64) {
    let step = TAU * hertz / f64::from(rate.hertz());
    let (mut cos, mut sin) = (0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        cos += f64::from(sample) * (step * n as f64).cos();
        sin += f64::from(sample) * (step * n as f64).sin();
    }
    let count = pcm.len() as f64;
    let tone = 2.0 * (cos * cos + sin * sin) / (count * count);
    let rest = (power(pcm) - tone).max(1e-9);
    (
        10.0 * (tone / (PEAK * PEAK / 2.0)).log10(),
        10.0 * (tone / rest).log10(),
    )
}

/// What the coding must leave of a tone, in dB. Opus keeps what is heard, not the samples.
fn least_snr(coding: Coding) -> f64 {
    match coding {
        Coding::Pcmu | Coding::Pcma => 36.0,
        Coding::G722 => 40.0,
        Coding::L16(_) => 55.0,
        Coding::Opus => 15.0,
    }
}

#[test]
fn a_tone_keeps_its_level_through_every_coding_between_all_rates() {
    for coding in CODINGS {
        for from in Rate::ALL {
            for to in Rate::ALL {
                let mut encoder = encoder(coding, from);
                let mut decoder = Decoder::new(coding, to).unwrap();
                let packets = encoded(
                    &mut encoder,
                    &tone(from, 1003.0, from.hertz() as usize * 2),
                    20,
                );
                let heard = decoded(&mut decoder, &packets);
                assert_eq!(heard.len(), to.hertz() as usize * 2);
                let settled = &heard[to.hertz() as usize..];
                let (level, snr) = level_and_snr(settled, to, 1003.0);
                println!("{coding:?} {from:?} {to:?}: {level:.2} dB, SNR {snr:.1} dB");
                assert!(
                    level.abs() < 0.5,
                    "{coding:?} {from:?} {to:?}: {level:.2} dB"
                );
                assert!(
                    snr > least_snr(coding),
                    "{coding:?} {from:?} {to:?}: SNR {snr:.1} dB"
                );
            }
        }
    }
}

#[test]
fn packets_of_every_length_last_as_long_as_they_say() {
    for coding in CODINGS {
        for wanted in (0..=70).step_by(5) {
            let length = coding.packet_milliseconds(wanted);
            assert!((10..=60).contains(&length) && (length <= wanted || wanted < 10));
            for rate in Rate::ALL {
                let frame = length as usize * rate.per_millisecond();
                let packets = encoded(
                    &mut encoder(coding, rate),
                    &tone(rate, 700.0, 4 * frame),
                    length as usize,
                );
                for packet in &packets {
                    assert_eq!(
                        coding.duration(packet),
                        Ok(coding.clock_rate() / 1000 * length)
                    );
                }
                let heard = decoded(&mut Decoder::new(coding, rate).unwrap(), &packets);
                assert_eq!(heard.len(), 4 * frame, "{coding:?} {length}");
            }
        }
    }
}

#[test]
fn the_delay_of_every_coding_is_the_one_it_tells() {
    for coding in CODINGS {
        for rate in Rate::ALL {
            let said = &speech(rate)[..3 * rate.hertz() as usize];
            let mut encoder = encoder(coding, rate);
            let mut decoder = Decoder::new(coding, rate).unwrap();
            let packets = encoded(&mut encoder, said, 20);
            let heard = decoded(&mut decoder, &packets);
            let told = encoder.delay() + decoder.delay();
            let alike = |lag: usize| -> f64 {
                let pairs = said.iter().zip(&heard[lag..]);
                pairs.map(|(&a, &b)| f64::from(a) * f64::from(b)).sum()
            };
            let longest = 12 * rate.per_millisecond();
            let found = (0..longest)
                .max_by(|&a, &b| alike(a).total_cmp(&alike(b)))
                .unwrap();
            println!("{coding:?} {rate:?}: {found} samples, told {told}");
            // Half a millisecond: filters within Opus have delays of their own.
            assert!(
                found.abs_diff(told) <= rate.per_millisecond() / 2,
                "{coding:?} {rate:?}: {found} {told}"
            );
        }
    }
}

#[test]
fn opus_puts_no_bits_into_a_band_that_the_far_end_cannot_hear() {
    let narrow = EncoderSettings {
        max_playback_rate: 8000,
        ..EncoderSettings::default()
    };
    for (settings, present) in [(EncoderSettings::default(), true), (narrow, false)] {
        let mut encoder = Encoder::new(Coding::Opus, Rate::Full, &settings).unwrap();
        let packets = encoded(&mut encoder, &tone(Rate::Full, 6000.0, 96_000), 20);
        let heard = decoded(
            &mut Decoder::new(Coding::Opus, Rate::Full).unwrap(),
            &packets,
        );
        let (level, _) = level_and_snr(&heard[48_000..], Rate::Full, 6000.0);
        assert_eq!(level > -3.0, present, "{level}");
    }
}

#[test]
fn opus_keeps_to_the_bit_rate_and_to_the_length_it_is_told() {
    let bits = |settings: EncoderSettings| {
        let mut encoder = Encoder::new(Coding::Opus, Rate::Wide, &settings).unwrap();
        let said = &speech(Rate::Wide)[..160_000];
        let packets = encoded(&mut encoder, said, 20);
        let bytes: usize = packets.iter().map(Vec::len).sum();
        let same = packets
            .iter()
            .all(|packet| packet.len() == packets[0].len());
        (bytes * 8 / 10, same)
    };
    let (usual, _) = bits(EncoderSettings::default());
    assert!((14_000..28_000).contains(&usual), "{usual}");
    let (little, _) = bits(EncoderSettings {
        max_bit_rate: 10_000,
        ..EncoderSettings::default()
    });
    assert!(little < 11_000, "{little}");
    let (constant, same) = bits(EncoderSettings {
        bit_rate: Some(20_000),
        bit_rate_mode: BitRateMode::Constant,
        ..EncoderSettings::default()
    });
    assert!(same && constant == 20_000, "{constant}");
}

#[test]
fn both_channels_of_a_stereo_stream_are_heard_in_one() {
    let mut stereo =
        opus::Encoder::new(48_000, opus::Channels::Stereo, opus::Application::Audio).unwrap();
    let (left, right) = (
        tone(Rate::Full, 500.0, 96_000),
        tone(Rate::Full, 1500.0, 96_000),
    );
    let both: Vec<i16> = left
        .iter()
        .zip(&right)
        .flat_map(|(&l, &r)| [l, r])
        .collect();
    let packets: Vec<_> = both
        .chunks(1920)
        .map(|frame| stereo.encode_vec(frame, 1275).unwrap())
        .collect();
    assert!(Toc::parse(&packets[50]).unwrap().is_stereo());
    for rate in Rate::ALL {
        let heard = decoded(&mut Decoder::new(Coding::Opus, rate).unwrap(), &packets);
        let second = rate.hertz() as usize;
        for hertz in [500.0, 1500.0] {
            let (level, _) = level_and_snr(&heard[second..], rate, hertz);
            // Half of each channel.
            assert!((level + 6.0).abs() < 1.0, "{rate:?} {hertz}: {level}");
        }
    }
}

#[test]
fn packets_of_all_lengths_that_opus_has_are_decoded() {
    for (milliseconds, samples) in [
        (2.5, 120),
        (5.0, 240),
        (10.0, 480),
        (20.0, 960),
        (40.0, 1920),
        (60.0, 2880),
        (80.0, 3840),
        (100.0, 4800),
        (120.0, 5760),
    ] {
        let mut encoder =
            opus::Encoder::new(48_000, opus::Channels::Mono, opus::Application::Voip).unwrap();
        let said = tone(Rate::Full, 1000.0, 96_000);
        let packets: Vec<_> = said
            .chunks_exact(samples)
            .map(|frame| encoder.encode_vec(frame, 6000).unwrap())
            .collect();
        for rate in Rate::ALL {
            let expected = samples * rate.per_millisecond() / 48;
            let mut decoder = Decoder::new(Coding::Opus, rate).unwrap();
            let mut heard = vec![0; expected];
            for packet in &packets {
                assert_eq!(
                    Coding::Opus.duration(packet),
                    Ok(u32::try_from(samples).unwrap()),
                    "{milliseconds} ms"
                );
                assert_eq!(decoder.decode(packet, &mut heard), Ok(expected));
                // Without room, nothing.
                let short = decoder.decode(packet, &mut heard[1..]);
                assert_eq!(short, Err(CodecError::TooLong));
            }
        }
    }
}

#[test]
fn a_codec_that_is_negotiated_has_its_coding_and_its_clock() {
    use offhook_core::sdp::Codec;
    for &codec in Codec::ALL {
        let coding = Coding::of(codec).unwrap();
        assert_eq!(coding.clock_rate(), codec.clock_rate(), "{codec}");
        assert!(
            coding
                .rates()
                .iter()
                .all(|&rate| coding.native_rate(rate) == rate)
        );
    }
    for coding in CODINGS {
        let of = [0, 8, 9].map(Coding::of_payload_type);
        let own = [Coding::Pcmu, Coding::Pcma, Coding::G722].map(Some);
        assert_eq!(of, own);
        assert!(coding.law().is_none_or(|law| Coding::from(law) == coding));
    }
}
