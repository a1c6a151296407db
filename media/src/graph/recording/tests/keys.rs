//! Keys that are taken out, and beeps that are put in.

use super::*;
use crate::dsp::dtmf::{DtmfDetector, DtmfTone, KeyTone, USUAL_LEVELS};

/// When the key goes down, in milliseconds.
const KEY: u64 = 1000;

/// How long it is held.
const HELD: usize = 120;

/// Two seconds of 440 Hz, in which a key is pressed.
fn said() -> Vec<i16> {
    let mut pcm = sine(440.0, 16_000, 6000.0);
    let start = usize::try_from(KEY).unwrap() * 8;
    let mut key = DtmfTone::new('7', 8000, USUAL_LEVELS).unwrap();
    key.fill(&mut pcm[start..start + HELD * 8]);
    pcm
}

/// What is recorded of a party who says this by G.711.
fn recorded(rate: RecordingRate, layout: Layout, keys: Keys, side: Side) -> Vec<i16> {
    let mut recording = Recording::new(layout, rate, keys, epoch());
    let mut out = Vec::new();
    for (n, frame) in (0..).zip(said().chunks(160)) {
        let payload: Vec<u8> = frame.iter().map(|&s| Law::A.encode(s)).collect();
        let packet = TapPacket {
            header: TapHeader {
                recording: RecordingId::random(),
                side,
                arrived: at(n * 20 + 20),
                stream: (1, 0),
                time: RtpTime(u32::try_from(n * 160).unwrap()),
                coding: Coding::Pcma,
            },
            payload: &payload,
        };
        recording.push(&packet, &mut out);
        // As the recorder does it, now and then.
        if n % 13 == 0 {
            recording.advance(at(n * 20 + 20), &mut out);
        }
    }
    recording.finish(at(2000), &mut out);
    out
}

fn keys_in(pcm: &[i16]) -> Vec<char> {
    let mut detector = DtmfDetector::new();
    let pressed = pcm
        .chunks(160)
        .filter_map(|frame| match detector.push(frame) {
            Some(KeyTone::Pressed(key)) => Some(key),
            Some(KeyTone::Released(..)) | None => None,
        });
    pressed.collect()
}

#[test]
fn keys_are_heard_unless_they_are_to_be_removed() {
    for side in [Side::Left, Side::Right] {
        let kept = recorded(RecordingRate::Narrow, Layout::Mono, Keys::Kept, side);
        assert_eq!(keys_in(&kept), ['7']);
        let removed = recorded(RecordingRate::Narrow, Layout::Mono, Keys::Removed, side);
        assert_eq!(removed.len(), kept.len(), "the times stay true");
        assert_eq!(keys_in(&removed), []);
        let key = usize::try_from(KEY).unwrap() * 8;
        assert_eq!(loud(&removed[key..key + HELD * 8]), 0);
        // 60 ms before and 60 behind are gone with it; all else is as it was.
        assert_eq!(removed[..key - 480], kept[..key - 480]);
        let behind = key + HELD * 8 + 480;
        assert_eq!(removed[behind..], kept[behind..]);
        assert!(Goertzel::new(440.0).share(&removed[behind..]) > 0.95);
    }
}

#[test]
fn keys_are_removed_at_16_khz_and_from_one_party_alone() {
    let out = recorded(
        RecordingRate::Wide,
        Layout::Stereo,
        Keys::Removed,
        Side::Right,
    );
    let (left, right) = channels(&out);
    assert_eq!((left.len(), right.len()), (32_000, 32_000));
    assert_eq!(loud(&left), 0);
    let half: Vec<i16> = right.iter().copied().step_by(2).collect();
    assert_eq!(keys_in(&half), []);
    assert!(loud(&half[..7000]) > 6500);
    assert!(loud(&half[9600..]) > 6000);
}

#[test]
fn a_pause_lies_where_it_was_although_keys_are_removed() {
    let mut recording = Recording::new(Layout::Mono, RecordingRate::Narrow, Keys::Removed, epoch());
    let mut out = Vec::new();
    let party = Party::new(Side::Left, 1000);
    for n in 0..50 {
        if n == 20 {
            assert_eq!(recording.pause(at(400)), Duration::ZERO);
        }
        if n == 30 {
            recording.resume(at(600));
        }
        party.says(&mut recording, n * 20, 0, &mut out);
        recording.advance(at(n * 20 + 20), &mut out);
    }
    recording.finish(at(1000), &mut out);
    assert_eq!(out.len(), 8000);
    assert_eq!(loud(&out[3200..4800]), 0);
    assert_eq!(loud(&out), 6400);
}

#[test]
fn a_beep_is_heard_on_both_sides_and_not_in_a_pause() {
    let mut recording = narrow(Layout::Stereo);
    let mut out = Vec::new();
    recording.beep(at(200));
    recording.beep(at(1200));
    assert_eq!(recording.pause(at(1000)), Duration::ZERO);
    recording.advance(at(900), &mut out);
    recording.finish(at(2000), &mut out);
    let (left, right) = channels(&out);
    for channel in [left, right] {
        assert_eq!(channel.len(), 16_000);
        assert!(Goertzel::new(1400.0).share(&channel[1600..3200]) > 0.95);
        assert_eq!(loud(&channel[..1600]), 0);
        assert_eq!(loud(&channel[3200..]), 0);
    }
}
