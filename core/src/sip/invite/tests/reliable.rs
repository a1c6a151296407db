//! Provisional responses that are acknowledged (RFC 3262).

use std::time::Duration;

use super::pair::{A, ANSWER, B, OFFER, Pair, is_request, is_response, spec};
use super::script::{Script, header};
use crate::cause::HangupCause;
use crate::sip::invite::{
    DialogOptions, EndedSide, OutgoingInvite, ReliableProvisional, RequestTag, UsageEvent,
    UsageState,
};
use crate::sip::{HeaderName, Method, Request, Response};

const KNOWS: &str = "Supported: 100rel\n";
const REQUIRES: &str = "Require: 100rel\n";
const EARLY: &str = "v=0 early";

fn called(rows: &'static str) -> Script {
    Script::called_with(DialogOptions::default(), rows, "v=0 offer")
}

fn options(reliable: ReliableProvisional) -> DialogOptions {
    DialogOptions {
        reliable,
        ..DialogOptions::default()
    }
}

/// The number of a response of ours; none when it is not reliable.
fn rseq(response: &Response) -> Option<u32> {
    let required = response.headers.has_token(&HeaderName::Require, "100rel");
    let rseq = response.headers.get(&HeaderName::RSeq);
    assert_eq!(required, rseq.is_some());
    rseq.map(|rseq| std::str::from_utf8(rseq).unwrap().parse().unwrap())
}

impl Script {
    fn peer_pracks(&mut self, rseq: u32, body: &str) {
        self.peer_asks_with("PRACK", &format!("RAck: {rseq} 100 INVITE\n"), body);
    }

    /// A reliable response to our INVITE.
    fn rings_reliably(
        &mut self,
        (tag, invite): (RequestTag, &Request),
        rseq: u32,
        phone: &str,
        body: &'static str,
    ) {
        let rseq = rseq.to_string();
        let rows = [
            (HeaderName::Require, "100rel"),
            (HeaderName::RSeq, rseq.as_str()),
        ];
        self.peer_answers_with(tag, invite, 183, phone, &rows, body);
    }
}

fn progress(sdp: &'static str) -> UsageEvent {
    UsageEvent::Progress {
        sdp: Some(sdp.into()),
    }
}

/// RFC 3262 section 3.
#[test]
fn early_media_is_repeated_until_its_prack() {
    let mut script = called(KNOWS);
    script.usage.ring(script.now);
    assert_eq!(rseq(&script.response()), None, "only what matters");
    script.usage.progress(script.now, Some(EARLY.into()));
    let sent = script.response();
    let number = rseq(&sent).unwrap();
    assert_eq!((sent.status, &sent.body[..]), (183, EARLY.as_bytes()));
    for gap in [500, 1_000, 2_000, 4_000, 8_000] {
        script.pass(Duration::from_millis(gap - 1));
        assert_eq!(script.effects(), []);
        script.pass(Duration::from_millis(1));
        assert_eq!(script.response(), sent);
    }
    script.peer_pracks(number, "");
    assert_eq!(script.response().status, 200);
    script.pass(Duration::from_secs(40));
    assert_eq!(script.effects(), []);
}

/// RFC 3262 section 3.
#[test]
fn a_prack_of_nothing_gets_481() {
    let mut script = called(KNOWS);
    script.peer_pracks(1, "");
    assert_eq!(script.response().status, 481);
    script.usage.progress(script.now, Some(EARLY.into()));
    let number = rseq(&script.response()).unwrap();
    for rack in [
        format!("{} 100 INVITE", number + 1),
        format!("{number} 99 INVITE"),
        format!("{number} 100 UPDATE"),
        "nonsense".into(),
    ] {
        script.peer_asks_with("PRACK", &format!("RAck: {rack}\n"), "");
        assert_eq!(script.response().status, 481, "{rack}");
    }
    script.peer_pracks(number, "");
    assert_eq!(script.response().status, 200);
    // Acknowledged already.
    script.peer_pracks(number, "");
    assert_eq!(script.response().status, 481);
}

