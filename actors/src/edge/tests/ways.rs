//! Phones whose connection ends, and phones behind proxies.

use std::time::Duration;

use offhook_core::LegId;
use offhook_core::sip::endpoint::{FlowId, TxnFailure};
use offhook_core::sip::invite::{NextHop, RequestTag, UsageEffect, UsageInput};
use offhook_core::sip::message::Request;
use offhook_core::sip::{HeaderName, Method};
use tokio::net::{TcpListener, UdpSocket};

use super::fixture::{Edge, soon};
use super::phone::Phone;

pub(super) const INSTANCE: &str =
    ";+sip.instance=\"<urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6>\"";

/// A phone that registered by TCP, with these parameters behind its contact.
pub(super) async fn registered(edge: &Edge, contact: &str) -> Phone {
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let mut request = phone.register(600);
    request.headers.set(HeaderName::Contact, contact.to_owned());
    assert_eq!(phone.ask_signed(request).await.status, 200);
    phone
}

/// The phone calls; its leg, and the connection its dialog is on.
async fn calls(edge: &mut Edge, phone: &mut Phone, contact: &str) -> (LegId, Option<FlowId>) {
    let mut invite = phone.invite("300");
    invite.headers.set(HeaderName::Contact, contact.to_owned());
    let signed = phone.sign(invite);
    phone.send(signed).await;
    let (leg, call) = edge.call().await;
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(phone.response().await.status, 200);
    (leg, call.local.flow)
}

pub(super) fn hangs_up(edge: &Edge, leg: LegId, flow: Option<FlowId>, uri: &str) {
    let mut request = Request::new(Method::Bye, uri.to_owned());
    let headers = &mut request.headers;
    headers.push(HeaderName::From, "<sip:300@offhook.local>;tag=ours");
    headers.push(HeaderName::To, "<sip:1000@offhook.local>;tag=ft");
    headers.push(HeaderName::CallId, "ways");
    headers.push(HeaderName::CSeq, "1 BYE");
    let next_hop = NextHop {
        uri: uri.to_owned().into(),
        flow,
        address: None,
    };
    let tag = RequestTag(1);
    edge.core.perform(
        leg,
        UsageEffect::Request {
            tag,
            request,
            next_hop,
        },
    );
}

async fn is_gone(edge: &mut Edge) {
    while edge.core.stats().connections > 0 {
        soon(edge.reachable.recv()).await.unwrap();
        tokio::task::yield_now().await;
    }
}

async fn answered(edge: &mut Edge, leg: LegId) -> UsageInput {
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    input
}

/// RFC 5626 section 5.3: the phone is its instance, not its connection.
#[tokio::test]
async fn a_phone_that_registered_again_by_another_connection_is_hung_up_on_there() {
    let mut edge = Edge::open().await;
    let contact = format!("<sip:1000@10.1.1.1:5555;transport=tcp>{INSTANCE}");
    let mut phone = registered(&edge, &contact).await;
    let (leg, flow) = calls(&mut edge, &mut phone, &contact).await;
    drop(phone);
    is_gone(&mut edge).await;
    let contact = format!("<sip:1000@10.1.1.1:6666;transport=tcp>{INSTANCE}");
    let mut phone = registered(&edge, &contact).await;
    hangs_up(&edge, leg, flow, "sip:1000@10.1.1.1:5555;transport=tcp");
    let bye = phone.hears().await;
    assert_eq!(bye.method, Method::Bye);
    phone.answer(&bye, 200).await;
    let input = answered(&mut edge, leg).await;
    assert!(matches!(input, UsageInput::Response { response, .. } if response.status == 200));
}

#[tokio::test]
async fn a_phone_without_a_name_is_known_again_by_its_contact() {
    let mut edge = Edge::open().await;
    let contact = "<sip:1000@phone.invalid;transport=tcp>";
    let mut phone = registered(&edge, contact).await;
    let (leg, flow) = calls(&mut edge, &mut phone, contact).await;
    drop(phone);
    is_gone(&mut edge).await;
    let mut other = registered(&edge, "<sip:1000@other.invalid;transport=tcp>").await;
    let mut phone = registered(&edge, contact).await;
    hangs_up(&edge, leg, flow, "sip:1000@phone.invalid;transport=tcp");
    assert_eq!(phone.hears().await.method, Method::Bye);
    assert_eq!(other.options().await.status, 200, "and nothing else came");
}

