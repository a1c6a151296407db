//! Calls that end at an awkward moment.

use std::time::Duration;

use super::pair::{A, B, Pair, answers, is_request, is_response, rings};
use crate::cause::HangupCause;
use crate::sip::Method;
use crate::sip::invite::{EndedSide, UsageEvent};

const ELSEWHERE: HangupCause = HangupCause::AnsweredElsewhere;

#[test]
fn a_ringing_call_is_cancelled_with_487_and_the_reason() {
    for mut pair in [Pair::udp(rings), Pair::tcp(rings)] {
        pair.dial();
        pair.run_ms(1_000);
        pair.tell(A, |usage, now| usage.hang_up(now, ELSEWHERE));
        assert_eq!(pair.sides[A].endings(), [(ELSEWHERE, None)], "at once");
        pair.finish();
        assert_eq!(
            pair.messages()[2..],
            ["A CANCEL", "B 200 CANCEL", "B 487 INVITE", "A ACK"]
        );
        assert_eq!(pair.sides[B].endings(), [(ELSEWHERE, Some(487))]);
    }
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response() {
    let mut pair = Pair::udp(|_, _| {});
    pair.dial();
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::OriginatorCancel);
    });
    pair.run_ms(150);
    assert_eq!(pair.messages(), ["A INVITE"]);
    pair.finish();
    assert_eq!(
        pair.messages()[1..],
        [
            "B 100 INVITE",
            "A CANCEL",
            "B 200 CANCEL",
            "B 487 INVITE",
            "A ACK"
        ]
    );
}

/// RFC 3261 section 9.1.
#[test]
fn a_2xx_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut pair = Pair::udp(rings);
    pair.dial();
    pair.run_ms(1_000);
    // The 200 is on its way when the caller hangs up, so the CANCEL finds an answered INVITE.
    pair.tell(B, answers);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::OriginatorCancel);
    });
    pair.finish();
    let messages = pair.messages();
    assert!(messages.contains(&"A ACK") && messages.contains(&"A BYE"));
    assert!(messages.contains(&"B 200 CANCEL"));
    assert_eq!(
        pair.sides[A].endings(),
        [(HangupCause::OriginatorCancel, None)]
    );
}

#[test]
fn an_answer_given_after_the_cancel_was_taken_changes_nothing() {
    let mut pair = Pair::udp(rings);
    pair.dial();
    pair.run_ms(1_000);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::OriginatorCancel);
    });
    pair.run_ms(15);
    pair.tell(B, answers);
    pair.finish();
    assert!(!pair.messages().contains(&"B 200 INVITE"));
    assert_eq!(
        pair.sides[B].events,
        [UsageEvent::Ended {
            cause: HangupCause::OriginatorCancel,
            by: EndedSide::Remote,
            status: Some(487)
        }]
    );
}

#[test]
fn a_cancelled_call_that_never_ends_is_given_up_after_32_seconds() {
    let mut pair = Pair::udp(rings);
    pair.dial();
    pair.run_ms(1_000);
    let from = pair.now;
    pair.lose(u32::MAX, |_, message| {
        is_response(message, 487, &Method::Invite)
    });
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::OriginatorCancel);
    });
    pair.run_for(Duration::from_millis(31_999));
    assert!(!pair.sides[A].usages[0].is_terminated());
    pair.run_for(Duration::from_millis(1));
    assert!(
        pair.sides[A].usages[0].is_terminated(),
        "{:?}",
        pair.now - from
    );
    pair.finish();
}

#[test]
fn nobody_at_the_other_end_means_no_user_response_after_32_seconds() {
    let mut pair = Pair::udp(rings);
    pair.lose(u32::MAX, |_, _| true);
    pair.dial();
    pair.run_for(Duration::from_millis(31_999));
    assert_eq!(pair.sides[A].events, []);
    pair.run_for(Duration::from_millis(1));
    assert_eq!(
        pair.sides[A].endings(),
        [(HangupCause::NoUserResponse, None)]
    );
    pair.finish();
}

#[test]
fn a_connection_lost_while_it_rings_ends_the_call_on_both_sides() {
    let mut pair = Pair::tcp(rings);
    pair.dial();
    pair.run_ms(1_000);
    pair.cut();
    for side in [A, B] {
        assert_eq!(
            pair.sides[side].endings(),
            [(HangupCause::NetworkOutOfOrder, None)]
        );
        assert!(pair.sides[side].usages[0].is_terminated());
        assert!(pair.sides[side].endpoint.is_idle());
    }
    pair.finish();
}

#[test]
fn a_connection_lost_while_talking_ends_nothing_until_somebody_hangs_up() {
    let mut pair = Pair::tcp(answers);
    pair.dial();
    pair.run_ms(1_000);
    pair.cut();
    pair.run_for(Duration::from_secs(60));
    assert_eq!(pair.sides[A].endings(), []);
    for side in [A, B] {
        pair.tell(side, |usage, now| {
            usage.hang_up(now, HangupCause::MediaTimeout);
        });
    }
    pair.finish();
}

/// RFC 3261 section 15.
#[test]
fn hanging_up_before_the_ack_waits_for_it() {
    let mut pair = Pair::udp(answers);
    pair.lose(2, |_, message| is_request(message, &Method::Ack));
    pair.dial();
    pair.run_ms(50);
    pair.tell(B, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    assert_eq!(pair.sides[B].endings().len(), 1);
    pair.finish();
    assert_eq!(
        pair.messages()[1..],
        [
            "B 200 INVITE",
            "A ACK lost",
            "B 200 INVITE",
            "A ACK lost",
            "B 200 INVITE",
            "A ACK",
            "B BYE",
            "A 200 BYE"
        ]
    );
}

/// RFC 3261 section 13.3.1.4.
#[test]
fn an_ack_that_never_comes_ends_the_call_with_a_bye() {
    let mut pair = Pair::udp(answers);
    pair.lose(u32::MAX, |_, message| is_request(message, &Method::Ack));
    pair.dial();
    pair.finish();
    assert_eq!(
        pair.sides[B].endings(),
        [(HangupCause::RecoveryOnTimerExpiry, None)]
    );
    assert_eq!(
        pair.sides[A].endings(),
        [(HangupCause::RecoveryOnTimerExpiry, None)]
    );
    // T1 doubling to T2 until 64 × T1.
    let sent = pair.messages();
    assert_eq!(
        sent.iter().filter(|line| **line == "B 200 INVITE").count(),
        11
    );
}

/// RFC 3261 section 15.1.
#[test]
fn both_hang_up_at_once() {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(1_000);
    for side in [A, B] {
        pair.tell(side, |usage, now| {
            usage.hang_up(now, HangupCause::NormalClearing);
        });
    }
    pair.finish();
    assert_eq!(
        pair.messages()[3..],
        ["A BYE", "B BYE", "B 200 BYE", "A 200 BYE"]
    );
}

#[test]
fn a_bye_that_nobody_answers_is_over_after_32_seconds() {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(1_000);
    pair.lose(u32::MAX, |_, message| is_request(message, &Method::Bye));
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.run_for(Duration::from_secs(32));
    assert!(pair.sides[A].usages[0].is_terminated());
    pair.tell(B, |usage, now| {
        usage.hang_up(now, HangupCause::MediaTimeout);
    });
    pair.finish();
}
