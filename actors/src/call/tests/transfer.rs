//! Transfers on a made-up clock.

use std::time::Duration;

use offhook_core::event::EventKind;
use offhook_core::{CallId, HangupCause, IdSource};
use offhook_media::engine::Source;

use super::fixture::Fixture;
use crate::call::{CallCommand, CallEffect, CallError, CallInput};
use crate::queue::CallToQueue;

/// 1000 talks with 1001; the number is the phone's leg.
fn talking() -> (Fixture, u32) {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_answers(phone);
    call.caller_acknowledges();
    (call, phone)
}

fn music() -> Source {
    Source::HoldMusic("default".into())
}

/// RFC 3515 section 2.4.
#[test]
fn the_caller_is_sent_on_and_hears_music_until_it_rings() {
    let (mut call, phone) = talking();
    call.phone_refers(phone, "<sip:1002@h>");
    assert_eq!(call.told(phone), ["SIP/2.0 100 Trying"]);
    assert_eq!(call.last_source(0), Some(&music()));
    let target = call.last_rung();
    assert_ne!(target, phone);
    call.phone_rings(target);
    assert!(matches!(call.last_source(0), Some(Source::Tone(_))));
    call.phone_answers(target);
    assert_eq!(
        call.told(phone),
        [
            "SIP/2.0 100 Trying",
            "SIP/2.0 180 Ringing",
            "SIP/2.0 200 OK"
        ]
    );
    assert_eq!(call.bridges(), 2);
    // Its phone does not hang up by itself.
    assert!(!call.sent_to(phone).contains(&"BYE".to_owned()));
    call.waits(Duration::from_secs(5));
    assert!(call.sent_to(phone).contains(&"BYE".to_owned()));
    call.caller_hangs_up();
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();
}

/// The machine as it was between the 202 and the answer is all that an actor needs.
#[test]
fn a_machine_that_was_copied_in_the_middle_finishes_the_transfer() {
    let (mut call, phone) = talking();
    call.phone_refers(phone, "<sip:1002@h>");
    call.call = call.call.clone();
    let target = call.last_rung();
    call.phone_answers(target);
    assert_eq!(
        call.told(phone).last().map(String::as_str),
        Some("SIP/2.0 200 OK")
    );
    call.phone_hangs_up(target);
    call.leaves_nothing();
}

#[test]
fn while_it_rings_both_may_go_and_nothing_is_left() {
    for who in 0..3 {
        let (mut call, phone) = talking();
        call.phone_refers(phone, "<sip:1002@h>");
        let target = call.last_rung();
        call.phone_rings(target);
        match who {
            0 => call.caller_hangs_up(),
            1 => {
                call.phone_hangs_up(phone);
                call.phone_refuses(target, 486);
                assert_eq!(call.played(), ["error/busy"]);
                call.prompt_ends();
            }
            _ => {
                call.phone_hangs_up(phone);
                call.caller_hangs_up();
            }
        }
        call.leaves_nothing();
    }
}

/// RFC 3515 section 2.4.5.
#[test]
fn a_transfer_to_nobody_is_told_and_the_two_talk_on() {
    let (mut call, phone) = talking();
    for (number, line) in [
        ("7777", "SIP/2.0 404 Not Found"),
        ("*45", "SIP/2.0 403 Forbidden"),
    ] {
        call.phone_refers(phone, &format!("<sip:{number}@h>"));
        assert_eq!(call.told(phone).last().map(String::as_str), Some(line));
        assert!(matches!(
            call.events.last(),
            Some(EventKind::Bridged { .. })
        ));
    }
    assert!(call.engaged.contains(&call.ids.agent_extension));
    call.phone_hangs_up(phone);
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();
}

/// A call that goes round in a circle of transfers ends (RFC 3261 section 16.3).
#[test]
fn a_call_is_not_transferred_for_ever() {
    let (mut call, mut phone) = talking();
    for turn in 0.. {
        let number = if turn % 2 == 0 { "1002" } else { "1001" };
        call.phone_refers(phone, &format!("<sip:{number}@h>"));
        let target = call.last_rung();
        if target == phone {
            break;
        }
        call.phone_answers(target);
        call.phone_hangs_up(phone);
        phone = target;
        assert!(turn < 100, "for ever");
    }
    call.caller_hangs_up();
    call.leaves_nothing();
}

