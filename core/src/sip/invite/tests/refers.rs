//! REFER within a call, and what its sender is told.

use std::time::Duration;

use super::pair::{A, B, Pair, answers, is_request, is_response};
use super::script::{Script, header};
use crate::cause::HangupCause;
use crate::sip::endpoint::ServerTxn;
use crate::sip::invite::{ReferId, UsageEvent, UsageInput, UsageState};
use crate::sip::{HeaderName, Method, Request, Response};

const TARGET: &str = "<sip:300@192.0.2.2>";

/// A and B talk, and A has asked B to call 300.
fn referred() -> (Pair, ReferId) {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(1_000);
    pair.log.clear();
    let refer = pair.refer(A, &[(HeaderName::ReferTo, TARGET)]);
    pair.run_ms(100);
    (pair, refer)
}

/// What A was told: the line in the body and the state of the subscription.
fn told(pair: &Pair) -> Vec<(String, String)> {
    let read = |notify: &Request| {
        assert_eq!(
            header(notify, &HeaderName::ContentType),
            "message/sipfrag;version=2.0"
        );
        let line = String::from_utf8_lossy(&notify.body).trim_end().to_owned();
        (line, header(notify, &HeaderName::SubscriptionState))
    };
    pair.sides[A].notified.iter().map(read).collect()
}

fn told_lines(pair: &Pair) -> Vec<String> {
    told(pair).into_iter().map(|told| told.0).collect()
}

fn ends(mut pair: Pair) {
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

/// RFC 3515 sections 2.4.2 and 2.4.4, RFC 3420.
#[test]
fn who_refers_us_is_told_each_step_of_the_new_call() {
    let (mut pair, refer) = referred();
    let asked = pair.sides[B].events.last();
    let Some(UsageEvent::Referred {
        refer: named,
        target,
        referred_by,
    }) = asked
    else {
        panic!("{asked:?}");
    };
    assert_eq!((*named, target.number().as_deref()), (refer, Some("300")));
    assert_eq!(*referred_by, None);
    pair.tell(B, |usage, now| usage.accept_refer(now, refer));
    pair.run_ms(100);
    pair.tell(B, |usage, _| usage.notify_refer(refer, 180));
    pair.run_ms(100);
    pair.tell(B, |usage, _| usage.notify_refer(refer, 180));
    pair.tell(B, |usage, _| usage.notify_refer(refer, 200));
    pair.tell(B, |usage, _| usage.notify_refer(refer, 486));
    pair.run_ms(100);
    let told = told(&pair);
    let lines: Vec<&str> = told.iter().map(|told| told.0.as_str()).collect();
    assert_eq!(
        lines,
        [
            "SIP/2.0 100 Trying",
            "SIP/2.0 180 Ringing",
            "SIP/2.0 200 OK"
        ]
    );
    assert_eq!(told[0].1, "active;expires=180");
    assert_eq!(told[2].1, "terminated;reason=noresource");
    assert!(pair.messages().contains(&"B 202 REFER"));
    assert_eq!(
        header(&pair.sides[A].notified[0], &HeaderName::Event),
        "refer"
    );
    ends(pair);
}

/// RFC 3515 section 2.4.6.
#[test]
fn from_the_second_refer_on_each_notify_says_which_it_is_about() {
    let (mut pair, first) = referred();
    pair.tell(B, |usage, now| usage.accept_refer(now, first));
    let second = pair.refer(A, &[(HeaderName::ReferTo, TARGET)]);
    pair.run_ms(100);
    pair.tell(B, |usage, now| usage.accept_refer(now, second));
    pair.run_ms(100);
    pair.tell(B, |usage, _| usage.notify_refer(second, 486));
    pair.run_ms(100);
    pair.tell(B, |usage, _| usage.notify_refer(first, 200));
    pair.run_ms(100);
    let events: Vec<String> = pair.sides[A]
        .notified
        .iter()
        .map(|notify| header(notify, &HeaderName::Event))
        .collect();
    let named = format!("refer;id={}", second.0);
    assert_eq!(events, ["refer", &named, &named, "refer"]);
    ends(pair);
}

/// RFC 4488 section 4.
#[test]
fn who_wants_to_hear_nothing_is_told_nothing() {
    let mut pair = Pair::udp(answers);
    pair.dial();
    pair.run_ms(1_000);
    let refer = pair.refer(
        A,
        &[
            (HeaderName::ReferTo, TARGET),
            (HeaderName::ReferSub, "false"),
            (HeaderName::Require, "norefersub"),
        ],
    );
    pair.run_ms(100);
    pair.tell(B, |usage, now| usage.accept_refer(now, refer));
    pair.tell(B, |usage, _| usage.notify_refer(refer, 200));
    pair.run_ms(100);
    assert_eq!(told(&pair), []);
    assert_eq!(pair.sides[A].heard.last(), Some(&202));
    ends(pair);
}

/// RFC 5057 section 4.1: a BYE ends the call and not the subscription.
#[test]
fn who_hangs_up_after_referring_us_still_hears_the_end() {
    let (mut pair, refer) = referred();
    pair.tell(B, |usage, now| usage.accept_refer(now, refer));
    pair.run_ms(100);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.run_ms(5_000);
    assert_eq!(pair.sides[B].usages[0].state(), UsageState::Leaving);
    pair.tell(B, |usage, _| usage.notify_refer(refer, 200));
    pair.finish();
    assert_eq!(told_lines(&pair), ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]);
}