/// RFC 3261 section 18.4.
#[tokio::test]
async fn a_peer_that_can_be_connected_to_is_when_its_own_connection_is_gone() {
    let mut edge = Edge::open().await;
    let listener = TcpListener::bind("127.0.0.4:0").await.unwrap();
    let uri = format!("sip:1000@{};transport=tcp", listener.local_addr().unwrap());
    let contact = format!("<{uri}>");
    let mut phone = registered(&edge, &contact).await;
    let (leg, flow) = calls(&mut edge, &mut phone, &contact).await;
    drop(phone);
    is_gone(&mut edge).await;
    hangs_up(&edge, leg, flow, &uri);
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut phone = Phone::accepted(stream, edge.tcp);
    assert_eq!(phone.hears().await.method, Method::Bye);
}

/// A phone that is registered nowhere by streams calls by one, as its INVITE is large, and closes it.
async fn calls_by_a_stream(edge: &mut Edge, contact: &str) -> (LegId, Option<FlowId>) {
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let mut invite = phone.invite("300");
    invite.headers.set(HeaderName::Contact, contact.to_owned());
    let signed = phone.signed(invite).await;
    phone.send(signed).await;
    let (leg, call) = edge.call().await;
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(phone.response().await.status, 200);
    drop(phone);
    let closed = async {
        let mut look = tokio::time::interval(Duration::from_millis(5));
        while edge.core.stats().connections > 0 {
            look.tick().await;
        }
    };
    soon(closed).await;
    (leg, call.local.flow)
}

/// RFC 3261 section 12.2.1.1: the remote target is where it goes, whatever the INVITE came by.
#[tokio::test]
async fn a_phone_that_called_by_a_stream_is_hung_up_on_at_its_datagram_contact() {
    let mut edge = Edge::open().await;
    let socket = UdpSocket::bind("127.0.0.4:0").await.unwrap();
    let uri = format!("sip:1000@{}", socket.local_addr().unwrap());
    let (leg, flow) = calls_by_a_stream(&mut edge, &format!("<{uri}>")).await;
    hangs_up(&edge, leg, flow, &uri);
    let mut buffer = [0; 2000];
    let length = soon(socket.recv(&mut buffer)).await.unwrap();
    let heard = String::from_utf8_lossy(&buffer[..length]);
    assert!(heard.starts_with("BYE "), "{heard}");
}

/// RFC 3581: behind a NAT a Contact leads nowhere, and the way of the registration to the phone.
#[tokio::test]
async fn a_phone_that_called_by_a_stream_is_hung_up_on_where_it_registered() {
    let mut edge = Edge::open().await;
    let mut home = Phone::udp([127, 0, 0, 2], edge.udp, "1000").await;
    let uri = "sip:1000@10.9.9.9:5060";
    let contact = format!("<{uri}>");
    let mut request = home.register(600);
    request.headers.set(HeaderName::Contact, contact.clone());
    assert_eq!(home.ask_signed(request).await.status, 200);
    let (leg, flow) = calls_by_a_stream(&mut edge, &contact).await;
    hangs_up(&edge, leg, flow, uri);
    assert_eq!(home.hears().await.method, Method::Bye);
}

/// RFC 7118 section 5: a browser is reached by its own socket or not at all.
#[tokio::test]
async fn a_browser_that_is_gone_cannot_be_connected_to() {
    let mut edge = Edge::open().await;
    let contact = "<sip:1000@df7jal23ls0d.invalid;transport=ws>";
    let mut phone = registered(&edge, contact).await;
    let (leg, flow) = calls(&mut edge, &mut phone, contact).await;
    drop(phone);
    is_gone(&mut edge).await;
    hangs_up(
        &edge,
        leg,
        flow,
        "sip:1000@df7jal23ls0d.invalid;transport=ws",
    );
    let input = answered(&mut edge, leg).await;
    let failure = TxnFailure::Transport;
    assert!(matches!(input, UsageInput::RequestFailed { failure: why, .. } if why == failure));
}

/// RFC 3327 section 5.3.
#[tokio::test]
async fn a_phone_behind_proxies_is_rung_through_them() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    let mut request = phone.register(600);
    let headers = &mut request.headers;
    headers.push(HeaderName::Require, "path");
    headers.push(HeaderName::Supported, "path");
    headers.push(
        HeaderName::Path,
        "<sip:edge@127.0.0.5;lr>, <sip:inner@10.9.9.9;lr>",
    );
    let granted = phone.ask_signed(request).await;
    assert_eq!(granted.status, 200);
    let told = granted.headers.get(&HeaderName::Path).unwrap();
    assert!(told.starts_with(b"<sip:edge@127.0.0.5;lr>"));
    let extension = edge.directory.load().extension_numbered("1000").unwrap().id;
    let contact = edge.core.contacts_of(extension).unwrap().remove(0);
    let routes = ["<sip:edge@127.0.0.5;lr>", "<sip:inner@10.9.9.9;lr>"];
    assert_eq!(contact.routes, routes);
    assert_eq!((contact.local.flow, contact.local.address), (None, None));
}
