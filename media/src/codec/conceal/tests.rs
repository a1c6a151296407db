use std::f64::consts::TAU;
use std::fs;
use std::path::Path;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::dsp::resample;
use crate::dsp::tone::{clamp, sine};
use crate::time::Rate;

/// Speech: every prompt of some folders, one after the other.
fn speech(rate: Rate) -> Vec<i16> {
    let sounds = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sounds/en");
    let folders = ["agent", "call", "menu", "queue"].map(|folder| sounds.join(folder));
    let files = folders
        .iter()
        .flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    files.sort();
    let mut wide: Vec<i16> = Vec::new();
    for file in files {
        let mut reader = hound::WavReader::open(file).unwrap();
        assert_eq!(reader.spec().sample_rate, 16_000);
        wide.extend(reader.samples::<i16>().map(Result::unwrap));
    }
    assert!(wide.len() > 480_000, "half a minute or more");
    resample::convert(&wide, 16_000, rate)
}

/// What is heard of `pcm` in frames of 20 ms, of which those that `lost` names do not come.
fn concealed(rate: Rate, pcm: &[i16], lost: impl Fn(usize) -> bool) -> Vec<i16> {
    let mut concealer = Concealer::new(rate);
    let mut heard = pcm.to_vec();
    for (n, frame) in heard.chunks_mut(rate.frame_samples()).enumerate() {
        if lost(n) {
            concealer.conceal(frame);
        } else {
            concealer.decoded(frame);
        }
    }
    heard
}

/// Every loss a frame of 20 ms with this probability; the first second comes whole.
fn at_random(frames: usize, probability: f64) -> Vec<bool> {
    let mut random = SmallRng::seed_from_u64(20_261_122);
    (0..frames)
        .map(|n| n > 50 && random.random_bool(probability))
        .collect()
}

fn power(pcm: &[i16]) -> f64 {
    pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / pcm.len().max(1) as f64
}

/// The mean signal-to-noise ratio of the lost frames in which somebody spoke, in dB.
fn segmental(rate: Rate, said: &[i16], heard: &[i16], lost: &[bool]) -> f64 {
    let frame = rate.frame_samples();
    let frames = said
        .chunks_exact(frame)
        .zip(heard.chunks_exact(frame))
        .zip(lost);
    let ratios: Vec<f64> = frames
        .filter(|((said, _), lost)| **lost && power(said) > 200f64.powi(2))
        .map(|((said, heard), _)| {
            let error: Vec<i16> = said
                .iter()
                .zip(heard)
                .map(|(a, b)| a.saturating_sub(*b))
                .collect();
            (10.0 * (power(said) / power(&error).max(1.0)).log10()).clamp(-10.0, 35.0)
        })
        .collect();
    assert!(ratios.len() > 10);
    ratios.iter().sum::<f64>() / ratios.len() as f64
}

#[test]
fn a_lost_vowel_is_replaced_by_itself() {
    for rate in Rate::ALL {
        for hertz in [70.0, 110.0, 210.0, 440.0, 1000.0] {
            let samples = rate.hertz();
            // A voice: a fundamental and what sounds above it.
            let pcm: Vec<i16> = (0..samples)
                .map(|n| {
                    let at = TAU * hertz * f64::from(n) / f64::from(samples);
                    clamp(5000.0 * at.sin() + 2500.0 * (2.0 * at).sin() + 1200.0 * (3.0 * at).cos())
                })
                .collect();
            let mut concealer = Concealer::new(rate);
            let frame = rate.frame_samples();
            let mut heard = pcm.clone();
            concealer.decoded(&mut heard[..20 * frame]);
            let ten = frame / 2;
            concealer.conceal(&mut heard[20 * frame..20 * frame + ten]);
            concealer.decoded(&mut heard[20 * frame + ten..]);
            let error: Vec<i16> = pcm.iter().zip(&heard).map(|(a, b)| a - b).collect();
            let gap = 20 * frame..20 * frame + ten;
            let ratio = 10.0 * (power(&pcm[gap.clone()]) / power(&error[gap])).log10();
            assert!(ratio > 12.0, "{rate:?} {hertz}: {ratio:.1} dB");
        }
    }
}

#[test]
fn neither_edge_of_a_gap_clicks() {
    // No step greater than twice the greatest of the tone itself.
    for rate in Rate::ALL {
        for (hertz, length) in [(150.0, 1), (150.0, 2), (433.0, 1), (433.0, 4), (997.0, 2)] {
            let pcm: Vec<i16> = (0..rate.hertz())
                .map(|n| {
                    clamp(8000.0 * (TAU * hertz * f64::from(n) / f64::from(rate.hertz())).sin())
                })
                .collect();
            let heard = concealed(rate, &pcm, |n| (20..20 + length).contains(&n));
            let step = |pcm: &[i16]| pcm.windows(2).map(|w| w[0].abs_diff(w[1])).max().unwrap();
            let (before, after) = (step(&pcm), step(&heard));
            assert!(
                after <= before * 2,
                "{rate:?} {hertz} {length}: {before} {after}"
            );
        }
    }
}

