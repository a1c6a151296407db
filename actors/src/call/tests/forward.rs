//! Phones that were set to forward their calls, on a made-up clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use offhook_core::directory::{Directory, OutboundRoute, Permission, RouteKind};
use offhook_core::event::{AttemptOutcome, EventKind};
use offhook_core::sip::HeaderName;
use offhook_core::{HangupCause, IdSource, OutboundRouteId};

use super::fixture::{Fixture, office};
use crate::call::{CallEffect, CallMachine, Redirects};
use crate::queue::CallToQueue;

/// 1000 calls 1001; the number is that phone's leg.
fn ringing() -> (Fixture, u32) {
    let call = Fixture::from_staff("1001");
    let phone = call.last_rung();
    (call, phone)
}

/// 1000 is in the call already, and two phones of 1001 ring.
fn two_phones() -> (Fixture, u32, u32) {
    let mut call = Fixture::originated("1001");
    call.contacts = Ok(2);
    call.phone_answers(call.last_rung());
    call.contacts = Ok(1);
    let phones: Vec<u32> = call.rung_legs().into_iter().skip(1).collect();
    (call, phones[0], phones[1])
}

fn forwards(call: &Fixture) -> Vec<(&str, &str)> {
    let forwards = call.events.iter().filter_map(|event| {
        let EventKind::CallForwarded { extension, to, .. } = event else {
            return None;
        };
        Some((&**extension, &**to))
    });
    forwards.collect()
}

/// Who was rung when, by the numbers of their extensions.
fn rung(call: &Fixture) -> Vec<&str> {
    let legs = call.events.iter().filter_map(|event| {
        let EventKind::LegAdded { remote, .. } = event else {
            return None;
        };
        Some(&**remote)
    });
    legs.skip(1).collect()
}

fn rows(call: &Fixture, leg: u32, name: &HeaderName) -> Vec<String> {
    let rows = call.invite_to(leg).headers.all(name);
    rows.map(|row| String::from_utf8_lossy(row).into_owned())
        .collect()
}

/// RFC 3261 section 21.3.3.
#[test]
fn a_caller_is_sent_on_to_a_colleague_and_hears_it_ring() {
    for (status, places) in [
        (302, "<sip:1002@127.0.0.1>"),
        (
            301,
            "<sip:1002@OFFHOOK.example:5070;transport=tcp>;expires=60",
        ),
        (300, "<tel:1002>"),
        (
            302,
            "<sip:1@elsewhere.example>, <sip:1002@127.0.0.1>;q=0.2, <sip:1000@127.0.0.1>;q=0.1",
        ),
    ] {
        let (mut call, phone) = ringing();
        call.phone_redirects(phone, status, places);
        assert_eq!(call.statuses, [0_u16; 0], "{places}");
        assert_eq!(forwards(&call), [("1001", "1002")]);
        let target = call.last_rung();
        assert_eq!(rung(&call), ["1001", "1002"]);
        call.phone_rings(target);
        call.phone_answers(target);
        assert_eq!(call.statuses, [180, 200]);
        assert_eq!(call.bridges(), 1);
        assert!(!call.engaged.contains(&call.ids.agent_extension));
        call.phone_hangs_up(target);
        call.leaves_nothing();
    }
}

/// RFC 3261 section 21.3: whoever answers must not decide whom we call.
#[test]
fn a_place_that_is_not_ours_is_a_refusal() {
    for (status, places) in [
        (302, "<sip:1002@elsewhere.example>"),
        (302, "<sip:1002@127.0.0.1.elsewhere.example>"),
        (302, "<sip:127.0.0.1>"),
        (302, "<mailto:1002@127.0.0.1>"),
        (302, "nonsense <"),
        (302, "<sip:7777@127.0.0.1>"),
        (302, "<sip:*45@127.0.0.1>"),
        // A proxy to go by, and another service.
        (305, "<sip:1002@127.0.0.1>"),
        (380, "<sip:1002@127.0.0.1>"),
    ] {
        let (mut call, phone) = ringing();
        call.phone_redirects(phone, status, places);
        assert_eq!(call.statuses, [480], "{status} {places}");
        assert_eq!(call.ended(), Some(HangupCause::SubscriberAbsent));
        assert_eq!(forwards(&call), []);
        call.leaves_nothing();
    }
}

#[test]
fn a_phone_that_says_why_it_does_not_answer_is_believed_when_nobody_follows() {
    let (mut call, phone) = ringing();
    let busy = Some("<sip:1001@h>;reason=user-busy");
    call.phone_redirects_because(phone, 302, "<sip:7777@127.0.0.1>", busy);
    assert_eq!(call.statuses, [486]);
    call.leaves_nothing();
}

