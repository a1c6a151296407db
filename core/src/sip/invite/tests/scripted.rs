//! A usage against a peer whose every message is written here.

use std::time::Duration;

use super::pair::{ANSWER, B, OFFER, local, spec};
use super::script::{Script, header};
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::invite::{EndedSide, InviteUsage, UsageEffect, UsageEvent, UsageInput, UsageState};
use crate::sip::{HeaderName, Method, Response};

#[test]
fn our_answers_say_who_and_where_we_are() {
    let mut script = Script::called();
    script.usage.ring(script.now);
    script.usage.answer(script.now, ANSWER.into());
    for status in [180, 200] {
        let response = script.response();
        assert_eq!(response.status, status);
        let headers = &response.headers;
        assert_eq!(headers.get(&HeaderName::Contact), Some(&local(B).contact));
        assert!(headers.has_token(&HeaderName::Allow, "UPDATE"));
        assert!(headers.has_token(&HeaderName::Allow, "INFO"));
        assert!(headers.has(&HeaderName::Server));
        assert_eq!(headers.list(&HeaderName::RecordRoute).count(), 2);
        let tag = script.usage.dialog_key().local_tag.clone();
        assert_eq!(headers.to_tag(), Some(tag));
    }
}

#[test]
fn our_requests_follow_the_recorded_route_to_the_contact() {
    let mut script = Script::established();
    script
        .usage
        .hang_up(script.now, HangupCause::NormalClearing);
    let (_, bye, next_hop) = script.sent();
    assert_eq!(bye.uri, "sip:alice@192.0.2.1:5999;transport=udp");
    assert_eq!(next_hop.uri, "sip:one.example;lr");
    assert_eq!(
        header(&bye, &HeaderName::Route),
        "<sip:one.example;lr>, <sip:two.example;lr>"
    );
    assert_eq!(
        header(&bye, &HeaderName::Reason),
        "Q.850;cause=16;text=\"Normal Call Clearing\""
    );
    assert!(header(&bye, &HeaderName::To).ends_with(";tag=peer"));
}

#[test]
fn the_peers_new_contact_is_where_we_go_from_then_on() {
    let mut script = Script::established();
    assert_eq!(script.peer_sends("UPDATE", "").status, 200);
    script
        .usage
        .hang_up(script.now, HangupCause::NormalClearing);
    assert_eq!(script.sent().1.uri, "sip:moved@192.0.2.7");
}

/// RFC 3261 section 12.2.2, RFC 6086.
#[test]
fn requests_within_the_dialog_get_their_proper_answers() {
    let mut script = Script::established();
    assert_eq!(script.peer_sends("INFO", "Signal=5").status, 200);
    assert_eq!(
        script.events(),
        [UsageEvent::Info {
            content_type: Some("application/sdp".into()),
            body: "Signal=5".into()
        }]
    );
    let options = script.peer_sends("OPTIONS", "");
    assert_eq!(options.status, 200);
    assert!(options.headers.has(&HeaderName::Accept));
    let message = script.peer_sends("MESSAGE", "");
    assert_eq!(message.status, 405);
    assert!(message.headers.has(&HeaderName::Allow));
    // An offer in an UPDATE is answered by the call.
    script.peer_asks("UPDATE", "v=0 hold");
    assert_eq!(script.effects(), []);
    script.usage.accept_reinvite(script.now, ANSWER.into());
    let update = script.response();
    assert_eq!((update.status, &update.body[..]), (200, ANSWER));
    // It needs no ACK.
    assert_eq!(script.usage.poll_timeout(), None);
}

#[test]
fn an_old_number_gets_500_and_a_gap_is_fine() {
    let mut script = Script::established();
    script.cseq += 50;
    assert_eq!(script.peer_sends("INFO", "").status, 200);
    script.cseq -= 2;
    let stale = script.peer_sends("INFO", "");
    assert_eq!(stale.status, 500);
    assert!(stale.headers.has(&HeaderName::RetryAfter));
}

