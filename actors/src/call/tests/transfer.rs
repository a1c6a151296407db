//! Transfers on a made-up clock.

use std::time::Duration;

use offhook_core::event::EventKind;
use offhook_core::{CallId, HangupCause, IdSource};
use offhook_media::engine::Source;

use super::fixture::{Fixture, INTER_DIGIT};
use crate::call::{CallCommand, CallEffect, CallError, CallInput, DialsAs};
use crate::queue::CallToQueue;

fn music() -> Source {
    Source::HoldMusic("default".into())
}

/// RFC 3515 section 2.4.
#[test]
fn the_caller_is_sent_on_and_hears_music_until_it_rings() {
    let (mut call, phone) = Fixture::talking();
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
    let (mut call, phone) = Fixture::talking();
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
        let (mut call, phone) = Fixture::talking();
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
    let (mut call, phone) = Fixture::talking();
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
    let (mut call, mut phone) = Fixture::talking();
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
    let (mut call, phone) = Fixture::talking();
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
    let (mut call, phone) = Fixture::talking();
    let stranger = offhook_core::LegId::new(CallId::new(&mut IdSource::seeded(9)), 0);
    let wish = |leg| CallCommand::Transfer {
        to: "1002".into(),
        leg,
        dials_as: DialsAs::Office,
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

/// Who was to look for the other dialog has fallen over it: the two talk on, and may try again.
#[test]
fn a_dialog_that_nobody_looks_for_is_given_up() {
    let (mut call, phone) = Fixture::talking();
    call.phone_refers(phone, OTHER);
    call.waits(Duration::from_secs(6));
    assert_eq!(
        call.told(phone).last().map(String::as_str),
        Some("SIP/2.0 500 Server Internal Error")
    );
    assert_eq!(call.ended(), None);
    call.phone_refers(phone, "<sip:1002@h>");
    let target = call.last_rung();
    call.phone_answers(target);
    assert_eq!(call.bridges(), 2);
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// RFC 3891 section 3: the other dialog is gone when it is looked for.
#[test]
fn a_dialog_that_nobody_has_is_told_with_481() {
    let (mut call, phone) = Fixture::talking();
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

/// Who asks over REST is bound by what their own phone may dial, also when that changes meanwhile.
#[test]
fn an_operators_transfer_goes_as_far_as_their_rights() {
    let (mut call, _) = Fixture::talking();
    let wish = |dials_as| {
        CallInput::Command(CallCommand::Transfer {
            to: "0049301234567".into(),
            leg: None,
            dials_as,
        })
    };
    let removed = DialsAs::Extension(offhook_core::ExtensionId::random());
    call.handle(wish(removed));
    assert!(matches!(
        call.events.last(),
        Some(EventKind::Bridged { .. })
    ));
    call.handle(wish(DialsAs::Office));
    let outside = call.last_rung();
    call.phone_answers(outside);
    assert_eq!(call.bridges(), 3);
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// RFC 3515 section 2.4.2: an extension that was removed in the middle of its call sends nobody on.
#[test]
fn an_extension_that_is_removed_transfers_nobody() {
    let (mut call, phone) = Fixture::talking();
    call.extension_is_removed("1001");
    call.phone_refers(phone, "<sip:0049301234567@h>");
    assert_eq!(call.last_status(phone), Some(403));
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// A party outside that was transferred stands for itself: whoever transferred it is free.
#[test]
fn a_party_outside_is_not_taken_for_who_transferred_it() {
    let mut call = Fixture::from_staff("0049301234567");
    let party = call.last_rung();
    call.phone_answers(party);
    call.caller_acknowledges();
    call.caller_refers("<sip:300@h>");
    call.caller_hangs_up();
    assert!(call.engaged.is_empty());
    call.presses(party, '1');
    call.waits(INTER_DIGIT);
    assert!(matches!(
        call.queue.last(),
        Some(CallToQueue::Enqueue { .. })
    ));
    assert!(call.engaged.is_empty(), "{:?}", call.engaged);
    call.phone_hangs_up(party);
    call.leaves_nothing();
}