/// RFC 3262 section 3.
#[test]
fn a_reliable_response_without_prack_ends_the_call_with_5xx() {
    let mut script = called(KNOWS);
    script.usage.progress(script.now, Some(EARLY.into()));
    script.usage.answer(script.now, ANSWER.into());
    for _ in 0..64 {
        script.pass(Duration::from_millis(500));
    }
    let last = script.effects().pop();
    let text = format!("{last:?}");
    assert!(text.contains("status: 504"), "{text}");
    assert_eq!(
        script.events(),
        [UsageEvent::Ended {
            cause: HangupCause::RecoveryOnTimerExpiry,
            by: EndedSide::Local,
            status: Some(504)
        }]
    );
    assert!(script.usage.is_terminated());
}

/// RFC 3262 section 3.
#[test]
fn the_second_reliable_response_waits_for_the_prack_of_the_first() {
    let mut script = called(REQUIRES);
    script.usage.ring(script.now);
    script.usage.progress(script.now, Some(EARLY.into()));
    let first = rseq(&script.response()).unwrap();
    assert_eq!(script.effects(), []);
    script.peer_pracks(first, "");
    assert_eq!(script.response().status, 200);
    let second = script.response();
    assert_eq!((second.status, rseq(&second)), (183, Some(first + 1)));
    // However many there are, only a few wait.
    for _ in 0..50 {
        script.usage.ring(script.now);
    }
    let mut number = first + 1;
    let mut answered = 0;
    loop {
        script.peer_pracks(number, "");
        let mut responses = script.effects().len();
        assert!(responses > 0);
        responses -= 1;
        answered += responses;
        number += 1;
        if responses == 0 {
            break;
        }
    }
    assert_eq!(answered, 4);
}

/// RFC 3262 section 3, last paragraphs; RFC 3261 section 13.2.1.
#[test]
fn the_200_waits_for_the_prack_of_a_description_and_does_not_repeat_it() {
    let mut script = called(KNOWS);
    script.usage.progress(script.now, Some(EARLY.into()));
    let number = rseq(&script.response()).unwrap();
    script.usage.answer(script.now, ANSWER.into());
    assert_eq!(script.effects(), []);
    assert_eq!(script.usage.state(), UsageState::Incoming);
    script.peer_pracks(number, "");
    assert_eq!(script.response().status, 200);
    let answer = script.response();
    assert_eq!(header_of(&answer, &HeaderName::CSeq), "100 INVITE");
    assert_eq!((answer.status, answer.body.len()), (200, 0));
    script.peer_acks(100, "");
    assert_eq!(script.events(), [UsageEvent::Confirmed { sdp: None }]);
}

/// RFC 3262 section 3.
#[test]
fn the_200_does_not_wait_for_the_prack_of_a_mere_180() {
    let mut script = called(REQUIRES);
    script.usage.ring(script.now);
    let number = rseq(&script.response()).unwrap();
    script.usage.answer(script.now, ANSWER.into());
    let answer = script.response();
    assert_eq!((answer.status, &answer.body[..]), (200, ANSWER));
    // It comes all the same, and once.
    script.peer_pracks(number, "");
    assert_eq!(script.response().status, 200);
    script.peer_pracks(number, "");
    assert_eq!(script.response().status, 481);
}

/// RFC 3262 section 3.
#[test]
fn who_does_not_know_or_is_not_wanted_gets_nothing_reliable() {
    let not_known = called("");
    let not_wanted = Script::called_with(options(ReliableProvisional::Off), KNOWS, "v=0 offer");
    for mut script in [not_known, not_wanted] {
        script.usage.progress(script.now, Some(EARLY.into()));
        assert_eq!(rseq(&script.response()), None);
        script.usage.answer(script.now, ANSWER.into());
        assert_eq!(&script.response().body[..], ANSWER);
    }
    let all = Script::called_with(options(ReliableProvisional::Required), KNOWS, "v=0 offer");
    for mut script in [all, called(REQUIRES)] {
        script.usage.ring(script.now);
        assert!(rseq(&script.response()).is_some());
    }
}

