//! Peers that want to know who we are.

use std::time::{Duration, Instant};

use super::pair::{A, ANSWER, B, Pair, answers, rings, spec};
use crate::cause::HangupCause;
use crate::pii::Secret;
use crate::sip::digest::{Authenticator, Credentials, Role};
use crate::sip::invite::{InviteUsage, UsageEvent};

const ROLES: [Role; 2] = [Role::Endpoint, Role::Proxy];

fn guarded(role: Role, greeting: fn(&mut InviteUsage, Instant)) -> Pair {
    let mut pair = Pair::udp(greeting);
    pair.sides[B].guard = Some(Authenticator::new(pair.now, "office", role, [7; 32]));
    pair
}

/// Those of alice.
pub(super) fn credentials() -> Credentials {
    Credentials {
        username: "alice".into(),
        password: Secret::new("secret".into()),
    }
}

fn dial(pair: &mut Pair, password: &str) {
    let mut spec = spec();
    spec.credentials = Some(Credentials {
        username: "alice".into(),
        password: Secret::new(password.into()),
    });
    pair.dial_with(spec);
    pair.run_ms(300);
}

#[test]
fn an_invite_that_is_challenged_goes_out_again_with_credentials() {
    for role in ROLES {
        let mut pair = guarded(role, answers);
        dial(&mut pair, "secret");
        assert_eq!(
            pair.sides[A].events,
            [UsageEvent::Answered {
                sdp: Some(ANSWER.into())
            }]
        );
        let challenge = format!("B {} INVITE", role.status());
        assert_eq!(
            pair.messages(),
            [
                "A INVITE",
                &challenge,
                "A ACK",
                "A INVITE",
                "B 200 INVITE",
                "A ACK"
            ]
        );
        // Who was asked once says who it is in every later request.
        pair.tell(A, |usage, now| usage.reinvite(now, "v=0 hold".into()));
        pair.run_ms(100);
        pair.tell(B, |usage, now| usage.accept_reinvite(now, ANSWER.into()));
        pair.run_ms(100);
        pair.tell(A, |usage, now| {
            usage.hang_up(now, HangupCause::NormalClearing);
        });
        pair.finish();
        let asked = |line: &&str| line.starts_with(&format!("B {}", role.status()));
        assert_eq!(pair.messages().into_iter().filter(asked).count(), 1);
    }
}

#[test]
fn a_wrong_password_is_tried_once() {
    let mut pair = guarded(Role::Endpoint, answers);
    dial(&mut pair, "guess");
    assert_eq!(
        pair.sides[A].endings(),
        [(HangupCause::NotAllowed, Some(401))]
    );
    let invites = |line: &&str| *line == "A INVITE";
    assert_eq!(pair.messages().into_iter().filter(invites).count(), 2);
    pair.finish();
}

#[test]
fn without_a_password_a_challenge_is_a_refusal() {
    let mut pair = guarded(Role::Proxy, answers);
    pair.dial();
    pair.run_ms(300);
    assert_eq!(
        pair.sides[A].endings(),
        [(HangupCause::NotAllowed, Some(407))]
    );
    pair.finish();
}

#[test]
fn a_nonce_that_has_aged_is_replaced_for_bye_and_re_invite() {
    for bye in [true, false] {
        let mut pair = guarded(Role::Endpoint, answers);
        dial(&mut pair, "secret");
        pair.run_for(Authenticator::NONCE_LIFETIME * 2);
        let before = pair.log.len();
        if bye {
            pair.tell(A, |usage, now| {
                usage.hang_up(now, HangupCause::NormalClearing);
            });
            pair.run_ms(100);
            assert_eq!(
                pair.messages()[before..],
                ["A BYE", "B 401 BYE", "A BYE", "B 200 BYE"]
            );
        } else {
            pair.tell(A, |usage, now| usage.reinvite(now, "v=0 hold".into()));
            pair.run_ms(100);
            pair.tell(B, |usage, now| usage.accept_reinvite(now, ANSWER.into()));
            pair.run_ms(100);
            assert!(pair.sides[A].has(&UsageEvent::ReofferAnswered {
                sdp: Some(ANSWER.into())
            }));
            pair.tell(A, |usage, now| {
                usage.hang_up(now, HangupCause::NormalClearing);
            });
        }
        pair.finish();
    }
}

#[test]
fn hanging_up_while_a_challenge_is_on_its_way_places_no_second_call() {
    let mut pair = guarded(Role::Endpoint, rings);
    let mut spec = spec();
    spec.credentials = Some(Credentials {
        username: "alice".into(),
        password: Secret::new("secret".into()),
    });
    pair.dial_with(spec);
    pair.run_ms(15);
    pair.tell(A, |usage, now| {
        usage.hang_up(now, HangupCause::OriginatorCancel);
    });
    pair.finish();
    assert_eq!(pair.messages(), ["A INVITE", "B 401 INVITE", "A ACK"]);
}

#[test]
fn the_called_side_can_prove_who_hangs_up() {
    let mut pair = Pair::udp(|usage, now| {
        usage.set_credentials(Credentials {
            username: "alice".into(),
            password: Secret::new("secret".into()),
        });
        usage.answer(now, ANSWER.into());
    });
    pair.sides[A].guard = Some(Authenticator::new(
        pair.now,
        "trunk",
        Role::Endpoint,
        [7; 32],
    ));
    pair.dial();
    pair.run_for(Duration::from_secs(1));
    pair.tell(B, |usage, now| {
        usage.hang_up(now, HangupCause::NormalClearing);
    });
    pair.finish();
    assert_eq!(
        pair.messages()[3..],
        ["B BYE", "A 401 BYE", "B BYE", "A 200 BYE"]
    );
}
