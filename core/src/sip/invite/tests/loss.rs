//! Calls over links that lose things.

use super::pair::{A, B, Pair, answers, is_request, is_response, rings};
use crate::cause::HangupCause;
use crate::sip::Method;
use crate::sip::endpoint::SipTransport;
use crate::sip::invite::UsageEvent;

#[test]
fn a_lost_200_is_repeated_by_the_called_side() {
    let mut pair = Pair::udp(answers);
    pair.lose(2, |_, message| is_response(message, 200, &Method::Invite));
    pair.dial();
    pair.run_ms(2_000);
    assert_eq!(pair.sides[B].events, [UsageEvent::Confirmed { sdp: None }]);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
    assert_eq!(
        pair.log[1..5],
        [
            "  0.010 B 200 INVITE lost",
            "  0.500 A INVITE",
            "  0.510 B 200 INVITE lost",
            "  1.500 A INVITE",
        ]
    );
}

#[test]
fn a_lost_ack_is_sent_again_for_each_200_that_comes_again() {
    let mut pair = Pair::udp(answers);
    pair.lose(3, |_, message| is_request(message, &Method::Ack));
    pair.dial();
    pair.run_ms(5_000);
    let sent = pair.messages();
    assert_eq!(
        sent.iter().filter(|line| **line == "B 200 INVITE").count(),
        4
    );
    assert_eq!(sent.iter().filter(|line| **line == "A ACK lost").count(), 3);
    assert_eq!(pair.sides[B].events, [UsageEvent::Confirmed { sdp: None }]);
    assert_eq!(pair.sides[A].events.len(), 1, "answered once");
    pair.tell(B, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

#[test]
fn a_lost_bye_is_repeated_and_its_lost_200_too() {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(1_000);
    pair.lose(1, |_, message| is_request(message, &Method::Bye));
    pair.lose(1, |_, message| is_response(message, 200, &Method::Bye));
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
    assert_eq!(
        pair.messages()[3..],
        [
            "A BYE lost",
            "A BYE",
            "B 200 BYE lost",
            "A BYE",
            "B 200 BYE"
        ]
    );
    assert_eq!(pair.sides[B].endings().len(), 1);
}

#[test]
fn a_lost_487_is_repeated_until_its_ack() {
    let mut pair = Pair::udp(rings);
    pair.dial();
    pair.run_ms(1_000);
    pair.lose(2, |_, message| is_response(message, 487, &Method::Invite));
    pair.lose(1, |_, message| is_request(message, &Method::Ack));
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::OriginatorCancel);
    });
    pair.finish();
    let sent = pair.messages();
    assert_eq!(
        sent.iter().filter(|line| **line == "B 487 INVITE").count(),
        2
    );
    assert_eq!(sent.last(), Some(&"A ACK"));
}

/// One call over a bad link, with a story that follows from the seed. Commands that only one side
/// can use go to either: they must do no harm.
fn story(seed: u64, loss: u64) -> Pair {
    let mut pair = Pair::new(SipTransport::Udp, seed, |_, _| {});
    pair.loss = loss;
    pair.dial();
    let mut dice = crate::id::IdSource::seeded(seed ^ 0xd1ce);
    for _ in 0..6 {
        pair.run_ms(dice.below(1_500));
        let side = usize::from(dice.below(2) == 1);
        if pair.sides[side].usages.is_empty() {
            continue;
        }
        match dice.below(8) {
            0 | 1 => pair.tell(side, rings),
            2..=4 => pair.tell(side, answers),
            5 => pair.tell(side, |usage, now| usage.reinvite(now, "v=0 re".into())),
            6 => pair.tell(side, |usage, now| {
                usage.accept_reinvite(now, "v=0 ok".into());
            }),
            _ => pair.tell(side, |usage, now| {
                usage.hang_up(now, HangupCause::NormalClearing);
            }),
        }
    }
    // An INVITE may get through as late as after half a minute.
    for _ in 0..2 {
        for side in [A, B] {
            if !pair.sides[side].usages.is_empty() {
                pair.tell(side, |usage, now| {
                    usage.hang_up(now, HangupCause::NormalClearing);
                });
            }
        }
        pair.run_ms(33_000);
    }
    pair
}

#[test]
fn every_call_over_a_bad_link_ends_once_and_leaves_nothing() {
    for loss in [0, 10, 40] {
        for seed in 0..300 {
            let mut pair = story(seed, loss);
            pair.finish();
        }
    }
}