/// RFC 3262 section 5.
#[test]
fn an_offer_in_the_prack_is_answered_in_its_200() {
    let mut script = called(KNOWS);
    script.usage.progress(script.now, Some(EARLY.into()));
    let number = rseq(&script.response()).unwrap();
    script.usage.answer(script.now, ANSWER.into());
    script.peer_pracks(number, "v=0 again");
    assert_eq!(script.effects(), []);
    let offered = UsageEvent::Reoffered {
        sdp: Some("v=0 again".into()),
    };
    assert_eq!(script.events(), [offered]);
    script
        .usage
        .accept_reinvite(script.now, "v=0 agreed".into());
    let prack = script.response();
    assert_eq!((prack.status, &prack.body[..]), (200, &b"v=0 agreed"[..]));
    assert_eq!(script.response().body, "", "the 200 of the INVITE");
}

/// RFC 3262 section 5.
#[test]
fn our_offer_in_a_reliable_response_is_answered_by_the_prack() {
    let mut script = Script::called_with(DialogOptions::default(), KNOWS, "");
    script.usage.progress(script.now, Some(OFFER.into()));
    let sent = script.response();
    assert_eq!(&sent.body[..], OFFER);
    // Nobody may change what is not settled (RFC 3311 section 5.2).
    assert_eq!(script.peer_sends("UPDATE", "v=0").status, 491);
    script.peer_pracks(rseq(&sent).unwrap(), "v=0 answer");
    assert_eq!(script.response().status, 200);
    assert_eq!(
        script.events(),
        [UsageEvent::ReofferAnswered {
            sdp: Some(ANSWER.into())
        }]
    );
    script.usage.answer(script.now, OFFER.into());
    assert_eq!(script.response().body, "");
    script.peer_acks(100, "");
    assert_eq!(script.events(), [UsageEvent::Confirmed { sdp: None }]);
}

/// RFC 3262 section 5.
#[test]
fn an_offer_goes_into_no_response_that_may_be_lost() {
    let mut script = Script::called_with(DialogOptions::default(), "", "");
    script.usage.progress(script.now, Some(OFFER.into()));
    assert_eq!(script.response().body, "");
    script.usage.answer(script.now, OFFER.into());
    assert_eq!(&script.response().body[..], OFFER);
}

/// RFC 3261 section 9.2.
#[test]
fn a_cancel_before_the_prack_refuses_the_call_and_repeats_nothing() {
    let mut script = called(KNOWS);
    script.usage.progress(script.now, Some(EARLY.into()));
    script.usage.answer(script.now, ANSWER.into());
    script.effects();
    script.usage.hang_up(script.now, HangupCause::UserBusy);
    assert_eq!(script.response().status, 486);
    script.pass(Duration::from_secs(40));
    assert_eq!(script.effects(), []);
    assert!(script.usage.is_terminated());
}

/// RFC 3262 section 4.
#[test]
fn each_reliable_response_gets_one_prack_in_order() {
    let (mut script, tag, invite) = Script::calling();
    assert!(invite.headers.has_token(&HeaderName::Supported, "100rel"));
    let number = invite.headers.cseq().unwrap().number;
    script.rings_reliably((tag, &invite), 7, "peer", EARLY);
    let (prack, request, _) = script.sent();
    assert_eq!(request.method, Method::Prack);
    assert_eq!(
        header(&request, &HeaderName::RAck),
        format!("7 {number} INVITE")
    );
    assert_eq!(request.headers.cseq().unwrap().number, number + 1);
    assert_eq!(request.uri, "sip:peer@192.0.2.3");
    assert_eq!(script.events(), [progress(EARLY)]);
    // Again, too soon, and with no number at all: dropped.
    for rseq in [7, 9, 0] {
        script.rings_reliably((tag, &invite), rseq, "peer", "v=0 other");
    }
    assert_eq!((script.effects(), script.events()), (vec![], vec![]));
    script.rings_reliably((tag, &invite), 8, "peer", "v=0 other");
    let (_, request, _) = script.sent();
    assert_eq!(
        header(&request, &HeaderName::RAck),
        format!("8 {number} INVITE")
    );
    // The answer stands; what comes later is not looked at.
    assert_eq!(script.events(), [UsageEvent::Progress { sdp: None }]);
    script.peer_answers(prack, &request, 200, "peer", "");
    script.peer_answers(tag, &invite, 200, "peer", "v=0 other");
    assert_eq!(script.acked().body, "");
    assert_eq!(
        script.events(),
        [UsageEvent::Answered {
            sdp: Some(EARLY.into())
        }]
    );
    // What we send next comes after the PRACKs.
    script
        .usage
        .hang_up(script.now, HangupCause::NormalClearing);
    let (_, bye, _) = script.sent();
    assert_eq!(bye.headers.cseq().unwrap().number, number + 3);
}

