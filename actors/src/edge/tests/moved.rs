//! Phones that go on by another connection while the one before still stands: a phone that left its
//! Wi-Fi has closed nothing.

use offhook_core::LegId;
use offhook_core::sip::endpoint::FlowId;
use offhook_core::sip::message::Request;
use offhook_core::sip::{HeaderName, Method};

use super::calls::key;
use super::fixture::Edge;
use super::phone::Phone;
use super::ways::{INSTANCE, hangs_up, registered};

const URI: &str = "sip:1000@10.1.1.1:5555;transport=tcp";

/// The phone is in a call that it began by the connection it registered by.
async fn calls(edge: &mut Edge, phone: &mut Phone) -> (LegId, Option<FlowId>, Request) {
    let invite = phone.invite("300");
    let signed = phone.sign(invite);
    let invite = phone.send(signed).await;
    let (leg, call) = edge.call().await;
    edge.core.bind(leg, key(&call, "ours"));
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(phone.response().await.status, 200);
    (leg, call.local.flow, invite)
}

/// RFC 5626 section 5.3: the flow that was heard from last is the one that works.
#[tokio::test]
async fn a_phone_that_spoke_by_another_connection_is_hung_up_on_there() {
    let mut edge = Edge::open().await;
    let contact = format!("<{URI}>{INSTANCE}");
    let mut old = registered(&edge, &contact).await;
    let (leg, flow, invite) = calls(&mut edge, &mut old).await;
    let contact = format!("<sip:1000@10.2.2.2:6666;transport=tcp>{INSTANCE}");
    let mut new = registered(&edge, &contact).await;
    let options = new.within(&invite, Method::Options, "ours");
    new.send(options).await;
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    edge.grant(leg, &input);
    assert_eq!(new.response().await.status, 200);
    hangs_up(&edge, leg, flow, URI);
    let bye = new.hears().await;
    assert_eq!(bye.method, Method::Bye);
    let via = String::from_utf8_lossy(bye.headers.get(&HeaderName::Via).unwrap()).into_owned();
    assert!(via.starts_with("SIP/2.0/TCP "), "{via}");
    assert_eq!(old.options().await.status, 200, "and nothing else came");
}

/// RFC 5626 section 5.3.
#[tokio::test]
async fn a_phone_whose_registration_moved_is_hung_up_on_where_it_is_now() {
    let mut edge = Edge::open().await;
    let contact = format!("<{URI}>{INSTANCE}");
    let mut old = registered(&edge, &contact).await;
    let (leg, flow, _) = calls(&mut edge, &mut old).await;
    let mut new = registered(&edge, &contact).await;
    hangs_up(&edge, leg, flow, URI);
    assert_eq!(new.hears().await.method, Method::Bye);
    assert_eq!(old.options().await.status, 200, "and nothing else came");
}

/// A second phone of the same extension changes nothing.
#[tokio::test]
async fn a_phone_is_not_mistaken_for_another_of_its_extension() {
    let mut edge = Edge::open().await;
    let mut phone = registered(&edge, &format!("<{URI}>{INSTANCE}")).await;
    let (leg, flow, _) = calls(&mut edge, &mut phone).await;
    let mut other = registered(&edge, "<sip:1000@10.3.3.3:5555;transport=tcp>").await;
    hangs_up(&edge, leg, flow, URI);
    assert_eq!(phone.hears().await.method, Method::Bye);
    assert_eq!(other.options().await.status, 200, "and nothing else came");
}
