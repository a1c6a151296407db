//! Sessions that are refreshed, or end (RFC 4028).

use std::time::Duration;

use super::pair::{A, ANSWER, B, OFFER, Pair, answers, is_request, spec};
use super::script::{Script, header};
use crate::cause::HangupCause;
use crate::sip::header::{Refresher, SessionExpires};
use crate::sip::invite::{
    DialogOptions, EndedSide, OutgoingInvite, RequestTag, SessionTimerMode, SessionTimerPolicy,
    UsageEvent, UsageState,
};
use crate::sip::{HeaderName, Headers, Method, Request};

const KNOWS: &str = "Supported: timer\n";
const UPDATES: (HeaderName, &str) = (HeaderName::Allow, "INVITE, ACK, BYE, UPDATE");

fn options(mode: SessionTimerMode) -> DialogOptions {
    DialogOptions {
        timer: SessionTimerPolicy {
            mode,
            ..SessionTimerPolicy::default()
        },
        ..DialogOptions::default()
    }
}

const ACCEPT: SessionTimerMode = SessionTimerMode::Accept;
const REQUEST: SessionTimerMode = SessionTimerMode::Request;
const OFF: SessionTimerMode = SessionTimerMode::Off;

fn expires(headers: &Headers) -> Option<(u32, Option<Refresher>)> {
    let value = headers.get(&HeaderName::SessionExpires)?;
    let value = SessionExpires::parse(value).unwrap();
    Some((value.seconds, value.refresher))
}

/// What our 200 says to an INVITE with these headers, and whether it requires the timer.
fn granted(mode: SessionTimerMode, rows: &'static str) -> Option<(u32, Option<Refresher>, bool)> {
    let mut script = Script::called_with(options(mode), rows, "v=0 offer");
    script.usage.answer(script.now, ANSWER.into());
    let headers = script.response().headers;
    let required = headers.has_token(&HeaderName::Require, "timer");
    expires(&headers).map(|(seconds, refresher)| (seconds, refresher, required))
}

const UAC: Option<Refresher> = Some(Refresher::Uac);
const UAS: Option<Refresher> = Some(Refresher::Uas);

/// RFC 4028 section 9, table 2.
#[test]
fn a_caller_is_granted_the_timer_it_asks_for() {
    let asks = "Supported: timer\nSession-Expires: 600\n";
    assert_eq!(granted(ACCEPT, asks), Some((600, UAC, true)));
    let we = "Supported: timer\nSession-Expires: 600;refresher=uas\n";
    assert_eq!(granted(ACCEPT, we), Some((600, UAS, true)));
    let they = "Supported: timer\nSession-Expires: 600;refresher=uac\n";
    assert_eq!(granted(ACCEPT, they), Some((600, UAC, true)));
    // Some proxy asked; the caller does not know it.
    assert_eq!(
        granted(ACCEPT, "Session-Expires: 600\n"),
        Some((600, UAS, false))
    );
    // Nobody asked, unless we want it.
    assert_eq!(granted(ACCEPT, KNOWS), None);
    assert_eq!(granted(REQUEST, KNOWS), Some((1800, UAC, true)));
    assert_eq!(granted(REQUEST, ""), Some((1800, UAS, false)));
    assert_eq!(granted(OFF, asks), None);
}

/// RFC 4028 sections 5 and 9.
#[test]
fn the_granted_time_lies_between_the_minima_and_ours() {
    let long = "Supported: timer\nSession-Expires: 4294967295\n";
    assert_eq!(granted(ACCEPT, long), Some((1800, UAC, true)));
    let min = "Supported: timer\nSession-Expires: 7200\nMin-SE: 3600\n";
    assert_eq!(granted(ACCEPT, min), Some((3600, UAC, true)));
    let short = "Session-Expires: 30\n";
    assert_eq!(granted(ACCEPT, short), Some((90, UAS, false)));
}

