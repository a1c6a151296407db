//! Phones that are rung one after the other (RFC 3261 section 16.7).

use std::time::Duration;

use offhook_core::HangupCause;

use super::fixture::{Fixture, INTER_DIGIT};

/// A caller who asks a menu for an extension with so many phones, each with a turn of its own.
fn asks_for_somebody_with(phones: u16) -> Fixture {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.contacts = Ok(phones);
    call.serial = true;
    call.caller_presses("0");
    call.waits(INTER_DIGIT);
    call
}

/// RFC 3261 section 16.7.
#[test]
fn the_next_phone_is_rung_when_the_first_refuses() {
    let mut call = asks_for_somebody_with(3);
    assert_eq!(call.rung_legs().len(), 1);
    let first = call.last_rung();
    call.phone_refuses(first, 486);
    assert_eq!(call.rung_legs().len(), 2);
    let second = call.last_rung();
    call.phone_rings(second);
    call.phone_answers(second);
    assert_eq!(call.bridges(), 1);
    call.caller_hangs_up();
    assert_eq!(call.rung_legs().len(), 2, "nobody rings in vain");
    call.leaves_nothing();
}

/// RFC 3261 section 16.7, step 10.
#[test]
fn a_phone_that_nobody_picks_up_gives_its_turn_to_the_next() {
    let mut call = asks_for_somebody_with(3);
    let first = call.last_rung();
    call.phone_rings(first);
    call.waits(Duration::from_secs(10));
    assert_eq!(call.sent_to(first), ["INVITE", "CANCEL"]);
    assert_eq!(call.rung_legs().len(), 2);
    call.waits(Duration::from_secs(10));
    assert_eq!(call.rung_legs().len(), 3);
    call.phone_refuses(first, 487);
    // Thirty seconds in all, however many there are.
    call.waits(Duration::from_secs(10));
    assert_eq!(call.played().last(), Some(&"error/extension-not-available"));
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// RFC 3261 section 16.7, step 5: 6xx speaks for all.
#[test]
fn who_declines_for_good_is_asked_nowhere_else() {
    let mut call = asks_for_somebody_with(3);
    let first = call.last_rung();
    call.phone_refuses(first, 603);
    assert_eq!(call.rung_legs().len(), 1);
    assert_eq!(call.played().last(), Some(&"error/busy"));
    call.caller_hangs_up();
    call.leaves_nothing();
}

#[test]
fn when_all_turns_failed_the_most_telling_reason_counts() {
    let mut call = Fixture::from_staff("300");
    call.caller_acknowledges();
    call.contacts = Ok(2);
    call.serial = true;
    call.caller_presses("0");
    call.waits(INTER_DIGIT);
    for status in [486, 408] {
        let phone = call.last_rung();
        call.phone_refuses(phone, status);
    }
    assert_eq!(call.played().last(), Some(&"error/busy"));
    assert_eq!(call.ended(), None::<HangupCause>);
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// A queue rings its agents for as long as it wants, whatever their extension says: all their phones
/// together.
#[test]
fn an_agents_phones_share_the_time_of_the_queue() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_presses("1");
    call.waits(INTER_DIGIT);
    call.contacts = Ok(2);
    call.serial = true;
    let (_, first) = call.queue_rings(call.ids.agent);
    call.phone_rings(first);
    call.waits(Duration::from_secs(10));
    assert_eq!(call.sent_to(first), ["INVITE", "CANCEL"]);
    let second = call.last_rung();
    assert_ne!(second, first);
    call.phone_answers(second);
    assert_eq!(call.bridges(), 1);
    call.phone_refuses(first, 487);
    call.caller_hangs_up();
    call.leaves_nothing();
}
