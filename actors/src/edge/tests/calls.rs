//! Calls that come in.

use offhook_core::pii::Secret;
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::invite::UsageInput;
use offhook_core::sip::{HeaderName, Method};
use offhook_core::{CallId, HangupCause, LegId};

use super::fixture::{DID, Edge};
use super::phone::Phone;
use crate::call::Origin;

const HOME: [u8; 4] = [127, 0, 0, 2];
const CARRIER: [u8; 4] = [127, 0, 0, 9];

#[tokio::test]
async fn an_extension_calls_once_it_has_proved_who_it_is() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let invite = phone.invite("1001");
    let signed = phone.signed(invite).await;
    phone.send(signed).await;
    let (leg, call) = edge.call().await;
    let directory = edge.directory.load();
    let extension = directory.extension_numbered("1000").unwrap();
    assert_eq!(call.origin, Origin::Extension(extension.id));
    assert_eq!(call.from.number, "1000");
    assert_eq!(call.from.name.as_deref(), Some("Phone 1000"));
    assert_eq!(call.dialled, "1001");
    assert_eq!(call.local.address, Some(phone.local));
    let contact = String::from_utf8(call.local.contact.to_vec()).unwrap();
    assert_eq!(contact, format!("<sip:offhook@{}>", edge.udp));
    edge.answer(leg, &call, 180, "ours");
    assert_eq!(phone.response().await.status, 180);
}

#[tokio::test]
async fn an_extension_does_not_call_in_anothers_name() {
    let mut edge = Edge::open().await;
    let phone = Phone::udp(HOME, edge.udp, "1001").await;
    let mut phone = phone.with_login("1000", super::fixture::password("1000"));
    let invite = phone.invite("1002");
    assert_eq!(phone.ask_signed(invite).await.status, 403);
    assert!(edge.calls.try_recv().is_err());
}

#[tokio::test]
async fn strangers_are_asked_and_refused_whoever_they_say_they_are() {
    let mut edge = Edge::open().await;
    for number in ["4711", "1009", "1000"] {
        let phone = Phone::udp(HOME, edge.udp, number).await;
        let mut phone = phone.with_login(number, Secret::new("wrong".to_owned()));
        let invite = phone.invite(DID);
        assert_eq!(phone.ask_signed(invite).await.status, 403, "{number}");
    }
    // A right password does not help somebody who calls in a name we do not know.
    let phone = Phone::udp(HOME, edge.udp, "4711").await;
    let mut phone = phone.with_login("1000", super::fixture::password("1000"));
    let invite = phone.invite("1001");
    assert_eq!(phone.ask_signed(invite).await.status, 403);
    assert!(edge.calls.try_recv().is_err());
}

#[tokio::test]
async fn a_trunk_calls_our_public_numbers_and_nothing_else() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let mut invite = carrier.invite("004934556643378");
    invite.headers.push(
        HeaderName::PAssertedIdentity,
        "\"Dr. Who\" <sip:+491709999999@carrier>",
    );
    carrier.send(invite).await;
    let (_, call) = edge.call().await;
    let directory = edge.directory.load();
    assert_eq!(call.origin, Origin::Trunk(directory.office().trunks[0].id));
    assert_eq!(call.from.number, "+491709999999");
    assert_eq!(call.from.name.as_deref(), Some("Dr. Who"));
    assert_eq!((call.local.flow, call.local.address), (None, None));

    let invite = carrier.invite("1001");
    // Retransmissions are answered in between.
    let response = carrier.ask(invite).await;
    assert_eq!(response.status, 404);
    // An extension's name from a carrier's address still needs the password.
    let mut liar = Phone::udp(CARRIER, edge.udp, "1000").await;
    let invite = liar.invite(DID);
    assert_eq!(liar.ask(invite).await.status, 401);
}

#[tokio::test]
async fn a_caller_who_wants_to_stay_unknown_stays_so() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "anonymous").await;
    let mut invite = carrier.invite(DID);
    invite
        .headers
        .push(HeaderName::PAssertedIdentity, "<sip:+491709999999@carrier>");
    invite.headers.push(HeaderName::Privacy, "id;critical");
    carrier.send(invite).await;
    assert_eq!(edge.call().await.1.from.number, "anonymous");
}

#[tokio::test]
async fn a_trunk_has_no_more_calls_than_it_may() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let invite = carrier.invite(DID);
    carrier.send(invite).await;
    let (first, call) = edge.call().await;
    edge.answer(first, &call, 180, "ours");
    assert_eq!(carrier.response().await.status, 180);
    // One more goes out by it: that makes two.
    let trunk = edge.directory.load().office().trunks[0].id;
    let out = LegId::new(CallId::random(), 0);
    edge.core.uses_trunk(out, trunk);
    assert_eq!(edge.core.calls_through(trunk), 2);
    let mut other = Phone::udp(CARRIER, edge.udp, "+491701234568").await;
    let invite = other.invite(DID);
    let refused = other.ask(invite).await;
    assert_eq!(refused.status, 503);
    assert!(refused.headers.has(&HeaderName::RetryAfter));
    assert_eq!(
        edge.core.contacts_outside("0123").unwrap_err(),
        HangupCause::Congestion
    );
    edge.core.close(first);
    let invite = other.invite(DID);
    other.send(invite).await;
    edge.call().await;
    assert_eq!(edge.core.stats().refused_calls, 1);
}

