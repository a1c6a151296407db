//! Rooms: who hears whom, supervisors, announcements, faults.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use offhook_core::recording::{Keys, RecordingStyle};
use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId, RecordingId};

use super::rig::{PATIENCE, Phone, Rig, is_silent, is_tone, talk};
use crate::codec::{Coding, Decoder, Encoder, EncoderSettings};
use crate::dsp::goertzel::Goertzel;
use crate::dsp::tone::sine;
use crate::engine::*;
use crate::graph::mixer::{Gain, Hearing, LoneMode, MemberSettings, MixerSettings, Speech};
use crate::rtp::{HEADER_LEN, Packet, RtpHeader};
use crate::time::{FRAME_SAMPLES, Rate, RtpTime};

const TONES: [f64; 4] = [400.0, 700.0, 1000.0, 1300.0];

fn narrow() -> RoomSettings {
    RoomSettings {
        mixer: MixerSettings::at(Rate::Narrow),
        music: None,
    }
}

/// So many phones in the room of the rig's call.
fn room(rig: &mut Rig, phones: usize) -> Vec<Phone> {
    rig.engine.open_room(rig.call, &narrow());
    let codecs = [Codec::Pcmu, Codec::Pcma].into_iter().cycle();
    let phones: Vec<Phone> = codecs.take(phones).map(|codec| rig.phone(codec)).collect();
    for phone in &phones {
        rig.engine.join_room(phone.leg, MemberSettings::default());
    }
    rig.settle();
    phones
}

/// Lets everybody say his tone at the pace at which he hears; what each heard in the last 20 frames.
fn converse(phones: &mut [Phone]) -> Vec<Vec<i16>> {
    let mut heard = vec![Vec::new(); phones.len()];
    for phone in phones.iter() {
        phone.ignores_the_past();
    }
    for frame in 0..50 {
        for (phone, tone) in phones.iter_mut().zip(TONES) {
            phone.says(tone);
        }
        for (phone, heard) in phones.iter().zip(&mut heard) {
            let pcm = phone.hears(1);
            if frame >= 30 {
                heard.extend(pcm);
            }
        }
    }
    heard
}

/// How loud a tone is in what was heard, in decibels against how it was said.
fn level(heard: &[i16], tone: f64) -> f64 {
    let power = Goertzel::new(tone).power(heard);
    10.0 * (power.max(1.0) / (8000.0 * 8000.0 / 2.0)).log10()
}

/// Who hears whom.
fn hearing(phones: &mut [Phone]) -> Vec<Vec<usize>> {
    let all = 0..phones.len();
    let heard = converse(phones);
    let of = |heard: &Vec<i16>| {
        let tones = TONES.iter().enumerate().take(all.len());
        let hears = tones.filter(|(_, tone)| level(heard, **tone) > -8.0);
        hears.map(|(speaker, _)| speaker).collect()
    };
    heard.iter().map(of).collect()
}

#[test]
fn everybody_in_a_room_hears_all_others() {
    let mut rig = Rig::new();
    let mut phones = room(&mut rig, 4);
    let everybody: [&[usize]; 4] = [&[1, 2, 3], &[0, 2, 3], &[0, 1, 3], &[0, 1, 2]];
    assert_eq!(hearing(&mut phones), everybody);
    rig.engine.set_member(
        phones[1].leg,
        MemberSettings {
            speech: Speech::Muted,
            ..MemberSettings::default()
        },
    );
    rig.engine.set_member(
        phones[2].leg,
        MemberSettings {
            hearing: Hearing::Deaf,
            ..MemberSettings::default()
        },
    );
    rig.engine
        .relate(phones[3].leg, phones[0].leg, Some(Gain::SILENT));
    rig.settle();
    let expected: [&[usize]; 4] = [&[2, 3], &[0, 2, 3], &[], &[2]];
    assert_eq!(hearing(&mut phones), expected);
}

