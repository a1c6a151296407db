use std::time::Duration;

use offhook_core::HangupCause;
use offhook_core::event::EventKind;
use offhook_media::engine::Source;

use super::fixture::{Fixture, INTER_DIGIT};
use crate::queue::CallToQueue;

#[test]
fn a_call_from_outside_is_answered_by_the_menu() {
    let call = Fixture::from_outside();
    assert_eq!(call.statuses, [200]);
    assert_eq!(call.played(), ["menu/demo-office"]);
    assert!(call.events.contains(&EventKind::MenuEntered {
        call: call.id(),
        menu: call.ids.menu
    }));
}

#[test]
fn pressing_one_enters_the_queue_with_music() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_presses("1");
    call.waits(INTER_DIGIT);
    assert_eq!(
        call.queue,
        [CallToQueue::Enqueue {
            call: call.id(),
            since: call.now
        }]
    );
    assert_eq!(
        call.last_source(0),
        Some(&Source::HoldMusic("default".into()))
    );
}

#[test]
fn a_caller_who_hangs_up_in_the_menu_leaves_nothing() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_hangs_up();
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();
}

#[test]
fn a_dialled_extension_that_nobody_answers_leads_back_to_the_menu() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_presses("1000");
    let phone = call.last_rung();
    call.phone_rings(phone);
    assert_eq!(call.last_source(0), Some(&Source::Tone("ringback".into())));
    call.waits(Duration::from_secs(30));
    assert_eq!(call.sent_to(phone), ["INVITE", "CANCEL"]);
    assert_eq!(call.played().last(), Some(&"error/extension-not-available"));
    call.prompt_ends();
    assert_eq!(call.played().last(), Some(&"menu/demo-office"));
}

#[test]
fn silence_in_the_menu_ends_with_a_good_bye() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    for _ in 0..3 {
        call.prompt_ends();
        call.waits(Duration::from_secs(5));
    }
    assert_eq!(call.played().last(), Some(&"menu/good-bye"));
    call.prompt_ends();
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();
}
