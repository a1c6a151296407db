use super::*;
use crate::codec::{ComfortNoise, NoiseMeter, NoiseShape, Silence};
use crate::dsp::tone::sine;

/// Noise of a shape, once it has settled.
fn noise(rate: Rate, payload: &[u8]) -> Vec<i16> {
    let mut source = ComfortNoise::new(rate);
    assert!(source.take(payload));
    let mut pcm = vec![0; 4 * rate.hertz() as usize];
    pcm.chunks_mut(rate.frame_samples())
        .for_each(|frame| source.fill(frame));
    pcm
}

#[test]
fn noise_has_the_level_that_is_said_whatever_its_spectrum() {
    let spectra: [&[u8]; 4] = [&[], &[40], &[210, 180, 90, 127, 140, 100], &[100; 12]];
    for rate in Rate::ALL {
        for level in [20, 35, 50, 65] {
            for spectrum in spectra {
                let payload = [&[level], spectrum].concat();
                let found = dbov(&noise(rate, &payload)) + f64::from(level);
                assert!(found.abs() < 1.0, "{rate:?} {payload:?}: {found:.2} dB");
            }
            // What rings for minutes may take as long to get loud, but never gets much louder.
            for ringing in [&[20; 12][..], &[255; 3], &[0; 20]] {
                let found = dbov(&noise(rate, &[&[level], ringing].concat()));
                assert!(
                    found < 3.0 - f64::from(level),
                    "{rate:?} {level} {ringing:?}: {found:.2} dBov"
                );
            }
        }
    }
}

#[test]
fn noise_has_the_spectrum_that_is_said() {
    // One coefficient: the correlation of neighbours is its negative.
    for (index, expected) in [(27, 0.787), (127, 0.0), (227, -0.787)] {
        let pcm = noise(Rate::Narrow, &[30, index]);
        let pairs = pcm.windows(2).map(|w| f64::from(w[0]) * f64::from(w[1]));
        let correlation = pairs.sum::<f64>() / (pcm.len() as f64 * power(&pcm));
        assert!(
            (correlation - expected).abs() < 0.02,
            "{index}: {correlation:.3}"
        );
    }
}

#[test]
fn what_is_measured_of_noise_describes_it() {
    let payload = [40, 60, 150, 100, 140, 120, 130];
    let pcm = noise(Rate::Narrow, &payload);
    let mut meter = NoiseMeter::new();
    pcm.chunks(160).for_each(|frame| meter.hear(frame));
    let mut written = [0; 7];
    assert_eq!(meter.shape().write(&mut written), 7);
    assert!(written[0].abs_diff(40) <= 1, "{written:?}");
    for (one, two) in written[1..4].iter().zip(&payload[1..4]) {
        assert!(one.abs_diff(*two) <= 14, "{written:?}");
    }
    assert_eq!(meter.shape().write(&mut [0; 6]), 0);
}

#[test]
fn a_level_that_is_none_is_no_comfort_noise() {
    assert_eq!(NoiseShape::parse(&[]), None);
    assert_eq!(NoiseShape::parse(&[128]), None);
    assert_eq!(
        NoiseShape::parse(&[127]).map(|shape| shape.dbov()),
        Some(-127.0)
    );
    let mut decoder = Decoder::new(Coding::Pcmu, Rate::Narrow).unwrap();
    assert!(!decoder.take_comfort_noise(&[200]));
    let mut pcm = [1; 160];
    assert!(!decoder.rest(&mut pcm));
    assert_eq!(pcm, [0; 160]);
}