#[test]
fn who_leaves_a_room_hears_silence_and_who_hangs_up_is_gone() {
    let mut rig = Rig::new();
    let mut phones = room(&mut rig, 4);
    rig.engine.leave_room(phones[0].leg);
    rig.engine.remove_leg(phones[3].leg);
    phones.truncate(3);
    rig.settle();
    let heard = converse(&mut phones);
    assert!(is_silent(&heard[0]));
    assert!(level(&heard[1], TONES[2]) > -1.0 && level(&heard[1], TONES[0]) < -30.0);
    // And out of the room he can talk to somebody else.
    let mut friend = rig.phone(Codec::Pcmu);
    rig.engine.bridge(phones[0].leg, friend.leg);
    rig.settle();
    friend.ignores_the_past();
    phones[0].ignores_the_past();
    let (a, b) = talk(&mut phones[0], 440.0, &mut friend, 660.0, 10);
    assert!(is_tone(&a, 660.0) && is_tone(&b, 440.0));
    rig.engine.close_room(rig.call);
    rig.settle();
    assert!(is_silent(&phones[1].hears(20)[15 * FRAME_SAMPLES..]));
}

#[test]
fn legs_of_other_calls_come_in_by_moving_and_leave_by_it() {
    let mut rig = Rig::new();
    let mut phones = room(&mut rig, 2);
    let room_call = rig.call;
    for number in 0..3 {
        // Calls live where they please: some of these on the other shard.
        rig.call = CallId::random();
        let mut stranger = rig.phone(Codec::Pcma);
        let inside = LegId::new(room_call, 100 + number);
        rig.engine.join_room(inside, MemberSettings::default());
        rig.engine.move_leg(stranger.leg, inside);
        rig.engine.join_room(inside, MemberSettings::default());
        rig.call = room_call;
        rig.settle();
        stranger.leg = inside;
        phones.push(stranger);
        let everybody: [&[usize]; 3] = [&[1, 2], &[0, 2], &[0, 1]];
        assert_eq!(hearing(&mut phones), everybody);
        let away = LegId::new(CallId::random(), 0);
        rig.engine.move_leg(inside, away);
        phones.pop();
        rig.settle();
        assert_eq!(hearing(&mut phones), [[1], [0]]);
    }
}

#[test]
fn talk_is_told_of() {
    let mut rig = Rig::new();
    let mut phones = room(&mut rig, 2);
    let leg = phones[0].leg;
    for _ in 0..20 {
        phones[0].says(440.0);
        phones[1].hears(1);
    }
    rig.wait(|event| (*event == EngineEvent::TalkStarted { leg }).then_some(()));
    rig.wait(|event| (*event == EngineEvent::TalkStopped { leg }).then_some(()));
    let other = EngineEvent::TalkStarted { leg: phones[1].leg };
    assert!(!rig.rest().contains(&other));
}

#[test]
fn a_supervisor_listens_whispers_and_barges_in() {
    let mut rig = Rig::new();
    let (caller, agent) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcma));
    let supervisor = rig.phone(Codec::Pcmu);
    rig.engine.bridge(caller.leg, agent.leg);
    let mut spec = MonitorSpec {
        supervisor: supervisor.leg,
        agent: agent.leg,
        mode: MonitorMode::Listen,
        hears_agent: Gain::UNITY,
        hears_other: Gain::UNITY,
        speaks: Gain::UNITY,
    };
    let mut phones = vec![caller, agent, supervisor];
    let modes: [(MonitorMode, [&[usize]; 3]); 4] = [
        (MonitorMode::Listen, [&[1], &[0], &[0, 1]]),
        (MonitorMode::Whisper, [&[1], &[0, 2], &[0, 1]]),
        (MonitorMode::Barge, [&[1, 2], &[0, 2], &[0, 1]]),
        (MonitorMode::Listen, [&[1], &[0], &[0, 1]]),
    ];
    for (mode, expected) in modes {
        spec.mode = mode;
        rig.engine.monitor(&spec);
        rig.settle();
        assert_eq!(hearing(&mut phones), expected, "{mode:?}");
    }
    spec.hears_other = Gain::of_decibels(-20.0);
    rig.engine.monitor(&spec);
    rig.settle();
    let heard = converse(&mut phones);
    let (caller, agent) = (level(&heard[2], TONES[0]), level(&heard[2], TONES[1]));
    assert!(
        (caller + 20.0).abs() < 1.0 && agent.abs() < 1.0,
        "{caller} {agent}"
    );
    // He goes, and the others are as they were: passed on, not mixed.
    rig.engine.unmonitor(spec.supervisor);
    rig.settle();
    let [caller, agent, supervisor] = &mut phones[..] else {
        panic!("three phones");
    };
    caller.ignores_the_past();
    agent.ignores_the_past();
    let (a, b) = talk(caller, 440.0, agent, 660.0, 10);
    assert!(is_tone(&a, 660.0) && is_tone(&b, 440.0));
    assert!(caller.heard_nothing() && agent.heard_nothing());
    supervisor.ignores_the_past();
    assert!(is_silent(&supervisor.hears(5)));
}

