//! Strangers, silence, exhausted ports, faults of our own.

use std::collections::HashSet;
use std::net::UdpSocket;
use std::time::Duration;

use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};

use super::rig::{Rig, is_tone, talk};
use crate::engine::*;

fn refused(leg: LegId, reason: Refusal) -> impl Fn(&EngineEvent) -> Option<()> {
    move |event| match event {
        EngineEvent::CommandRefused {
            leg: of,
            reason: why,
            ..
        } => (*of == leg && *why == reason).then_some(()),
        _ => None,
    }
}

#[test]
fn a_stranger_is_not_heard_once_the_agreed_address_has_spoken() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    let mut stranger = rig.silent_phone(Codec::Pcmu);
    stranger.engine = a.engine;
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    b.ignores_the_past();
    // Too few to be believed, and then the agreed address speaks.
    for _ in 0..3 {
        stranger.says(1200.0);
    }
    let mut heard = Vec::new();
    for _ in 0..20 {
        a.says(440.0);
        stranger.says(1200.0);
        heard.extend(b.hears(1));
    }
    assert!(is_tone(&heard, 440.0));
    assert!(b.heard_nothing());
    // The kernel keeps the others out; one may have come before it was told to.
    rig.stats(|stats| {
        let shards = stats.shards.iter();
        let strangers: u64 = shards
            .map(|shard| shard.dropped.of(DropReason::Stranger))
            .sum();
        (3..=4).contains(&strangers)
    });
    let (a_heard, _) = talk(&mut a, 440.0, &mut b, 660.0, 10);
    assert!(is_tone(&a_heard, 660.0));
}

#[test]
fn a_phone_behind_a_nat_is_heard_and_sent_to_where_it_really_is() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (rig.silent_phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    let mut private = a.remote();
    private.rtp = "127.0.0.9:9".parse().unwrap();
    rig.engine.set_remote(a.leg, private);
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    b.ignores_the_past();
    for _ in 0..3 {
        a.says(440.0);
    }
    let (a_heard, b_heard) = talk(&mut a, 440.0, &mut b, 660.0, 10);
    assert!(is_tone(&a_heard, 660.0) && is_tone(&b_heard, 440.0));
}

#[test]
fn a_leg_moves_to_another_address_when_its_description_does() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    a.ignores_the_past();
    b.ignores_the_past();
    talk(&mut a, 440.0, &mut b, 660.0, 5);
    a.socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    a.socket
        .set_read_timeout(Some(super::rig::PATIENCE))
        .unwrap();
    rig.engine.set_remote(a.leg, a.remote());
    rig.settle();
    let (a_heard, b_heard) = talk(&mut a, 550.0, &mut b, 660.0, 10);
    assert!(is_tone(&a_heard, 660.0) && is_tone(&b_heard, 550.0));
}

#[test]
fn a_silent_far_end_is_reported_once() {
    let short = Duration::from_millis(150);
    let mut rig = Rig::with(|config| config.rtp_timeout = short, SoundBank::new());
    let mut a = rig.phone(Codec::Pcmu);
    let timeout = EngineEvent::RtpTimeout { leg: a.leg };
    let told = |event: &EngineEvent| (*event == timeout).then_some(());
    rig.wait(told);
    a.hears(20);
    rig.settle();
    assert!(!rig.rest().contains(&timeout));
    a.says(440.0);
    rig.wait(told);
}

#[test]
fn a_leg_on_hold_may_be_silent() {
    let short = Duration::from_millis(100);
    let mut rig = Rig::with(|config| config.rtp_timeout = short, SoundBank::new());
    let a = rig.silent_phone(Codec::Pcmu);
    let mut held = a.remote();
    held.receive = false;
    rig.engine.set_remote(a.leg, held);
    a.hears(20);
    rig.settle();
    let timeout = EngineEvent::RtpTimeout { leg: a.leg };
    assert!(!rig.rest().contains(&timeout));
}

#[test]
fn when_all_ports_are_taken_the_next_leg_is_an_error_until_one_is_free() {
    let mut rig = Rig::with(|config| config.ports = 19_000..=19_007, SoundBank::new());
    let leg = |n| LegId::new(rig.call, n);
    let legs: Vec<LegId> = (0..4).map(leg).collect();
    let first: Vec<_> = legs
        .iter()
        .map(|leg| rig.engine.add_leg(*leg).unwrap())
        .collect();
    let distinct: HashSet<_> = first.iter().map(|port| port.rtp).collect();
    assert_eq!(distinct.len(), 4);
    assert!(first.iter().all(|port| port.rtp.port() % 2 == 0));
    assert!(
        first
            .iter()
            .all(|port| port.rtcp.port() == port.rtp.port() + 1)
    );
    let fifth = LegId::new(rig.call, 4);
    let error = rig.engine.add_leg(fifth).unwrap_err();
    assert!(matches!(error, EngineError::PortsExhausted));
    assert_eq!(rig.engine.stats().ports_in_use, 4);
    rig.engine.remove_leg(legs[2]);
    rig.settle();
    assert_eq!(rig.engine.add_leg(fifth).unwrap(), first[2]);
    for leg in [legs[0], legs[1], legs[3], fifth] {
        rig.engine.remove_leg(leg);
    }
    rig.stats(|stats| {
        let legs = stats.shards.iter().map(|shard| shard.legs).sum::<u64>();
        (stats.ports_in_use, legs) == (0, 0)
    });
}

#[test]
fn a_range_without_a_pair_is_an_error() {
    let config = EngineConfig {
        ports: 20_001..=20_001,
        ..EngineConfig::default()
    };
    let started = Engine::start(config, SoundBank::new(), std::sync::Arc::new(|| {}));
    assert!(matches!(started, Err(EngineError::NoPortPair)));
}

