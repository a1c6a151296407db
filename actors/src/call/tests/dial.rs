use std::time::Duration;

use bytes::Bytes;
use offhook_core::HangupCause;
use offhook_core::event::EventKind;

use super::fixture::{Fixture, INTER_DIGIT};
use crate::call::MediaEffect;

#[test]
fn an_extension_rings_and_the_caller_hears_it_from_its_own_phone() {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_rings(phone);
    assert_eq!(call.statuses, [180]);
    call.phone_answers(phone);
    assert_eq!(call.statuses, [180, 200]);
    assert_eq!(call.bridges(), 1);
    call.caller_acknowledges();
    call.phone_hangs_up(phone);
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    assert_eq!(call.sent_to(0), ["BYE"]);
    call.leaves_nothing();
}

/// RFC 3261 section 20.4.
#[test]
fn a_phone_is_told_whether_the_caller_is_inside_or_outside() {
    let inside = Fixture::from_staff("1001");
    assert_eq!(inside.alert(inside.last_rung()), None);
    let mut outside = Fixture::from_outside();
    outside.caller_acknowledges();
    outside.caller_presses("1");
    outside.waits(INTER_DIGIT);
    let agent = outside.ids.agent;
    let (_, phone) = outside.queue_rings(agent);
    let alert = outside.alert(phone).map(|alert| &alert[..]);
    assert_eq!(alert, Some(&b"<urn:alert:source:external>"[..]));
    let own = Fixture::originated("1001");
    assert_eq!(own.alert(own.last_rung()), None, "they call themselves");
}

#[test]
fn before_the_answer_the_caller_gets_no_audio_that_would_silence_its_ringback() {
    let told = |call: &Fixture| {
        let media = call.media.iter();
        let remote = |effect: &&MediaEffect| matches!(effect, MediaEffect::SetRemote(leg, _) if leg.number == 0);
        media.filter(remote).count()
    };
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_rings(phone);
    assert_eq!(told(&call), 0);
    call.phone_answers(phone);
    assert_eq!(told(&call), 1);

    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_sends_early_media(phone);
    assert_eq!(told(&call), 1, "early media is heard");
    call.phone_answers(phone);
    assert_eq!(told(&call), 1, "and told once");
}

#[test]
fn early_media_reaches_the_caller_before_the_answer() {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_sends_early_media(phone);
    assert_eq!(call.statuses, [183]);
    assert_eq!(call.bridges(), 1);
    let rings = EventKind::LegRinging {
        leg: call.leg(phone),
    };
    assert!(call.events.contains(&rings), "many carriers send no 180");
    call.phone_answers(phone);
    assert_eq!(call.statuses, [183, 200]);
}

#[test]
fn a_busy_phone_is_a_busy_call() {
    let mut call = Fixture::from_staff("1001");
    call.phone_refuses(call.last_rung(), 486);
    assert_eq!(call.statuses, [486]);
    assert_eq!(call.ended(), Some(HangupCause::UserBusy));
    call.leaves_nothing();
}

#[test]
fn an_extension_without_a_phone_is_temporarily_unavailable() {
    let mut call = Fixture::originated("1001");
    let phone = call.last_rung();
    call.contacts = Ok(0);
    call.phone_answers(phone);
    assert_eq!(call.played(), ["error/extension-not-available"]);
    call.prompt_ends();
    assert_eq!(call.ended(), Some(HangupCause::SubscriberAbsent));
    call.leaves_nothing();
}

#[test]
fn nobody_answers_in_time() {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_rings(phone);
    call.waits(Duration::from_secs(30));
    assert_eq!(call.statuses, [180, 480]);
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL"]);
    assert_eq!(call.ended(), Some(HangupCause::NoAnswer));
    call.leaves_nothing();
}

#[test]
fn a_caller_who_gives_up_stops_the_ringing() {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_rings(phone);
    call.caller_cancels();
    assert_eq!(call.statuses, [180, 487]);
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL"]);
    assert_eq!(call.ended(), Some(HangupCause::OriginatorCancel));
    call.leaves_nothing();
}

#[test]
fn an_answer_that_crosses_the_cancel_is_acknowledged_and_hung_up() {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_rings(phone);
    call.caller_cancels();
    call.phone_answers(phone);
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL", "ACK", "BYE"]);
    assert_eq!(call.bridges(), 0);
    call.leaves_nothing();
}

#[test]
fn of_several_phones_the_first_to_answer_wins() {
    let mut call = Fixture::originated("1001");
    call.contacts = Ok(3);
    call.phone_answers(call.last_rung());
    let phones: Vec<u32> = call.rung_legs().into_iter().skip(1).collect();
    assert_eq!(phones.len(), 3);
    for &phone in &phones {
        call.phone_rings(phone);
    }
    call.phone_refuses(phones[0], 486);
    assert_eq!(call.ended(), None, "two still ring");
    call.phone_answers(phones[1]);
    assert_eq!(call.bridges(), 1);
    assert_eq!(call.sent_to(phones[2]), ["INVITE", "CANCEL"]);
    call.phone_hangs_up(phones[1]);
    call.phone_refuses(phones[2], 487);
    call.leaves_nothing();
}

#[test]
fn without_a_common_codec_the_call_is_refused() {
    let offer = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                 m=audio 6000 RTP/AVP 18\r\na=rtpmap:18 G729/8000\r\n";
    let mut call = Fixture::with_offer("1001", &Bytes::from_static(offer.as_bytes()));
    assert_eq!(call.statuses, [488]);
    assert_eq!(call.ended(), Some(HangupCause::NoCommonCodec));
    assert!(call.rung_legs().is_empty());
    call.leaves_nothing();
}

#[test]
fn a_number_that_nobody_has_is_not_found() {
    let mut call = Fixture::from_staff("4711");
    assert_eq!(call.statuses, [404]);
    assert_eq!(call.ended(), Some(HangupCause::UnallocatedNumber));
    call.leaves_nothing();
}

#[test]
fn who_is_in_a_direct_call_is_engaged_until_it_is_over() {
    let mut call = Fixture::from_staff("1001");
    let (staff, agent) = (call.ids.staff, call.ids.agent_extension);
    assert_eq!(
        call.engaged.iter().collect::<Vec<_>>(),
        [&staff],
        "who calls is engaged at once"
    );
    let phone = call.last_rung();
    call.phone_answers(phone);
    assert!(call.engaged.contains(&agent));
    call.phone_hangs_up(phone);
    assert!(call.engaged.is_empty());
}

#[test]
fn an_agent_who_dials_the_log_in_code_is_not_engaged() {
    let call = Fixture::from_staff("*45");
    assert!(call.engaged.is_empty());
    assert_eq!(call.played(), ["agent/not-an-agent"]);
}

#[test]
fn a_call_by_the_api_rings_the_caller_first_and_then_dials() {
    let mut call = Fixture::originated("1001");
    let first = call.last_rung();
    call.phone_rings(first);
    assert_eq!(call.rung_legs().len(), 1, "nobody else is rung yet");
    call.phone_answers(first);
    let second = call.last_rung();
    assert_ne!(first, second);
    call.phone_answers(second);
    assert_eq!(call.bridges(), 1);
    assert!(
        call.events
            .iter()
            .any(|event| matches!(event, EventKind::Bridged { .. }))
    );
    call.phone_hangs_up(first);
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();
}

#[test]
fn a_call_by_the_api_that_its_caller_refuses_is_over() {
    let mut call = Fixture::originated("1001");
    call.phone_refuses(call.last_rung(), 603);
    assert_eq!(call.ended(), Some(HangupCause::CallRejected));
    call.leaves_nothing();
}
