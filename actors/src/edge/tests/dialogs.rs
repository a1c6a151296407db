//! Requests in a dialog, and who may send them (RFC 3261 sections 26.1.3 and 26.1.4).

use std::net::SocketAddr;

use offhook_core::LegId;
use offhook_core::sip::invite::UsageInput;
use offhook_core::sip::message::Request;
use offhook_core::sip::{HeaderName, Method};

use super::calls::key;
use super::fixture::{DID, Edge, password};
use super::phone::Phone;

const HOME: [u8; 4] = [127, 0, 0, 2];
const ELSEWHERE: [u8; 4] = [127, 0, 0, 3];
const CARRIER: [u8; 4] = [127, 0, 0, 9];

/// What changes a call.
const ACTS: [Method; 5] = [
    Method::Bye,
    Method::Invite,
    Method::Update,
    Method::Refer,
    Method::Info,
];

/// The phone is in a call; its leg and the INVITE that began it.
async fn talks(edge: &mut Edge, phone: &mut Phone, number: &str) -> (LegId, Request) {
    let mut invite = phone.invite(number);
    if number != DID {
        invite = phone.signed(invite).await;
    }
    let invite = phone.send(invite).await;
    let (leg, call) = edge.call().await;
    edge.core.bind(leg, key(&call, "ours"));
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(phone.response().await.status, 200);
    (leg, invite)
}

/// The leg gets a request and grants it.
async fn gets(edge: &mut Edge, leg: LegId, method: Method) {
    let (to, input) = edge.input().await;
    assert_eq!((to, edge.grant(leg, &input).method), (leg, method));
}

async fn act_on(
    edge: &mut Edge,
    from: [u8; 4],
    to: impl Fn(&Edge) -> SocketAddr,
    invite: &Request,
) {
    for act in ACTS {
        let mut stranger = Phone::udp(from, to(edge), "1000").await;
        let asked = stranger.within(invite, act.clone(), "ours");
        assert_eq!(stranger.ask(asked).await.status, 401, "{act}");
        let stranger = Phone::udp(from, to(edge), "1000").await;
        let mut stranger = stranger.with_login("1001", password("1001"));
        let asked = stranger.within(invite, act.clone(), "ours");
        assert_eq!(stranger.ask_signed(asked).await.status, 403, "{act}");
    }
    assert!(edge.inputs.try_recv().is_err(), "the leg hears of nothing");
}

/// RFC 3261 section 26.1.4.
#[tokio::test]
async fn who_knows_a_dialog_but_is_not_its_phone_cannot_act_in_it() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let (leg, invite) = talks(&mut edge, &mut phone, "1001").await;
    act_on(&mut edge, ELSEWHERE, |edge| edge.udp, &invite).await;
    act_on(&mut edge, HOME, |edge| edge.udp, &invite).await;
    let bye = phone.within(&invite, Method::Bye, "ours");
    phone.send(bye).await;
    gets(&mut edge, leg, Method::Bye).await;
    assert_eq!(phone.response().await.status, 200);
}

/// RFC 3261 section 12.2.1: a phone that has moved says so by a re-INVITE from where it is now.
#[tokio::test]
async fn a_phone_that_has_moved_proves_itself_once_and_goes_on() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let (leg, invite) = talks(&mut edge, &mut phone, "1001").await;
    let mut moved = Phone::udp(ELSEWHERE, edge.udp, "1000").await;
    let again = moved.within(&invite, Method::Invite, "ours");
    let again = moved.signed(again).await;
    moved.send(again).await;
    gets(&mut edge, leg, Method::Invite).await;
    assert_eq!(moved.response().await.status, 200);
    let bye = moved.within(&invite, Method::Bye, "ours");
    moved.send(bye).await;
    gets(&mut edge, leg, Method::Bye).await;
    assert_eq!(moved.response().await.status, 200);
}

#[tokio::test]
async fn a_phone_may_open_another_connection_from_the_same_host() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let (leg, invite) = talks(&mut edge, &mut phone, "1001").await;
    let mut again = Phone::tcp(edge.tcp, "1000").await;
    let bye = again.within(&invite, Method::Bye, "ours");
    again.send(bye).await;
    gets(&mut edge, leg, Method::Bye).await;
    // Who is on another host is asked there as well.
    act_on(&mut edge, ELSEWHERE, |edge| edge.udp, &invite).await;
}

#[tokio::test]
async fn a_carrier_may_use_any_of_its_addresses_and_nobody_else_may() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let (leg, invite) = talks(&mut edge, &mut carrier, DID).await;
    let mut stranger = Phone::udp(ELSEWHERE, edge.udp, "+491701234567").await;
    for act in ACTS {
        let asked = stranger.within(&invite, act.clone(), "ours");
        assert_eq!(stranger.ask(asked).await.status, 403, "{act}");
    }
    assert!(edge.inputs.try_recv().is_err(), "the leg hears of nothing");
    let mut other = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let bye = other.within(&invite, Method::Bye, "ours");
    other.send(bye).await;
    gets(&mut edge, leg, Method::Bye).await;
}

/// RFC 3261 section 22.1: an ACK cannot be challenged.
#[tokio::test]
async fn an_ack_from_elsewhere_counts_unless_it_says_where_to_send_audio() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let (leg, invite) = talks(&mut edge, &mut phone, "1001").await;
    let mut stranger = Phone::udp(ELSEWHERE, edge.udp, "1000").await;
    let mut ack = stranger.within(&invite, Method::Ack, "ours");
    ack.headers.push(HeaderName::ContentType, "application/sdp");
    ack.body = "v=0\r\n".into();
    stranger.send(ack).await;
    let plain = stranger.within(&invite, Method::Ack, "ours");
    stranger.send(plain).await;
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    assert!(
        matches!(&input, UsageInput::Ack(ack) if ack.body.is_empty()),
        "{input:?}"
    );
}