#[test]
fn phones_that_forward_to_each_other_end_the_call() {
    let (mut call, phone) = ringing();
    call.phone_redirects(phone, 302, "<sip:1002@127.0.0.1>");
    call.phone_redirects(call.last_rung(), 302, "<sip:1001@127.0.0.1>");
    assert_eq!(call.statuses, [480]);
    assert_eq!(forwards(&call), [("1001", "1002")]);
    assert_eq!(rung(&call), ["1001", "1002"]);
    call.leaves_nothing();

    let (mut call, phone) = ringing();
    call.phone_redirects(phone, 302, "<sip:1001@127.0.0.1>");
    assert_eq!(call.statuses, [480], "to itself");
    call.leaves_nothing();
}

/// RFC 3261 section 16.7, step 6: the best response, once all are there.
#[test]
fn while_another_phone_of_the_extension_may_answer_a_forward_waits() {
    let (mut call, one, other) = two_phones();
    call.phone_redirects(one, 302, "<sip:1002@127.0.0.1>");
    assert_eq!(forwards(&call), []);
    call.phone_answers(other);
    assert_eq!(forwards(&call), []);
    assert_eq!(call.bridges(), 1);
    call.phone_hangs_up(other);
    call.leaves_nothing();

    let (mut call, one, other) = two_phones();
    call.phone_redirects(one, 302, "<sip:1002@127.0.0.1>");
    call.phone_refuses(other, 486);
    assert_eq!(forwards(&call), [("1001", "1002")]);
    call.phone_answers(call.last_rung());
    assert_eq!(call.bridges(), 1);
    call.phone_hangs_up(call.last_rung());
    call.leaves_nothing();

    let (mut call, one, other) = two_phones();
    call.phone_rings(other);
    call.phone_redirects(one, 302, "<sip:1002@127.0.0.1>");
    call.waits(Duration::from_secs(30));
    assert_eq!(call.sent_to(other), ["INVITE", "CANCEL"]);
    assert_eq!(forwards(&call), [("1001", "1002")]);
    call.phone_refuses(other, 487);
    call.phone_answers(call.last_rung());
    call.phone_hangs_up(call.last_rung());
    call.leaves_nothing();
}

/// RFC 3261 section 16.7, step 6: a 6xx is better than any other.
#[test]
fn who_declines_for_good_is_not_called_elsewhere_either() {
    let (mut call, one, other) = two_phones();
    call.phone_redirects(one, 302, "<sip:1002@127.0.0.1>");
    call.phone_refuses(other, 603);
    assert_eq!(forwards(&call), []);
    assert_eq!(call.played(), ["error/busy"]);
    call.prompt_ends();
    call.leaves_nothing();
}

#[test]
fn a_caller_who_gives_up_while_a_forward_waits_or_rings_leaves_nothing() {
    let (mut call, one, other) = two_phones();
    call.phone_redirects(one, 302, "<sip:1002@127.0.0.1>");
    let first = call.rung_legs()[0];
    call.phone_hangs_up(first);
    call.phone_refuses(other, 487);
    assert_eq!(forwards(&call), []);
    assert_eq!(call.ended(), Some(HangupCause::NormalClearing));
    call.leaves_nothing();

    let (mut call, phone) = ringing();
    call.phone_redirects(phone, 302, "<sip:1002@127.0.0.1>");
    let target = call.last_rung();
    call.phone_rings(target);
    call.caller_cancels();
    assert_eq!(call.sent_to(target), ["INVITE", "CANCEL"]);
    assert_eq!(call.statuses, [180, 487]);
    call.phone_refuses(target, 487);
    call.leaves_nothing();
}

#[test]
fn what_becomes_of_the_forwarded_call_is_told_the_caller() {
    let (mut call, phone) = ringing();
    call.phone_redirects(phone, 302, "<sip:1002@127.0.0.1>");
    call.phone_refuses(call.last_rung(), 486);
    assert_eq!(call.statuses, [486]);
    assert_eq!(call.ended(), Some(HangupCause::UserBusy));
    call.leaves_nothing();

    let (mut call, phone) = ringing();
    call.contacts = Err(HangupCause::SubscriberAbsent);
    call.phone_redirects(phone, 302, "<sip:1002@127.0.0.1>");
    assert_eq!(call.statuses, [480]);
    call.leaves_nothing();
}

#[test]
fn a_caller_is_sent_on_to_a_queue_and_waits_there() {
    let (mut call, phone) = ringing();
    call.phone_redirects(phone, 302, "<sip:301@127.0.0.1>");
    assert!(matches!(
        call.queue.last(),
        Some(CallToQueue::Enqueue { .. })
    ));
    assert_eq!(call.statuses, [200]);
    call.caller_acknowledges();
    call.caller_hangs_up();
    call.leaves_nothing();
}

