//! Places that are taken by legs of other calls, and talks that were left for one, on a made-up clock.

use std::time::Duration;

use bytes::Bytes;
use offhook_core::event::EventKind;
use offhook_core::sdp::MediaWish;
use offhook_core::{CallId, HangupCause, IdSource, LegId};

use super::fixture::{Fixture, INTER_DIGIT, Ids, sdp};
use crate::call::moving::Arriving;
use crate::call::{Arrival, CallCommand, CallEffect, CallInput, MediaEffect, Origin};

/// An INVITE that names the dialog of this leg, as its own call sends it here.
pub(super) fn wants(
    call: &Fixture,
    leg: u32,
    origin: impl Fn(&Ids) -> Origin,
    offer: &Bytes,
) -> Box<Arrival> {
    let mut other = Fixture::replacing(call.dialog_of(leg), origin, offer);
    match other.others.pop() {
        Some(CallEffect::MoveLeg(arrival)) => arrival,
        other => panic!("the leg stayed: {other:?}"),
    }
}

/// The status a leg was sent back with.
fn sent_back(call: &mut Fixture) -> u16 {
    match call.others.pop() {
        Some(CallEffect::MoveLeg(arrival)) => match arrival.purpose {
            Arriving::Back(status) => status,
            Arriving::Place(_) => panic!("it goes on"),
        },
        other => panic!("it stayed: {other:?}"),
    }
}

/// RFC 3891 section 3 and RFC 3261 section 13.2.1: an INVITE without a description picks up.
#[test]
fn who_picks_up_without_an_offer_is_made_one_and_talks() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_presses("0");
    call.waits(INTER_DIGIT);
    let ringing = call.last_rung();
    call.phone_rings(ringing);
    let colleague = |ids: &Ids| Origin::Extension(ids.second_extension);
    let arrival = wants(&call, ringing, colleague, &Bytes::new());
    let picker = arrival.id();
    call.handle(CallInput::Arrives(arrival));
    assert_eq!(call.bridges(), 1);
    assert_eq!(call.sent_to(ringing), ["INVITE", "CANCEL"]);
    call.phone_refuses(ringing, 487);
    assert!(call.engaged.contains(&call.ids.second_extension));
    call.arrival_acknowledges_with_answer(picker.number);
    let remote =
        |effect: &MediaEffect| matches!(effect, MediaEffect::SetRemote(leg, _) if *leg == picker);
    assert!(call.media.iter().any(remote), "nothing is sent there");
    assert!(call.sent_to(picker.number).is_empty(), "it is hung up");
    call.caller_hangs_up();
    assert_eq!(call.sent_to(picker.number), ["BYE"]);
    call.leaves_nothing();
}

