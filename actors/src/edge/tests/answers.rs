//! Answers to callers whose connection is gone (RFC 3261 section 18.2.2).

use offhook_core::sip::Method;
use offhook_core::sip::invite::UsageInput;
use tokio::net::TcpListener;

use super::fixture::{Edge, soon};
use super::phone::Phone;

/// 1000 calls by TCP from where it listens, and its connection ends.
async fn leaves(edge: &mut Edge) -> (TcpListener, offhook_core::LegId, crate::call::IncomingCall) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    phone.local = listener.local_addr().unwrap();
    let invite = phone.invite("1001");
    let signed = phone.signed(invite).await;
    phone.send(signed).await;
    let (leg, call) = edge.call().await;
    edge.answer(leg, &call, 180, "ours");
    assert_eq!(phone.response().await.status, 180);
    (listener, leg, call)
}

/// RFC 3261 section 18.2.2.
#[tokio::test]
async fn a_caller_that_hung_its_connection_up_is_answered_where_it_listens() {
    let mut edge = Edge::open().await;
    let (listener, leg, call) = leaves(&mut edge).await;
    let (stream, _) = soon(listener.accept()).await.unwrap();
    let mut phone = Phone::accepted(stream, edge.tcp);
    assert_eq!(phone.response().await.status, 180, "it may have been lost");
    edge.answer(leg, &call, 200, "ours");
    let answer = phone.response().await;
    assert_eq!(answer.status, 200);
    let key = offhook_core::sip::dialog::DialogKey {
        call_id: call.request.headers.call_id().unwrap().clone(),
        local_tag: "ours".into(),
    };
    edge.core.bind(leg, key);
    let ack = phone.within(&call.request, Method::Ack, "ours");
    phone.send(ack).await;
    let (to, input) = edge.input().await;
    assert!(
        to == leg && matches!(input, UsageInput::Ack(_)),
        "{input:?}"
    );
}

#[tokio::test]
async fn a_caller_that_cannot_be_connected_to_is_gone() {
    let mut edge = Edge::open().await;
    let (mut phone, gone) = (Phone::tcp(edge.tcp, "1000").await, {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    });
    phone.local = gone;
    let invite = phone.invite("1001");
    let signed = phone.signed(invite).await;
    phone.send(signed).await;
    let (leg, call) = edge.call().await;
    drop(phone);
    let (to, input) = edge.input().await;
    assert!(to == leg && matches!(input, UsageInput::FlowLost { txn } if txn == call.txn));
}