/// RFC 5806 section 4.1, RFC 7044 section 10.2.
#[test]
fn a_carrier_is_told_whose_phone_forwards_and_why() {
    for (rings, said, reason) in [
        (false, None, "unconditional"),
        (true, None, "no-answer"),
        (true, Some("<sip:x@h>;reason=user-busy"), "user-busy"),
    ] {
        let (mut call, phone) = ringing();
        if rings {
            call.phone_rings(phone);
        }
        call.phone_redirects_because(phone, 302, "<sip:00301@127.0.0.1>", said);
        let target = call.last_rung();
        assert_eq!(
            rows(&call, target, &HeaderName::Diversion),
            [format!("<sip:1001@127.0.0.1>;reason={reason}")]
        );
        assert_eq!(
            rows(&call, target, &HeaderName::HistoryInfo),
            [
                "<sip:1001@127.0.0.1?Reason=SIP%3Bcause%3D302>;index=1",
                "<sip:00301@127.0.0.1>;index=1.1;mp=1"
            ]
        );
        call.caller_cancels();
        call.phone_refuses(target, 487);
        call.leaves_nothing();
    }
}

/// The office with one more way out.
fn with_route(call: &mut Fixture, kind: RouteKind, permissions: &[Permission]) {
    let mut lists = office().0.office().clone();
    lists.outbound_routes.push(OutboundRoute {
        id: OutboundRouteId::new(&mut IdSource::seeded(5)),
        name: "out".into(),
        enabled: true,
        priority: 1,
        patterns: vec!["00.".parse().unwrap()],
        strip: 0,
        prepend: String::new(),
        permissions: permissions.iter().copied().collect::<BTreeSet<_>>(),
        schedule: None,
        trunks: vec![call.ids.trunk],
        kind,
    });
    call.call.set_directory(Arc::new(Directory::new(lists)));
}

#[test]
fn a_phone_forwards_only_where_its_own_extension_may_dial_and_never_for_help() {
    for (kind, permission, followed) in [
        (RouteKind::Ordinary, Permission::Local, true),
        (RouteKind::Ordinary, Permission::Premium, false),
        (RouteKind::Emergency, Permission::Local, false),
    ] {
        let (mut call, phone) = ringing();
        with_route(&mut call, kind, &[permission]);
        call.phone_redirects(phone, 302, "<sip:00301@127.0.0.1>");
        assert_eq!(forwards(&call).len(), usize::from(followed), "{kind:?}");
        if followed {
            call.caller_cancels();
            call.phone_refuses(call.last_rung(), 487);
        } else {
            assert_eq!(call.statuses, [480]);
        }
        call.leaves_nothing();
    }
}

#[test]
fn an_agents_phone_that_forwards_has_missed_the_call() {
    let mut call = Fixture::from_staff("301");
    call.caller_acknowledges();
    let (attempt, phone) = call.queue_rings(call.ids.agent);
    call.phone_redirects(phone, 302, "<sip:1002@127.0.0.1>");
    assert_eq!(forwards(&call), []);
    let missed = CallToQueue::AttemptEnded {
        call: call.id(),
        attempt,
        outcome: AttemptOutcome::Rejected,
    };
    assert_eq!(call.queue.last(), Some(&missed));
    call.caller_hangs_up();
    call.leaves_nothing();
}

#[test]
fn who_wants_to_call_is_not_called_elsewhere() {
    let mut call = Fixture::originated("1001");
    call.phone_redirects(call.last_rung(), 302, "<sip:1002@127.0.0.1>");
    assert_eq!(forwards(&call), []);
    assert!(call.ended().is_some());
    call.leaves_nothing();
}

#[test]
fn an_office_that_wants_no_forwards_has_none() {
    let (mut call, phone) = ringing();
    call.call.redirects = Redirects::Refused;
    call.phone_redirects(phone, 302, "<sip:1002@127.0.0.1>");
    assert_eq!(call.statuses, [480]);
    call.leaves_nothing();
}

/// The machine as it was before the second phone refused is all that an actor needs.
#[test]
fn a_machine_that_was_copied_while_a_forward_waits_follows_it() {
    let (mut call, one, other) = two_phones();
    call.phone_redirects(one, 302, "<sip:1002@127.0.0.1>");
    call.call = CallMachine::clone(&call.call);
    call.phone_refuses(other, 480);
    assert_eq!(forwards(&call), [("1001", "1002")]);
    call.phone_answers(call.last_rung());
    call.phone_hangs_up(call.last_rung());
    call.leaves_nothing();
}

#[test]
fn who_is_transferred_to_a_phone_that_forwards_arrives_where_it_says() {
    let (mut call, phone) = ringing();
    call.phone_answers(phone);
    call.caller_acknowledges();
    call.phone_refers(phone, "<sip:1002@h>");
    call.phone_redirects(call.last_rung(), 302, "<sip:301@127.0.0.1>");
    assert_eq!(
        call.told(phone).last().map(String::as_str),
        Some("SIP/2.0 200 OK")
    );
    assert!(
        !call
            .others
            .iter()
            .any(|e| matches!(e, CallEffect::MoveLeg(_)))
    );
    call.phone_hangs_up(phone);
    call.caller_hangs_up();
    call.leaves_nothing();
}
