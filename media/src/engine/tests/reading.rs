//! Packets are read as they come or with the frames they are needed for, and none is missed.

use offhook_core::LegId;
use offhook_core::sdp::Codec;

use super::by_hand::ByHand;
use super::rig::Phone;
use crate::engine::command::Command;
use crate::engine::leg::Reading;
use crate::engine::room::RoomCommand;
use crate::engine::*;
use crate::graph::mixer::{MemberSettings, MixerSettings};
use crate::graph::player::Background;
use crate::time::Rate;

impl ByHand {
    fn reading(&self, leg: LegId) -> Reading {
        self.shard.legs[self.shard.index[&leg]].reading
    }

    /// A leg that has heard of its phone.
    fn talker(&mut self, number: u32, codec: Codec) -> Phone {
        let mut phone = self.phone(number, codec);
        phone.says(440.0);
        let key = self.shard.index[&phone.leg];
        while !self.shard.legs[key].connected {
            self.turns(1);
        }
        phone
    }

    fn hears(&mut self, leg: LegId, source: &Source) {
        let background = Background::find(source, &SoundBank::new()).unwrap();
        self.does(Command::SetSource(leg, background));
    }
}

#[test]
fn packets_are_read_as_they_come_only_where_somebody_waits_for_them() {
    let (mut by_hand, _ends) = ByHand::new();
    let phones = [Codec::Pcmu, Codec::Pcma, Codec::G722];
    let mut numbers = 0..;
    let phones = phones.map(|codec| by_hand.talker(numbers.next().unwrap(), codec));
    let [a, b, wide] = [0, 1, 2].map(|n: usize| phones[n].leg);
    let read = |by_hand: &ByHand| [a, b, wide].map(|leg| by_hand.reading(leg));
    use Reading::{AtOnce, WithFrames};
    by_hand.does(Command::Bridge(a, b));
    assert_eq!(read(&by_hand)[..2], [AtOnce, AtOnce]);
    by_hand.does(Command::Bridge(a, wide));
    assert_eq!(read(&by_hand), [WithFrames, WithFrames, WithFrames]);
    by_hand.hears(a, &Source::Echo);
    assert_eq!(by_hand.reading(a), AtOnce);
    by_hand.does(Command::Unbridge(a));
    assert_eq!(by_hand.reading(wide), WithFrames);
    by_hand.hears(a, &Source::Silence);
    assert_eq!(by_hand.reading(a), WithFrames);
    let stranger = by_hand.phone(3, Codec::Pcmu).leg;
    by_hand.hears(stranger, &Source::Silence);
    assert_eq!(by_hand.reading(stranger), AtOnce);
    let call = by_hand.call;
    let open = RoomCommand::Open(MixerSettings::at(Rate::Narrow), Background::Silence);
    by_hand.does(Command::Room(call, Box::new(open)));
    for leg in [a, b] {
        let join = RoomCommand::Join(leg, MemberSettings::default());
        by_hand.does(Command::Room(call, Box::new(join)));
    }
    assert_eq!(read(&by_hand), [WithFrames; 3]);
    by_hand.does(Command::Bridge(a, b));
    assert_eq!(read(&by_hand)[..2], [AtOnce, AtOnce]);
}

#[test]
fn what_was_said_before_a_bridge_is_not_for_the_other_side_and_what_follows_is() {
    let (mut by_hand, _ends) = ByHand::new();
    let mut a = by_hand.talker(0, Codec::Pcmu);
    let b = by_hand.talker(1, Codec::Pcmu);
    by_hand.hears(a.leg, &Source::Silence);
    assert_eq!(by_hand.reading(a.leg), Reading::WithFrames);
    a.sends(0, &[1; 160]);
    by_hand.does(Command::Bridge(a.leg, b.leg));
    assert_eq!(by_hand.shard.stats.packets_in, 3);
    b.ignores_the_past();
    a.sends(0, &[2; 160]);
    while by_hand.shard.stats.packets_in < 4 {
        by_hand.turns(1);
    }
    assert_eq!(b.receives().1, [2; 160]);
}

#[test]
fn a_key_is_heard_from_who_listens_to_something_else() {
    let (mut by_hand, mut ends) = ByHand::new();
    let mut caller = by_hand.talker(0, Codec::Pcmu);
    by_hand.hears(caller.leg, &Source::Silence);
    caller.presses('7');
    let mut told = Vec::new();
    while told.len() < 2 {
        by_hand.turns(1);
        told.extend(std::iter::from_fn(|| ends.events.pop().ok()));
    }
    let leg = caller.leg;
    let digit = '7';
    assert_eq!(
        told,
        [
            EngineEvent::FirstPacket { leg },
            EngineEvent::Digit { leg, digit }
        ]
    );
}
