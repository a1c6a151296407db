//! What one leg is sent, or breaks, is no other leg's trouble.

use std::time::Duration;

use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};

use super::by_hand::ByHand;
use super::rig::Phone;
use crate::dsp::tone::sine;
use crate::engine::command::Command;
use crate::engine::*;
use crate::graph::player::{Background, Player};

/// How many packets came back since it was asked last.
fn echoed(phone: &Phone) -> usize {
    phone.socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2048];
    std::iter::from_fn(|| phone.socket.recv(&mut buffer).ok()).count()
}

#[test]
fn legs_that_are_flooded_are_read_in_turn() {
    let (mut by_hand, _ends) = ByHand::new();
    let mut phones: Vec<Phone> = (0..3).map(|n| by_hand.phone(n, Codec::Pcmu)).collect();
    for phone in &phones {
        by_hand.does(Command::SetSource(phone.leg, Background::Echo));
    }
    for phone in &mut phones {
        (0..150).for_each(|_| phone.says(440.0));
    }
    for _ in 0..3 {
        by_hand.turns(1);
        let heard: Vec<usize> = phones.iter().map(echoed).collect();
        assert_eq!(heard, [32; 3]);
        let mut unfinished: Vec<usize> = by_hand.shard.unfinished.iter().copied().collect();
        unfinished.dedup();
        assert_eq!(unfinished.len(), 3, "each waits once for its turn");
    }
}

#[test]
fn a_leg_that_is_read_for_two_reasons_in_one_turn_waits_once() {
    let (mut by_hand, _ends) = ByHand::new();
    let mut phone = by_hand.phone(0, Codec::Pcmu);
    (0..100).for_each(|_| phone.says(440.0));
    by_hand.turns(1);
    // It is unfinished, and its socket tells of more.
    phone.says(440.0);
    by_hand.turns(1);
    assert_eq!(by_hand.shard.unfinished.len(), 1);
}

#[test]
fn a_fault_around_another_legs_work_ends_the_leg_it_is_of() {
    let (mut by_hand, _ends) = ByHand::new();
    let phones: Vec<Phone> = (0..2).map(|n| by_hand.phone(n, Codec::Pcmu)).collect();
    let [a, b] = [0, 1].map(|n: usize| by_hand.shard.index[&phones[n].leg]);
    by_hand.shard.guarded(a, |shard| {
        shard.guarded(b, |_| {});
        panic!("told to panic");
    });
    let shard = &by_hand.shard;
    assert!(!shard.index.contains_key(&phones[0].leg));
    assert!(shard.index.contains_key(&phones[1].leg));
}

#[test]
fn what_was_said_of_a_leg_before_it_goes_on_is_known_where_it_goes() {
    let (mut by_hand, ends) = ByHand::new();
    let phone = by_hand.phone(0, Codec::Pcmu);
    // All orders wait for a leg that is under way; then this one is sent on.
    let awaited = LegId::new(by_hand.call, 7);
    by_hand.does(Command::Expect(awaited));
    let moved = RemoteMedia {
        rtp: ([127, 0, 0, 1], 9).into(),
        ..phone.remote()
    };
    by_hand.does(Command::SetRemote(phone.leg, Box::new(moved.clone())));
    let name = LegId::new(CallId::random(), 0);
    by_hand.does(Command::MoveOut(phone.leg, name, ends.commands.clone()));
    by_hand.turns(1);
    let shard = &by_hand.shard;
    let leg = &shard.legs[shard.index[&name]];
    assert_eq!(leg.session.destination(), Some(moved.rtp));
}

#[test]
fn an_encoder_that_only_a_prompt_needed_goes_with_it() {
    let (mut by_hand, _ends) = ByHand::new();
    let (a, b) = (by_hand.phone(0, Codec::Pcmu), by_hand.phone(1, Codec::Pcmu));
    // Prompts are kept in packets of 20 ms.
    let longer = RemoteMedia {
        ptime: Duration::from_millis(30),
        rtcp: ([127, 0, 0, 1], 0).into(),
        ..a.remote()
    };
    by_hand.does(Command::SetRemote(a.leg, Box::new(longer)));
    by_hand.does(Command::Bridge(a.leg, b.leg));
    let mut bank = SoundBank::new();
    bank.add_pcm("word", &sine(440.0, 800, 8000.0));
    let word = Playlist {
        items: vec![PlayItem::Sound("word".into())],
        barge_in: false,
        repeat: false,
    };
    let player = Player::new(PlayId(1), &word, &bank).unwrap();
    by_hand.does(Command::Play(a.leg, player));
    let mut most = 0;
    for _ in 0..20 {
        by_hand.turns(1);
        let encoders = by_hand.shard.stats.encoders;
        most = most.max(encoders);
        if most > 0 && encoders == 0 {
            return;
        }
    }
    panic!("{most} encoders stayed");
}