/// RFC 3262 section 4; RFC 3261 section 13.2.2.4.
#[test]
fn several_phones_are_numbered_apart_and_each_loser_gets_its_bye_in_order() {
    let (mut script, tag, invite) = Script::calling();
    let number = invite.headers.cseq().unwrap().number;
    for (phone, first) in [("one", 10), ("two", 900), ("three", 10)] {
        for rseq in [first, first + 1, first + 1] {
            script.rings_reliably((tag, &invite), rseq, phone, EARLY);
        }
    }
    let pracks: Vec<_> = script.effects().len().to_string().into();
    assert_eq!(pracks, b"6");
    script.events();
    script.peer_answers(tag, &invite, 200, "two", "");
    assert!(header(&script.acked(), &HeaderName::To).ends_with("tag=two"));
    for loser in ["one", "three", "four"] {
        script.peer_answers(tag, &invite, 200, loser, "v=0");
        assert!(header(&script.acked(), &HeaderName::To).ends_with(loser));
        let (_, bye, _) = script.sent();
        assert_eq!(bye.method, Method::Bye);
        let expected = if loser == "four" { 1 } else { 3 };
        assert_eq!(
            bye.headers.cseq().unwrap().number,
            number + expected,
            "{loser}"
        );
    }
    assert_eq!(
        script.events(),
        [UsageEvent::Answered {
            sdp: Some(EARLY.into())
        }]
    );
}

/// RFC 3262 section 5.
#[test]
fn an_offer_in_a_reliable_response_is_answered_in_its_prack() {
    let (mut script, tag, invite) = Script::calling_with(OutgoingInvite {
        sdp: None,
        ..spec()
    });
    script.rings_reliably((tag, &invite), 1, "peer", "v=0 offer");
    assert_eq!(script.effects(), []);
    let offered = UsageEvent::Reoffered {
        sdp: Some(OFFER.into()),
    };
    assert_eq!(
        script.events(),
        [UsageEvent::Progress { sdp: None }, offered]
    );
    script.usage.accept_reinvite(script.now, ANSWER.into());
    let (_, prack, _) = script.sent();
    assert_eq!((&prack.method, &prack.body[..]), (&Method::Prack, ANSWER));
    script.peer_answers(tag, &invite, 200, "peer", "");
    assert_eq!(script.acked().body, "");
    assert_eq!(script.events(), [UsageEvent::Answered { sdp: None }]);
}

/// RFC 3262 section 5.
#[test]
fn of_two_phones_that_offer_the_second_is_answered_when_it_comes_again() {
    let (mut script, tag, invite) = Script::calling_with(OutgoingInvite {
        sdp: None,
        ..spec()
    });
    script.rings_reliably((tag, &invite), 1, "one", "v=0 offer");
    script.rings_reliably((tag, &invite), 1, "two", "v=0 offer");
    assert_eq!(script.events().len(), 2);
    script.usage.reject_reinvite(script.now, 488);
    assert_eq!(script.sent().1.body, "");
    script.rings_reliably((tag, &invite), 1, "two", "v=0 offer");
    script.usage.accept_reinvite(script.now, ANSWER.into());
    let (_, prack, _) = script.sent();
    assert!(header(&prack, &HeaderName::To).ends_with("tag=two"));
    assert_eq!(&prack.body[..], ANSWER);
}

/// RFC 3261 section 22.
#[test]
fn a_prack_that_is_challenged_goes_out_again_with_the_next_number() {
    let (mut script, tag, invite) = Script::calling_with(OutgoingInvite {
        credentials: Some(super::challenges::credentials()),
        ..spec()
    });
    let number = invite.headers.cseq().unwrap().number;
    script.rings_reliably((tag, &invite), 1, "peer", EARLY);
    let (prack, request, _) = script.sent();
    let challenge = [(
        HeaderName::WwwAuthenticate,
        "Digest realm=\"here\", nonce=\"once\", algorithm=MD5",
    )];
    script.peer_answers_with(prack, &request, 401, "peer", &challenge, "");
    let (_, again, _) = script.sent();
    assert_eq!(again.method, Method::Prack);
    assert!(again.headers.has(&HeaderName::Authorization));
    assert_eq!(again.headers.cseq().unwrap().number, number + 2);
    script.rings_reliably((tag, &invite), 2, "peer", "");
    assert_eq!(script.sent().1.headers.cseq().unwrap().number, number + 3);
}