#[test]
fn another_peer_tag_is_another_dialog() {
    let mut script = Script::established();
    script.peer = "stranger";
    assert_eq!(script.peer_sends("BYE", "").status, 481);
    assert_eq!(script.usage.state(), UsageState::Established);
}

/// RFC 3261 section 14.2.
#[test]
fn a_second_invite_before_the_first_is_answered_gets_500() {
    let mut script = Script::called();
    let again = script.peer_sends("INVITE", "v=0");
    assert_eq!(again.status, 500);
    assert!(again.headers.has(&HeaderName::RetryAfter));
    let mut script = Script::established();
    script.peer_asks("INVITE", "v=0 one");
    assert_eq!(script.peer_sends("INVITE", "v=0 two").status, 500);
    assert_eq!(script.peer_sends("UPDATE", "v=0 two").status, 500);
}

#[test]
fn a_bye_before_the_answer_ends_the_call() {
    let mut script = Script::called();
    script.usage.ring(script.now);
    script.response();
    assert_eq!(script.peer_sends("BYE", "").status, 200);
    assert_eq!(script.response().status, 487);
    assert!(script.usage.is_terminated());
    assert_eq!(script.events().len(), 1);
}

/// RFC 3261 section 15.1.2.
#[test]
fn a_bye_with_a_change_unanswered_refuses_the_change() {
    let mut script = Script::established();
    script.peer_asks("INVITE", "v=0 hold");
    script.peer_asks("BYE", "");
    assert_eq!(script.response().status, 200);
    assert_eq!(script.response().status, 487);
    assert!(script.usage.is_terminated());
    // The call may answer what it was asked before it hears of the end.
    script.usage.accept_reinvite(script.now, ANSWER.into());
    assert_eq!(script.effects(), []);
}

/// RFC 3261 section 14.2.
#[test]
fn a_late_offer_in_a_re_invite_is_answered_by_its_ack() {
    let mut script = Script::established();
    script.peer_asks("INVITE", "");
    assert_eq!(script.events(), [UsageEvent::Reoffered { sdp: None }]);
    script.usage.accept_reinvite(script.now, OFFER.into());
    assert_eq!(&script.response().body[..], OFFER);
    // Nobody may change what is not settled.
    assert_eq!(script.peer_sends("INVITE", "v=0").status, 491);
    assert_eq!(script.peer_sends("UPDATE", "v=0").status, 491);
    script.peer_acks(101, "v=0 answer");
    assert_eq!(
        script.events(),
        [UsageEvent::ReofferAnswered {
            sdp: Some(ANSWER.into())
        }]
    );
}

#[test]
fn an_ack_of_something_else_confirms_nothing() {
    let mut script = Script::called();
    script.usage.answer(script.now, ANSWER.into());
    script.peer_acks(99, "");
    assert_eq!(script.events(), []);
    script.peer_acks(100, "");
    script.peer_acks(100, "");
    assert_eq!(script.events(), [UsageEvent::Confirmed { sdp: None }]);
}

/// RFC 3261 sections 9.2 and 15.
#[test]
fn a_cancel_that_crosses_our_200_ends_the_call_and_we_send_bye_after_the_ack() {
    let mut script = Script::called();
    script.usage.answer(script.now, ANSWER.into());
    script.effects();
    let cancelled = UsageInput::Cancelled {
        txn: ServerTxn(1),
        cause: Some(HangupCause::AnsweredElsewhere),
    };
    script.usage.handle(script.now, cancelled);
    assert_eq!(
        script.events(),
        [UsageEvent::Ended {
            cause: HangupCause::AnsweredElsewhere,
            by: EndedSide::Remote,
            status: None
        }]
    );
    assert_eq!(script.effects(), []);
    script.peer_acks(100, "");
    let (tag, bye, _) = script.sent();
    assert_eq!(bye.method, Method::Bye);
    script.peer_answers(tag, &bye, 481, "x", "");
    assert!(script.usage.is_terminated());
}