/// RFC 5057 section 4.1, the other way round.
#[test]
fn who_is_hung_up_after_referring_us_still_hears_the_end() {
    let (mut pair, refer) = referred();
    pair.tell(B, |usage, now| usage.accept_refer(now, refer));
    pair.tell(B, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.run_ms(5_000);
    pair.tell(B, |usage, _| usage.notify_refer(refer, 200));
    pair.finish();
    assert_eq!(told_lines(&pair), ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"]);
}

/// RFC 6665 section 4.1.2.2.
#[test]
fn a_call_that_never_says_how_it_went_ends_the_subscription_by_itself() {
    let (mut pair, refer) = referred();
    pair.tell(B, |usage, now| usage.accept_refer(now, refer));
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
    let told = told(&pair);
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].0, "SIP/2.0 100 Trying");
    assert_eq!(told[1].1, "terminated;reason=timeout");
}

/// RFC 6665 section 4.2.2, RFC 5057 section 5.1.
#[test]
fn a_peer_that_knows_of_no_subscription_is_told_no_more_and_the_call_goes_on() {
    let (mut pair, refer) = referred();
    pair.sides[A].answers_notify = 481;
    pair.tell(B, |usage, now| usage.accept_refer(now, refer));
    pair.run_ms(100);
    pair.tell(B, |usage, _| usage.notify_refer(refer, 200));
    pair.run_ms(100);
    assert_eq!(told(&pair).len(), 1);
    assert_eq!(pair.sides[B].usages[0].state(), UsageState::Established);
    ends(pair);
}

/// RFC 6665 section 4.2.2.
#[test]
fn a_peer_that_answers_no_notify_is_told_no_more_and_the_call_goes_on() {
    let (mut pair, refer) = referred();
    pair.lose(u32::MAX, |_, message| is_request(message, &Method::Notify));
    pair.tell(B, |usage, now| usage.accept_refer(now, refer));
    pair.run_for(Duration::from_secs(40));
    pair.tell(B, |usage, _| usage.notify_refer(refer, 200));
    assert_eq!(pair.sides[B].usages[0].state(), UsageState::Established);
    assert_eq!(pair.sides[B].endings(), []);
    ends(pair);
}

