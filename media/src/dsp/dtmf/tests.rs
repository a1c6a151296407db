//! Keys found and not found, by the figures of ITU-T Q.24.

use std::path::{Path, PathBuf};

use super::*;
use crate::dsp::fax::FaxDetector;

const ALL: &str = "123A456B789C*0#D";

fn frequencies(key: char) -> (f64, f64) {
    let place = KEYS
        .iter()
        .flatten()
        .position(|&known| known == key)
        .unwrap();
    (FREQUENCIES[place / 4], FREQUENCIES[4 + place % 4])
}

/// A key with its frequencies and levels off by so much.
fn tone(key: char, millis: usize, off: (f64, f64), levels: (f64, f64)) -> Vec<i16> {
    let (row, column) = frequencies(key);
    let (one, two) = (tone::peak_of(levels.0), tone::peak_of(levels.1));
    let sample = |n: usize| {
        let at = TAU * n as f64 / 8000.0;
        let sum =
            (at * row * (1.0 + off.0)).sin() * one + (at * column * (1.0 + off.1)).sin() * two;
        tone::clamp(sum)
    };
    (0..millis * 8).map(sample).collect()
}

fn usual(key: char, millis: usize) -> Vec<i16> {
    tone(key, millis, (0.0, 0.0), USUAL_LEVELS)
}

/// The keys in some sound, between silences.
fn keys(pcm: &[i16]) -> String {
    let mut detector = DtmfDetector::new();
    let mut padded = pcm.to_vec();
    padded.extend([0; 800]);
    let told = padded.chunks(160).filter_map(|frame| detector.push(frame));
    told.filter_map(|told| match told {
        KeyTone::Pressed(key) => Some(key),
        KeyTone::Released(..) => None,
    })
    .collect()
}

/// So many samples of silence, then this.
fn after(silence: usize, pcm: &[i16]) -> Vec<i16> {
    let mut all = vec![0; silence];
    all.extend(pcm);
    all
}

#[test]
fn every_key_is_found_once_and_lasts_as_long_as_it_did() {
    for key in ALL.chars() {
        for levels in [USUAL_LEVELS, (-3.0, -3.0), (-25.0, -25.0), (-29.0, -29.0)] {
            let pcm = after(200, &tone(key, 100, (0.0, 0.0), levels));
            assert_eq!(keys(&pcm), key.to_string(), "{levels:?}");
        }
        let mut made = vec![0; 800];
        DtmfTone::new(key, 8000, USUAL_LEVELS)
            .unwrap()
            .fill(&mut made);
        assert_eq!(keys(&made), key.to_string());
        let mut detector = DtmfDetector::new();
        let told: Vec<_> = after(40, &after(0, &[usual(key, 100), vec![0; 800]].concat()))
            .chunks(160)
            .filter_map(|frame| detector.push(frame))
            .collect();
        let [KeyTone::Pressed(_), KeyTone::Released(released, lasted)] = told[..] else {
            panic!("{told:?}");
        };
        assert_eq!(released, key);
        assert!(lasted.abs_diff(Duration::from_millis(100)) <= Duration::from_millis(20));
    }
    assert!(DtmfTone::new('x', 8000, USUAL_LEVELS).is_none());
}

#[test]
fn forty_ms_are_a_key_wherever_they_begin_and_twenty_are_not() {
    for start in 0..80 {
        for key in ALL.chars() {
            assert_eq!(
                keys(&after(start, &usual(key, 40))),
                key.to_string(),
                "{start}"
            );
            assert_eq!(keys(&after(start, &usual(key, 20))), "", "{start} {key}");
        }
    }
}

#[test]
fn frequencies_may_be_off_by_1_5_percent_and_not_by_3_5() {
    for key in ALL.chars() {
        for start in [0, 27, 53] {
            for (row, column) in [(1, 1), (1, -1), (-1, 1), (-1, -1), (0, 1), (1, 0)] {
                let off = |by: f64| (f64::from(row) * by, f64::from(column) * by);
                let good = tone(key, 50, off(0.015), (-9.0, -9.0));
                assert_eq!(
                    keys(&after(start, &good)),
                    key.to_string(),
                    "{row} {column}"
                );
                let bad = tone(key, 200, off(0.035), (-9.0, -9.0));
                assert_eq!(keys(&after(start, &bad)), "", "{key} {row} {column}");
            }
        }
    }
}

