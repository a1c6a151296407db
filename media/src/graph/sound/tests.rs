use super::*;
use crate::codec::Decoder;
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::sine;
use crate::graph::bank::SoundBank;
use crate::graph::encoding::EncodeQueue;

const SECOND: usize = 50;

fn tone() -> (SoundBank, Arc<Sound>) {
    let mut bank = SoundBank::new();
    bank.add_pcm("tone", &sine(440.0, 8000, 8000.0));
    let sound = Arc::clone(bank.sound("tone").unwrap());
    (bank, sound)
}

/// Carries out what was ordered.
fn encode(bank: &SoundBank) -> usize {
    let orders = bank.orders().take().unwrap();
    let mut queue = EncodeQueue::default();
    let mut taken = 0;
    for order in orders.try_iter() {
        queue.add(order);
        taken += 1;
    }
    while !queue.is_empty() {
        queue.work();
    }
    taken
}

/// What a far end hears of a second of it, at 16 kHz.
fn played(sound: &Arc<Sound>, coding: Coding) -> Vec<i16> {
    let mut decoder = Decoder::new(coding, Rate::Wide).unwrap();
    let (mut payload, mut pcm) = ([0; 2000], [0; 320]);
    let mut all = Vec::new();
    for index in 0..SECOND {
        let Made::Payload(length) = sound.payload(coding, index, &mut payload) else {
            panic!("{coding:?} at {index}");
        };
        let count = decoder.decode(&payload[..length], &mut pcm).unwrap();
        all.extend_from_slice(&pcm[..count]);
    }
    all
}

fn level(pcm: &[i16]) -> f64 {
    let power: f64 = pcm.iter().map(|s| f64::from(*s).powi(2)).sum();
    10.0 * (power / pcm.len() as f64 / (8000.0 * 8000.0 / 2.0)).log10()
}

#[test]
fn a_tone_is_the_same_tone_in_every_coding() {
    let (bank, sound) = tone();
    for coding in [Coding::G722, Coding::Opus] {
        let mut payload = [0; 2000];
        assert_eq!(sound.payload(coding, 0, &mut payload), Made::NotYet);
        assert_eq!(sound.payload(coding, 1, &mut payload), Made::NotYet);
    }
    let before = sound.bytes();
    assert_eq!(encode(&bank), 2, "each is ordered once");
    assert!(sound.bytes() > before, "and counted");
    let l16 = [Rate::Narrow, Rate::Wide, Rate::Full].map(Coding::L16);
    let codings = [Coding::Pcmu, Coding::Pcma, Coding::G722, Coding::Opus];
    for coding in codings.into_iter().chain(l16) {
        let pcm = played(&sound, coding);
        assert_eq!(pcm.len(), 16_000, "{coding:?}");
        let middle = &pcm[1600..14_400];
        // The detector counts in 8 kHz.
        let share = Goertzel::new(220.0).share(middle);
        assert!(share > 0.98, "{coding:?}: {share}");
        assert!(
            level(middle).abs() < 1.0,
            "{coding:?}: {} dB",
            level(middle)
        );
    }
}

#[test]
fn silence_is_silent_in_every_coding() {
    // The first bank makes it.
    drop(SoundBank::new());
    let codings = [Coding::Pcmu, Coding::Pcma, Coding::G722, Coding::Opus];
    for coding in codings.into_iter().chain([Coding::L16(Rate::Wide)]) {
        let mut decoder = Decoder::new(coding, Rate::Wide).unwrap();
        let (mut payload, mut pcm) = ([0; 2000], [0; 320]);
        for _ in 0..50 {
            let Made::Payload(length) = Sound::silence(coding, &mut payload) else {
                panic!("{coding:?}");
            };
            decoder.decode(&payload[..length], &mut pcm).unwrap();
            assert!(pcm.iter().all(|s| s.unsigned_abs() < 40), "{coding:?}");
        }
    }
}

#[test]
fn short_sounds_are_encoded_before_long_ones() {
    let mut bank = SoundBank::new();
    bank.add_pcm("long", &vec![500; 160 * 1000]);
    bank.add_pcm("short", &[500; 160]);
    let find = |id| Arc::clone(bank.sound(id).unwrap());
    let (long, short) = (find("long"), find("short"));
    let mut payload = [0; 2000];
    long.payload(Coding::Opus, 0, &mut payload);
    short.payload(Coding::Opus, 0, &mut payload);
    let mut queue = EncodeQueue::default();
    let orders = bank.orders().take().unwrap();
    orders.try_iter().for_each(|order| queue.add(order));
    queue.work();
    assert!(matches!(
        short.payload(Coding::Opus, 0, &mut payload),
        Made::Payload(_)
    ));
    assert_eq!(long.payload(Coding::Opus, 0, &mut payload), Made::NotYet);
}

#[test]
fn every_rate_gives_the_samples_of_its_moment() {
    let (_, sound) = tone();
    for rate in [Rate::Narrow, Rate::Wide, Rate::Full] {
        let mut all = Vec::new();
        let mut pcm = vec![0; rate.frame_samples()];
        for index in 0..SECOND {
            sound.pcm(rate, index, &mut pcm);
            all.extend_from_slice(&pcm);
        }
        let edge = all.len() / 10;
        let middle = &all[edge..9 * edge];
        let hertz = 440.0 * 8000.0 / f64::from(rate.hertz());
        let share = Goertzel::new(hertz).share(middle);
        assert!(share > 0.999, "{rate:?}: {share}");
        assert!(level(middle).abs() < 0.2, "{rate:?}: {} dB", level(middle));
    }
}

#[test]
fn playing_allocates_nothing() {
    let (bank, sound) = tone();
    let mut payload = [0; 2000];
    for coding in [Coding::G722, Coding::Opus] {
        sound.payload(coding, 0, &mut payload);
    }
    encode(&bank);
    let mut pcm = [0; 960];
    sound.pcm(Rate::Full, 0, &mut pcm);
    let info = allocation_counter::measure(|| {
        for index in 0..200 {
            for coding in [
                Coding::Pcmu,
                Coding::G722,
                Coding::Opus,
                Coding::L16(Rate::Full),
            ] {
                sound.payload(coding, index, &mut payload);
            }
            sound.pcm(Rate::Full, index, &mut pcm);
        }
    });
    assert_eq!(info.count_total, 0);
}