#[test]
fn when_a_supervisor_hangs_up_the_others_are_bridged_again() {
    let mut rig = Rig::new();
    let (mut caller, mut agent) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcma));
    let supervisor = rig.phone(Codec::Pcmu);
    rig.engine.bridge(caller.leg, agent.leg);
    rig.engine.monitor(&MonitorSpec {
        supervisor: supervisor.leg,
        agent: agent.leg,
        mode: MonitorMode::Barge,
        hears_agent: Gain::UNITY,
        hears_other: Gain::UNITY,
        speaks: Gain::UNITY,
    });
    rig.engine.remove_leg(supervisor.leg);
    rig.settle();
    caller.ignores_the_past();
    agent.ignores_the_past();
    let (a, b) = talk(&mut caller, 440.0, &mut agent, 660.0, 10);
    assert!(is_tone(&a, 660.0) && is_tone(&b, 440.0));
    assert!(caller.heard_nothing() && agent.heard_nothing());
}

fn bank() -> SoundBank {
    let mut bank = SoundBank::new();
    bank.add_pcm("second", &sine(1900.0, 8000, 8000.0));
    bank.set_music_pcm("default", &sine(1600.0, 8000, 8000.0));
    bank
}

fn once(sound: &str) -> Playlist {
    Playlist {
        items: vec![PlayItem::Sound(sound.to_owned())],
        barge_in: false,
        repeat: false,
    }
}

#[test]
fn what_is_played_into_a_room_is_heard_beside_what_is_said() {
    let mut rig = Rig::with(|_| {}, bank());
    let mut phones = room(&mut rig, 3);
    let call = rig.call;
    let play = PlayId(1);
    rig.engine
        .play_in_room(call, PlayTarget::Everyone, play, &once("second"));
    let heard = converse(&mut phones);
    for (heard, other) in heard.iter().zip([1, 0, 0]) {
        assert!(level(heard, 1900.0) > -1.5 && level(heard, TONES[other]) > -1.5);
    }
    let end = PlayEnd::Finished;
    let ended = EngineEvent::RoomPlaybackEnded { call, play, end };
    phones[0].hears(10);
    rig.wait(|event| (*event == ended).then_some(()));
    let (leg, play) = (phones[1].leg, PlayId(2));
    rig.engine
        .play_in_room(call, PlayTarget::Only(leg), play, &once("second"));
    let heard = converse(&mut phones);
    assert!(level(&heard[1], 1900.0) > -1.5 && level(&heard[1], TONES[0]) > -1.5);
    assert!(level(&heard[0], 1900.0) < -30.0 && level(&heard[2], 1900.0) < -30.0);
    let ended = EngineEvent::PlaybackEnded { leg, play, end };
    rig.wait(|event| (*event == ended).then_some(()));
}

#[test]
fn a_recording_of_a_room_has_all_who_speak_to_all() {
    let mut rig = Rig::new();
    let mut phones = room(&mut rig, 3);
    let only = LegAudience::Only(phones[0].leg);
    rig.engine.speak_to(phones[2].leg, only, Gain::UNITY);
    let record = |rig: &Rig, file: &str| {
        let spec = RecordSpec {
            recording: RecordingId::random(),
            left: LegId::new(rig.call, 0),
            right: None,
            style: RecordingStyle {
                layout: Layout::Mono,
                ..RecordingStyle::default()
            },
            keys: Keys::Kept,
            seal: None,
            file: file.to_owned(),
        };
        rig.engine.record_room(&spec);
        spec.recording
    };
    let stopped = record(&rig, "stopped.wav");
    let closed = record(&rig, "closed.wav");
    converse(&mut phones);
    rig.engine.stop_record(stopped);
    let saved = |rig: &mut Rig, wanted: RecordingId| {
        rig.wait(|event| match event {
            EngineEvent::RecordingSaved {
                recording,
                milliseconds,
                ..
            } => (*recording == wanted).then_some(*milliseconds),
            _ => None,
        })
    };
    assert!((700..3000).contains(&saved(&mut rig, stopped)));
    converse(&mut phones);
    rig.engine.close_room(rig.call);
    assert!((1700..6000).contains(&saved(&mut rig, closed)));
    let file = rig.folder.path().join("closed.wav");
    let mut reader = hound::WavReader::open(file).unwrap();
    let pcm: Vec<i16> = reader.samples().map(Result::unwrap).collect();
    let middle = &pcm[pcm.len() / 2..][..3200];
    for (speaker, heard) in [(0, true), (1, true), (2, false)] {
        let level = level(middle, TONES[speaker]);
        assert_eq!(level > -12.0, heard, "{speaker}: {level}");
        assert!(heard || level < -30.0, "{speaker}: {level}");
    }
    let nowhere = record(&rig, "nowhere.wav");
    let reason = rig.wait(|event| match event {
        EngineEvent::RecordingFailed {
            recording, reason, ..
        } if *recording == nowhere => Some(*reason),
        _ => None,
    });
    assert_eq!(reason, RecordingFailure::NoLeg);
}