#[test]
fn a_long_gap_fades_to_silence_after_60_ms_and_comes_back() {
    let pcm = sine(200.0, 8000, 8000.0);
    let heard = concealed(Rate::Narrow, &pcm, |n| (20..30).contains(&n));
    let level = |ms: std::ops::Range<usize>| {
        10.0 * (power(&heard[ms.start * 8..ms.end * 8]).max(1e-3) / power(&pcm)).log10()
    };
    assert!(level(400..410).abs() < 1.0, "{}", level(400..410));
    // Each 10 ms a fifth less.
    for (n, left) in [0.9f64, 0.7, 0.5, 0.3, 0.1].into_iter().enumerate() {
        let fading = level(410 + 10 * n..420 + 10 * n);
        assert!(
            (fading - 20.0 * left.log10()).abs() < 2.5,
            "{n}: {fading:.1} dB"
        );
    }
    assert!(heard[460 * 8..600 * 8].iter().all(|&s| s == 0));
    assert!(level(610..620).abs() < 0.5);
    assert_eq!(heard[611 * 8..], pcm[611 * 8..]);
}

#[test]
fn lost_speech_is_nearer_to_what_was_said_than_silence_or_repetition() {
    for rate in [Rate::Narrow, Rate::Wide] {
        let said = speech(rate);
        let frame = rate.frame_samples();
        for percent in [2, 5, 10, 20] {
            let lost = at_random(said.len() / frame, f64::from(percent) / 100.0);
            let ours = concealed(rate, &said, |n| lost.get(n) == Some(&true));
            let mut silent = said.clone();
            let mut repeated = said.clone();
            for n in (0..lost.len()).filter(|&n| lost[n]) {
                silent[n * frame..(n + 1) * frame].fill(0);
                repeated.copy_within((n - 1) * frame..n * frame, n * frame);
            }
            let ours = segmental(rate, &said, &ours, &lost);
            let silent = segmental(rate, &said, &silent, &lost);
            let repeated = segmental(rate, &said, &repeated, &lost);
            println!(
                "{rate:?} {percent} %: {ours:.1} dB, silence {silent:.1}, repetition {repeated:.1}"
            );
            assert!(ours > silent + 5.0 && ours > repeated + 8.0);
        }
    }
}

#[test]
fn comfort_noise_takes_over_and_gives_way_without_a_gap() {
    let mut concealer = Concealer::new(Rate::Narrow);
    let mut voice = sine(300.0, 1600, 4000.0);
    concealer.decoded(&mut voice);
    assert!(!concealer.is_resting());
    assert!(!concealer.rest(&[]) && !concealer.rest(&[200]));
    assert!(concealer.rest(&[50]) && concealer.is_resting());
    let mut noise = vec![0; 16_000];
    for frame in noise.chunks_mut(160) {
        concealer.conceal(frame);
    }
    let level = 10.0 * (power(&noise[160..]) / 32_768f64.powi(2)).log10();
    assert!((level + 50.0).abs() < 1.0, "{level}");
    // The voice has gone after 10 ms.
    assert!(noise[80..].iter().all(|s| s.abs() < 600));
    let mut voice = sine(300.0, 160, 4000.0);
    concealer.decoded(&mut voice);
    assert!(!concealer.is_resting());
    assert!(voice[0].abs() < 600);
}

#[test]
fn what_arrives_costs_nothing_but_a_copy() {
    let mut concealer = Concealer::new(Rate::Narrow);
    let said = sine(440.0, 160, 8000.0);
    let mut heard = said.clone();
    let counted = allocation_counter::measure(|| {
        for _ in 0..10 {
            concealer.decoded(&mut heard);
            assert_eq!(heard, said);
        }
        concealer.conceal(&mut heard);
        heard.copy_from_slice(&said);
        concealer.decoded(&mut heard);
    });
    assert_eq!(counted.count_total, 0);
}

#[test]
fn frames_of_any_length_and_any_level_do_no_harm() {
    for rate in Rate::ALL {
        for sample in [i16::MIN, 0, i16::MAX] {
            let mut concealer = Concealer::new(rate);
            for length in [0, 1, 3, 7, 40, 160, 481, 2000, 6000] {
                concealer.conceal(&mut vec![0; length]);
                concealer.decoded(&mut vec![sample; length]);
                concealer.conceal(&mut vec![0; length / 2]);
                concealer.conceal(&mut vec![0; length / 2]);
                // The greatest step there is, just before the gap.
                concealer.decoded(&mut [i16::MAX, i16::MIN]);
            }
        }
    }
}
