//! Calls that go as they should.

use std::time::Duration;

use super::pair::{A, ANSWER, B, OFFER, Pair, answers, rings, spec};
use crate::cause::HangupCause;
use crate::sip::invite::{EndedSide, UsageEvent, UsageState};

fn ended(cause: HangupCause, by: EndedSide) -> UsageEvent {
    UsageEvent::Ended {
        cause,
        by,
        status: None,
    }
}

#[test]
fn a_call_rings_is_answered_and_ends_with_one_bye() {
    let mut pair = Pair::udp(rings);
    pair.dial();
    pair.run_ms(3_000);
    assert_eq!(pair.sides[A].events, [UsageEvent::Ringing]);
    pair.tell(B, answers);
    pair.run_ms(1_000);
    pair.tell(A, |usage, now| {
        assert_eq!(usage.state(), UsageState::Established);
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
    assert_eq!(
        pair.messages(),
        [
            "A INVITE",
            "B 180 INVITE",
            "B 200 INVITE",
            "A ACK",
            "A BYE",
            "B 200 BYE"
        ]
    );
    assert_eq!(
        pair.sides[A].events[1..],
        [
            UsageEvent::Answered {
                sdp: Some(ANSWER.into())
            },
            ended(HangupCause::NormalClearing, EndedSide::Local)
        ]
    );
    assert_eq!(
        pair.sides[B].events,
        [
            UsageEvent::Confirmed { sdp: None },
            ended(HangupCause::NormalClearing, EndedSide::Remote)
        ]
    );
}

#[test]
fn the_called_side_may_hang_up_too() {
    for mut pair in [Pair::udp(answers), Pair::tcp(answers)] {
        pair.dial();
        pair.run_ms(1_000);
        pair.tell(B, |usage, now| {
            usage.hang_up(now, HangupCause::QueueTimeout);
            usage.hang_up(now, HangupCause::NormalClearing);
        });
        pair.finish();
        assert_eq!(
            pair.messages(),
            ["A INVITE", "B 200 INVITE", "A ACK", "B BYE", "A 200 BYE"]
        );
        let cause = HangupCause::NormalClearing;
        assert!(pair.sides[A].has(&ended(cause, EndedSide::Remote)));
    }
}

#[test]
fn a_phone_that_thinks_gets_100_trying_to_its_caller() {
    let mut pair = Pair::udp(|_, _| {});
    pair.dial();
    pair.run_ms(1_000);
    assert_eq!(pair.messages(), ["A INVITE", "B 100 INVITE"]);
    assert_eq!(pair.sides[A].events, []);
    pair.tell(B, answers);
    pair.run_ms(1_000);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

#[test]
fn early_media_is_passed_on_and_stands_in_for_an_answer_without_sdp() {
    let mut pair = Pair::udp(|usage, now| usage.progress(now, Some(ANSWER.into())));
    pair.dial();
    pair.run_ms(1_000);
    let progress = UsageEvent::Progress {
        sdp: Some(ANSWER.into()),
    };
    assert_eq!(pair.sides[A].events, [progress]);
    pair.tell(B, |usage, now| usage.answer(now, "".into()));
    pair.run_ms(1_000);
    assert!(pair.sides[A].has(&UsageEvent::Answered {
        sdp: Some(ANSWER.into())
    }));
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

#[test]
fn a_call_that_rings_long_repeats_its_180_every_minute() {
    let mut pair = Pair::udp(rings);
    pair.dial();
    pair.run_for(Duration::from_secs(150));
    let rung = pair.messages();
    assert_eq!(
        rung.iter().filter(|line| **line == "B 180 INVITE").count(),
        3
    );
    pair.tell(B, |usage, now| usage.reject(now, HangupCause::NoAnswer));
    pair.finish();
}

#[test]
fn a_refusal_carries_status_and_reason_and_is_acknowledged() {
    for cause in HangupCause::ALL {
        let mut pair = Pair::udp(rings);
        pair.dial();
        pair.run_ms(500);
        pair.tell(B, |usage, now| {
            usage.reject(now, *cause);
            assert!(usage.is_terminated());
        });
        pair.finish();
        let (heard, status) = pair.sides[A].endings()[0];
        assert_eq!(status, Some(cause.sip_status()));
        let told = HangupCause::from_q850(cause.q850());
        if told != Some(HangupCause::NormalClearing) {
            assert_eq!(Some(heard), told, "{cause}");
        }
        assert_eq!(pair.messages().last(), Some(&"A ACK"));
    }
}

#[test]
fn an_offer_may_come_late_from_the_called_side() {
    let mut pair = Pair::udp(|usage, now| {
        assert!(usage.invite().unwrap().body.is_empty());
        usage.answer(now, OFFER.into());
    });
    let mut spec = spec();
    spec.sdp = None;
    pair.dial_with(spec);
    pair.run_ms(700);
    assert!(pair.sides[A].has(&UsageEvent::Answered {
        sdp: Some(OFFER.into())
    }));
    assert!(!pair.messages().contains(&"A ACK"), "not before the answer");
    pair.tell(A, |usage, now| usage.ack(now, ANSWER.into()));
    pair.run_ms(100);
    assert!(pair.sides[B].has(&UsageEvent::Confirmed {
        sdp: Some(ANSWER.into())
    }));
    pair.tell(B, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

#[test]
fn hanging_up_before_a_late_offer_is_answered_still_acknowledges_it() {
    let mut pair = Pair::udp(|usage, now| usage.answer(now, OFFER.into()));
    let mut spec = spec();
    spec.sdp = None;
    pair.dial_with(spec);
    pair.run_ms(100);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NoCommonCodec);
    });
    pair.finish();
    assert_eq!(
        pair.messages(),
        ["A INVITE", "B 200 INVITE", "A ACK", "A BYE", "B 200 BYE"]
    );
    assert_eq!(
        pair.sides[B].endings(),
        [(HangupCause::NoCommonCodec, None)]
    );
}

#[test]
fn the_reason_of_a_bye_reaches_the_other_side() {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(100);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::MediaTimeout);
    });
    pair.finish();
    // Both have Q.850 number 102.
    assert_eq!(
        pair.sides[B].endings(),
        [(HangupCause::RecoveryOnTimerExpiry, None)]
    );
}
