mod keys;

use offhook_core::RecordingId;

use super::*;
use crate::codec::{Coding, Encoder, EncoderSettings, Law};
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::sine;
use crate::graph::tap::TapHeader;
use crate::test_time::epoch;
use crate::time::{Rate, RtpTime};

/// A party who says the same loud sample all the time.
struct Party {
    side: Side,
    sample: i16,
    stream: (u32, u32),
}

impl Party {
    fn new(side: Side, sample: i16) -> Self {
        Self {
            side,
            sample,
            stream: (1, 0),
        }
    }

    /// The frame said from `said` on, arriving a frame and `delay` later.
    fn says(&self, recording: &mut Recording, said: u64, delay: u64, out: &mut Vec<i16>) {
        let packet = TapPacket {
            header: TapHeader {
                recording: RecordingId::random(),
                side: self.side,
                arrived: epoch() + Duration::from_millis(said + 20 + delay),
                stream: self.stream,
                time: RtpTime(u32::MAX - 5000).plus(u32::try_from(said * 8).unwrap()),
                coding: Coding::Pcmu,
            },
            payload: &[Law::Mu.encode(self.sample); 160],
        };
        recording.push(&packet, out);
    }
}

fn narrow(layout: Layout) -> Recording {
    Recording::new(layout, RecordingRate::Narrow, Keys::Kept, epoch())
}

fn at(milliseconds: u64) -> Instant {
    epoch() + Duration::from_millis(milliseconds)
}

/// The left and the right channel.
fn channels(out: &[i16]) -> (Vec<i16>, Vec<i16>) {
    let samples = out;
    let pick = |from: usize| samples.iter().copied().skip(from).step_by(2).collect();
    (pick(0), pick(1))
}

fn loud(samples: &[i16]) -> usize {
    samples.iter().filter(|sample| **sample != 0).count()
}

#[test]
fn each_party_has_its_channel_and_its_time() {
    let mut recording = narrow(Layout::Stereo);
    let mut out = Vec::new();
    for n in 0..50 {
        Party::new(Side::Left, 1000).says(&mut recording, n * 20, 0, &mut out);
    }
    for n in 25..50 {
        Party::new(Side::Right, -1000).says(&mut recording, n * 20, 0, &mut out);
    }
    recording.finish(at(1000), &mut out);
    let (left, right) = channels(&out);
    assert_eq!((left.len(), right.len()), (8000, 8000));
    assert!(left.iter().all(|sample| *sample > 900));
    assert_eq!(loud(&right[..4000]), 0);
    assert!(right[4000..].iter().all(|sample| *sample < -900));
}

#[test]
fn mono_is_the_sum_of_both() {
    let mut recording = narrow(Layout::Mono);
    let mut out = Vec::new();
    Party::new(Side::Left, 1000).says(&mut recording, 0, 0, &mut out);
    Party::new(Side::Right, 2000).says(&mut recording, 0, 0, &mut out);
    recording.finish(at(20), &mut out);
    let samples = &out;
    assert_eq!(samples.len(), 160);
    assert!(samples.iter().all(|sample| (2900..3100).contains(sample)));
}

#[test]
fn jitter_and_reordering_leave_no_mark_and_loss_is_silence() {
    let mut recording = narrow(Layout::Mono);
    let mut out = Vec::new();
    let party = Party::new(Side::Left, 1000);
    for (n, delay) in [(0, 0), (2, 0), (1, 45), (3, 30), (5, 10)] {
        party.says(&mut recording, n * 20, delay, &mut out);
    }
    recording.finish(at(120), &mut out);
    let samples = &out;
    assert_eq!(loud(&samples[..640]), 640);
    assert_eq!(loud(&samples[640..800]), 0);
    assert_eq!(loud(&samples[800..]), 160);
}

#[test]
fn what_comes_after_its_place_is_written_is_left_out() {
    let mut recording = narrow(Layout::Mono);
    let mut out = Vec::new();
    let party = Party::new(Side::Left, 1000);
    party.says(&mut recording, 0, 0, &mut out);
    recording.advance(at(500), &mut out);
    assert_eq!(out.len(), 1600);
    party.says(&mut recording, 20, 470, &mut out);
    recording.finish(at(500), &mut out);
    assert_eq!(loud(&out), 160);
}

#[test]
fn a_clock_that_drifts_is_followed() {
    let mut recording = narrow(Layout::Mono);
    let mut out = Vec::new();
    let party = Party::new(Side::Left, 1000);
    // 1000 ppm slow for 20 minutes: 1.2 s in all.
    for n in 0..60_000u64 {
        party.says(&mut recording, n * 20, n * 20 / 1000, &mut out);
        if n % 10 == 0 {
            recording.advance(at(n * 20 + n * 20 / 1000), &mut out);
        }
        if n % 1000 == 999 {
            let samples = &out;
            assert!(samples.len() - loud(samples) < 500, "{n}");
            out.clear();
        }
    }
}

#[test]
fn another_stream_is_placed_by_its_arrival() {
    let mut recording = narrow(Layout::Mono);
    let mut out = Vec::new();
    let mut party = Party::new(Side::Left, 1000);
    party.says(&mut recording, 0, 0, &mut out);
    party.stream = (2, 0);
    party.says(&mut recording, 40, 0, &mut out);
    recording.finish(at(60), &mut out);
    let samples = &out;
    assert_eq!(loud(&samples[..160]), 160);
    assert_eq!(loud(&samples[160..320]), 0);
    assert_eq!(loud(&samples[320..]), 160);
}