#[test]
fn every_playing_in_a_room_ends_once_however_it_ends() {
    let mut rig = Rig::with(|_| {}, bank());
    let phones = room(&mut rig, 2);
    let call = rig.call;
    let everyone = PlayTarget::Everyone;
    let play = |rig: &Rig, target, number, sound: &str| {
        let list = once(sound);
        rig.engine.play_in_room(call, target, PlayId(number), &list);
    };
    play(&rig, everyone, 1, "no such sound");
    play(&rig, everyone, 2, "second");
    play(&rig, everyone, 3, "second");
    rig.engine.stop_play_in_room(call, everyone);
    play(&rig, PlayTarget::Only(LegId::new(call, 77)), 4, "second");
    play(&rig, PlayTarget::Only(phones[0].leg), 5, "second");
    play(&rig, PlayTarget::Only(phones[1].leg), 6, "second");
    rig.engine.remove_leg(phones[1].leg);
    play(&rig, everyone, 7, "second");
    rig.engine.close_room(call);
    play(&rig, everyone, 8, "second");
    rig.settle();
    let mut ends: Vec<(u64, PlayEnd)> = rig
        .rest()
        .iter()
        .filter_map(|event| match event {
            EngineEvent::RoomPlaybackEnded { play, end, .. }
            | EngineEvent::PlaybackEnded { play, end, .. } => Some((play.0, *end)),
            _ => None,
        })
        .collect();
    ends.sort_by_key(|(play, _)| *play);
    let failed = [1, 4, 8];
    let expected = |n| {
        if failed.contains(&n) {
            PlayEnd::Failed
        } else {
            PlayEnd::Stopped
        }
    };
    let expected: Vec<_> = (1..=8).map(|n| (n, expected(n))).collect();
    assert_eq!(ends, expected);
}

#[test]
fn who_is_alone_hears_music_until_somebody_comes() {
    let mut rig = Rig::with(|_| {}, bank());
    let mut settings = narrow();
    settings.mixer.lone = LoneMode::Music;
    settings.music = Some("default".to_owned());
    rig.engine.open_room(rig.call, &settings);
    let mut phones = vec![rig.phone(Codec::Pcmu)];
    rig.engine
        .join_room(phones[0].leg, MemberSettings::default());
    rig.settle();
    let heard = converse(&mut phones);
    assert!(is_tone(&heard[0], 1600.0));
    phones.push(rig.phone(Codec::Pcmu));
    rig.engine
        .join_room(phones[1].leg, MemberSettings::default());
    rig.settle();
    let heard = converse(&mut phones);
    assert!(is_tone(&heard[0], TONES[1]) && is_tone(&heard[1], TONES[0]));
}

#[test]
fn a_playlist_of_a_leg_covers_the_room_for_it_alone() {
    let mut rig = Rig::with(|_| {}, bank());
    let mut phones = room(&mut rig, 3);
    rig.engine.play(phones[0].leg, PlayId(1), &once("second"));
    let heard = converse(&mut phones);
    assert!(is_tone(&heard[0], 1900.0));
    assert!(level(&heard[1], 1900.0) < -30.0 && level(&heard[1], TONES[0]) > -1.5);
    phones[0].hears(20);
    let everybody: [&[usize]; 3] = [&[1, 2], &[0, 2], &[0, 1]];
    assert_eq!(hearing(&mut phones), everybody);
}