#[test]
fn silence_is_described_once_and_heard_at_its_level_until_somebody_speaks() {
    for (coding, rate) in [
        (Coding::Pcmu, Rate::Narrow),
        (Coding::Pcma, Rate::Full),
        (Coding::G722, Rate::Wide),
    ] {
        let settings = EncoderSettings {
            silence: Silence::Suppressed,
            ..EncoderSettings::default()
        };
        let mut encoder = Encoder::new(coding, rate, &settings).unwrap();
        let mut decoder = Decoder::new(coding, rate).unwrap();
        let frame = rate.frame_samples();
        let second = rate.hertz() as usize;
        let voice = resample::convert(&sine(400.0, 8000, 6000.0), 8000, rate);
        let room = resample::convert(&noise(Rate::Narrow, &[60, 90])[..24_000], 8000, rate);
        // A second of speech, three of room noise, a second of speech.
        let said = [&voice[..], &room, &voice].concat();
        let (mut sent, mut described, mut heard) = (0, 0, Vec::new());
        for pcm in said.chunks_exact(frame) {
            let mut payload = [0; 960];
            let mut out = vec![0; frame];
            match encoder.encode(pcm, &mut payload).unwrap() {
                0 => {
                    let length = encoder.comfort_noise(&mut payload);
                    if length > 0 {
                        described += 1;
                        assert!(decoder.take_comfort_noise(&payload[..length]));
                    }
                    let described_before = described > 0;
                    assert_eq!(decoder.rest(&mut out), described_before);
                }
                length => {
                    sent += 1;
                    assert_eq!(encoder.comfort_noise(&mut [0; 7]), 0);
                    assert_eq!(decoder.decode(&payload[..length], &mut out), Ok(frame));
                }
            }
            heard.extend_from_slice(&out);
        }
        assert!((100..125).contains(&sent), "{coding:?}: {sent} packets");
        assert!(
            (1..=4).contains(&described),
            "{coding:?}: {described} descriptions"
        );
        let quiet = dbov(&heard[2 * second..3 * second]);
        assert!((quiet + 60.0).abs() < 2.0, "{coding:?}: {quiet:.1} dBov");
        assert!((dbov(&heard[4 * second + frame..]) - dbov(&voice)).abs() < 0.5);
    }
}

#[test]
fn opus_sends_next_to_nothing_while_it_is_silent() {
    let settings = EncoderSettings {
        silence: Silence::Suppressed,
        ..EncoderSettings::default()
    };
    let mut encoder = Encoder::new(Coding::Opus, Rate::Wide, &settings).unwrap();
    let said = speech(Rate::Wide);
    let spoken = encoded(&mut encoder, &said[..32_000], 20);
    assert!(spoken.iter().filter(|packet| packet.is_empty()).count() < 50);
    let silent = encoded(&mut encoder, &[0; 160_000], 20);
    let sent = silent.iter().filter(|packet| !packet.is_empty()).count();
    assert!(sent < 100, "{sent} of 500");
    assert!(
        Encoder::new(Coding::Opus, Rate::Wide, &EncoderSettings::default()).is_ok_and(
            |mut always| encoded(&mut always, &[0; 160_000], 20)
                .iter()
                .all(|p| !p.is_empty())
        )
    );
}

#[test]
fn music_is_sent_however_steady_and_quiet_it_is() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sounds/moh/default.wav");
    let mut reader = hound::WavReader::open(file).unwrap();
    let hertz = reader.spec().sample_rate;
    let music: Vec<i16> = reader.samples::<i16>().map(Result::unwrap).collect();
    let music = resample::convert(&music, hertz, Rate::Narrow);
    let chord = sine(440.0, 80_000, 8000.0);
    for sound in [&music[..music.len().min(80_000)], &chord] {
        for wanted in [-30.0, -42.0] {
            let gain = 10f64.powf((wanted - dbov(sound)) / 20.0);
            let quiet: Vec<i16> = sound
                .iter()
                .map(|&sample| crate::dsp::tone::clamp(f64::from(sample) * gain))
                .collect();
            let settings = EncoderSettings {
                silence: Silence::Suppressed,
                ..EncoderSettings::default()
            };
            let mut encoder = Encoder::new(Coding::Pcmu, Rate::Narrow, &settings).unwrap();
            let packets = encoded(&mut encoder, &quiet, 20);
            let sent = packets.iter().filter(|packet| !packet.is_empty()).count();
            assert!(
                sent * 100 >= packets.len() * 95,
                "{wanted} dBov: {sent} of {}",
                packets.len()
            );
        }
    }
}