#[test]
fn the_column_may_be_4_db_stronger_or_8_db_weaker_than_the_row() {
    for key in ALL.chars() {
        for levels in [(-12.0, -8.0), (-8.0, -16.0)] {
            for off in [-0.015, 0.015] {
                let pcm = tone(key, 50, (off, -off), levels);
                assert_eq!(keys(&after(33, &pcm)), key.to_string(), "{levels:?}");
            }
        }
        for levels in [(-16.0, -6.0), (-6.0, -20.0)] {
            assert_eq!(keys(&tone(key, 100, (0.0, 0.0), levels)), "", "{levels:?}");
        }
    }
}

#[test]
fn drop_outs_of_20_ms_are_bridged_and_pauses_of_40_ms_part_two_keys() {
    for start in 0..80 {
        let cut = |millis: usize| {
            let mut pcm = after(start, &usual('5', 160 + millis));
            pcm[start + 640..start + 640 + millis * 8].fill(0);
            keys(&pcm)
        };
        assert_eq!(cut(20), "5", "{start}");
        assert_eq!(cut(40), "55", "{start}");
    }
    let sequence = "0123456789*#ABCD";
    let mut pcm = Vec::new();
    for key in sequence.chars() {
        pcm.extend(usual(key, 45));
        pcm.extend([0; 45 * 8]);
    }
    assert_eq!(keys(&pcm), sequence);
    // One key at once after another.
    let pcm = [usual('1', 60), usual('2', 60), usual('1', 60)].concat();
    assert_eq!(keys(&pcm), "121");
}

#[test]
fn keys_are_found_in_noise_and_behind_g711() {
    let mut state = 1u32;
    let mut noise = |peak: f64| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (f64::from(state) / f64::from(u32::MAX) - 0.5) * 2.0 * peak
    };
    for key in ALL.chars() {
        // 15 dB below the key.
        let peak = tone::peak_of(-9.0) * 10f64.powf(-15.0 / 20.0) * 3f64.sqrt();
        let pcm: Vec<i16> = after(200, &usual(key, 60))
            .iter()
            .map(|&sample| {
                let dirty = tone::clamp(f64::from(sample) + noise(peak));
                crate::codec::alaw_decode(crate::codec::alaw_encode(dirty))
            })
            .collect();
        assert_eq!(keys(&pcm[40..]), key.to_string());
    }
}

fn sounds(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sounds(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "wav") {
            found.push(path);
        }
    }
}

/// Every second sample of a 16 kHz file by this ratio: another voice, or another piece of music.
fn voice(path: &Path, ratio: f64) -> Vec<i16> {
    let mut wav = hound::WavReader::open(path).unwrap();
    assert_eq!(wav.spec().sample_rate, 16_000);
    let samples: Vec<i16> = wav.samples::<i16>().map(Result::unwrap).collect();
    let step = 2.0 * ratio;
    (0..)
        .map_while(|n| {
            let at = f64::from(n) * step;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a place"
            )]
            let place = at as usize;
            let (one, two) = (*samples.get(place)?, *samples.get(place + 1)?);
            // The mean keeps what would fold back.
            Some(i16::midpoint(one, two))
        })
        .collect()
}

const RATIOS: [f64; 13] = [
    0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0, 1.05, 1.1, 1.17, 1.25, 1.3,
];

/// Talk-off: half an hour of speech and music, at thirteen pitches.
#[test]
fn no_prompt_and_no_hold_music_has_a_key_or_a_fax_in_it() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../sounds");
    let mut files = Vec::new();
    sounds(&folder, &mut files);
    assert!(files.len() > 100);
    let mut seconds = 0;
    for path in files {
        for ratio in RATIOS {
            let pcm = voice(&path, ratio);
            seconds += pcm.len() / 8000;
            assert_eq!(keys(&pcm), "", "{} {ratio}", path.display());
            let mut fax = FaxDetector::new();
            let told = pcm.chunks(160).find_map(|frame| fax.push(frame));
            assert_eq!(told, None, "{} {ratio}", path.display());
        }
    }
    assert!(seconds > 1800, "{seconds} s");
}

#[test]
fn nothing_is_allocated_and_any_sound_is_heard_out() {
    let mut detector = DtmfDetector::new();
    let mut fax = FaxDetector::new();
    detector.push(&[1; 160]);
    fax.push(&[1; 160]);
    let pcm = usual('3', 20);
    let counted = allocation_counter::measure(|| {
        for _ in 0..100 {
            detector.push(&pcm);
            fax.push(&pcm);
            detector.push(&[i16::MIN; 33]);
            fax.push(&[i16::MAX; 160]);
        }
    });
    assert_eq!(counted.count_total, 0);
}
