//! Legs with keys in a running engine, through real sockets.

use std::net::{SocketAddr, UdpSocket};

use offhook_core::sdp::Codec;
use offhook_core::sdp::crypto::CryptoSuite;

use super::rig::{Phone, Rig, is_tone, talk};
use crate::engine::*;

/// A phone whose leg has keys.
fn secure(rig: &mut Rig, codec: Codec, suite: CryptoSuite) -> Phone {
    let mut phone = rig.silent_phone(codec);
    phone.takes_keys(suite);
    rig.engine.set_remote(phone.leg, phone.remote());
    phone
}

/// Legs latched to their phones.
fn settle(rig: &mut Rig, phones: [&mut Phone; 2]) {
    let [a, b] = phones;
    a.says(440.0);
    b.says(440.0);
    // Both have arrived when a packet of the one has reached the other.
    a.hears(1);
    b.hears(1);
    rig.settle();
    a.ignores_the_past();
    b.ignores_the_past();
}

#[test]
fn phones_of_every_suite_and_of_none_hear_each_other() {
    for &suite in CryptoSuite::ALL {
        let mut rig = Rig::new();
        let mut a = secure(&mut rig, Codec::Pcmu, suite);
        let mut b = secure(&mut rig, Codec::Pcma, CryptoSuite::AesCm128HmacSha1_80);
        let mut c = rig.phone(Codec::Pcmu);
        rig.engine.bridge(a.leg, b.leg);
        settle(&mut rig, [&mut a, &mut b]);
        let (a_heard, b_heard) = talk(&mut a, 440.0, &mut b, 660.0, 25);
        assert!(
            is_tone(&a_heard, 660.0) && is_tone(&b_heard, 440.0),
            "{suite}"
        );
        rig.engine.bridge(a.leg, c.leg);
        rig.settle();
        settle(&mut rig, [&mut a, &mut c]);
        let (a_heard, c_heard) = talk(&mut a, 440.0, &mut c, 880.0, 25);
        assert!(
            is_tone(&a_heard, 880.0) && is_tone(&c_heard, 440.0),
            "{suite}"
        );
        rig.drops(DropReason::Forged, 0);
    }
}

#[test]
fn a_phone_with_the_wrong_key_is_silent_rather_than_noisy() {
    let mut rig = Rig::new();
    let mut a = secure(&mut rig, Codec::Pcmu, CryptoSuite::AesCm128HmacSha1_80);
    let b = rig.phone(Codec::Pcmu);
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    b.ignores_the_past();
    // What it sends with is not what was agreed.
    a.takes_keys(CryptoSuite::AesCm128HmacSha1_80);
    for _ in 0..20 {
        a.says(440.0);
    }
    rig.drops(DropReason::Forged, 20);
    assert!(b.heard_nothing());
}

#[test]
fn a_phone_that_agreed_to_keys_and_sends_without_is_not_heard() {
    let mut rig = Rig::new();
    let mut a = secure(&mut rig, Codec::Pcmu, CryptoSuite::AeadAes256Gcm);
    let b = rig.phone(Codec::Pcmu);
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    b.ignores_the_past();
    a.drops_keys();
    for _ in 0..20 {
        a.says(440.0);
    }
    rig.drops(DropReason::NotSecured, 20);
    assert!(b.heard_nothing());
}

#[test]
fn a_storm_of_forged_and_repeated_packets_does_not_disturb_a_secure_call() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    let mut a = secure(&mut rig, Codec::Pcmu, CryptoSuite::AesCm128HmacSha1_32);
    let mut b = secure(&mut rig, Codec::Pcmu, CryptoSuite::AeadAes128Gcm);
    rig.engine.bridge(a.leg, b.leg);
    settle(&mut rig, [&mut a, &mut b]);
    let rtcp = SocketAddr::new(a.engine.ip(), a.engine.port() + 1);
    let stranger = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (mut a_heard, mut b_heard) = (Vec::new(), Vec::new());
    for round in 0..10_u8 {
        let captured = a.sent.clone();
        // From the phone's own socket, as somebody on the way can: again, with another tag, number or
        // source, and cut off.
        for (at, length) in [
            (0, 172),
            (2, 176),
            (9, 176),
            (100, 176),
            (175, 176),
            (0, 11),
        ] {
            let mut packet = captured.clone();
            packet.truncate(length);
            if let Some(byte) = packet.get_mut(at).filter(|_| at > 0) {
                *byte ^= 0x40 | round;
            }
            a.socket.send_to(&packet, a.engine).unwrap();
            a.socket.send_to(&packet, rtcp).unwrap();
            stranger.send_to(&packet, rtcp).unwrap();
        }
        a.socket.send_to(&captured, a.engine).unwrap();
        let (one, other) = talk(&mut a, 440.0, &mut b, 660.0, 3);
        a_heard.extend(one);
        b_heard.extend(other);
    }
    assert!(is_tone(&a_heard, 660.0) && is_tone(&b_heard, 440.0));
    let stats = rig.stats(|stats| {
        let dropped = stats.shards[0].dropped;
        dropped.of(DropReason::Replayed) >= 10 && stats.shards[0].reports_dropped >= 120
    });
    let dropped = stats.shards[0].dropped;
    assert_eq!(
        dropped.not_authentic() + dropped.of(DropReason::Malformed),
        70
    );
    // Of 65,507 bytes the kernel's buffer holds a few, so these come last and apart.
    for _ in 0..3 {
        a.socket.send_to(&[0x80; 65_507], a.engine).unwrap();
        let (one, other) = talk(&mut a, 440.0, &mut b, 660.0, 3);
        assert!(!one.is_empty() && !other.is_empty());
    }
}