#[test]
fn a_fault_at_one_member_ends_that_member_alone() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    let mut phones = room(&mut rig, 4);
    rig.engine.panic_at_packet(phones[3].leg);
    rig.settle();
    phones[3].says(440.0);
    let failed = rig.wait(|event| match event {
        EngineEvent::LegFailed { leg, .. } => Some(*leg),
        _ => None,
    });
    assert_eq!(failed, phones[3].leg);
    phones.truncate(3);
    let everybody: [&[usize]; 3] = [&[1, 2], &[0, 2], &[0, 1]];
    assert_eq!(hearing(&mut phones), everybody);
}

#[test]
fn a_fault_of_a_room_ends_the_room_and_its_legs_live_on() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    let mut phones = room(&mut rig, 3);
    let call = rig.call;
    rig.engine.panic_in_room(call);
    rig.wait(|event| (*event == EngineEvent::RoomFailed { call }).then_some(()));
    rig.settle();
    let heard = converse(&mut phones);
    assert!(heard.iter().all(|heard| is_silent(heard)));
    rig.engine.open_room(call, &narrow());
    for phone in &phones {
        rig.engine.join_room(phone.leg, MemberSettings::default());
    }
    let everybody: [&[usize]; 3] = [&[1, 2], &[0, 2], &[0, 1]];
    assert_eq!(hearing(&mut phones), everybody);
}

#[test]
fn a_fault_in_doing_something_with_a_room_ends_no_leg() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    let mut phones = room(&mut rig, 3);
    let call = rig.call;
    rig.engine.panic_at_command_in_room(call);
    rig.wait(|event| (*event == EngineEvent::RoomFailed { call }).then_some(()));
    rig.engine.open_room(call, &narrow());
    for phone in &phones {
        rig.engine.join_room(phone.leg, MemberSettings::default());
    }
    rig.settle();
    let everybody: [&[usize]; 3] = [&[1, 2], &[0, 2], &[0, 1]];
    assert_eq!(hearing(&mut phones), everybody);
}

/// RFC 3389.
#[test]
fn a_quiet_room_is_described_to_all_who_take_comfort_noise() {
    let mut rig = Rig::new();
    rig.engine.open_room(rig.call, &narrow());
    let phones = [rig.silent_phone(Codec::Pcmu), rig.silent_phone(Codec::Pcmu)];
    for (phone, number) in phones.iter().zip([13, 97]) {
        let remote = RemoteMedia {
            comfort_noise: Some(number),
            ..phone.remote()
        };
        rig.engine.set_remote(phone.leg, remote);
        rig.engine.join_room(phone.leg, MemberSettings::default());
    }
    for (phone, number) in phones.iter().zip([13, 97]) {
        let noise = (0..60)
            .map(|_| phone.receives())
            .find(|(header, _)| header.payload_type == number);
        let (header, payload) = noise.unwrap();
        assert!(!header.marker && (1..20).contains(&payload.len()));
    }
}

#[test]
fn one_announcement_gives_way_to_another_without_a_click() {
    let mut bank = SoundBank::new();
    bank.add_pcm("low", &[-8000; 80_000]);
    bank.add_pcm("high", &[8000; 80_000]);
    let mut rig = Rig::with(|_| {}, bank);
    let phones = room(&mut rig, 2);
    let target = PlayTarget::Everyone;
    let mut heard = Vec::new();
    for (play, sound) in [(1, "low"), (2, "high"), (3, "low")] {
        rig.engine
            .play_in_room(rig.call, target, PlayId(play), &once(sound));
        heard.extend(phones[0].hears(10));
    }
    let steps = heard.windows(2).map(|two| two[0].abs_diff(two[1]));
    let largest = steps.max().unwrap();
    assert!(largest < 2000, "{largest}");
    assert!(heard.iter().any(|&sample| sample > 7000));
    // One that never began ends all the same.
    rig.engine
        .play_in_room(rig.call, target, PlayId(4), &once("high"));
    rig.engine.stop_play_in_room(rig.call, target);
    rig.settle();
    let ended: Vec<_> = rig
        .rest()
        .into_iter()
        .filter_map(|event| match event {
            EngineEvent::RoomPlaybackEnded { play, end, .. } => Some((play.0, end)),
            _ => None,
        })
        .collect();
    let stopped = PlayEnd::Stopped;
    assert_eq!(
        ended,
        [(1, stopped), (2, stopped), (3, stopped), (4, stopped)]
    );
}

