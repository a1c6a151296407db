//! UPDATE, before and after the answer (RFC 3311).

use super::pair::{A, ANSWER, B, Pair, answers};
use super::script::Script;
use crate::cause::HangupCause;
use crate::sip::endpoint::ServerTxn;
use crate::sip::invite::{DialogOptions, UsageEvent, UsageInput};
use crate::sip::{HeaderName, Method};

const EARLY: &str = "v=0 early";
const CHANGED: &str = "v=0 changed";

fn reoffered() -> UsageEvent {
    UsageEvent::Reoffered {
        sdp: Some(CHANGED.into()),
    }
}

/// Early media that the caller has acknowledged.
fn called() -> Script {
    let rows = "Supported: 100rel\n";
    let mut script = Script::called_with(DialogOptions::default(), rows, "v=0 offer");
    script.usage.progress(script.now, Some(EARLY.into()));
    let rseq = script.response().headers.get(&HeaderName::RSeq).cloned();
    let rseq = String::from_utf8(rseq.unwrap().to_vec()).unwrap();
    script.peer_asks_with("PRACK", &format!("RAck: {rseq} 100 INVITE\n"), "");
    assert_eq!(script.response().status, 200);
    script
}

/// RFC 3311 section 5.2.
#[test]
fn a_caller_may_change_its_mind_before_we_answer() {
    let mut script = called();
    script.peer_asks("UPDATE", CHANGED);
    assert_eq!(script.events(), [reoffered()]);
    // One at a time.
    let second = script.peer_sends("UPDATE", "v=0 third");
    assert_eq!(second.status, 500);
    assert!(second.headers.has(&HeaderName::RetryAfter));
    // The 200 to the INVITE waits until that is settled.
    script.usage.answer(script.now, ANSWER.into());
    assert_eq!(script.effects(), []);
    script.usage.accept_reinvite(script.now, ANSWER.into());
    let update = script.response();
    assert_eq!((update.status, &update.body[..]), (200, ANSWER));
    assert!(update.headers.has(&HeaderName::Contact));
    let answer = script.response();
    assert_eq!((answer.status, answer.body.len()), (200, 0));
}

/// RFC 3311 section 5.2.
#[test]
fn before_offer_and_answer_are_done_an_update_has_to_wait() {
    let rows = "Supported: 100rel\n";
    let mut script = Script::called_with(DialogOptions::default(), rows, "v=0 offer");
    assert_eq!(script.peer_sends("UPDATE", CHANGED).status, 500);
    script.usage.progress(script.now, Some(EARLY.into()));
    script.response();
    assert_eq!(script.peer_sends("UPDATE", CHANGED).status, 500);
    let (mut script, tag, invite) = Script::calling();
    script.peer_answers(tag, &invite, 183, "peer", EARLY);
    assert_eq!(script.peer_sends("UPDATE", CHANGED).status, 491);
}

/// RFC 3311 section 5.2.
#[test]
fn a_refused_or_withdrawn_early_change_lets_the_call_be_answered() {
    let mut script = called();
    script.peer_asks("UPDATE", CHANGED);
    script.usage.answer(script.now, ANSWER.into());
    script.usage.reject_reinvite(script.now, 488);
    assert_eq!(script.response().status, 488);
    assert_eq!(script.response().status, 200);
    let mut script = called();
    script.peer_asks("UPDATE", CHANGED);
    script.usage.answer(script.now, ANSWER.into());
    script.events();
    let lost = UsageInput::FlowLost { txn: ServerTxn(3) };
    script.usage.handle(script.now, lost);
    assert_eq!(script.events(), [UsageEvent::ReofferWithdrawn]);
    assert_eq!(script.response().status, 200);
}

/// A phone rings and has answered our offer reliably.
fn rings() -> Script {
    let (mut script, tag, invite) = Script::calling();
    let rows = [(HeaderName::Require, "100rel"), (HeaderName::RSeq, "1")];
    script.peer_answers_with(tag, &invite, 183, "peer", &rows, EARLY);
    assert_eq!(script.sent().1.method, Method::Prack);
    script.events();
    script
}

/// RFC 3311 section 5.2.
#[test]
fn a_phone_that_rings_may_change_its_mind_too() {
    let mut script = rings();
    let (tag, invite) = script.requests[0].clone();
    script.peer_asks("UPDATE", CHANGED);
    assert_eq!(script.events(), [reoffered()]);
    assert_eq!(script.peer_sends("UPDATE", "v=0 third").status, 500);
    script.usage.accept_reinvite(script.now, ANSWER.into());
    let update = script.response();
    assert_eq!((update.status, &update.body[..]), (200, ANSWER));
    // What the 200 repeats was settled, and then changed.
    script.peer_answers(tag, &invite, 200, "peer", EARLY);
    assert_eq!(script.acked().body, "");
    assert_eq!(script.events(), [UsageEvent::Answered { sdp: None }]);
}