#[test]
fn a_burst_after_a_stall_of_the_recorder_is_kept() {
    let mut recording = narrow(Layout::Mono);
    let mut out = Vec::new();
    let party = Party::new(Side::Left, 1000);
    for n in 0..500 {
        party.says(&mut recording, n * 20, 0, &mut out);
    }
    recording.finish(at(10_000), &mut out);
    assert_eq!(loud(&out), 80_000);
}

#[test]
fn what_is_said_in_a_pause_is_silence_and_the_rest_keeps_its_place() {
    let mut recording = narrow(Layout::Stereo);
    let mut out = Vec::new();
    let (left, right) = (Party::new(Side::Left, 1000), Party::new(Side::Right, -1000));
    for n in 0..100 {
        if n == 25 {
            assert_eq!(recording.pause(at(500)), Duration::ZERO);
            assert_eq!(recording.pause(at(510)), Duration::ZERO);
        }
        if n == 50 {
            recording.resume(at(1000));
            recording.resume(at(1010));
        }
        left.says(&mut recording, n * 20, 0, &mut out);
        right.says(&mut recording, n * 20, 0, &mut out);
        recording.advance(at(n * 20), &mut out);
    }
    recording.finish(at(2000), &mut out);
    let (left, right) = channels(&out);
    for channel in [left, right] {
        assert_eq!(channel.len(), 16_000);
        assert_eq!(loud(&channel[..4000]), 4000);
        assert_eq!(loud(&channel[4000..8000]), 0);
        assert_eq!(loud(&channel[8000..]), 8000);
    }
}

#[test]
fn a_recording_that_ends_in_a_pause_stays_silent_to_its_end() {
    let mut recording = narrow(Layout::Mono);
    let mut out = Vec::new();
    let party = Party::new(Side::Left, 1000);
    assert_eq!(recording.pause(at(0)), Duration::ZERO);
    for n in 0..50 {
        party.says(&mut recording, n * 20, 0, &mut out);
    }
    recording.finish(at(1000), &mut out);
    assert_eq!((out.len(), loud(&out)), (8000, 0));
}

/// A second of 440 Hz in packets of 20 ms, each with its time.
fn spoken(coding: Coding) -> Vec<(u32, Vec<u8>)> {
    let rate = coding.native_rate(Rate::Wide);
    let mut encoder = Encoder::new(coding, rate, &EncoderSettings::default()).unwrap();
    let hertz = 440.0 * 8000.0 / f64::from(rate.hertz());
    let pcm = sine(hertz, rate.hertz() as usize, 8000.0);
    let packets = pcm.chunks_exact(rate.frame_samples()).zip(0..);
    packets
        .map(|(frame, n)| {
            let mut payload = vec![0; 1500];
            let length = encoder.encode(frame, &mut payload).unwrap();
            payload.truncate(length);
            (n * coding.clock_rate() / 50, payload)
        })
        .collect()
}

#[test]
fn every_coding_is_heard_at_either_rate_though_packets_overtake_each_other() {
    let codings = [
        Coding::Pcma,
        Coding::G722,
        Coding::L16(Rate::Narrow),
        Coding::L16(Rate::Wide),
        Coding::Opus,
    ];
    for coding in codings {
        for rate in [RecordingRate::Narrow, RecordingRate::Wide] {
            let mut recording = Recording::new(Layout::Mono, rate, Keys::Kept, epoch());
            let mut out = Vec::new();
            let mut packets: Vec<_> = (0u64..).zip(spoken(coding)).collect();
            packets.swap(20, 21);
            packets.swap(30, 32);
            for (turn, (_, (time, payload))) in packets.iter().enumerate() {
                let packet = TapPacket {
                    header: TapHeader {
                        recording: RecordingId::random(),
                        side: Side::Right,
                        arrived: at(turn as u64 * 20 + 20),
                        stream: (1, 0),
                        time: RtpTime(u32::MAX - 99).plus(*time),
                        coding,
                    },
                    payload,
                };
                recording.push(&packet, &mut out);
            }
            recording.finish(at(1000), &mut out);
            assert_eq!(out.len(), rate.hertz() as usize, "{coding:?} at {rate:?}");
            let body = &out[out.len() / 10..out.len() * 9 / 10];
            let hertz = 440.0 * 8000.0 / f64::from(rate.hertz());
            let share = Goertzel::new(hertz).share(body);
            assert!(share > 0.98, "{coding:?} at {rate:?}: {share}");
            let peak = body.iter().map(|sample| sample.unsigned_abs()).max();
            assert!(
                peak.is_some_and(|peak| (6500..10_000).contains(&peak)),
                "{coding:?}: {peak:?}"
            );
        }
    }
}

#[test]
fn payloads_that_cannot_be_decoded_are_silence_and_no_more() {
    for coding in [
        Coding::Opus,
        Coding::G722,
        Coding::L16(Rate::Wide),
        Coding::Pcmu,
    ] {
        let mut recording = Recording::new(Layout::Mono, RecordingRate::Wide, Keys::Kept, epoch());
        let mut out = Vec::new();
        for (n, payload) in [&[][..], &[0xFF; 3], &[0xFF; 2047], &[0; 1]]
            .into_iter()
            .enumerate()
        {
            let packet = TapPacket {
                header: TapHeader {
                    recording: RecordingId::random(),
                    side: Side::Left,
                    arrived: at(n as u64 * 20 + 20),
                    stream: (1, 0),
                    time: RtpTime(u32::try_from(n).unwrap() * 160),
                    coding,
                },
                payload,
            };
            recording.push(&packet, &mut out);
        }
        recording.finish(at(1000), &mut out);
        assert_eq!(out.len(), 16_000, "{coding:?}");
    }
}
