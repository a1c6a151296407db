use std::time::Duration;

use offhook_core::HangupCause;
use offhook_core::event::EventKind;

use super::fixture::Fixture;
use crate::call::{CallCommand, CallInput};

#[test]
fn an_operator_ends_a_call_in_every_state() {
    let hang_up = || CallInput::Command(CallCommand::HangUp(HangupCause::Administrative));
    let menu = Fixture::from_outside();
    let waiting = Fixture::from_staff("301");
    let mut ringing = Fixture::from_staff("1001");
    ringing.phone_rings(ringing.last_rung());
    let mut talking = Fixture::from_staff("1001");
    talking.phone_answers(talking.last_rung());
    let mut originating = Fixture::originated("1001");
    originating.phone_rings(originating.last_rung());
    for mut call in [menu, waiting, ringing, talking, originating] {
        call.handle(hang_up());
        assert_eq!(call.ended(), Some(HangupCause::Administrative));
        call.leaves_nothing();
    }
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_the_call() {
    let mut call = Fixture::from_outside();
    call.waits(Duration::from_secs(40));
    assert_eq!(call.ended(), Some(HangupCause::RecoveryOnTimerExpiry));
    let repeats = call
        .statuses
        .iter()
        .filter(|&&status| status == 200)
        .count();
    assert!(repeats > 5, "the 200 was repeated: {repeats}");
    call.leaves_nothing();
}

#[test]
fn the_record_ends_at_once_even_if_the_good_bye_takes_long() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.handle(CallInput::Command(CallCommand::HangUp(
        HangupCause::Administrative,
    )));
    let last = call.events.last().unwrap();
    assert!(matches!(last, EventKind::CallEnded { .. }), "{last:?}");
}

#[test]
fn a_copy_of_the_machine_goes_on_where_the_original_was() {
    let mut call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    call.phone_rings(phone);
    call.call = call.call.clone();
    call.phone_answers(phone);
    assert_eq!(call.bridges(), 1);
    call.call = call.call.clone();
    call.caller_hangs_up();
    call.leaves_nothing();
}
