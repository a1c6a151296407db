//! Who hears whom.

use std::time::Duration;

use offhook_core::LegId;
use offhook_core::sdp::Codec;

use super::rig::{Phone, Rig, is_silent, is_tone, talk};
use crate::dsp::tone::{Tone, sine};
use crate::engine::*;
use crate::rtcp::{Compound, RtcpPacket};

fn bank() -> SoundBank {
    let mut bank = SoundBank::new();
    bank.add_pcm("hello", &sine(700.0, 8000 / 2, 8000.0));
    bank.set_music_pcm("default", &sine(500.0, 8000, 8000.0));
    bank.add_tone("ring".into(), &Tone::continuous(&[425.0]));
    bank
}

fn playlist(items: &[PlayItem]) -> Playlist {
    Playlist {
        items: items.to_vec(),
        barge_in: false,
        repeat: false,
    }
}

fn bridge_hears_both_ways(codec_a: Codec, codec_b: Codec) {
    let mut rig = Rig::new();
    let (mut a, mut b) = (rig.phone(codec_a), rig.phone(codec_b));
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    a.ignores_the_past();
    b.ignores_the_past();
    let (a_heard, b_heard) = talk(&mut a, 440.0, &mut b, 660.0, 25);
    assert!(is_tone(&b_heard, 440.0));
    assert!(is_tone(&a_heard, 660.0));
    for leg in [a.leg, b.leg] {
        rig.wait(|event| (*event == EngineEvent::FirstPacket { leg }).then_some(()));
    }
}

#[test]
fn two_pcmu_legs_hear_each_other() {
    bridge_hears_both_ways(Codec::Pcmu, Codec::Pcmu);
}

#[test]
fn two_pcma_legs_hear_each_other() {
    bridge_hears_both_ways(Codec::Pcma, Codec::Pcma);
}

#[test]
fn a_pcmu_leg_and_a_pcma_leg_hear_each_other() {
    bridge_hears_both_ways(Codec::Pcmu, Codec::Pcma);
}

#[test]
fn a_caller_is_taken_from_music_to_an_agent_and_back_in_one_stream() {
    let mut rig = Rig::with(|_| {}, bank());
    let (mut a, mut b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcma));
    rig.engine
        .set_source(a.leg, &Source::HoldMusic("default".into()));
    let (first, _) = a.receives();
    a.hears(3);
    assert!(is_tone(&a.hears(20), 500.0));
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    a.ignores_the_past();
    b.ignores_the_past();
    let (a_heard, b_heard) = talk(&mut a, 440.0, &mut b, 660.0, 20);
    assert!(is_tone(&a_heard, 660.0) && is_tone(&b_heard, 440.0));
    rig.engine.unbridge(b.leg);
    rig.settle();
    assert!(is_silent(&b.hears(5)) && is_silent(&a.hears(5)));
    rig.engine
        .set_source(a.leg, &Source::HoldMusic("default".into()));
    rig.settle();
    a.ignores_the_past();
    let (last, _) = a.receives();
    assert!(is_tone(&a.hears(20), 500.0));
    assert_eq!(last.ssrc, first.ssrc);
}