#[test]
fn what_makes_no_sense_in_a_room_is_refused() {
    let mut rig = Rig::new();
    let call = rig.call;
    let phone = rig.phone(Codec::Pcmu);
    let (leg, nobody) = (phone.leg, LegId::new(call, 77));
    let refused = |rig: &mut Rig, wanted: Refusal| {
        let reason = rig.wait(|event| match event {
            EngineEvent::CommandRefused { reason, .. }
            | EngineEvent::RoomRefused { reason, .. } => Some(*reason),
            _ => None,
        });
        assert_eq!(reason, wanted);
    };
    rig.engine.join_room(leg, MemberSettings::default());
    refused(&mut rig, Refusal::NoRoom);
    rig.engine.close_room(call);
    refused(&mut rig, Refusal::NoRoom);
    let mut settings = narrow();
    settings.mixer.members = 1;
    rig.engine.open_room(call, &settings);
    rig.engine.open_room(call, &settings);
    refused(&mut rig, Refusal::RoomExists);
    settings.music = Some("nothing".to_owned());
    rig.engine.open_room(call, &settings);
    refused(&mut rig, Refusal::UnknownMusic);
    rig.engine.join_room(nobody, MemberSettings::default());
    refused(&mut rig, Refusal::UnknownLeg);
    rig.engine.leave_room(leg);
    refused(&mut rig, Refusal::NotInRoom);
    rig.engine.set_member(leg, MemberSettings::default());
    refused(&mut rig, Refusal::NotInRoom);
    rig.engine.join_room(leg, MemberSettings::default());
    rig.engine.relate(leg, nobody, None);
    refused(&mut rig, Refusal::NotInRoom);
    rig.engine.relate(leg, leg, None);
    refused(&mut rig, Refusal::SameLeg);
    let elsewhere = LegId::new(CallId::random(), 0);
    rig.engine.relate(leg, elsewhere, None);
    refused(&mut rig, Refusal::OtherCall);
    let second = rig.phone(Codec::Pcmu);
    rig.engine.join_room(second.leg, MemberSettings::default());
    refused(&mut rig, Refusal::RoomFull);
    let spec = MonitorSpec {
        supervisor: second.leg,
        agent: nobody,
        mode: MonitorMode::Listen,
        hears_agent: Gain::UNITY,
        hears_other: Gain::UNITY,
        speaks: Gain::UNITY,
    };
    rig.engine.monitor(&spec);
    refused(&mut rig, Refusal::NotInRoom);
    rig.engine.close_room(call);
    rig.engine.monitor(&spec);
    refused(&mut rig, Refusal::UnknownLeg);
    rig.engine.monitor(&MonitorSpec { agent: leg, ..spec });
    refused(&mut rig, Refusal::NotBridged);
    rig.engine.shutdown();
    rig.engine.open_room(call, &narrow());
    refused(&mut rig, Refusal::ShutDown);
}

/// A far end of any codec, at its own rate.
struct WidePhone {
    leg: LegId,
    socket: UdpSocket,
    engine: SocketAddr,
    codec: Codec,
    encoder: Encoder,
    decoder: Decoder,
    said: usize,
}

impl WidePhone {
    fn new(rig: &Rig, number: u32, codec: Codec) -> Self {
        let leg = LegId::new(rig.call, number);
        let engine = rig.engine.add_leg(leg).unwrap().rtp;
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let remote = RemoteMedia::new(socket.local_addr().unwrap(), codec);
        rig.engine.set_remote(leg, remote);
        let coding = Coding::of(codec).unwrap();
        Self {
            leg,
            socket,
            engine,
            codec,
            encoder: Encoder::new(coding, Rate::Wide, &EncoderSettings::default()).unwrap(),
            decoder: Decoder::new(coding, Rate::Wide).unwrap(),
            said: 0,
        }
    }

    /// Says the next 20 ms of a tone; its frequency as a wide-band one.
    fn says(&mut self, hertz: f64) {
        let whole = sine(hertz / 2.0, (self.said + 1) * 320, 8000.0);
        let mut payload = [0; 1024];
        let pcm = &whole[self.said * 320..];
        let length = self.encoder.encode(pcm, &mut payload).unwrap();
        let units = self.codec.clock_rate() / 50;
        let number = u32::try_from(self.said).unwrap();
        let header = RtpHeader {
            marker: false,
            payload_type: self.codec.payload_type(),
            sequence: u16::try_from(self.said).unwrap(),
            time: RtpTime(number * units),
            ssrc: self.leg.number,
        };
        let datagram = [&header.to_bytes()[..], &payload[..length]].concat();
        self.socket.send_to(&datagram, self.engine).unwrap();
        self.said += 1;
    }