#[tokio::test]
async fn a_full_house_and_a_closing_one_refuse_new_calls_only() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let invite = carrier.invite(DID);
    let invite = carrier.send(invite).await;
    let (leg, call) = edge.call().await;
    edge.core.bind(leg, key(&call, "ours"));
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(carrier.response().await.status, 200);

    let mut other = Phone::udp(CARRIER, edge.udp, "+491701234568").await;
    *edge.switchboard.refuses.lock() = Some(HangupCause::Congestion);
    let new = other.invite(DID);
    assert_eq!(other.ask(new).await.status, 503);
    *edge.switchboard.refuses.lock() = None;
    edge.core.drain(true);
    let new = other.invite(DID);
    let refused = other.ask(new).await;
    assert_eq!(refused.status, 503);
    assert!(refused.headers.has(&HeaderName::RetryAfter));

    let bye = carrier.within(&invite, Method::Bye, "ours");
    carrier.send(bye).await;
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    assert_eq!(edge.grant(leg, &input).method, Method::Bye);
    assert_eq!(carrier.response().await.status, 200);
    edge.core.drain(false);
    let new = other.invite(DID);
    other.send(new).await;
    edge.call().await;
}

pub(super) fn key(call: &crate::call::IncomingCall, tag: &'static str) -> DialogKey {
    DialogKey {
        call_id: call.request.headers.call_id().unwrap().clone(),
        local_tag: tag.into(),
    }
}

#[tokio::test]
async fn requests_find_their_leg_and_strangers_481() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let invite = carrier.invite(DID);
    let invite = carrier.send(invite).await;
    let (leg, call) = edge.call().await;
    edge.core.bind(leg, key(&call, "ours"));
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(carrier.response().await.status, 200);
    let ack = carrier.within(&invite, Method::Ack, "ours");
    carrier.send(ack).await;
    let (to, input) = edge.input().await;
    assert!(
        to == leg && matches!(input, UsageInput::Ack(_)),
        "{input:?}"
    );

    for (method, tag) in [
        (Method::Bye, "theirs"),
        (Method::Info, "theirs"),
        (Method::Options, "x"),
    ] {
        let lost = carrier.within(&invite, method, tag);
        assert_eq!(carrier.ask(lost).await.status, 481);
    }
    // An ACK to nobody gets no answer: the next thing heard is the answer to the BYE.
    let lost = carrier.within(&invite, Method::Ack, "theirs");
    carrier.send(lost).await;
    let bye = carrier.within(&invite, Method::Bye, "ours");
    carrier.send(bye).await;
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    edge.grant(leg, &input);
    assert_eq!(carrier.response().await.status, 200);
    edge.core.close(leg);
    let bye = carrier.within(&invite, Method::Bye, "ours");
    assert_eq!(carrier.ask(bye).await.status, 481);
    assert_eq!((edge.core.stats().legs, edge.core.stats().dialogs), (0, 0));
}

#[tokio::test]
async fn a_caller_who_gives_up_reaches_the_leg() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let invite = carrier.invite(DID);
    let invite = carrier.send(invite).await;
    let (leg, call) = edge.call().await;
    edge.answer(leg, &call, 180, "ours");
    assert_eq!(carrier.response().await.status, 180);
    let mut cancel = invite.clone();
    cancel.method = Method::Cancel;
    let number = invite.headers.cseq().unwrap().number;
    cancel
        .headers
        .set(HeaderName::CSeq, format!("{number} CANCEL"));
    cancel.headers.remove(&HeaderName::Contact);
    carrier.write(&cancel.write()).await;
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    assert!(
        matches!(input, UsageInput::Cancelled { txn, .. } if txn == call.txn),
        "{input:?}"
    );
    assert_eq!(carrier.response().await.status, 200);
    edge.answer(leg, &call, 487, "ours");
    assert_eq!(carrier.response().await.status, 487);
}

#[tokio::test]
async fn methods_we_do_not_know_are_refused_by_name() {
    let edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    for method in [Method::Publish, Method::Refer] {
        let request = phone.request(method.clone(), "sip:1001@offhook.local");
        let refused = phone.ask(request).await;
        assert_eq!(refused.status, 405, "{method}");
        assert!(refused.headers.has(&HeaderName::Allow));
    }
    for method in [Method::Message, Method::Subscribe] {
        let request = phone.request(method.clone(), "sip:1001@offhook.local");
        let refused = phone.ask(request).await;
        assert_eq!(refused.status, 401, "{method} needs a proof");
    }
    let request = phone.request(Method::Bye, "sip:1001@offhook.local");
    assert_eq!(phone.ask(request).await.status, 481);
    assert_eq!(phone.options().await.status, 200);
}
