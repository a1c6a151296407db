//! Nothing is allocated per packet: a shard is turned by hand, with the allocator counting.

use std::time::Duration;

use offhook_core::RecordingId;
use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::CryptoSuite;

use super::by_hand::ByHand;
use super::rig::Phone;
use crate::codec::{Coding, Encoder, EncoderSettings};
use crate::dsp::tone::sine;
use crate::engine::command::Command;
use crate::engine::room::RoomCommand;
use crate::engine::*;
use crate::graph::mixer::{MemberSettings, MixerSettings};
use crate::graph::player::{Background, Player};
use crate::graph::tap::Side;
use crate::time::Rate;

#[test]
fn a_shard_in_steady_state_allocates_nothing() {
    let (mut by_hand, _ends) = ByHand::new();
    let mut bank = SoundBank::new();
    bank.set_music_pcm("default", &[1000; 16_000]);
    let mut a = by_hand.phone(0, Codec::Pcmu);
    let mut b = by_hand.phone(1, Codec::Pcma);
    // Protected on one side: opened, checked, and protected again.
    b.takes_keys(CryptoSuite::AesCm128HmacSha1_80);
    by_hand.does(Command::SetRemote(b.leg, Box::new(b.remote())));
    by_hand.does(Command::Bridge(a.leg, b.leg));
    let recording = RecordingId::random();
    by_hand.does(Command::Tap(a.leg, recording, Side::Left));
    by_hand.does(Command::Tap(b.leg, recording, Side::Right));
    let listener = by_hand.phone(2, Codec::Pcmu);
    let music = Source::HoldMusic("default".into());
    let music = Background::find(&music, &bank).unwrap();
    by_hand.does(Command::SetSource(listener.leg, music));
    let caller = by_hand.phone(3, Codec::Pcma);
    let endless = Playlist {
        items: vec![PlayItem::Silence(Duration::from_millis(50))],
        barge_in: true,
        repeat: true,
    };
    let player = Player::new(PlayId(1), &endless, &bank).unwrap();
    by_hand.does(Command::Play(caller.leg, player));
    let mut packets = 0;
    let mut talk = |by_hand: &mut ByHand, frames: usize| {
        for _ in 0..frames {
            allocation_counter::opt_out(|| {
                a.says(440.0);
                b.says(660.0);
                a.presses('5');
            });
            assert!(by_hand.turn());
            allocation_counter::opt_out(|| {
                a.hears(1);
                b.ignores_the_past();
            });
            packets += 8;
        }
    };
    talk(&mut by_hand, 50);
    let counted = allocation_counter::measure(|| talk(&mut by_hand, 200));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    let stats = by_hand.shard.stats;
    assert_eq!(stats.packets_in, packets);
    // Music and prompt went out as well, beside what was relayed.
    assert!(stats.packets_out > packets, "{stats:?}");
}

#[test]
fn a_room_in_steady_state_allocates_nothing() {
    let (mut by_hand, _ends) = ByHand::new();
    let call = by_hand.call;
    let settings = MixerSettings {
        talkers: 1,
        ..MixerSettings::at(Rate::Wide)
    };
    let open = RoomCommand::Open(settings, Background::Silence);
    by_hand.does(Command::Room(call, Box::new(open)));
    let codecs = [Codec::Pcmu, Codec::Pcma, Codec::Pcmu, Codec::Pcma];
    let mut phones: Vec<Phone> = (0..)
        .zip(codecs)
        .map(|(number, codec)| by_hand.phone(number, codec))
        .collect();
    for phone in &phones {
        let join = RoomCommand::Join(phone.leg, MemberSettings::default());
        by_hand.does(Command::Room(call, Box::new(join)));
    }
    let mut sent = 0;
    let mut talk = |by_hand: &mut ByHand, frames: usize| {
        for frame in 0..frames {
            allocation_counter::opt_out(|| {
                // They take turns, and two listen; so places change, and shared frames.
                phones[frame / 20 % 2].says(440.0);
                phones[2].says(500.0);
            });
            sent += 2;
            // A turn may be one of packets alone.
            let before = by_hand.shard.stats.packets_out;
            while by_hand.shard.stats.packets_out < before + 4 {
                assert!(by_hand.turn());
            }
            allocation_counter::opt_out(|| phones.iter().for_each(Phone::ignores_the_past));
        }
    };
    talk(&mut by_hand, 150);
    let counted = allocation_counter::measure(|| talk(&mut by_hand, 200));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    assert_eq!(by_hand.shard.stats.packets_in, sent);
}

/// A payload of 20 ms in Opus.
fn opus() -> Vec<u8> {
    let settings = EncoderSettings::default();
    let mut encoder = Encoder::new(Coding::Opus, Rate::Wide, &settings).unwrap();
    let mut payload = vec![0; 1500];
    let length = encoder
        .encode(&sine(300.0, 320, 8000.0), &mut payload)
        .unwrap();
    payload.truncate(length);
    payload
}

#[test]
fn a_shard_that_codes_sound_anew_allocates_nothing() {
    let (mut by_hand, _ends) = ByHand::new();
    let mut a = by_hand.phone(0, Codec::Pcmu);
    let mut b = by_hand.phone(1, Codec::Opus);
    by_hand.does(Command::Bridge(a.leg, b.leg));
    let payload = opus();
    let talk = |by_hand: &mut ByHand, a: &mut Phone, b: &mut Phone, frames: usize| {
        for _ in 0..frames {
            allocation_counter::opt_out(|| {
                a.says(440.0);
                b.says_encoded(&payload, 960);
            });
            // What they say, and the frame of each.
            by_hand.turns(3);
            allocation_counter::opt_out(|| {
                a.ignores_the_past();
                b.ignores_the_past();
            });
        }
    };
    talk(&mut by_hand, &mut a, &mut b, 50);
    let before = by_hand.shard.stats;
    assert_eq!((before.decoders, before.encoders), (2, 2), "{before:?}");
    let counted = allocation_counter::measure(|| talk(&mut by_hand, &mut a, &mut b, 100));
    assert_eq!(counted.count_total, 0, "{counted:?}");
    let stats = by_hand.shard.stats;
    assert!(stats.packets_out > before.packets_out + 50, "{stats:?}");
    by_hand.does(Command::Unbridge(a.leg));
    by_hand.does(Command::RemoveLeg(a.leg));
    by_hand.does(Command::RemoveLeg(b.leg));
    let after = by_hand.shard.stats;
    assert_eq!((after.decoders, after.encoders), (0, 0), "{after:?}");
}

#[test]
fn ten_thousand_calls_leave_no_memory() {
    let (mut by_hand, mut ends) = ByHand::new();
    let payload = opus();
    let mut calls = |by_hand: &mut ByHand, count: u32| {
        for n in 0..count {
            let mut a = by_hand.phone(0, Codec::Pcmu);
            let mut b = by_hand.phone(1, Codec::Opus);
            by_hand.does(Command::Bridge(a.leg, b.leg));
            a.says(440.0);
            b.says_encoded(&payload, 960);
            // Every fiftieth lasts until both have an encoder, too.
            by_hand.turns(if n % 50 == 0 { 10 } else { 1 });
            by_hand.does(Command::RemoveLeg(a.leg));
            by_hand.does(Command::RemoveLeg(b.leg));
            while ends.events.pop().is_ok() {}
        }
    };
    calls(&mut by_hand, 200);
    let counted = allocation_counter::measure(|| calls(&mut by_hand, 10_000));
    assert_eq!(counted.bytes_current, 0, "{counted:?}");
    assert_eq!(by_hand.shard.stats.decoders, 0);
}
