//! Legs that go over to another call.

use offhook_core::sdp::Codec;
use offhook_core::{CallId, LegId};

use super::rig::{Rig, is_silent, is_tone, talk};

/// Whether two calls are on one shard follows from their ids, so some of these pairs are and some
/// are not.
const PAIRS: usize = 8;

#[test]
fn a_leg_talks_in_its_new_call_at_once_and_no_more_in_the_old_one() {
    for _ in 0..PAIRS {
        let mut rig = Rig::new();
        let (mut moved, mut left) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
        rig.engine.bridge(moved.leg, left.leg);
        rig.call = CallId::random();
        let mut other = rig.phone(Codec::Pcma);
        let name = LegId::new(rig.call, 1_000_000);
        rig.engine.move_leg(moved.leg, name);
        rig.engine.bridge(name, other.leg);
        moved.leg = name;
        rig.settle();
        for phone in [&mut moved, &mut other, &mut left] {
            phone.ignores_the_past();
        }
        let (moved_heard, other_heard) = talk(&mut moved, 440.0, &mut other, 660.0, 25);
        assert!(is_tone(&other_heard, 440.0));
        assert!(is_tone(&moved_heard, 660.0));
        assert!(is_silent(&left.hears(1)));
        rig.engine.remove_leg(name);
        rig.engine.remove_leg(other.leg);
        rig.engine.remove_leg(left.leg);
        rig.stats(|stats| stats.ports_in_use == 0);
    }
}

#[test]
fn a_leg_that_is_gone_holds_nobody_up_in_the_call_it_should_go_to() {
    for _ in 0..PAIRS {
        let mut rig = Rig::new();
        let gone = rig.phone(Codec::Pcmu);
        rig.engine.remove_leg(gone.leg);
        rig.call = CallId::random();
        let (mut a, mut b) = (rig.phone(Codec::Pcmu), rig.phone(Codec::Pcmu));
        rig.engine
            .move_leg(gone.leg, LegId::new(rig.call, 1_000_000));
        rig.engine.bridge(a.leg, b.leg);
        rig.settle();
        a.ignores_the_past();
        b.ignores_the_past();
        let (a_heard, b_heard) = talk(&mut a, 440.0, &mut b, 660.0, 25);
        assert!(is_tone(&a_heard, 660.0) && is_tone(&b_heard, 440.0));
    }
}