    fn hears(&mut self) -> Vec<i16> {
        let mut buffer = [0; 2048];
        let length = self.socket.recv(&mut buffer).unwrap();
        let packet = Packet::parse(&buffer[..length]).unwrap();
        assert_eq!(packet.payload.start, HEADER_LEN);
        let mut pcm = vec![0; 320];
        let decoded = self.decoder.decode(&buffer[packet.payload], &mut pcm);
        assert_eq!(decoded, Ok(320));
        pcm
    }
}

#[test]
fn phones_of_every_codec_hear_each_other_in_wide_band() {
    let mut rig = Rig::new();
    let mut settings = narrow();
    settings.mixer.rate = Rate::Wide;
    rig.engine.open_room(rig.call, &settings);
    let codecs = [Codec::Opus, Codec::G722, Codec::Pcmu, Codec::L16Wide];
    // The first two above what G.711 can carry.
    let tones = [5000.0, 5600.0, 1000.0, 2000.0];
    // Somebody who talks in each codec, and somebody who only listens: they share what is encoded.
    let both = codecs.into_iter().chain(codecs);
    let mut phones: Vec<WidePhone> = (0..)
        .zip(both)
        .map(|(number, codec)| WidePhone::new(&rig, number, codec))
        .collect();
    for phone in &phones {
        rig.engine.join_room(phone.leg, MemberSettings::default());
    }
    let mut heard = vec![Vec::new(); phones.len()];
    for frame in 0..70 {
        for (phone, tone) in phones.iter_mut().zip(tones) {
            phone.says(tone);
        }
        for (phone, heard) in phones.iter_mut().zip(&mut heard) {
            let pcm = phone.hears();
            if frame >= 40 {
                heard.extend(pcm);
            }
        }
    }
    for (listener, heard) in heard.iter().enumerate() {
        for (speaker, tone) in tones.iter().enumerate() {
            let level = level(heard, tone / 2.0);
            let expected = match (listener, speaker) {
                _ if listener == speaker => false,
                (2 | 6, 0 | 1) => false,
                _ => true,
            };
            assert_eq!(
                level > -10.0,
                expected,
                "{listener} hears {speaker} at {level}"
            );
        }
    }
    // Nothing is left of them but their ports.
    for phone in &phones {
        rig.engine.remove_leg(phone.leg);
    }
    rig.stats(|stats| {
        let shards = stats.shards.iter();
        shards
            .map(|shard| shard.decoders + shard.encoders)
            .sum::<u64>()
            == 0
    });
}

#[test]
fn who_says_nothing_needs_no_encoder_of_his_own() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    rig.engine.open_room(rig.call, &narrow());
    let mut talker = WidePhone::new(&rig, 0, Codec::Opus);
    let mut listeners: Vec<WidePhone> = (1..6)
        .map(|number| WidePhone::new(&rig, number, Codec::Opus))
        .collect();
    rig.engine.join_room(talker.leg, MemberSettings::default());
    for listener in &listeners {
        rig.engine
            .join_room(listener.leg, MemberSettings::default());
    }
    let mut heard = Vec::new();
    for _ in 0..50 {
        talker.says(800.0);
        talker.hears();
        let same: Vec<Vec<i16>> = listeners.iter_mut().map(WidePhone::hears).collect();
        heard.extend(same[4].iter().copied());
    }
    assert!(level(&heard[30 * 320..], 400.0) > -3.0);
    rig.stats(|stats| stats.shards[0].encoders == 1);
}

#[test]
fn a_room_is_heard_at_the_pace_of_the_wheel() {
    let mut rig = Rig::new();
    let phones = room(&mut rig, 2);
    let mut times: Vec<u32> = Vec::new();
    for _ in 0..20 {
        times.push(phones[0].receives().0.time.0);
    }
    let steps = times.windows(2).map(|pair| pair[1].wrapping_sub(pair[0]));
    assert!(steps.clone().all(|step| step == 160), "{times:?}");
}