/// Answered with this in the INVITE, and acknowledged.
fn talking(mode: SessionTimerMode, rows: &'static str) -> Script {
    let mut script = Script::called_with(options(mode), rows, "v=0 offer");
    script.usage.answer(script.now, ANSWER.into());
    script.peer_acks(100, "");
    script.effects();
    script.events();
    script
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// RFC 4028 section 7.4.
#[test]
fn we_refresh_at_half_time_with_an_update_that_says_nothing_else() {
    let mut script = talking(
        ACCEPT,
        "Supported: timer\nSession-Expires: 600;refresher=uas\nAllow: INVITE, UPDATE\n",
    );
    for _ in 0..3 {
        script.pass(seconds(299));
        assert_eq!(script.effects(), []);
        script.pass(seconds(1));
        let (tag, update, _) = script.sent();
        assert_eq!((&update.method, update.body.len()), (&Method::Update, 0));
        // We ask now, so that we are the client.
        assert_eq!(expires(&update.headers), Some((600, UAC)));
        assert!(update.headers.has_token(&HeaderName::Supported, "timer"));
        let rows = [
            (HeaderName::SessionExpires, "600;refresher=uac"),
            (HeaderName::Require, "timer"),
        ];
        script.peer_answers_with(tag, &update, 200, "peer", &rows, "");
        assert_eq!((script.effects(), script.events()), (vec![], vec![]));
    }
}

/// RFC 4028 section 7.4; RFC 3264 section 8.
#[test]
fn without_update_we_refresh_with_the_same_description_and_tell_nobody() {
    let rows = "Supported: timer\nSession-Expires: 600;refresher=uas\nAllow: INVITE, BYE\n";
    let mut script = talking(ACCEPT, rows);
    script.pass(seconds(300));
    let (tag, again, _) = script.sent();
    assert_eq!((&again.method, &again.body[..]), (&Method::Invite, ANSWER));
    let timer = [(HeaderName::SessionExpires, "600;refresher=uac")];
    script.peer_answers_with(tag, &again, 200, "peer", &timer, "v=0 offer");
    assert_eq!(script.acked().method, Method::Ack);
    assert_eq!(script.events(), []);
    // Should the peer have something new to say, the call hears it.
    script.pass(seconds(300));
    let (tag, again, _) = script.sent();
    script.peer_answers_with(tag, &again, 200, "peer", &timer, "v=0 moved");
    script.acked();
    assert_eq!(
        script.events(),
        [UsageEvent::Refreshed {
            sdp: "v=0 moved".into()
        }]
    );
}

/// RFC 4028 section 10.
#[test]
fn a_session_that_the_peer_does_not_refresh_ends_with_a_bye_that_says_why() {
    for (rows, end) in [
        ("Supported: timer\nSession-Expires: 600\n", 600 - 32),
        ("Supported: timer\nSession-Expires: 90\n", 90 - 30),
    ] {
        let mut script = talking(ACCEPT, rows);
        script.pass(seconds(end - 1));
        assert_eq!(script.effects(), []);
        script.pass(seconds(1));
        let (_, bye, _) = script.sent();
        assert_eq!(bye.method, Method::Bye);
        assert_eq!(
            header(&bye, &HeaderName::Reason),
            "SIP;cause=408;text=\"Session timer expired\", \
             Q.850;cause=102;text=\"Server Time-out\""
        );
        assert_eq!(
            script.events(),
            [UsageEvent::Ended {
                cause: HangupCause::RecoveryOnTimerExpiry,
                by: EndedSide::Local,
                status: None
            }]
        );
    }
}

/// RFC 4028 section 9.
#[test]
fn the_peers_refresh_is_answered_by_us_alone_and_the_session_lasts() {
    let mut script = talking(ACCEPT, "Supported: timer\nSession-Expires: 600\n");
    let timer = "Supported: timer\nSession-Expires: 600;refresher=uac\n";
    for (method, body) in [
        ("UPDATE", ""),
        ("INVITE", "v=0 offer"),
        ("UPDATE", "v=0 offer"),
    ] {
        script.pass(seconds(500));
        script.peer_asks_with(method, timer, body);
        let response = script.response();
        assert_eq!(response.status, 200, "{method}");
        assert_eq!(expires(&response.headers), Some((600, UAC)));
        let expected = if body.is_empty() { &b""[..] } else { ANSWER };
        assert_eq!(&response.body[..], expected, "{method}");
        if method == "INVITE" {
            script.peer_acks(script.cseq, "");
        }
        assert_eq!((script.effects(), script.events()), (vec![], vec![]));
    }
    script.pass(seconds(568));
    assert_eq!(script.sent().1.method, Method::Bye);
}

/// RFC 4028 section 9.
#[test]
fn a_refresh_that_names_nobody_leaves_the_refresher_as_it_is() {
    let mut script = talking(
        ACCEPT,
        "Supported: timer\nSession-Expires: 600;refresher=uas\nAllow: UPDATE\n",
    );
    let plain = "Supported: timer\nSession-Expires: 600\n";
    script.peer_asks_with("UPDATE", plain, "");
    assert_eq!(expires(&script.response().headers), Some((600, UAS)));
    // The peer may take it over, and end the timer by not mentioning it.
    let theirs = "Supported: timer\nSession-Expires: 600;refresher=uac\n";
    script.peer_asks_with("UPDATE", theirs, "");
    assert_eq!(expires(&script.response().headers), Some((600, UAC)));
    script.peer_asks_with("UPDATE", KNOWS, "");
    assert_eq!(expires(&script.response().headers), None);
    assert_eq!(script.usage.poll_timeout(), None);
}

/// Answered by the peer with these headers.
fn answered(mode: SessionTimerMode, rows: &[(HeaderName, &str)]) -> Script {
    let mut spec = spec();
    spec.local.options = options(mode);
    let (mut script, tag, invite) = Script::calling_with(spec);
    script.peer_answers_with(tag, &invite, 200, "peer", rows, "v=0 answer");
    script.effects();
    script.events();
    // No more phones.
    script.pass(seconds(32));
    script
}

fn asked(mode: SessionTimerMode) -> Request {
    let mut spec = spec();
    spec.local.options = options(mode);
    Script::calling_with(spec).2
}

/// RFC 4028 section 7.1.
#[test]
fn our_invite_says_what_we_know_and_want() {
    let accepts = asked(ACCEPT);
    assert!(accepts.headers.has_token(&HeaderName::Supported, "timer"));
    assert_eq!(expires(&accepts.headers), None);
    let requests = asked(REQUEST);
    assert_eq!(expires(&requests.headers), Some((1800, None)));
    assert!(
        !asked(OFF)
            .headers
            .has_token(&HeaderName::Supported, "timer")
    );
}

/// RFC 4028 section 7.2.
#[test]
fn the_one_who_answers_says_who_refreshes_us() {
    let they = (HeaderName::SessionExpires, "600;refresher=uas");
    let mut script = answered(ACCEPT, &[they, UPDATES]);
    script.pass(seconds(568 - 32));
    assert_eq!(script.sent().1.method, Method::Bye);
    for we in ["600;refresher=uac", "600"] {
        let mut script = answered(ACCEPT, &[(HeaderName::SessionExpires, we), UPDATES]);
        script.pass(seconds(300 - 32));
        assert_eq!(script.sent().1.method, Method::Update, "{we}");
    }
}

/// RFC 4028 section 7.2.
#[test]
fn a_phone_that_does_not_know_the_timer_is_refreshed_by_us_if_we_want_one() {
    let script = answered(ACCEPT, &[UPDATES]);
    assert_eq!(script.usage.poll_timeout(), None);
    let mut script = answered(REQUEST, &[UPDATES]);
    script.pass(seconds(900 - 32));
    let (tag, update, _) = script.sent();
    assert_eq!(update.method, Method::Update);
    script.peer_answers(tag, &update, 200, "peer", "");
    script.pass(seconds(900));
    assert_eq!(script.sent().1.method, Method::Update);
    let off = answered(OFF, &[(HeaderName::SessionExpires, "90;refresher=uac")]);
    assert_eq!(off.usage.poll_timeout(), None);
}

/// RFC 4028 section 7.2: nobody may grant less than the least there is.
#[test]
fn an_absurdly_short_grant_does_not_make_us_refresh_all_the_time() {
    let zero = (HeaderName::SessionExpires, "0;refresher=uac");
    let mut script = answered(ACCEPT, &[zero, UPDATES]);
    script.pass(seconds(45 - 32));
    assert_eq!(script.sent().1.method, Method::Update);
    let garbage = (HeaderName::SessionExpires, "soon");
    assert_eq!(answered(ACCEPT, &[garbage]).usage.poll_timeout(), None);
}

fn too_small(script: &mut Script, (tag, request): (RequestTag, &Request), min: &str) {
    let rows = [(HeaderName::MinSe, min)];
    script.peer_answers_with(tag, request, 422, "x", &rows, "");
}

/// RFC 4028 section 7.3.
#[test]
fn an_invite_refused_with_422_goes_out_again_with_a_longer_timer() {
    let mut spec = spec();
    spec.local.options = options(REQUEST);
    let (mut script, tag, invite) = Script::calling_with(spec);
    too_small(&mut script, (tag, &invite), "3600");
    let (tag, again, _) = script.sent();
    assert_eq!(expires(&again.headers), Some((3600, None)));
    assert_eq!(header(&again, &HeaderName::MinSe), "3600");
    assert_eq!(again.headers.call_id(), invite.headers.call_id());
    assert_eq!(again.headers.from_tag(), invite.headers.from_tag());
    let number = |request: &Request| request.headers.cseq().unwrap().number;
    assert_eq!(number(&again), number(&invite) + 1);
    assert_eq!(again.body, invite.body);
    script.peer_answers(tag, &again, 200, "peer", "v=0 answer");
    assert_eq!(script.acked().method, Method::Ack);
    // Also where only a proxy had asked for one.
    let (mut script, tag, invite) = Script::calling();
    too_small(&mut script, (tag, &invite), "200");
    assert_eq!(expires(&script.sent().1.headers), Some((200, None)));
}

/// RFC 4028 section 7.3.
#[test]
fn a_422_that_says_nothing_or_never_ends_is_a_refusal() {
    for rows in [
        &[][..],
        &[(HeaderName::MinSe, "x")],
        &[(HeaderName::MinSe, "4000000000")],
    ] {
        let (mut script, tag, invite) = Script::calling();
        script.peer_answers_with(tag, &invite, 422, "x", rows, "");
        assert_eq!(script.effects(), []);
        assert_eq!(script.events().len(), 1);
        assert!(script.usage.is_terminated());
    }
    let (mut script, mut tag, mut invite) = Script::calling();
    for _ in 0..4 {
        too_small(&mut script, (tag, &invite), "100");
        (tag, invite, _) = script.sent();
    }
    too_small(&mut script, (tag, &invite), "100");
    assert!(script.usage.is_terminated());
}

/// RFC 4028 section 7.3.
#[test]
fn a_refresh_refused_with_422_is_lengthened_too() {
    let grant = || (HeaderName::SessionExpires, "200;refresher=uac");
    let mut script = answered(ACCEPT, &[grant(), UPDATES]);
    script.pass(seconds(100 - 32));
    let (tag, update, _) = script.sent();
    too_small(&mut script, (tag, &update), "900");
    let (tag, again, _) = script.sent();
    assert_eq!(again.method, Method::Update);
    assert_eq!(expires(&again.headers), Some((900, UAC)));
    let longer = [(HeaderName::SessionExpires, "900;refresher=uac")];
    script.peer_answers_with(tag, &again, 200, "peer", &longer, "");
    script.pass(seconds(450));
    let (_, next, _) = script.sent();
    assert_eq!(expires(&next.headers), Some((900, UAC)));
    assert_eq!(header(&next, &HeaderName::MinSe), "900");
}

/// RFC 4028 section 10; RFC 3261 section 14.1.
#[test]
fn a_refused_refresh_is_tried_again_and_the_session_ends_in_time() {
    let grant = || (HeaderName::SessionExpires, "600;refresher=uac");
    let mut script = answered(ACCEPT, &[grant(), UPDATES]);
    script.pass(seconds(300 - 32));
    let mut refreshes = 0;
    while script.usage.state() == UsageState::Established {
        script.effects();
        for (tag, request) in std::mem::take(&mut script.requests) {
            if request.method == Method::Update {
                refreshes += 1;
                script.peer_answers(tag, &request, 500, "peer", "");
            }
        }
        let at = script.usage.poll_timeout().unwrap();
        script.pass(at - script.now);
        script.effects();
    }
    assert!((4..12).contains(&refreshes), "{refreshes}");
    assert_eq!(script.events().len(), 1);
}

/// RFC 4028 section 10 is about peers that know the timer. To others a refresh only asks whether they
/// are there, which each says who refuses it.
#[test]
fn a_peer_that_knows_no_timer_is_there_also_when_it_refuses_a_refresh() {
    let mut script = talking(REQUEST, "");
    let mut refreshes = 0;
    while script.now < crate::test_time::epoch() + seconds(10_000) {
        let at = script.usage.poll_timeout().unwrap();
        script.pass(at - script.now);
        script.effects();
        for (tag, request) in std::mem::take(&mut script.requests) {
            refreshes += 1;
            script.peer_answers(tag, &request, 488, "peer", "");
        }
    }
    assert_eq!(script.usage.state(), UsageState::Established);
    assert!((10..30).contains(&refreshes), "{refreshes}");
    // A proxy's word for it proves nothing.
    for _ in 0..40 {
        if let Some(at) = script.usage.poll_timeout() {
            script.pass(at.saturating_duration_since(script.now));
        }
        script.effects();
        for (tag, request) in std::mem::take(&mut script.requests) {
            script.peer_answers(tag, &request, 503, "peer", "");
        }
    }
    assert_ne!(script.usage.state(), UsageState::Established);
}

/// RFC 3311 section 5.1: a peer whose Allow was wrong.
#[test]
fn a_peer_that_does_not_know_update_after_all_is_refreshed_by_re_invite_at_once() {
    let grant = || (HeaderName::SessionExpires, "600;refresher=uac");
    let mut script = answered(ACCEPT, &[grant(), UPDATES]);
    script.pass(seconds(300 - 32));
    let (tag, update, _) = script.sent();
    script.peer_answers(tag, &update, 405, "peer", "");
    let (tag, again, _) = script.sent();
    assert_eq!((&again.method, &again.body[..]), (&Method::Invite, OFFER));
    script.peer_answers_with(tag, &again, 200, "peer", &[grant()], "v=0 answer");
    script.acked();
    assert_eq!(script.events(), []);
}

/// RFC 4028 section 10.
#[test]
fn a_refresh_that_nobody_answers_ends_the_call() {
    let grant = || (HeaderName::SessionExpires, "600;refresher=uac");
    for status in [Some(481), Some(408), None] {
        let mut script = answered(ACCEPT, &[grant(), UPDATES]);
        script.pass(seconds(300 - 32));
        let (tag, update, _) = script.sent();
        match status {
            Some(status) => script.peer_answers(tag, &update, status, "peer", ""),
            None => script.fails(crate::sip::endpoint::TxnFailure::TimedOut),
        }
        assert_eq!(script.sent().1.method, Method::Bye);
        assert_eq!(script.events().len(), 1);
    }
}

/// RFC 4028: any change that is agreed on refreshes.
#[test]
fn a_change_refreshes_the_session_as_well() {
    let grant = || (HeaderName::SessionExpires, "600;refresher=uac");
    let mut script = answered(ACCEPT, &[grant(), UPDATES]);
    script.pass(seconds(250));
    script.usage.reinvite(script.now, "v=0 hold".into());
    let (tag, hold, _) = script.sent();
    assert_eq!(expires(&hold.headers), Some((600, UAC)));
    script.peer_answers_with(tag, &hold, 200, "peer", &[grant()], "v=0 held");
    script.acked();
    script.pass(seconds(299));
    assert_eq!(script.effects(), []);
    script.pass(seconds(1));
    assert_eq!(script.sent().1.method, Method::Update);
}

fn pair(mode: SessionTimerMode) -> Pair {
    let mut pair = Pair::udp(answers);
    let mut spec = spec();
    spec.local.options = options(mode);
    spec.local.options.timer.expires = seconds(90);
    pair.dial_with(OutgoingInvite { ..spec });
    pair.run_ms(1_000);
    pair
}

/// RFC 4028, both roles.
#[test]
fn a_call_between_two_of_us_lasts_as_long_as_both_are_there() {
    let mut pair = pair(REQUEST);
    pair.run_for(seconds(900));
    for side in [A, B] {
        assert_eq!(pair.sides[side].endings(), []);
        assert_eq!(pair.sides[side].usages[0].state(), UsageState::Established);
    }
    let updates = pair
        .messages()
        .iter()
        .filter(|line| **line == "A UPDATE")
        .count();
    assert!((19..=20).contains(&updates), "{updates}");
    // Then the caller's packets are lost: both find out, and each says so once.
    pair.lose(u32::MAX, |side, _| side == A);
    pair.finish();
    for side in [A, B] {
        let cause = HangupCause::RecoveryOnTimerExpiry;
        assert_eq!(pair.sides[side].endings(), [(cause, None)]);
    }
}

/// RFC 4028 sections 7.3 and 8.1.
#[test]
fn our_endpoint_refuses_too_short_a_timer_and_our_usage_takes_the_hint() {
    let mut pair = Pair::udp(answers);
    let mut spec = spec();
    spec.local.options = options(REQUEST);
    spec.local.options.timer.expires = seconds(30);
    pair.dial_with(spec);
    pair.run_ms(1_000);
    assert_eq!(
        pair.messages(),
        [
            "A INVITE",
            "B 422 INVITE",
            "A ACK",
            "A INVITE",
            "B 200 INVITE",
            "A ACK"
        ]
    );
    pair.lose(u32::MAX, |side, message| {
        side == A && !is_request(message, &Method::Bye)
    });
    pair.finish();
    assert_eq!(pair.sides[B].endings().len(), 1);
}
