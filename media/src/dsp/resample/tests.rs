use std::f64::consts::TAU;

use super::*;
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::clamp;
use crate::time::Rate;

const PEAK: f64 = 10_000.0;

fn sine_at(rate: u32, hertz: f64) -> Vec<i16> {
    (0..rate)
        .map(|n| clamp(PEAK * (TAU * hertz * f64::from(n) / f64::from(rate)).sin()))
        .collect()
}

/// Level against the input's and distance to all else, in dB, of a tone in one second of samples.
fn level_and_snr(pcm: &[i16], rate: Rate, hertz: f64) -> (f64, f64) {
    let (mut cos, mut sin) = (0.0, 0.0);
    for (n, &sample) in pcm.iter().enumerate() {
        let at = TAU * hertz * n as f64 / f64::from(rate.hertz());
        cos += f64::from(sample) * at.cos();
        sin += f64::from(sample) * at.sin();
    }
    let count = pcm.len() as f64;
    let tone = 2.0 * (cos * cos + sin * sin) / (count * count);
    let all = pcm.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / count;
    let level = 10.0 * (tone / (PEAK * PEAK / 2.0)).log10();
    (level, 10.0 * (tone / (all - tone).max(1e-9)).log10())
}

/// A second of a tone, frame by frame; what came out in the second half of it, whole periods of
/// any tone in multiples of 100 Hz.
fn streamed(from: Rate, to: Rate, hertz: f64) -> Vec<i16> {
    let mut resampler = Resampler::new(from, to);
    let mut heard = Vec::new();
    let mut frame = [0; 960];
    for pcm in sine_at(from.hertz(), hertz).chunks(from.frame_samples()) {
        let length = resampler.resample(pcm, &mut frame);
        assert_eq!(length, to.frame_samples());
        heard.extend_from_slice(&frame[..length]);
    }
    heard.split_off(heard.len() / 2)
}

fn pairs() -> impl Iterator<Item = (Rate, Rate)> {
    let others = |from: Rate| Rate::ALL.into_iter().map(move |to| (from, to));
    Rate::ALL
        .into_iter()
        .flat_map(others)
        .filter(|(from, to)| from != to)
}

#[test]
fn the_telephone_band_passes_flat_between_all_rates() {
    for (from, to) in pairs() {
        let edge = if from.min(to) == Rate::Narrow {
            3400
        } else {
            6800
        };
        for hertz in (100..=edge).step_by(100) {
            let hertz = f64::from(hertz);
            let (level, snr) = level_and_snr(&streamed(from, to, hertz), to, hertz);
            assert!(level.abs() < 0.5, "{from:?} {to:?} {hertz}: {level:.2} dB");
            assert!(snr > 55.0, "{from:?} {to:?} {hertz}: SNR {snr:.1} dB");
        }
    }
}

#[test]
fn what_would_fold_is_gone_by_60_db() {
    for (from, to) in [
        (Rate::Wide, Rate::Narrow),
        (Rate::Full, Rate::Narrow),
        (Rate::Full, Rate::Wide),
    ] {
        let stop = to.hertz() / 2 * 23 / 20;
        for hertz in (stop..from.hertz() / 2).step_by(100) {
            let heard = streamed(from, to, f64::from(hertz));
            let power = heard.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>();
            let level = 10.0 * (power / heard.len() as f64 / (PEAK * PEAK / 2.0)).log10();
            assert!(level < -60.0, "{from:?} {to:?} {hertz}: {level:.1} dB");
        }
    }
}

#[test]
fn an_impulse_comes_out_after_the_delay_and_symmetric_around_it() {
    for (from, to) in pairs() {
        let mut resampler = Resampler::new(from, to);
        let mut pcm = vec![0; 4 * from.frame_samples()];
        let at = from.frame_samples();
        // Wide enough that decimation cannot miss it.
        pcm[at] = 30_000;
        let mut heard = vec![0; 4 * to.frame_samples()];
        assert_eq!(resampler.resample(&pcm, &mut heard), heard.len());
        let behind = (at + resampler.delay()) * to.per_millisecond() / from.per_millisecond();
        let peak = (0..heard.len()).max_by_key(|&n| heard[n]).unwrap();
        assert_eq!(peak, behind, "{from:?} {to:?}");
        for n in 1..20 {
            let (one, two) = (heard[peak - n], heard[peak + n]);
            assert!(one.abs_diff(two) <= 12, "{from:?} {to:?} {n}: {one} {two}");
        }
        let seconds = resampler.delay() as f64 / f64::from(from.hertz());
        assert!(seconds <= 0.002, "{from:?} {to:?}: {seconds}");
    }
}

