//! Recordings, from the phone to the file.

use std::path::Path;

use offhook_core::recording::{Keys, RecordingStyle};
use offhook_core::sdp::Codec;
use offhook_core::{LegId, RecordingId};

use super::rig::{Pace, Phone, Rig, is_tone, talk};
use crate::engine::*;

fn spec(left: &Phone, right: Option<&Phone>, layout: Layout) -> RecordSpec {
    RecordSpec {
        recording: RecordingId::random(),
        left: left.leg,
        right: right.map(|phone| phone.leg),
        style: RecordingStyle {
            layout,
            ..RecordingStyle::default()
        },
        keys: Keys::Kept,
        seal: None,
        file: "2026/11/21/call.wav".to_owned(),
    }
}

/// Waits for the recording to be safe; its length in milliseconds and its samples by channel.
fn saved(rig: &mut Rig, spec: &RecordSpec) -> (u64, Vec<Vec<i16>>) {
    let milliseconds = rig.wait(|event| match event {
        EngineEvent::RecordingSaved {
            recording,
            file,
            milliseconds,
            bytes,
            ..
        } if *recording == spec.recording => {
            assert_eq!(*file, spec.file);
            assert!(*bytes > 44);
            Some(*milliseconds)
        }
        _ => None,
    });
    let path = rig.folder.path().join(&spec.file);
    (milliseconds, read(&path))
}

fn read(path: &Path) -> Vec<Vec<i16>> {
    let mut reader = hound::WavReader::open(path).unwrap();
    let spec = reader.spec();
    assert_eq!((spec.sample_rate, spec.bits_per_sample), (8000, 16));
    let samples: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let channels = usize::from(spec.channels);
    (0..channels)
        .map(|channel| {
            samples
                .iter()
                .copied()
                .skip(channel)
                .step_by(channels)
                .collect()
        })
        .collect()
}

fn failed(spec: &RecordSpec) -> impl Fn(&EngineEvent) -> Option<RecordingFailure> {
    let id = spec.recording;
    move |event| match event {
        EngineEvent::RecordingFailed {
            recording, reason, ..
        } if *recording == id => Some(*reason),
        _ => None,
    }
}

/// Keeps only what is not silence.
fn loud(pcm: &[i16]) -> Vec<i16> {
    let frames = pcm
        .chunks(160)
        .filter(|frame| frame.iter().any(|s| s.abs() > 100));
    frames.flatten().copied().collect()
}

/// Lets both talk at the pace of real phones.
fn talk_in_time(a: &mut Phone, b: &mut Phone, frames: usize) {
    let mut pace = Pace::new();
    for _ in 0..frames {
        talk(a, 440.0, b, 660.0, 1);
        pace.next_frame();
    }
}

fn bridged(rig: &mut Rig) -> (Phone, Phone) {
    let (a, b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcma));
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    a.ignores_the_past();
    b.ignores_the_past();
    (a, b)
}

#[test]
fn a_stereo_recording_has_the_caller_left_and_the_agent_right() {
    let mut rig = Rig::new();
    let (mut a, mut b) = bridged(&mut rig);
    let spec = spec(&a, Some(&b), Layout::Stereo);
    rig.engine.record(&spec);
    talk_in_time(&mut a, &mut b, 50);
    assert_eq!(rig.engine.stats().recordings, 1);
    rig.engine.stop_record(spec.recording);
    let (milliseconds, channels) = saved(&mut rig, &spec);
    assert!((900..3000).contains(&milliseconds), "{milliseconds}");
    assert_eq!(channels.len(), 2);
    let (left, right) = (loud(&channels[0]), loud(&channels[1]));
    assert!(
        left.len() >= 7200 && is_tone(&left, 440.0),
        "{}",
        left.len()
    );
    assert!(
        right.len() >= 7200 && is_tone(&right, 660.0),
        "{}",
        right.len()
    );
    assert_eq!(rig.engine.stats().recordings, 0);
    assert!(
        !rig.rest()
            .iter()
            .any(|event| failed(&spec)(event).is_some())
    );
}

#[test]
fn a_mono_recording_has_both() {
    let mut rig = Rig::new();
    let (mut a, mut b) = bridged(&mut rig);
    let spec = spec(&a, Some(&b), Layout::Mono);
    rig.engine.record(&spec);
    talk_in_time(&mut a, &mut b, 25);
    rig.engine.stop_record(spec.recording);
    let (_, channels) = saved(&mut rig, &spec);
    assert_eq!(channels.len(), 1);
    let heard = loud(&channels[0]);
    for hertz in [440.0, 660.0] {
        let share = crate::dsp::goertzel::Goertzel::new(hertz).share(&heard);
        assert!(share > 0.35, "{hertz}: {share}");
    }
}

