//! What is heard of it.

use super::network::{Dice, Line};
use super::*;
use crate::dsp::goertzel::Goertzel;

/// How much is not the tone, in dB against all.
fn residue(pcm: &[i16], hertz: f64) -> f64 {
    10.0 * (1.0 - Goertzel::new(hertz).share(pcm)).max(1e-9).log10()
}

/// The sharpest bend of the waveform.
fn sharpest(pcm: &[i16]) -> i32 {
    let bend = |w: &[i16]| (i32::from(w[0]) - 2 * i32::from(w[1]) + i32::from(w[2])).abs();
    pcm.windows(3).map(bend).max().unwrap_or(0)
}

#[test]
fn a_tone_passes_a_calm_network_unchanged() {
    let mut line = Line::new(FRAME);
    line.talk(250, |_| Some(Duration::ZERO));
    let heard = line.talk(250, |_| Some(Duration::ZERO));
    assert!(residue(&heard[..8000], 400.0) < -30.0);
    assert_eq!(line.playout.stats().grown, Duration::ZERO);
}

#[test]
fn packets_of_any_length_make_the_same_tone() {
    for ptime in [10, 30, 40, 60] {
        let mut line = Line::new(Duration::from_millis(ptime));
        line.talk(100, |_| Some(Duration::ZERO));
        let heard = line.talk(100, |_| Some(Duration::ZERO));
        assert!(residue(&heard[..4000], 400.0) < -30.0, "{ptime}");
    }
}

#[test]
fn clocks_that_drift_apart_are_heard_without_a_click() {
    for parts in [200.0, -200.0] {
        let mut line = Line::new(FRAME).drifting(parts);
        line.talk(250, |_| Some(Duration::ZERO));
        let heard = line.talk(30_000, |_| Some(Duration::ZERO));
        let stats = line.playout.stats();
        let stretched = stats.grown + stats.shrunk;
        assert!(stretched >= Duration::from_millis(60), "{stats:?}");
        // A 400 Hz tone of 8000 bends by 790 a sample, and µ-law adds up to 512.
        assert!(sharpest(&heard) < 1500, "{parts}: {}", sharpest(&heard));
        for second in heard.chunks_exact(8000) {
            assert!(Goertzel::new(400.0).share(second) > 0.97, "{parts}");
        }
    }
}

#[test]
fn sound_after_silence_and_after_loss_begins_without_a_click() {
    let mut line = Line::new(FRAME).saying(|_| 8000.0);
    let mut dice = Dice::new(3);
    let mut heard = line.talk(500, |_| (dice.roll() > 0.1).then_some(Duration::ZERO));
    // The far end is gone, without a word.
    heard.extend(line.listens(20).iter().flat_map(|(_, frame)| *frame));
    let step = heard
        .windows(2)
        .map(|w| (i32::from(w[0]) - i32::from(w[1])).abs());
    assert!(step.max().unwrap() < 600);
    assert_eq!(heard.last(), Some(&0));
}

#[test]
fn what_is_heard_is_named() {
    let mut line = Line::new(FRAME);
    assert_eq!(line.listens(1)[0].0, Heard::Silence);
    line.talk(50, |_| Some(Duration::ZERO));
    let heard: Vec<_> = line
        .listens(12)
        .into_iter()
        .map(|(heard, _)| heard)
        .collect();
    assert_eq!(heard[0], Heard::Audio);
    assert!(heard.contains(&Heard::Concealed));
    assert_eq!(heard[11], Heard::Silence);
}

#[test]
fn nothing_is_allocated_once_the_stream_runs() {
    let mut dice = Dice::new(1);
    let mut playout = Playout::new(8000, 8000, JitterSettings::default());
    let mut decoder = Plain::default();
    let mut run = |from: u32, to: u32| {
        for n in from..to {
            let now = epoch() + FRAME * n + dice.up_to(Duration::from_millis(30));
            let packet = AudioPacket {
                sequence: n,
                time: RtpTime(n * 160),
                units: 160,
                coding: Coding::Pcmu,
                copied: 0,
                payload: &[0x55; 160],
            };
            playout.push(now, &packet);
            let mut frame = [0; 160];
            playout.pull(epoch() + FRAME * n, &mut decoder, &mut frame);
        }
    };
    run(0, 100);
    let counted = allocation_counter::measure(|| run(100, 1000));
    assert_eq!(counted.count_total, 0, "{counted:?}");
}