/// RFC 3261 section 13.2.2.4.
#[test]
fn the_first_phone_that_answers_wins_and_the_others_are_hung_up() {
    let (mut script, tag, invite) = Script::calling();
    for phone in ["one", "two", "three"] {
        script.peer_answers(tag, &invite, 183, phone, "v=0 early");
    }
    script.events();
    script.peer_answers(tag, &invite, 200, "two", "v=0 answer");
    assert_eq!(script.acked().uri, "sip:two@192.0.2.3");
    script.peer_answers(tag, &invite, 200, "three", "v=0 answer");
    let ack = script.acked();
    assert_eq!(ack.uri, "sip:three@192.0.2.3");
    let (bye_tag, bye, _) = script.sent();
    assert_eq!((&bye.method, &bye.uri), (&Method::Bye, &ack.uri));
    assert!(header(&bye, &HeaderName::Reason).contains("completed elsewhere"));
    assert!(header(&bye, &HeaderName::To).ends_with("tag=three"));
    // Each repeats its 200 and gets the same ACK again, but no second BYE.
    script.peer_answers(tag, &invite, 200, "three", "v=0 answer");
    assert_eq!(script.acked(), ack);
    script.peer_answers(tag, &invite, 200, "two", "v=0 answer");
    assert_eq!(script.acked().uri, "sip:two@192.0.2.3");
    assert_eq!(script.effects(), []);
    assert_eq!(
        script.events(),
        [UsageEvent::Answered {
            sdp: Some(ANSWER.into())
        }]
    );
    // The usage outlives its own end until the fork's BYE is answered.
    script.peer = "two";
    assert_eq!(script.peer_sends("BYE", "").status, 200);
    assert_eq!(script.usage.state(), UsageState::Leaving);
    script.peer_answers(bye_tag, &bye, 200, "three", "");
    assert!(script.usage.is_terminated());
}

/// RFC 3261 section 13.2.2.4.
#[test]
fn any_number_of_phones_may_answer_and_only_so_many_are_hung_up() {
    let (mut script, tag, invite) = Script::calling();
    for phone in 0..40 {
        let phone = format!("phone{phone}");
        script.peer_answers(tag, &invite, 180, &phone, "");
        script.peer_answers(tag, &invite, 200, &phone, "v=0");
    }
    let effects = script.effects();
    let byes = |effect: &&UsageEffect| matches!(effect, UsageEffect::Request { .. });
    assert_eq!(effects.iter().filter(byes).count(), 16);
    let acks = |effect: &&UsageEffect| matches!(effect, UsageEffect::Ack { .. });
    assert_eq!(effects.iter().filter(acks).count(), 17);
}

#[test]
fn what_a_ringing_phone_has_sent_is_old_after_it_answers() {
    let (mut script, tag, invite) = Script::calling();
    script.peer_answers(tag, &invite, 183, "peer", "");
    script.cseq = 500;
    assert_eq!(script.peer_sends("INFO", "").status, 200);
    script.peer_answers(tag, &invite, 200, "peer", "v=0");
    script.acked();
    script.cseq = 400;
    assert_eq!(script.peer_sends("INFO", "").status, 500);
    script.cseq = 600;
    assert_eq!(script.peer_sends("INFO", "").status, 200);
}

#[test]
fn a_cancel_that_goes_out_late_has_its_32_seconds_too() {
    let (mut script, tag, invite) = Script::calling();
    script
        .usage
        .hang_up(script.now, HangupCause::OriginatorCancel);
    script.effects();
    script.pass(Duration::from_secs(31));
    script.peer_answers(tag, &invite, 100, "peer", "");
    script.pass(Duration::from_secs(31));
    script.peer_answers(tag, &invite, 200, "peer", "v=0");
    assert_eq!(script.acked().method, Method::Ack);
    assert_eq!(script.sent().1.method, Method::Bye);
}