#[test]
fn the_agent_may_come_later_and_another_in_his_place() {
    let mut rig = Rig::new();
    let (mut a, mut b) = bridged(&mut rig);
    let mut c = rig.phone(Codec::Pcmu);
    let spec = spec(&a, None, Layout::Stereo);
    rig.engine.record(&spec);
    talk_in_time(&mut a, &mut b, 10);
    rig.engine.record_right(spec.recording, b.leg);
    rig.settle();
    talk_in_time(&mut a, &mut b, 25);
    rig.engine.record_right(spec.recording, c.leg);
    rig.settle();
    talk_in_time(&mut a, &mut b, 10);
    for _ in 0..25 {
        c.says(880.0);
    }
    rig.wait(|event| (*event == EngineEvent::FirstPacket { leg: c.leg }).then_some(()));
    rig.engine.stop_record(spec.recording);
    let (_, channels) = saved(&mut rig, &spec);
    let left = loud(&channels[0]);
    assert!(
        left.len() >= 43 * 160 && is_tone(&left, 440.0),
        "{}",
        left.len()
    );
    let right = loud(&channels[1]);
    assert!(is_tone(&right[..20 * 160], 660.0));
    assert!(right.len() < 60 * 160);
}

#[test]
fn a_recording_ends_with_the_last_of_its_legs() {
    let mut rig = Rig::new();
    let (mut a, mut b) = bridged(&mut rig);
    let spec = spec(&a, Some(&b), Layout::Stereo);
    rig.engine.record(&spec);
    talk_in_time(&mut a, &mut b, 10);
    rig.engine.remove_leg(a.leg);
    rig.settle();
    assert!(
        rig.rest()
            .iter()
            .all(|event| failed(&spec)(event).is_none())
    );
    assert_eq!(rig.engine.stats().recordings, 1);
    rig.engine.remove_leg(b.leg);
    saved(&mut rig, &spec);
    rig.engine.stop_record(spec.recording);
}

#[test]
fn a_shutdown_finishes_recordings() {
    let mut rig = Rig::new();
    let (mut a, mut b) = bridged(&mut rig);
    let spec = spec(&a, Some(&b), Layout::Stereo);
    rig.engine.record(&spec);
    talk_in_time(&mut a, &mut b, 10);
    rig.engine.shutdown();
    let (_, channels) = saved(&mut rig, &spec);
    assert!(is_tone(&loud(&channels[0]), 440.0));
}

#[test]
fn recordings_that_cannot_be_are_failures_and_the_call_goes_on() {
    let mut rig = Rig::new();
    let (mut a, mut b) = bridged(&mut rig);
    let good = spec(&a, Some(&b), Layout::Stereo);
    let mut outside = spec(&a, None, Layout::Mono);
    outside.file = "../call.wav".to_owned();
    rig.engine.record(&outside);
    assert_eq!(rig.wait(failed(&outside)), RecordingFailure::BadFileName);
    rig.engine.record(&good);
    rig.engine.record(&good);
    assert_eq!(rig.wait(failed(&good)), RecordingFailure::AlreadyRunning);
    let growing = rig.folder.path().join(format!("{}.part", good.file));
    while !growing.exists() {
        rig.settle();
    }
    let same_file = spec(&a, None, Layout::Mono);
    rig.engine.record(&same_file);
    let exists = RecordingFailure::Create(std::io::ErrorKind::AlreadyExists);
    assert_eq!(rig.wait(failed(&same_file)), exists);
    let mut nobody = spec(&a, None, Layout::Mono);
    nobody.left = LegId::new(rig.call, 99);
    nobody.file = "nobody.wav".to_owned();
    rig.engine.record(&nobody);
    assert_eq!(rig.wait(failed(&nobody)), RecordingFailure::NoLeg);
    rig.engine.record_right(nobody.recording, b.leg);
    rig.wait(|event| match event {
        EngineEvent::CommandRefused { reason, .. } => {
            (*reason == Refusal::UnknownRecording).then_some(())
        }
        _ => None,
    });
    let (a_heard, _) = talk(&mut a, 440.0, &mut b, 660.0, 10);
    assert!(is_tone(&a_heard, 660.0));
    rig.engine.stop_record(good.recording);
    saved(&mut rig, &good);
    let left: Vec<_> = std::fs::read_dir(rig.folder.path()).unwrap().collect();
    assert_eq!(left.len(), 1, "only the folder of the good one: {left:?}");
}