/// RFC 3515 section 2.4.4: steps are told in order, each once, however much is lost.
#[test]
fn lost_messages_change_nothing_in_what_is_told() {
    for lost in ["202 REFER", "200 NOTIFY", "NOTIFY", "REFER"] {
        let mut pair = Pair::udp(answers);
        pair.dial();
        pair.run_ms(1_000);
        match lost {
            "202 REFER" => pair.lose(2, |_, m| is_response(m, 202, &Method::Refer)),
            "200 NOTIFY" => pair.lose(2, |_, m| is_response(m, 200, &Method::Notify)),
            "NOTIFY" => pair.lose(2, |_, m| is_request(m, &Method::Notify)),
            _ => pair.lose(2, |_, m| is_request(m, &Method::Refer)),
        }
        let refer = pair.refer(A, &[(HeaderName::ReferTo, TARGET)]);
        pair.run_ms(4_000);
        pair.tell(B, |usage, now| usage.accept_refer(now, refer));
        pair.tell(B, |usage, _| usage.notify_refer(refer, 180));
        pair.tell(B, |usage, _| usage.notify_refer(refer, 200));
        pair.run_ms(10_000);
        // What came up while the first was on its way is told as one.
        assert_eq!(
            told_lines(&pair),
            ["SIP/2.0 100 Trying", "SIP/2.0 200 OK"],
            "{lost}"
        );
        ends(pair);
    }
}

/// RFC 3515 section 2.4.2, RFC 3261 section 21.4.14.
#[test]
fn a_refer_that_cannot_be_done_is_refused_with_the_right_status() {
    let two = [(HeaderName::ReferTo, TARGET), (HeaderName::ReferTo, TARGET)];
    for (headers, status) in [
        (&[][..], 400),
        (&two[..], 400),
        (&[(HeaderName::ReferTo, "<sip:1@h>, <sip:2@h>")], 400),
        (&[(HeaderName::ReferTo, "<sip:1@h")], 400),
        (&[(HeaderName::ReferTo, "<sip:1@h?Replaces=x>")], 400),
        (&[(HeaderName::ReferTo, "<mailto:a@h>")], 416),
        (&[(HeaderName::ReferTo, "<sip:1@h;method=BYE>")], 603),
        (
            &[
                (HeaderName::ReferTo, TARGET),
                (HeaderName::Require, "explicitsub"),
            ],
            420,
        ),
    ] {
        let mut pair = Pair::udp(answers);
        pair.dial();
        pair.run_ms(1_000);
        pair.refer(A, headers);
        pair.run_ms(100);
        assert_eq!(pair.sides[A].heard.last(), Some(&status), "{headers:?}");
        assert_eq!(told(&pair), []);
        ends(pair);
    }
}

/// RFC 3515 section 2.4.2: the call may decline.
#[test]
fn what_the_call_declines_makes_no_subscription() {
    for (status, heard) in [(403, 403), (200, 603)] {
        let (mut pair, refer) = referred();
        pair.tell(B, |usage, _| usage.reject_refer(refer, status));
        pair.tell(B, |usage, now| usage.accept_refer(now, refer));
        pair.run_ms(100);
        assert_eq!(pair.sides[A].heard.last(), Some(&heard));
        assert_eq!(told(&pair), []);
        ends(pair);
    }
}

/// RFC 3261 section 15.1.2.
#[test]
fn a_refer_that_was_not_decided_when_the_call_ended_gets_487() {
    let (mut pair, _) = referred();
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.run_ms(100);
    assert!(pair.messages().contains(&"B 487 REFER"), "{:?}", pair.log);
    pair.finish();
}

fn subscribe(script: &mut Script, event: &str, expires: Option<u32>) -> Response {
    script.cseq += 1;
    let mut request = script.peer_request("SUBSCRIBE");
    request.headers.push(HeaderName::Event, event.to_owned());
    if let Some(expires) = expires {
        request
            .headers
            .push(HeaderName::Expires, expires.to_string());
    }
    let txn = ServerTxn(1_000 + u64::from(script.cseq));
    script
        .usage
        .handle(script.now, UsageInput::Request { txn, request });
    script.response()
}