/// RFC 3891 section 8: to know a dialog is not to be let into it.
#[test]
fn who_talks_is_pushed_aside_by_their_own_phones_only() {
    let (mut call, phone) = Fixture::talking();
    let offer = sdp(6100, "sendrecv");
    let stranger = wants(
        &call,
        phone,
        |ids| Origin::Extension(ids.second_extension),
        &offer,
    );
    call.handle(CallInput::Arrives(stranger));
    assert_eq!(sent_back(&mut call), 403);
    let carrier = wants(&call, phone, |ids| Origin::Trunk(ids.trunk), &offer);
    call.handle(CallInput::Arrives(carrier));
    assert_eq!(sent_back(&mut call), 403);
    assert_eq!(call.bridges(), 1);
    let own = wants(
        &call,
        phone,
        |ids| Origin::Extension(ids.agent_extension),
        &offer,
    );
    call.handle(CallInput::Arrives(own));
    assert_eq!(call.bridges(), 2);
    assert_eq!(call.sent_to(phone), ["INVITE", "ACK", "BYE"]);
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// A leg that cannot be answered costs nobody their place: who talks, talks on and stays engaged.
#[test]
fn a_leg_that_cannot_be_answered_takes_no_place() {
    let (mut call, phone) = Fixture::talking();
    let own = |ids: &Ids| Origin::Extension(ids.agent_extension);
    let mut arrival = wants(&call, phone, own, &Bytes::new());
    // It waits for an answer already, and can make no offer.
    arrival.leg.offer(MediaWish::TALK).unwrap();
    call.handle(CallInput::Arrives(arrival));
    assert_eq!(call.bridges(), 1);
    assert_eq!(call.sent_to(phone), ["INVITE", "ACK"]);
    assert!(call.engaged.contains(&call.ids.agent_extension));
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// RFC 3891 section 1: an exchange behind a trunk joins two of its own calls.
#[test]
fn a_trunk_takes_the_place_of_its_own_call() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_presses("0");
    call.waits(INTER_DIGIT);
    let phone = call.last_rung();
    call.phone_answers(phone);
    let offer = sdp(6100, "sendrecv");
    let inside = wants(
        &call,
        0,
        |ids| Origin::Extension(ids.second_extension),
        &offer,
    );
    call.handle(CallInput::Arrives(inside));
    assert_eq!(sent_back(&mut call), 403);
    let same = wants(&call, 0, |ids| Origin::Trunk(ids.trunk), &offer);
    call.handle(CallInput::Arrives(same));
    assert_eq!(call.sent_to(0), ["BYE"]);
    call.phone_hangs_up(phone);
    call.leaves_nothing();
}

const OTHER: &str = "<sip:1002@h?Replaces=x%40y%3Bto-tag%3Da%3Bfrom-tag%3Db>";

/// The party this phone talks with is sent to a place in another call, and comes back without it.
fn finds_no_place(call: &mut Fixture, phone: u32) {
    call.phone_refers(phone, OTHER);
    let other = LegId::new(CallId::new(&mut IdSource::seeded(9)), 3);
    call.handle(CallInput::DialogFound(Some(other)));
    let Some(CallEffect::MoveLeg(arrival)) = call.others.pop() else {
        panic!("the leg stayed");
    };
    assert_eq!(arrival.was(), call.leg(0));
    assert_eq!(arrival.id().call, other.call);
    call.handle(CallInput::Arrives(Box::new(arrival.back(481))));
    assert!(matches!(
        call.events.last(),
        Some(
            EventKind::Bridged { .. }
                | EventKind::RecordingStarted { .. }
                | EventKind::RecordingPaused { .. }
        )
    ));
}

/// The other call refuses, or has ended: the leg comes back and all is as before.
#[test]
fn a_leg_that_finds_no_place_comes_back() {
    let (mut call, phone) = Fixture::talking();
    finds_no_place(&mut call, phone);
    // Who it is has not changed either.
    call.phone_refers(phone, "<sip:1002@h>");
    let from = call.shown_to(call.last_rung());
    assert!(from.contains("Ann"), "{from}");
    call.caller_hangs_up();
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();
}

/// A leg came to a place that another call keeps; that call never says so.
#[test]
fn a_call_that_hears_nothing_of_its_leg_ends() {
    let (mut call, phone) = Fixture::talking();
    call.phone_refers(phone, OTHER);
    let other = LegId::new(CallId::new(&mut IdSource::seeded(9)), 3);
    call.handle(CallInput::DialogFound(Some(other)));
    call.waits(Duration::from_secs(6));
    assert_eq!(call.ended(), Some(HangupCause::InternalError));
    assert_eq!(
        call.told(phone).last().map(String::as_str),
        Some("SIP/2.0 487 Request Terminated")
    );
    call.leaves_nothing();
}

#[test]
fn a_talk_that_is_recorded_is_so_again_when_its_transfer_fails() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_presses("1");
    call.waits(INTER_DIGIT);
    let (_, phone) = call.queue_rings(call.ids.agent);
    call.phone_answers(phone);
    assert!(call.is_recorded());
    call.phone_refers(phone, "<sip:1000@h>");
    assert!(!call.is_recorded());
    let busy = call.last_rung();
    call.phone_refuses(busy, 486);
    assert!(call.is_recorded(), "after a busy phone");
    finds_no_place(&mut call, phone);
    assert!(call.is_recorded(), "after a place that was not to be had");
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// Whoever paused it did so for what is being told, and knows nothing of recordings that begin anew.
#[test]
fn a_paused_recording_is_paused_again_when_its_transfer_fails() {
    let mut call = Fixture::from_outside();
    call.caller_acknowledges();
    call.caller_presses("1");
    call.waits(INTER_DIGIT);
    let (_, phone) = call.queue_rings(call.ids.agent);
    call.phone_answers(phone);
    let first = call.call.recording();
    call.handle(CallInput::Command(CallCommand::PauseRecording));
    call.phone_refers(phone, "<sip:1000@h>");
    assert!(!call.is_recorded());
    let busy = call.last_rung();
    call.phone_refuses(busy, 486);
    assert!(call.is_recorded() && call.is_paused(), "after a busy phone");
    assert_ne!(call.call.recording(), first, "another one");
    finds_no_place(&mut call, phone);
    assert!(call.is_paused(), "after a place that was not to be had");
    call.handle(CallInput::Command(CallCommand::ResumeRecording));
    assert!(call.is_recorded() && !call.is_paused());
    finds_no_place(&mut call, phone);
    assert!(
        call.is_recorded() && !call.is_paused(),
        "no longer than it was"
    );
    call.caller_hangs_up();
    call.leaves_nothing();
}