/// RFC 3311 section 5.2.
#[test]
fn an_early_change_may_be_answered_after_the_call() {
    let mut script = rings();
    let (tag, invite) = script.requests[0].clone();
    script.peer_asks("UPDATE", CHANGED);
    script.peer_answers(tag, &invite, 200, "peer", "");
    script.acked();
    script.usage.accept_reinvite(script.now, ANSWER.into());
    assert_eq!(&script.response().body[..], ANSWER);
    // That of a phone that lost is not answered by anybody.
    let mut script = rings();
    let (tag, invite) = script.requests[0].clone();
    script.peer_asks("UPDATE", CHANGED);
    script.peer_answers(tag, &invite, 200, "other", "v=0");
    assert_eq!(script.response().status, 481);
    script.acked();
    script.usage.accept_reinvite(script.now, ANSWER.into());
    assert_eq!(script.effects(), []);
}

/// RFC 3311 section 5.2.
#[test]
fn hanging_up_refuses_an_early_change_that_nobody_answered() {
    for mut script in [called(), rings()] {
        script.peer_asks("UPDATE", CHANGED);
        script
            .usage
            .hang_up(script.now, HangupCause::NormalClearing);
        assert_eq!(script.response().status, 481);
    }
    let mut script = rings();
    let (tag, invite) = script.requests[0].clone();
    script.peer_asks("UPDATE", CHANGED);
    script.peer_answers(tag, &invite, 486, "peer", "");
    assert_eq!(script.response().status, 481);
    assert!(script.usage.is_terminated());
}

/// RFC 3311 section 5.1.
#[test]
fn a_change_goes_by_update_where_the_peer_knows_it() {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(1_000);
    for (from, to) in [(A, B), (B, A)] {
        pair.log.clear();
        pair.tell(from, |usage, now| usage.update(now, CHANGED.into()));
        pair.run_ms(50);
        pair.tell(to, |usage, now| usage.accept_reinvite(now, "v=0 ok".into()));
        pair.run_ms(50);
        assert!(pair.sides[from].has(&UsageEvent::ReofferAnswered {
            sdp: Some("v=0 ok".into())
        }));
        assert_eq!(pair.messages().len(), 2, "{:?}", pair.log);
    }
    // A glare of two UPDATEs is settled as that of two re-INVITEs.
    for side in [A, B] {
        pair.sides[side].events.clear();
        pair.tell(side, |usage, now| usage.update(now, "v=0 glare".into()));
    }
    for _ in 0..80 {
        pair.run_ms(100);
        for side in [A, B] {
            pair.tell(side, |usage, now| {
                usage.accept_reinvite(now, "v=0 ok".into());
            });
        }
    }
    for side in [A, B] {
        assert!(pair.sides[side].has(&UsageEvent::ReofferAnswered {
            sdp: Some("v=0 ok".into())
        }));
    }
    assert!(pair.messages().contains(&"B 491 UPDATE"));
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

/// RFC 3311 section 5.1.
#[test]
fn where_the_peer_does_not_know_update_a_re_invite_does_it() {
    let mut script = Script::established();
    script.usage.update(script.now, CHANGED.into());
    assert_eq!(script.sent().1.method, Method::Invite);
    let rows = "Allow: INVITE, UPDATE\n";
    let mut script = Script::called_with(DialogOptions::default(), rows, "v=0 offer");
    script.usage.answer(script.now, ANSWER.into());
    script.peer_acks(100, "");
    script.effects();
    script.events();
    script.usage.update(script.now, CHANGED.into());
    let (tag, update, _) = script.sent();
    assert_eq!(update.method, Method::Update);
    script.peer_answers(tag, &update, 501, "peer", "");
    let (tag, again, _) = script.sent();
    assert_eq!(
        (&again.method, &again.body[..]),
        (&Method::Invite, CHANGED.as_bytes())
    );
    assert_eq!(script.events(), []);
    script.peer_answers(tag, &again, 200, "peer", "v=0 ok");
    assert_eq!(
        script.events(),
        [UsageEvent::ReofferAnswered {
            sdp: Some("v=0 ok".into())
        }]
    );
}