#[test]
fn a_caller_sent_to_a_queue_waits_there_and_the_agents_phone_is_free() {
    let (mut call, phone) = talking();
    call.phone_refers(phone, "<sip:301@h>");
    assert!(matches!(
        call.queue.last(),
        Some(CallToQueue::Enqueue { .. })
    ));
    assert_eq!(
        call.told(phone).last().map(String::as_str),
        Some("SIP/2.0 200 OK")
    );
    assert!(!call.engaged.contains(&call.ids.agent_extension));
    call.caller_hangs_up();
    call.leaves_nothing();
}

#[test]
fn an_operator_may_transfer_only_who_talks() {
    let (mut call, phone) = talking();
    let stranger = offhook_core::LegId::new(CallId::new(&mut IdSource::seeded(9)), 0);
    let wish = |leg| CallCommand::Transfer {
        to: "1002".into(),
        leg,
    };
    assert_eq!(call.call.permits(&wish(None)), Ok(()));
    assert_eq!(call.call.permits(&wish(Some(call.leg(phone)))), Ok(()));
    let refused = Err(CallError::NotTalking);
    assert_eq!(call.call.permits(&wish(Some(stranger))), refused);
    call.handle(CallInput::Command(wish(None)));
    assert_eq!(call.call.permits(&wish(None)), refused);
    let target = call.last_rung();
    call.phone_answers(target);
    call.waits(Duration::from_secs(5));
    assert!(call.sent_to(phone).contains(&"BYE".to_owned()));
    call.caller_hangs_up();
    call.leaves_nothing();
}

const OTHER: &str = "<sip:1002@h?Replaces=x%40y%3Bto-tag%3Da%3Bfrom-tag%3Db>";

/// RFC 3891 section 3: the other dialog is gone when it is looked for.
#[test]
fn a_dialog_that_nobody_has_is_told_with_481() {
    let (mut call, phone) = talking();
    call.phone_refers(phone, OTHER);
    assert!(matches!(
        call.others.last(),
        Some(CallEffect::FindDialog(_))
    ));
    call.handle(CallInput::DialogFound(None));
    assert_eq!(
        call.told(phone).last().map(String::as_str),
        Some("SIP/2.0 481 Call/Transaction Does Not Exist")
    );
    call.phone_hangs_up(phone);
    call.leaves_nothing();
}

/// The other call refuses, or has ended: the leg comes back and all is as before.
#[test]
fn a_leg_that_finds_no_place_comes_back() {
    let (mut call, phone) = talking();
    call.phone_refers(phone, OTHER);
    let other = offhook_core::LegId::new(CallId::new(&mut IdSource::seeded(9)), 3);
    call.handle(CallInput::DialogFound(Some(other)));
    let Some(CallEffect::MoveLeg(arrival)) = call.others.pop() else {
        panic!("the leg stayed");
    };
    assert_eq!(arrival.was(), call.leg(0));
    assert_eq!(arrival.id().call, other.call);
    call.handle(CallInput::Arrives(Box::new(arrival.back(481))));
    assert!(matches!(
        call.events.last(),
        Some(EventKind::Bridged { .. })
    ));
    call.caller_hangs_up();
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
}

/// A leg came to a place that another call keeps; that call never says so.
#[test]
fn a_call_that_hears_nothing_of_its_leg_ends() {
    let (mut call, phone) = talking();
    call.phone_refers(phone, OTHER);
    let other = offhook_core::LegId::new(CallId::new(&mut IdSource::seeded(9)), 3);
    call.handle(CallInput::DialogFound(Some(other)));
    call.waits(Duration::from_secs(6));
    assert_eq!(call.ended(), Some(HangupCause::InternalError));
    assert_eq!(
        call.told(phone).last().map(String::as_str),
        Some("SIP/2.0 487 Request Terminated")
    );
}
