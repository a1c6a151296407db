//! Calls that are sent elsewhere (RFC 3261 section 8.1.3.4).

use super::pair::spec;
use super::script::{Script, header};
use crate::sip::HeaderName;
use crate::sip::Request;
use crate::sip::endpoint::FlowId;
use crate::sip::header::DiversionReason;
use crate::sip::invite::{OutgoingInvite, RedirectPolicy, RequestTag, UsageEvent};

fn calling() -> (Script, RequestTag, Request) {
    Script::calling_with(OutgoingInvite {
        redirect: RedirectPolicy::Follow,
        routes: vec!["<sip:proxy.example;lr>".into()],
        ..spec()
    })
}

fn moved(script: &mut Script, (tag, request): (RequestTag, &Request), contacts: &str) {
    let rows = [(HeaderName::Contact, contacts)];
    script.peer_answers_with(tag, request, 302, "x", &rows, "");
}

/// RFC 3261 section 8.1.3.4.
#[test]
fn the_contacts_of_a_redirection_are_called_best_first() {
    let (mut script, tag, invite) = calling();
    moved(
        &mut script,
        (tag, &invite),
        "<sip:c@192.0.2.8>;q=0.1, <mailto:me@example.com>, <sip:a@192.0.2.6>, <sip:b@192.0.2.7>;q=0.9",
    );
    let mut number = invite.headers.cseq().unwrap().number;
    for (uri, status) in [
        ("sip:a@192.0.2.6", 486),
        ("sip:b@192.0.2.7", 404),
        ("sip:c@192.0.2.8", 480),
    ] {
        let (tag, again, next_hop) = script.sent();
        number += 1;
        assert_eq!((&again.uri, &next_hop.uri), (&uri.into(), &uri.into()));
        assert_eq!(again.headers.cseq().unwrap().number, number);
        assert_eq!(again.headers.call_id(), invite.headers.call_id());
        assert_eq!(
            header(&again, &HeaderName::To),
            header(&invite, &HeaderName::To)
        );
        // The way to the first place leads nowhere now.
        assert!(!again.headers.has(&HeaderName::Route));
        assert_eq!(next_hop.flow, None::<FlowId>);
        assert_eq!(script.events(), []);
        script.peer_answers(tag, &again, status, "x", "");
    }
    let [UsageEvent::Ended { status, .. }] = script.events()[..] else {
        panic!("not over");
    };
    assert_eq!(status, Some(480));
}

/// RFC 3261 section 8.1.3.4.
#[test]
fn places_that_point_at_each_other_end_the_call() {
    let (mut script, tag, invite) = calling();
    moved(&mut script, (tag, &invite), "<sip:two@192.0.2.6>");
    let (tag, again, _) = script.sent();
    moved(
        &mut script,
        (tag, &again),
        "<sip:bob@192.0.2.2:5062>, <sip:two@192.0.2.6>",
    );
    assert_eq!(script.effects(), []);
    assert_eq!(script.events().len(), 1);
}

#[test]
fn a_chain_of_places_has_an_end() {
    let (mut script, mut tag, mut request) = calling();
    let mut visited = 1;
    loop {
        let next: String = (0..3)
            .map(|n| format!("<sip:{visited}-{n}@192.0.2.6>, "))
            .collect();
        moved(&mut script, (tag, &request), next.trim_end_matches(", "));
        if script.usage.is_terminated() {
            break;
        }
        (tag, request, _) = script.sent();
        visited += 1;
    }
    assert_eq!(visited, 8);
}

/// RFC 3261 section 21.6.
#[test]
fn a_6xx_speaks_for_every_other_place() {
    let (mut script, tag, invite) = calling();
    moved(
        &mut script,
        (tag, &invite),
        "<sip:a@192.0.2.6>, <sip:b@192.0.2.7>",
    );
    let (tag, again, _) = script.sent();
    script.peer_answers(tag, &again, 603, "x", "");
    assert!(script.usage.is_terminated());
}

#[test]
fn a_call_that_was_hung_up_follows_nobody() {
    let (mut script, tag, invite) = calling();
    script
        .usage
        .hang_up(script.now, crate::cause::HangupCause::NormalClearing);
    script.effects();
    moved(&mut script, (tag, &invite), "<sip:a@192.0.2.6>");
    assert_eq!(script.effects(), []);
    assert!(script.usage.is_terminated());
}

#[test]
fn without_the_option_a_redirection_is_a_refusal() {
    let (mut script, tag, invite) = Script::calling();
    moved(&mut script, (tag, &invite), "<sip:a@192.0.2.6>");
    assert_eq!(script.effects(), []);
    assert!(script.usage.is_terminated());
}

/// RFC 3261 section 8.1.3.4, RFC 5806 section 4.
#[test]
fn a_redirection_that_is_refused_is_told_with_its_places_and_reason() {
    let (mut script, tag, invite) = Script::calling();
    let rows = [
        (
            HeaderName::Contact,
            "<sip:c@192.0.2.8>;q=0.1, <tel:+49301>;q=0.5, <sip:a@192.0.2.6>, <<",
        ),
        (HeaderName::Diversion, "<sip:b@h>;reason=user-busy"),
    ];
    script.peer_answers_with(tag, &invite, 302, "x", &rows, "");
    let [
        UsageEvent::Redirected { places, reason, .. },
        UsageEvent::Ended { status, .. },
    ] = &script.events()[..]
    else {
        panic!("not told");
    };
    assert_eq!(
        *places,
        ["sip:a@192.0.2.6", "tel:+49301", "sip:c@192.0.2.8"]
    );
    assert_eq!(*reason, Some(DiversionReason::UserBusy));
    assert_eq!(*status, Some(302));
}