#[test]
fn where_it_is_switched_off_it_is_neither_offered_nor_acknowledged() {
    let mut spec = spec();
    spec.local.options = options(ReliableProvisional::Off);
    let (mut script, tag, invite) = Script::calling_with(spec);
    assert!(!invite.headers.has_token(&HeaderName::Supported, "100rel"));
    script.rings_reliably((tag, &invite), 1, "peer", EARLY);
    assert_eq!(script.effects(), []);
    assert_eq!(script.events(), [progress(EARLY)]);
}

/// RFC 3262 section 4.
#[test]
fn who_requires_it_says_so_in_the_invite() {
    let mut spec = spec();
    spec.local.options = options(ReliableProvisional::Required);
    let (_, _, invite) = Script::calling_with(spec);
    assert!(invite.headers.has_token(&HeaderName::Require, "100rel"));
}

/// RFC 3262 sections 3 and 4.
#[test]
fn a_lost_183_or_prack_is_made_up_for_between_two_of_us() {
    let mut pair = Pair::udp(|usage, now| usage.progress(now, Some(ANSWER.into())));
    pair.lose(2, |_, message| is_response(message, 183, &Method::Invite));
    pair.lose(1, |_, message| is_request(message, &Method::Prack));
    pair.lose(1, |_, message| is_response(message, 200, &Method::Prack));
    pair.dial();
    pair.run_ms(200);
    pair.tell(B, |usage, now| usage.answer(now, ANSWER.into()));
    pair.run_ms(6_000);
    let progress = UsageEvent::Progress {
        sdp: Some(ANSWER.into()),
    };
    let answered = UsageEvent::Answered {
        sdp: Some(ANSWER.into()),
    };
    assert_eq!(pair.sides[A].events, [progress, answered]);
    assert_eq!(pair.sides[B].events, [UsageEvent::Confirmed { sdp: None }]);
    let messages = pair.messages();
    let at = |wanted: &str| messages.iter().position(|line| *line == wanted);
    assert!(at("A PRACK") < at("B 200 INVITE"), "{messages:?}");
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
}

fn header_of(response: &Response, name: &HeaderName) -> String {
    let value = response.headers.get(name).cloned().unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}

/// RFC 3262 section 3: a phone may not go on before its first reliable response was acknowledged.
#[test]
fn a_phone_that_answers_no_prack_is_sent_few() {
    let (mut script, tag, invite) = Script::calling();
    for rseq in 1..=1_000 {
        script.rings_reliably((tag, &invite), rseq, "one", "");
    }
    script.effects();
    let racks = |script: &Script| -> Vec<String> {
        let pracks = script.requests.iter();
        let pracks = pracks.filter(|(_, request)| request.method == Method::Prack);
        pracks
            .map(|(_, prack)| header(prack, &HeaderName::RAck))
            .collect()
    };
    let sent = racks(&script);
    assert!(sent.first().unwrap().starts_with("1 "), "{sent:?}");
    assert!(sent.len() <= 4, "{sent:?}");
    // Another phone is not concerned.
    script.rings_reliably((tag, &invite), 7, "other", "");
    script.effects();
    assert_eq!(racks(&script).len(), sent.len() + 1);
    // What was left to come again is acknowledged once an answer is there.
    let (first, prack) = script.requests[1].clone();
    script.peer_answers(first, &prack, 200, "one", "");
    let next = u32::try_from(sent.len()).unwrap() + 1;
    script.rings_reliably((tag, &invite), next, "one", "");
    script.effects();
    let all = racks(&script);
    assert_eq!(all.len(), sent.len() + 2);
    assert!(all.last().unwrap().starts_with(&format!("{next} ")));
}
