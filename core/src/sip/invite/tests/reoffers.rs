//! Changing a session that runs.

use std::time::Duration;

use super::pair::{A, B, Pair, answers, is_request, is_response};
use super::script::Script;
use crate::cause::HangupCause;
use crate::sip::Method;
use crate::sip::endpoint::ServerTxn;
use crate::sip::invite::{UsageEvent, UsageInput, UsageState};

const HOLD: &[u8] = b"v=0 hold";
const HELD: &[u8] = b"v=0 held";

fn talking() -> Pair {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(1_000);
    for side in &mut pair.sides {
        side.events.clear();
    }
    pair.log.clear();
    pair
}

fn ends(mut pair: Pair) {
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

fn answered() -> UsageEvent {
    UsageEvent::ReofferAnswered {
        sdp: Some(HELD.into()),
    }
}

#[test]
fn either_side_can_change_the_session() {
    for (from, to) in [(A, B), (B, A)] {
        let mut pair = talking();
        pair.tell(from, |usage, now| usage.reinvite(now, HOLD.into()));
        pair.run_ms(100);
        let offered = UsageEvent::Reoffered {
            sdp: Some(HOLD.into()),
        };
        assert_eq!(pair.sides[to].events, [offered]);
        pair.tell(to, |usage, now| usage.accept_reinvite(now, HELD.into()));
        pair.run_ms(1_000);
        assert_eq!(pair.sides[from].events, [answered()]);
        assert_eq!(pair.messages().len(), 3, "{:?}", pair.log);
        ends(pair);
    }
}

#[test]
fn a_refused_change_leaves_the_session_as_it_was() {
    let mut pair = talking();
    pair.tell(A, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.run_ms(100);
    pair.tell(B, |usage, now| usage.reject_reinvite(now, 488));
    pair.run_ms(100);
    assert_eq!(
        pair.sides[A].events,
        [UsageEvent::ReofferRejected { status: 488 }]
    );
    assert_eq!(pair.messages(), ["A INVITE", "B 488 INVITE", "A ACK"]);
    ends(pair);
}

#[test]
fn a_change_waits_for_the_one_before_and_the_last_wish_counts() {
    let mut pair = talking();
    pair.tell(A, |usage, now| {
        usage.reinvite(now, "v=0 one".into());
        usage.reinvite(now, "v=0 two".into());
        usage.reinvite(now, HOLD.into());
    });
    pair.run_ms(100);
    pair.tell(B, |usage, now| usage.accept_reinvite(now, HELD.into()));
    pair.run_ms(100);
    pair.tell(B, |usage, now| usage.accept_reinvite(now, HELD.into()));
    pair.run_ms(100);
    assert_eq!(pair.sides[A].events, [answered(), answered()]);
    let offered = |event: &UsageEvent| {
        if let UsageEvent::Reoffered { sdp } = event {
            sdp.clone()
        } else {
            None
        }
    };
    let offers: Vec<_> = pair.sides[B].events.iter().filter_map(offered).collect();
    assert_eq!(offers, ["v=0 one", "v=0 hold"]);
    ends(pair);
}

/// RFC 3261 section 14.1.
#[test]
fn glare_is_settled_by_491_and_different_waits() {
    for seed in 0..50 {
        let mut pair = Pair::new(crate::sip::endpoint::SipTransport::Udp, seed, answers);
        pair.dial();
        pair.run_ms(1_000);
        let met = pair.now;
        for side in [A, B] {
            pair.sides[side].events.clear();
            pair.tell(side, |usage, now| usage.reinvite(now, HOLD.into()));
        }
        pair.run_ms(50);
        let refused = pair.messages();
        assert_eq!(
            refused.iter().filter(|line| line.contains("491")).count(),
            2
        );
        // The called side comes again within 2 s, the caller after 2.1 s at least.
        pair.run_for(Duration::from_millis(2_050) - (pair.now - met));
        let offered = |event: &UsageEvent| matches!(event, UsageEvent::Reoffered { .. });
        assert!(pair.sides[A].events.iter().any(offered), "{:?}", pair.log);
        assert!(!pair.sides[B].events.iter().any(offered));
        pair.tell(A, |usage, now| usage.accept_reinvite(now, HELD.into()));
        pair.run_for(Duration::from_millis(2_050));
        assert!(pair.sides[B].events.iter().any(offered));
        pair.tell(B, |usage, now| usage.accept_reinvite(now, HELD.into()));
        pair.run_ms(100);
        for side in [A, B] {
            assert!(pair.sides[side].has(&answered()), "{:?}", pair.log);
        }
        ends(pair);
    }
}

#[test]
fn a_change_that_lost_a_glare_can_be_taken_back_until_it_goes_out_again() {
    let mut pair = talking();
    let mut withdrawn = true;
    pair.tell(A, |usage, _| withdrawn = usage.withdraw_change());
    assert!(!withdrawn, "there is none");
    for side in [A, B] {
        pair.tell(side, |usage, now| usage.reinvite(now, HOLD.into()));
    }
    pair.tell(A, |usage, _| withdrawn = usage.withdraw_change());
    assert!(!withdrawn, "it is on its way");
    pair.run_ms(50);
    pair.tell(A, |usage, _| withdrawn = usage.withdraw_change());
    assert!(withdrawn, "it waits for its next try");
    pair.sides[B].events.clear();
    pair.run_for(Duration::from_millis(5_000));
    let offered = |event: &UsageEvent| matches!(event, UsageEvent::Reoffered { .. });
    assert!(!pair.sides[B].events.iter().any(offered), "{:?}", pair.log);
    assert!(
        pair.sides[A].events.iter().any(offered),
        "the other's still comes"
    );
    pair.tell(A, |usage, now| usage.accept_reinvite(now, HELD.into()));
    pair.run_ms(100);
    // One that waits behind the other's is taken back as well.
    pair.tell(B, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.tell(B, |usage, now| usage.reinvite(now, HELD.into()));
    pair.tell(B, |usage, _| withdrawn = usage.withdraw_change());
    assert!(withdrawn);
    pair.run_ms(50);
    pair.tell(A, |usage, now| usage.accept_reinvite(now, HELD.into()));
    ends(pair);
}

#[test]
fn hanging_up_while_a_change_is_under_way_ends_both() {
    for (changes, hangs_up) in [(A, A), (A, B), (B, A), (B, B)] {
        let mut pair = talking();
        pair.tell(changes, |usage, now| usage.reinvite(now, HOLD.into()));
        pair.run_ms(100);
        pair.tell(hangs_up, |usage, now| {
            usage.hang_up(now, HangupCause::NormalClearing);
        });
        pair.finish();
        for side in [A, B] {
            assert_eq!(pair.sides[side].endings().len(), 1);
        }
    }
}

#[test]
fn a_change_accepted_while_its_bye_is_on_the_way_is_still_acknowledged() {
    let mut pair = talking();
    pair.tell(A, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.run_ms(100);
    pair.tell(B, |usage, now| usage.accept_reinvite(now, HELD.into()));
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
    assert!(pair.messages().contains(&"A ACK"), "{:?}", pair.log);
}

#[test]
fn a_change_that_nobody_hears_ends_the_call_with_a_bye() {
    let mut pair = talking();
    pair.lose(u32::MAX, |_, message| is_request(message, &Method::Invite));
    pair.tell(A, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.finish();
    let cause = HangupCause::RecoveryOnTimerExpiry;
    assert_eq!(pair.sides[A].endings(), [(cause, None)]);
    assert_eq!(pair.sides[B].endings(), [(cause, None)]);
}

#[test]
fn a_change_of_which_the_call_was_told_and_which_is_forgotten_is_cancelled() {
    let mut pair = talking();
    pair.tell(A, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.run_for(Duration::from_secs(70));
    assert!(pair.sides[B].has(&UsageEvent::ReofferWithdrawn));
    assert!(pair.sides[A].has(&UsageEvent::ReofferRejected { status: 487 }));
    assert!(pair.messages().contains(&"A CANCEL"));
    ends(pair);
}

#[test]
fn a_lost_200_or_ack_of_a_change_is_repeated() {
    let mut pair = talking();
    pair.tell(A, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.run_ms(100);
    pair.lose(1, |_, message| is_response(message, 200, &Method::Invite));
    pair.lose(1, |_, message| is_request(message, &Method::Ack));
    pair.tell(B, |usage, now| usage.accept_reinvite(now, HELD.into()));
    pair.run_ms(3_000);
    assert_eq!(pair.sides[A].events, [answered()]);
    // Nothing is repeated any more.
    let sent = pair.log.len();
    pair.run_ms(10_000);
    assert_eq!(pair.log.len(), sent);
    ends(pair);
}

#[test]
fn a_change_before_the_ack_has_come_waits_for_it() {
    let mut pair = Pair::udp(answers);
    pair.lose(1, |_, message| is_request(message, &Method::Ack));
    pair.dial();
    pair.run_ms(100);
    pair.tell(B, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.run_ms(100);
    assert_eq!(pair.messages().last(), Some(&"A ACK lost"));
    pair.run_ms(450);
    assert_eq!(pair.messages().last(), Some(&"B INVITE"));
    pair.tell(A, |usage, now| usage.accept_reinvite(now, HELD.into()));
    pair.run_ms(100);
    assert!(pair.sides[B].has(&answered()));
    ends(pair);
}

#[test]
fn a_change_by_the_caller_makes_up_for_its_lost_ack() {
    let mut pair = Pair::udp(answers);
    pair.lose(1, |_, message| is_request(message, &Method::Ack));
    pair.dial();
    pair.run_ms(100);
    pair.tell(A, |usage, now| usage.reinvite(now, HOLD.into()));
    pair.run_ms(100);
    assert_eq!(pair.sides[B].events[0], UsageEvent::Confirmed { sdp: None });
    pair.tell(B, |usage, now| usage.accept_reinvite(now, HELD.into()));
    pair.run_ms(2_000);
    assert!(pair.sides[A].has(&answered()));
    ends(pair);
}

/// RFC 3261 section 13.2.2.4: each 2xx that comes again gets its ACK, also when the next change is
/// under way.
#[test]
fn an_ack_that_was_lost_is_repeated_while_the_next_change_is_under_way() {
    for (from, to) in [(A, B), (B, A)] {
        let mut pair = talking();
        pair.lose(3, |_, message| is_request(message, &Method::Ack));
        pair.tell(from, |usage, now| usage.reinvite(now, HOLD.into()));
        pair.run_ms(100);
        pair.tell(to, |usage, now| usage.accept_reinvite(now, HELD.into()));
        pair.run_ms(100);
        pair.tell(from, |usage, now| usage.update(now, "v=0 more".into()));
        pair.run_ms(100);
        pair.tell(to, |usage, now| usage.accept_reinvite(now, HELD.into()));
        pair.run_ms(40_000);
        for side in [A, B] {
            let state = pair.sides[side].usages[0].state();
            assert_eq!(state, UsageState::Established, "{:#?}", pair.log);
        }
        let acks = pair.messages();
        let acks = acks.iter().filter(|line| line.ends_with("ACK")).count();
        assert_eq!(acks, 1, "{:#?}", pair.log);
        ends(pair);
    }
}

/// RFC 3261 section 14.
#[test]
fn a_change_of_ours_goes_out_when_the_peer_takes_its_own_back() {
    let mut script = Script::established();
    let (txn, request) = (ServerTxn(900), {
        script.cseq += 1;
        script.peer_request("INVITE")
    });
    let input = UsageInput::Request { txn, request };
    script.usage.handle(script.now, input);
    script.usage.reinvite(script.now, HOLD.into());
    assert_eq!(script.effects(), [], "it waits");
    let input = UsageInput::Cancelled { txn, cause: None };
    script.usage.handle(script.now, input);
    assert_eq!(script.response().status, 487);
    let (_, invite, _) = script.sent();
    assert_eq!((&invite.method, &invite.body[..]), (&Method::Invite, HOLD));

    // The same when the peer's way to us is gone.
    let mut script = Script::established();
    script.peer_asks("UPDATE", "v=0 theirs");
    script.usage.reinvite(script.now, HOLD.into());
    assert_eq!(script.effects(), [], "it waits");
    let txn = ServerTxn(2);
    script
        .usage
        .handle(script.now, UsageInput::FlowLost { txn });
    assert_eq!(script.sent().1.body, HOLD);
}