/// RFC 3515 section 2.4.4, RFC 6665 section 4.2.1.
#[test]
fn a_subscription_can_be_renewed_and_ended() {
    let mut script = Script::established();
    script.cseq += 1;
    let mut request = script.peer_request("REFER");
    request.headers.push(HeaderName::ReferTo, TARGET);
    let refer = ReferId(script.cseq);
    let txn = ServerTxn(900);
    script
        .usage
        .handle(script.now, UsageInput::Request { txn, request });
    script.usage.accept_refer(script.now, refer);
    assert_eq!(script.response().status, 202);
    let (tag, notify, _) = script.sent();
    script.peer_answers(tag, &notify, 200, "peer", "");
    assert_eq!(subscribe(&mut script, "presence", None).status, 489);
    assert_eq!(subscribe(&mut script, "refer;id=7", None).status, 481);
    assert_eq!(subscribe(&mut script, "refer;id=x", None).status, 489);
    let renewed = subscribe(&mut script, "refer", Some(90));
    assert_eq!(renewed.status, 200);
    assert_eq!(renewed.headers.get(&HeaderName::Expires).unwrap(), "90");
    let (tag, notify, _) = script.sent();
    assert_eq!(
        header(&notify, &HeaderName::SubscriptionState),
        "active;expires=90"
    );
    script.peer_answers(tag, &notify, 200, "peer", "");
    let id = format!("refer;id={}", refer.0);
    let ended = subscribe(&mut script, &id, Some(0));
    assert_eq!(ended.headers.get(&HeaderName::Expires).unwrap(), "0");
    let (tag, notify, _) = script.sent();
    assert_eq!(
        header(&notify, &HeaderName::SubscriptionState),
        "terminated;reason=timeout"
    );
    script.peer_answers(tag, &notify, 200, "peer", "");
    assert_eq!(subscribe(&mut script, "refer", None).status, 481);
}

/// RFC 6665 section 4.2.1.4: the last NOTIFY comes in any case.
#[test]
fn who_ends_a_subscription_while_a_notify_is_on_its_way_is_told_the_end() {
    for grant in [Some(0), Some(1)] {
        let mut script = Script::established();
        script.cseq += 1;
        let mut request = script.peer_request("REFER");
        request.headers.push(HeaderName::ReferTo, TARGET);
        let refer = ReferId(script.cseq);
        let txn = ServerTxn(900);
        let input = UsageInput::Request { txn, request };
        script.usage.handle(script.now, input);
        script.usage.accept_refer(script.now, refer);
        assert_eq!(script.response().status, 202);
        let (tag, trying, _) = script.sent();
        assert_eq!(subscribe(&mut script, "refer", grant).status, 200);
        script.pass(Duration::from_secs(2));
        assert_eq!(script.effects(), [], "one at a time");
        script.peer_answers(tag, &trying, 200, "peer", "");
        let (tag, last, _) = script.sent();
        assert_eq!(
            header(&last, &HeaderName::SubscriptionState),
            "terminated;reason=timeout"
        );
        script.peer_answers(tag, &last, 200, "peer", "");
        assert_eq!(script.effects(), []);
        assert_eq!(subscribe(&mut script, "refer", None).status, 481);
    }
}

/// RFC 6665 section 4.1.3: what we did not ask for.
#[test]
fn a_notify_that_nobody_subscribed_to_gets_481() {
    let mut script = Script::established();
    assert_eq!(script.peer_sends("NOTIFY", "").status, 481);
}

#[test]
fn only_so_many_refers_are_undecided_at_once() {
    let mut script = Script::established();
    for count in 0..20 {
        script.cseq += 1;
        let mut request = script.peer_request("REFER");
        request.headers.push(HeaderName::ReferTo, TARGET);
        let txn = ServerTxn(900 + count);
        script
            .usage
            .handle(script.now, UsageInput::Request { txn, request });
    }
    let refused = script.effects().len();
    assert_eq!((script.events().len(), refused), (8, 12));
}
