//! Keys pressed by either side.

use std::time::Duration;

use offhook_core::sdp::Codec;

use super::rig::{Pace, Phone, Rig, is_tone};
use crate::dsp::tone::sine;
use crate::engine::*;
use crate::rtp::TelephoneEvent;

fn digits(rig: &mut Rig, phone: &Phone, count: usize) -> String {
    let from = phone.leg;
    let next = |rig: &mut Rig| {
        rig.wait(|event| match event {
            EngineEvent::Digit { leg, digit } if *leg == from => Some(*digit),
            _ => None,
        })
    };
    (0..count).map(|_| next(rig)).collect()
}

#[test]
fn every_key_is_reported_once_and_in_order() {
    let mut rig = Rig::new();
    let mut a = rig.phone(Codec::Pcmu);
    for key in "112#*D".chars() {
        a.presses(key);
    }
    assert_eq!(digits(&mut rig, &a, 6), "112#*D");
    rig.settle();
    let more = |event: &EngineEvent| matches!(event, EngineEvent::Digit { .. });
    assert!(!rig.rest().iter().any(more));
}

#[test]
fn a_digit_ends_a_playlist_that_allows_it_and_comes_before_its_end() {
    let mut bank = SoundBank::new();
    bank.add_pcm("menu", &sine(700.0, 80_000, 8000.0));
    let mut rig = Rig::with(|_| {}, bank);
    let mut a = rig.phone(Codec::Pcmu);
    let menu = Playlist {
        items: vec![
            PlayItem::Sound("menu".into()),
            PlayItem::Silence(Duration::MAX),
        ],
        barge_in: true,
        repeat: true,
    };
    rig.engine.play(a.leg, PlayId(7), &menu);
    a.hears(3);
    assert!(is_tone(&a.hears(10), 700.0));
    a.presses('1');
    let order = rig.wait(|event| match event {
        EngineEvent::Digit { digit: '1', .. } => Some(1),
        EngineEvent::PlaybackEnded { .. } => Some(2),
        _ => None,
    });
    assert_eq!(order, 1);
    let ended = rig.wait(|event| match event {
        EngineEvent::PlaybackEnded { play, end, .. } => Some((*play, *end)),
        _ => None,
    });
    assert_eq!(ended, (PlayId(7), PlayEnd::BargeIn));
}

#[test]
fn a_bridge_carries_keys_to_the_other_side_and_tells_them() {
    let mut rig = Rig::new();
    let (mut a, b) = (rig.phone(Codec::Pcmu), rig.silent_phone(Codec::Pcma));
    rig.engine.set_remote(b.leg, b.remote().with_events(97));
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    b.ignores_the_past();
    a.presses('8');
    for n in 0..6 {
        let (header, payload) = b.receives();
        let event = TelephoneEvent::parse(&payload).unwrap();
        assert_eq!((header.payload_type, event.key()), (97, Some('8')));
        assert_eq!(event.end, n > 2);
    }
    assert_eq!(digits(&mut rig, &a, 1), "8");
}

#[test]
fn a_key_whose_end_is_lost_gives_the_bridge_back_soon() {
    let mut rig = Rig::new();
    let (mut a, b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcma));
    let without_events = RemoteMedia {
        keys: KeysOut::Tones,
        ..b.remote()
    };
    rig.engine.set_remote(b.leg, without_events);
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    let begins = TelephoneEvent {
        duration: 160,
        ..TelephoneEvent::of_key('5').unwrap()
    };
    a.sends(101, &begins.to_bytes());
    let mut pace = Pace::new();
    for _ in 0..35 {
        a.says(440.0);
        pace.next_frame();
    }
    b.ignores_the_past();
    for _ in 0..10 {
        a.says(440.0);
    }
    assert!(is_tone(&b.hears(10), 440.0));
}

#[test]
fn keys_we_press_reach_the_far_end() {
    let mut rig = Rig::new();
    let a = rig.phone(Codec::Pcmu);
    rig.engine.set_source(a.leg, &Source::Echo);
    rig.engine.send_digits(a.leg, "90");
    let mut keys = Vec::new();
    while keys.len() < 14 {
        let (header, payload) = a.receives();
        if header.payload_type == 101 {
            keys.push(TelephoneEvent::parse(&payload).unwrap());
        }
    }
    assert!(keys[..7].iter().all(|event| event.key() == Some('9')));
    assert!(keys[7..].iter().all(|event| event.key() == Some('0')));
    assert_eq!(keys.iter().filter(|event| event.end).count(), 6);
}

#[test]
fn keys_that_cannot_be_sent_are_refused() {
    let mut rig = Rig::new();
    let a = rig.silent_phone(Codec::Pcmu);
    rig.engine.send_digits(a.leg, "1");
    for digits in ["", "12x", &"1".repeat(129)] {
        rig.engine.send_digits(a.leg, digits);
    }
    let refused = |reason: Refusal| {
        move |event: &EngineEvent| match event {
            EngineEvent::CommandRefused { reason: why, .. } => (*why == reason).then_some(()),
            _ => None,
        }
    };
    rig.wait(refused(Refusal::NoFarEnd));
    for _ in 0..3 {
        rig.wait(refused(Refusal::BadDigits));
    }
}
