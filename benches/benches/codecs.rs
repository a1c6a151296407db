//! What a frame of 20 ms costs: encoded, decoded, concealed, resampled, carried from one coding to
//! another. Speech, as far as a tone with overtones and pauses is that.

#![expect(
    clippy::expect_used,
    reason = "a bench that cannot begin has nothing to measure"
)]

use std::f64::consts::TAU;
use std::hint::black_box;

use criterion::Criterion;

use offhook_media::codec::{Coding, ComfortNoise, Decoder, Encoder, EncoderSettings, NoiseShape};
use offhook_media::dsp::resample::Resampler;
use offhook_media::time::Rate;

/// Every coding at the rates it is used at.
const CASES: [(Coding, Rate); 9] = [
    (Coding::Pcmu, Rate::Narrow),
    (Coding::Pcma, Rate::Wide),
    (Coding::G722, Rate::Wide),
    (Coding::G722, Rate::Narrow),
    (Coding::L16(Rate::Wide), Rate::Wide),
    (Coding::Opus, Rate::Narrow),
    (Coding::Opus, Rate::Wide),
    (Coding::Opus, Rate::Full),
    (Coding::Pcmu, Rate::Full),
];

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for (coding, rate) in CASES {
        encoding(
            &mut criterion,
            coding,
            rate,
            EncoderSettings::default().complexity,
        );
        decoding(&mut criterion, coding, rate);
        concealing(&mut criterion, coding, rate);
    }
    for rate in Rate::ALL {
        for complexity in [3, 5, 9] {
            encoding(&mut criterion, Coding::Opus, rate, complexity);
        }
    }
    resampling(&mut criterion);
    noise(&mut criterion);
    transcoding(&mut criterion, Coding::Pcmu, Coding::Opus, Rate::Narrow);
    transcoding(&mut criterion, Coding::Opus, Coding::Pcmu, Rate::Narrow);
    transcoding(&mut criterion, Coding::G722, Coding::Opus, Rate::Wide);
    transcoding(&mut criterion, Coding::Opus, Coding::G722, Rate::Wide);
    transcoding(&mut criterion, Coding::Pcmu, Coding::G722, Rate::Wide);
    transcoding(&mut criterion, Coding::G722, Coding::Pcmu, Rate::Narrow);
    criterion.final_summary();
}

/// Two seconds of something like a voice.
fn voice(rate: Rate) -> Vec<i16> {
    let hertz = f64::from(rate.hertz());
    let sample = |n: u32| {
        let at = f64::from(n) / hertz;
        let pitch = TAU * (120.0 * at + 4.0 * (TAU * 1.3 * at).sin());
        let loud = (TAU * 2.1 * at).sin().max(0.0);
        let wave: f64 = (1..12)
            .map(|k| (pitch * f64::from(k)).sin() / f64::from(k))
            .sum();
        nearest(5000.0 * loud * wave)
    };
    (0..2 * rate.hertz()).map(sample).collect()
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "the value is clamped to the range first"
)]
fn nearest(value: f64) -> i16 {
    value.clamp(-32_768.0, 32_767.0) as i16
}

fn settings(complexity: u8) -> EncoderSettings {
    EncoderSettings {
        complexity,
        ..EncoderSettings::default()
    }
}

fn packets(coding: Coding, rate: Rate) -> Vec<Vec<u8>> {
    let encoder = Encoder::new(coding, rate, &EncoderSettings::default());
    let mut encoder = encoder.expect("an encoder");
    let mut out = [0; 2000];
    let packet = |pcm: &[i16]| {
        let length = encoder.encode(pcm, &mut out).expect("a packet");
        out[..length].to_vec()
    };
    voice(rate)
        .chunks_exact(rate.frame_samples())
        .map(packet)
        .collect()
}

fn encoding(criterion: &mut Criterion, coding: Coding, rate: Rate, complexity: u8) {
    let pcm = voice(rate);
    let encoder = Encoder::new(coding, rate, &settings(complexity));
    let mut encoder = encoder.expect("an encoder");
    let mut frames = pcm.chunks_exact(rate.frame_samples()).cycle();
    let mut out = [0; 2000];
    let name = if coding == Coding::Opus {
        format!("encode/{coding:?} {rate:?} complexity {complexity}")
    } else {
        format!("encode/{coding:?} {rate:?}")
    };
    criterion.bench_function(&name, |bencher| {
        bencher.iter(|| {
            frames
                .next()
                .map(|pcm| encoder.encode(black_box(pcm), &mut out))
        });
    });
}

fn decoding(criterion: &mut Criterion, coding: Coding, rate: Rate) {
    let packets = packets(coding, rate);
    let mut packets = packets.iter().cycle();
    let mut decoder = Decoder::new(coding, rate).expect("a decoder");
    let mut pcm = vec![0; rate.frame_samples()];
    criterion.bench_function(&format!("decode/{coding:?} {rate:?}"), |bencher| {
        bencher.iter(|| {
            packets
                .next()
                .map(|packet| decoder.decode(black_box(packet), &mut pcm))
        });
    });
}

/// One packet of ten is lost: the mean of all ten.
fn concealing(criterion: &mut Criterion, coding: Coding, rate: Rate) {
    let packets = packets(coding, rate);
    let mut packets = packets.iter().enumerate().cycle();
    let mut decoder = Decoder::new(coding, rate).expect("a decoder");
    let mut pcm = vec![0; rate.frame_samples()];
    criterion.bench_function(&format!("ten, one lost/{coding:?} {rate:?}"), |bencher| {
        bencher.iter(|| {
            for (n, packet) in packets.by_ref().take(10) {
                if n % 10 == 9 {
                    decoder.conceal(&mut pcm);
                } else {
                    decoder.decode(black_box(packet), &mut pcm).ok();
                }
            }
        });
    });
}

fn resampling(criterion: &mut Criterion) {
    for from in Rate::ALL {
        for to in Rate::ALL.into_iter().filter(|to| *to != from) {
            let pcm = voice(from);
            let mut frames = pcm.chunks_exact(from.frame_samples()).cycle();
            let mut resampler = Resampler::new(from, to);
            let mut out = vec![0; to.frame_samples()];
            criterion.bench_function(&format!("resample/{from:?} to {to:?}"), |bencher| {
                bencher.iter(|| {
                    frames
                        .next()
                        .map(|pcm| resampler.resample(black_box(pcm), &mut out))
                });
            });
        }
    }
}

fn noise(criterion: &mut Criterion) {
    let shape = NoiseShape::parse(&[50, 100, 120, 140, 120, 110, 130]).expect("a shape");
    let mut source = ComfortNoise::new(Rate::Narrow);
    source.set(&shape);
    let mut pcm = [0; 160];
    criterion.bench_function("comfort noise/Narrow", |bencher| {
        bencher.iter(|| source.fill(black_box(&mut pcm)));
    });
}

fn transcoding(criterion: &mut Criterion, from: Coding, to: Coding, rate: Rate) {
    let packets = packets(from, rate);
    let mut packets = packets.iter().cycle();
    let mut decoder = Decoder::new(from, rate).expect("a decoder");
    let mut encoder = Encoder::new(to, rate, &EncoderSettings::default()).expect("an encoder");
    let (mut pcm, mut out) = (vec![0; rate.frame_samples()], [0; 2000]);
    criterion.bench_function(
        &format!("transcode/{from:?} to {to:?} {rate:?}"),
        |bencher| {
            bencher.iter(|| {
                packets.next().map(|packet| {
                    decoder.decode(black_box(packet), &mut pcm).ok();
                    encoder.encode(&pcm, &mut out)
                })
            });
        },
    );
}