#[test]
fn commands_that_make_no_sense_are_refused() {
    let mut rig = Rig::new();
    let a = rig.phone(Codec::Pcmu);
    let nobody = LegId::new(rig.call, 77);
    let elsewhere = LegId::new(CallId::random(), 0);
    rig.engine.set_source(nobody, &Source::Silence);
    rig.wait(refused(nobody, Refusal::UnknownLeg));
    rig.engine.bridge(a.leg, nobody);
    rig.wait(refused(nobody, Refusal::UnknownLeg));
    rig.engine.bridge(a.leg, a.leg);
    rig.wait(refused(a.leg, Refusal::SameLeg));
    rig.engine.bridge(a.leg, elsewhere);
    rig.wait(refused(a.leg, Refusal::OtherCall));
    rig.engine.add_leg(a.leg).unwrap();
    rig.wait(refused(a.leg, Refusal::LegExists));
    rig.engine.remove_leg(nobody);
    rig.wait(refused(nobody, Refusal::UnknownLeg));
    rig.settle();
    assert_eq!(rig.engine.stats().ports_in_use, 1);
    rig.engine.shutdown();
    assert!(matches!(
        rig.engine.add_leg(nobody),
        Err(EngineError::ShutDown)
    ));
    rig.engine.stop_play(a.leg);
    rig.wait(refused(a.leg, Refusal::ShutDown));
}

#[test]
fn a_fault_at_a_command_ends_only_its_leg() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    let (mut a, mut b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    let c = rig.phone(Codec::Pcmu);
    rig.engine.bridge(a.leg, b.leg);
    let endless = Playlist {
        items: vec![PlayItem::Silence(Duration::from_secs(1))],
        barge_in: false,
        repeat: true,
    };
    rig.engine.play(c.leg, PlayId(1), &endless);
    rig.engine.panic(c.leg);
    let failed = EngineEvent::LegFailed {
        leg: c.leg,
        reason: LegFailure::Panicked,
    };
    rig.wait(|event| matches!(event, EngineEvent::PlaybackEnded { .. }).then_some(()));
    rig.wait(|event| (*event == failed).then_some(()));
    rig.settle();
    a.ignores_the_past();
    b.ignores_the_past();
    let (a_heard, b_heard) = talk(&mut a, 440.0, &mut b, 660.0, 10);
    assert!(is_tone(&a_heard, 660.0) && is_tone(&b_heard, 440.0));
    assert_eq!(rig.engine.stats().ports_in_use, 2);
}

#[test]
fn a_fault_at_a_packet_ends_only_its_leg() {
    let mut rig = Rig::with(|config| config.shards = 1, SoundBank::new());
    let mut phones: Vec<_> = (0..4).map(|_| rig.phone(Codec::Pcmu)).collect();
    rig.engine.bridge(phones[0].leg, phones[1].leg);
    rig.engine.bridge(phones[2].leg, phones[3].leg);
    rig.engine.panic_at_packet(phones[0].leg);
    rig.settle();
    phones[0].says(440.0);
    let failed = rig.wait(|event| match event {
        EngineEvent::LegFailed { leg, .. } => Some(*leg),
        _ => None,
    });
    assert_eq!(failed, phones[0].leg);
    rig.settle();
    // Its partner lives on, in silence, and so does everybody else.
    phones[1].hears(5);
    let [_, _, c, d] = &mut phones[..] else {
        panic!("four phones");
    };
    c.ignores_the_past();
    d.ignores_the_past();
    let (c_heard, d_heard) = talk(c, 440.0, d, 660.0, 10);
    assert!(is_tone(&c_heard, 660.0) && is_tone(&d_heard, 440.0));
    rig.engine.set_source(failed, &Source::Silence);
    rig.wait(refused(failed, Refusal::UnknownLeg));
}

#[test]
fn garbage_of_any_size_is_dropped_and_counted() {
    let mut rig = Rig::new();
    let (mut a, mut b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
    rig.engine.bridge(a.leg, b.leg);
    rig.settle();
    let rtcp = std::net::SocketAddr::new(a.engine.ip(), a.engine.port() + 1);
    let sizes = [0, 1, 11, 12, 13, 171, 1500, 2047, 2048, 2049];
    for size in sizes {
        for byte in [0x00, 0x80, 0xFF] {
            let garbage = vec![byte; size];
            a.socket.send_to(&garbage, a.engine).unwrap();
            a.socket.send_to(&garbage, rtcp).unwrap();
        }
    }
    // Once: a few of these fill the kernel's buffer.
    a.socket.send_to(&[0x80; 65_507], a.engine).unwrap();
    b.ignores_the_past();
    let (a_heard, b_heard) = talk(&mut a, 440.0, &mut b, 660.0, 10);
    assert!(is_tone(&a_heard, 660.0) && is_tone(&b_heard, 440.0));
    rig.stats(|stats| {
        let shards = stats.shards.iter();
        // All but one, which by chance is an empty packet of the right type.
        shards.map(|shard| shard.dropped.total()).sum::<u64>() == 30
    });
}

#[test]
fn commands_pile_up_without_being_lost() {
    let mut rig = Rig::new();
    let a = rig.phone(Codec::Pcmu);
    let nobody = LegId::new(rig.call, 50);
    for _ in 0..5000 {
        rig.engine.stop_play(nobody);
    }
    for _ in 0..5000 {
        rig.wait(refused(nobody, Refusal::UnknownLeg));
    }
    a.hears(1);
}