#[test]
fn all_listeners_hear_the_same_moment_of_the_music() {
    let mut bank = SoundBank::new();
    // Every frame of ten seconds is another one.
    let pcm: Vec<i16> = (0..500i16).flat_map(|n| [n * 50; 160]).collect();
    bank.set_music_pcm("default", &pcm);
    let mut rig = Rig::with(|config| config.shards = 1, bank);
    let (a, b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    for phone in [&a, &b] {
        let music = Source::HoldMusic("default".into());
        rig.engine.set_source(phone.leg, &music);
    }
    rig.settle();
    a.ignores_the_past();
    b.ignores_the_past();
    let heard: Vec<_> = (0..25).map(|_| a.receives().1).collect();
    let common = (0..25)
        .map(|_| b.receives().1)
        .filter(|frame| heard.contains(frame));
    assert!(common.count() >= 15);
}

#[test]
fn a_prompt_is_heard_over_the_bridge_by_one_side_only() {
    let mut rig = Rig::with(|_| {}, bank());
    let (mut a, mut b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    rig.engine.bridge(a.leg, b.leg);
    let hello = playlist(&[PlayItem::Sound("hello".into())]);
    rig.engine.play(a.leg, PlayId(5), &hello);
    rig.settle();
    a.ignores_the_past();
    let mut heard = Vec::new();
    for _ in 0..15 {
        a.says(440.0);
        b.says(660.0);
        heard.extend(b.hears(1));
    }
    assert!(is_tone(&heard, 440.0));
    assert!(is_tone(&a.hears(20), 700.0));
    let end = rig.wait(|event| match event {
        EngineEvent::PlaybackEnded { play, end, .. } => Some((*play, *end)),
        _ => None,
    });
    assert_eq!(end, (PlayId(5), PlayEnd::Finished));
    a.ignores_the_past();
    let (a_heard, _) = talk(&mut a, 440.0, &mut b, 660.0, 10);
    assert!(is_tone(&a_heard, 660.0));
}

#[test]
fn a_ringing_tone_and_an_echo_are_heard() {
    let mut rig = Rig::with(|_| {}, bank());
    let mut a = rig.phone(Codec::Pcma);
    rig.engine.set_source(a.leg, &Source::Tone("ring".into()));
    a.hears(2);
    assert!(is_tone(&a.hears(20), 425.0));
    rig.engine.set_source(a.leg, &Source::Echo);
    rig.settle();
    a.ignores_the_past();
    let mut heard = Vec::new();
    for _ in 0..20 {
        a.says(900.0);
        heard.extend(a.hears(1));
    }
    assert!(is_tone(&heard, 900.0));
}

#[test]
fn what_the_bank_lacks_is_refused_and_its_playing_ends() {
    let mut rig = Rig::with(|_| {}, bank());
    let a = rig.phone(Codec::Pcmu);
    rig.engine
        .set_source(a.leg, &Source::HoldMusic("none".into()));
    rig.engine.set_source(a.leg, &Source::Tone("none".into()));
    rig.engine.play(
        a.leg,
        PlayId(1),
        &playlist(&[PlayItem::Sound("none".into())]),
    );
    let nobody = LegId::new(rig.call, 99);
    rig.engine.play(nobody, PlayId(2), &playlist(&[]));
    for reason in [Refusal::UnknownMusic, Refusal::UnknownTone] {
        rig.wait(|event| match event {
            EngineEvent::CommandRefused { reason: why, .. } => (*why == reason).then_some(()),
            _ => None,
        });
    }
    for id in [PlayId(1), PlayId(2)] {
        rig.wait(|event| match event {
            EngineEvent::PlaybackEnded { play, end, .. } => {
                (*play == id && *end == PlayEnd::Failed).then_some(())
            }
            _ => None,
        });
    }
}

#[test]
fn a_leg_on_hold_is_not_sent_to() {
    let mut rig = Rig::with(|_| {}, bank());
    let (mut a, b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    rig.engine.bridge(a.leg, b.leg);
    let mut held = b.remote();
    held.send = false;
    rig.engine.set_remote(b.leg, held);
    rig.settle();
    b.ignores_the_past();
    a.says(440.0);
    rig.wait(|event| (*event == EngineEvent::FirstPacket { leg: a.leg }).then_some(()));
    rig.settle();
    assert!(b.heard_nothing());
    rig.drops(DropReason::Unsendable, 1);
}

#[test]
fn a_far_end_that_reports_learns_its_quality_and_ours_comes_as_events() {
    let mut rig = Rig::with(
        |config| {
            config.rtcp_interval = Duration::from_millis(200);
            config.quality_interval = Duration::from_millis(300);
        },
        bank(),
    );
    let mut a = rig.silent_phone(Codec::Pcmu);
    let rtcp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    rtcp.set_read_timeout(Some(super::rig::PATIENCE)).unwrap();
    let mut remote = a.remote();
    remote.rtcp = rtcp.local_addr().unwrap();
    rig.engine.set_remote(a.leg, remote);
    lose_one_of_ten(&mut a, 20);
    let mut buffer = [0; 512];
    let highest = loop {
        let (length, _) = rtcp.recv_from(&mut buffer).unwrap();
        let compound = Compound::parse(&buffer[..length]).unwrap();
        let Some(RtcpPacket::SenderReport { blocks, .. }) = compound.packets().next() else {
            continue;
        };
        if let Some(block) = blocks.iter().next() {
            break block.lost;
        }
    };
    assert_eq!(highest, 2);
    rig.wait(|event| match event {
        EngineEvent::Quality { received, lost, .. } => {
            (*received == 18 && *lost == 2).then_some(())
        }
        _ => None,
    });
    rig.engine.remove_leg(a.leg);
    rig.settle();
    let is_quality = |event: &EngineEvent| matches!(event, EngineEvent::Quality { .. });
    assert!(rig.rest().iter().any(is_quality));
    loop {
        let (length, _) = rtcp.recv_from(&mut buffer).unwrap();
        let compound = Compound::parse(&buffer[..length]).unwrap();
        if compound
            .packets()
            .any(|packet| matches!(packet, RtcpPacket::Bye { .. }))
        {
            break;
        }
    }
}

fn lose_one_of_ten(phone: &mut Phone, frames: usize) {
    let nowhere = "127.0.0.1:9".parse().unwrap();
    for n in 0..frames {
        let engine = phone.engine;
        if n % 10 == 5 {
            phone.engine = nowhere;
        }
        phone.says(440.0);
        phone.engine = engine;
    }
}

#[test]
fn what_is_said_in_one_breath_is_heard_when_it_is_over() {
    let mut rig = Rig::new();
    let gathering = rig.engine.gathering();
    let at_once = std::mem::replace(&mut rig.engine, gathering);
    let (a, b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    rig.engine.bridge(a.leg, b.leg);
    assert!(!rig.engine.wake(), "nothing of it may wait any longer");
    rig.engine.remove_leg(a.leg);
    assert!(rig.engine.wake(), "a leg's end may");
    rig.engine.wake_for_all();
    assert!(!rig.engine.wake(), "and has been told now");
    rig.engine.remove_leg(b.leg);
    rig.engine = at_once;
    // Whoever does not gather says what others left unsaid.
    rig.settle();
    rig.stats(|stats| stats.shards.iter().all(|shard| shard.legs == 0));
}