#[test]
fn a_constant_stays_what_it_is_and_full_scale_does_not_wrap() {
    for (from, to) in pairs() {
        for constant in [1234, i16::MAX, i16::MIN] {
            let mut resampler = Resampler::new(from, to);
            let mut heard = vec![0; 4 * to.frame_samples()];
            resampler.resample(&vec![constant; 4 * from.frame_samples()], &mut heard);
            let settled = &heard[2 * to.frame_samples()..];
            assert!(
                settled.iter().all(|&s| s.abs_diff(constant) <= 1),
                "{from:?} {to:?} {constant}"
            );
        }
        // The worst there is: a square wave at the corner of the band, in both extremes.
        let mut resampler = Resampler::new(from, to);
        let square: Vec<i16> = (0..4 * from.frame_samples())
            .map(|n| if n / 2 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();
        resampler.resample(&square, &mut vec![0; 4 * to.frame_samples()]);
    }
}

#[test]
fn pieces_of_any_length_make_the_same_stream() {
    for (from, to) in pairs() {
        let pcm = sine_at(from.hertz(), 300.0);
        let whole = {
            let mut heard = vec![0; to.hertz() as usize];
            let length = Resampler::new(from, to).resample(&pcm, &mut heard);
            assert_eq!(length, heard.len());
            heard
        };
        let mut resampler = Resampler::new(from, to);
        let (mut heard, mut rest, mut length) = (Vec::new(), &pcm[..], 0);
        while !rest.is_empty() {
            length = (length * 7 + 3) % 1001;
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            rest = behind;
            let mut out = vec![0; resampler.most_samples(piece.len())];
            let written = resampler.resample(piece, &mut out);
            heard.extend_from_slice(&out[..written]);
        }
        assert!(heard == whole, "{from:?} {to:?}");
    }
}

#[test]
fn resampling_a_stream_allocates_nothing() {
    for (from, to) in pairs() {
        let mut resampler = Resampler::new(from, to);
        let counted = allocation_counter::measure(|| {
            resampler.resample(&[1; 960][..from.frame_samples()], &mut [0; 960]);
        });
        assert_eq!(counted.count_total, 0, "{from:?} {to:?}");
    }
}

#[test]
fn a_tone_in_a_sound_of_any_rate_keeps_its_level() {
    for rate in [
        6_000, 8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000,
    ] {
        for to in Rate::ALL {
            let pcm = convert(&sine_at(rate, 1000.0), rate, to);
            assert_eq!(pcm.len(), to.hertz() as usize, "{rate}");
            let tenth = pcm.len() / 10;
            let (level, snr) = level_and_snr(&pcm[tenth..9 * tenth], to, 1000.0);
            assert!(level.abs() < 0.1, "{rate} {to:?}: {level} dB");
            assert!(snr > 70.0, "{rate} {to:?}: {snr} dB");
        }
    }
}

#[test]
fn a_tone_above_the_new_nyquist_frequency_is_gone_from_a_sound() {
    for (rate, hertz) in [(16_000, 5000.0), (48_000, 5000.0), (48_000, 15_000.0)] {
        let pcm = to_8k(&sine_at(rate, hertz), rate);
        let loudest = pcm[800..7200].iter().map(|s| s.unsigned_abs()).max();
        assert!(loudest < Some(10), "{rate} {hertz}: {loudest:?}");
    }
    let share = Goertzel::new(1000.0).share(&to_8k(&sine_at(44_100, 1000.0), 44_100)[800..7200]);
    assert!(share > 0.999);
}

#[test]
fn an_impossible_rate_gives_nothing() {
    for rate in [0, 1, 3999, 47_999, 192_001, u32::MAX] {
        assert!(!is_supported(rate) && to_8k(&[1, 2, 3], rate).is_empty());
    }
    assert!(to_8k(&[], 48_000).is_empty());
}