#[test]
fn a_strict_router_gets_itself_in_the_request_uri() {
    let (mut script, tag, invite) = Script::calling();
    let mut response = Response::to(&invite, 200, "OK");
    response.headers.add_to_tag("peer");
    response.headers.push(
        HeaderName::RecordRoute,
        "<sip:far.example;lr>, <sip:near.example;x=y?h=1>",
    );
    response
        .headers
        .push(HeaderName::Contact, "<sip:bob@192.0.2.3>");
    script
        .usage
        .handle(script.now, UsageInput::Response { tag, response });
    let ack = script.acked();
    assert_eq!(ack.uri, "sip:near.example;x=y");
    assert_eq!(
        header(&ack, &HeaderName::Route),
        "<sip:far.example;lr>, <sip:bob@192.0.2.3>"
    );
}

#[test]
fn a_redirected_or_refused_call_ends_with_its_status() {
    for (status, cause) in [
        (302, HangupCause::CallRejected),
        (404, HangupCause::UnallocatedNumber),
        (486, HangupCause::UserBusy),
        (503, HangupCause::Congestion),
    ] {
        let (mut script, tag, invite) = Script::calling();
        script.peer_answers(tag, &invite, status, "x", "");
        assert_eq!(
            script.events().pop(),
            Some(UsageEvent::Ended {
                cause,
                by: EndedSide::Remote,
                status: Some(status)
            })
        );
        assert!(script.usage.is_terminated());
    }
}

/// RFC 3261 section 12.2.1.2.
#[test]
fn a_re_invite_that_gets_481_ends_the_call_with_a_bye() {
    let mut script = Script::established();
    script.usage.reinvite(script.now, OFFER.into());
    let (tag, reinvite, _) = script.sent();
    script.peer_answers(tag, &reinvite, 481, "x", "");
    assert_eq!(script.sent().1.method, Method::Bye);
    assert_eq!(script.events().len(), 1);
}

#[test]
fn a_re_invite_that_cannot_be_sent_is_refused_and_the_call_goes_on() {
    let mut script = Script::established();
    script.usage.reinvite(script.now, OFFER.into());
    let (tag, _, _) = script.sent();
    let failed = UsageInput::RequestFailed {
        tag,
        failure: TxnFailure::Transport,
    };
    script.usage.handle(script.now, failed);
    assert_eq!(
        script.events(),
        [UsageEvent::ReofferRejected { status: 503 }]
    );
    assert_eq!(script.usage.state(), UsageState::Established);
}

/// RFC 3261 section 14.1.
#[test]
fn glare_without_end_counts_as_refused() {
    let mut script = Script::established();
    script.usage.reinvite(script.now, OFFER.into());
    for _ in 0..8 {
        let (tag, reinvite, _) = script.sent();
        script.peer_answers(tag, &reinvite, 491, "peer", "");
        assert_eq!(script.events(), []);
        script.pass(Duration::from_secs(4));
    }
    let (tag, reinvite, _) = script.sent();
    script.peer_answers(tag, &reinvite, 491, "peer", "");
    assert_eq!(
        script.events(),
        [UsageEvent::ReofferRejected { status: 491 }]
    );
}

#[test]
fn the_hops_a_call_may_take_go_into_its_invite() {
    let mut spec = spec();
    spec.max_forwards = 12;
    spec.routes = vec!["<sip:proxy.example;lr>".into()];
    let mut usage = InviteUsage::outgoing(spec, &mut IdSource::seeded(1));
    let Some(UsageEffect::Request {
        request, next_hop, ..
    }) = usage.poll_effect()
    else {
        panic!("no request");
    };
    assert_eq!(header(&request, &HeaderName::MaxForwards), "12");
    assert_eq!(
        header(&request, &HeaderName::Route),
        "<sip:proxy.example;lr>"
    );
    assert_eq!(next_hop.uri, "sip:proxy.example;lr");
    assert!(request.headers.to_tag().is_none());
}
