//! What must not bring the edge down.

use std::net::UdpSocket;
use std::sync::atomic::Ordering;

use offhook_core::sip::endpoint::TxnFailure;
use offhook_core::sip::invite::{NextHop, RequestTag, UsageEffect, UsageInput};
use offhook_core::sip::locate::LocateError;
use offhook_core::sip::message::Request;
use offhook_core::sip::{HeaderName, Method};
use offhook_core::{CallId, IdSource, LegId};

use super::calls::key;
use super::fixture::{DID, Edge, KeeperMessage};
use super::phone::Phone;
use crate::edge::command::Command;

const HOME: [u8; 4] = [127, 0, 0, 2];
const CARRIER: [u8; 4] = [127, 0, 0, 9];

#[tokio::test]
async fn a_fallen_signalling_task_loses_neither_port_nor_connection_nor_dialog() {
    let mut edge = Edge::open().await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let invite = carrier.invite(DID);
    let invite = carrier.send(invite).await;
    let (leg, call) = edge.call().await;
    edge.core.bind(leg, key(&call, "ours"));
    edge.answer(leg, &call, 180, "ours");
    assert_eq!(carrier.response().await.status, 180);
    let mut stream = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(stream.options().await.status, 200);

    edge.core.inject_fault();
    // The leg learns that its INVITE cannot be answered any more.
    let (to, input) = edge.input().await;
    assert!(to == leg && matches!(input, UsageInput::FlowLost { txn } if txn == call.txn));
    // A late answer is nobody else's answer.
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(stream.options().await.status, 200);
    let bye = carrier.within(&invite, Method::Bye, "ours");
    carrier.send(bye).await;
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    edge.grant(leg, &input);
    assert_eq!(carrier.response().await.status, 200);
    assert_eq!(edge.core.stats().falls, 1);
}

/// A BYE to a host whose name has to be looked up.
fn hang_up(tag: RequestTag) -> UsageEffect {
    let uri = "sip:1000@carrier.example";
    let mut request = Request::new(Method::Bye, uri);
    let headers = &mut request.headers;
    headers.push(HeaderName::From, "<sip:300@offhook.local>;tag=ours");
    headers.push(HeaderName::To, "<sip:1000@carrier.example>;tag=ft");
    headers.push(HeaderName::CallId, "faults");
    headers.push(HeaderName::CSeq, "1 BYE");
    let next_hop = NextHop {
        uri: uri.into(),
        flow: None,
        address: None,
    };
    UsageEffect::Request {
        tag,
        request,
        next_hop,
    }
}

/// Both orders are given before the one thread of this test's runtime gets to the first of them.
#[tokio::test(flavor = "current_thread")]
async fn a_leg_that_was_closed_as_signalling_fell_makes_room_on_its_trunk() {
    let edge = Edge::open().await;
    let trunk = edge.directory.load().office().trunks[0].id;
    let leg = LegId::new(CallId::random(), 0);
    edge.core.uses_trunk(leg, trunk);
    edge.core.inject_fault();
    edge.core.close(leg);
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    assert_eq!(edge.core.calls_through(trunk), 0);
    let stats = edge.core.stats();
    assert_eq!((stats.falls, stats.legs), (1, 0));
}

#[tokio::test(flavor = "current_thread")]
async fn messages_that_came_with_the_one_that_kills_are_answered() {
    let edge = Edge::open().await;
    let mut phone = Phone::tcp(edge.tcp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    edge.switchboard.trips.store(true, Ordering::Relaxed);
    let invite = phone.invite("1001");
    let options = phone.request(Method::Options, "sip:offhook.local");
    let mut both = Vec::new();
    for (number, mut request) in [invite, options].into_iter().enumerate() {
        let via = format!("SIP/2.0/TCP {};branch=z9hG4bKboth{number}", phone.local);
        request.headers.push_front(HeaderName::Via, via);
        both.extend_from_slice(&request.write());
    }
    phone.write(&both).await;
    let response = phone.response().await;
    assert_eq!(response.headers.cseq().unwrap().method, Method::Options);
    assert_eq!(edge.core.stats().falls, 1);
}

/// A look-up that a fallen predecessor began may come to its end after its fall.
#[tokio::test(flavor = "current_thread")]
async fn a_look_up_of_another_time_answers_no_request_of_now() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let mut edge = Edge::open_with(|config| config.dns = vec![at]).await;
    let leg = LegId::new(CallId::random(), 0);
    edge.core.perform(leg, hang_up(RequestTag(7)));
    for number in 0..10 {
        let result = Err(LocateError::NoHost);
        edge.core.tell(Command::Resolved(number, result));
    }
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    assert!(edge.inputs.try_recv().is_err(), "it still waits");
}

#[tokio::test(flavor = "current_thread")]
async fn a_leg_whose_request_waited_for_a_name_hears_that_nothing_comes_of_it() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let at = silent.local_addr().unwrap();
    let mut edge = Edge::open_with(|config| config.dns = vec![at]).await;
    let (leg, tag) = (LegId::new(CallId::random(), 0), RequestTag(7));
    edge.core.perform(leg, hang_up(tag));
    edge.core.inject_fault();
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    let failure = TxnFailure::Transport;
    assert_eq!(input, UsageInput::RequestFailed { tag, failure });
    edge.core.close(leg);
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    assert_eq!(edge.core.stats().legs, 0);
}

#[tokio::test]
async fn a_killed_actor_is_replaced_on_the_same_port() {
    let edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    assert_eq!(phone.options().await.status, 200);
    for _ in 0..3 {
        edge.keeper.cast(KeeperMessage::Kill).unwrap();
        assert_eq!(phone.options().await.status, 200);
    }
    let request = phone.register(600);
    assert_eq!(phone.ask_signed(request).await.status, 200);
}

#[tokio::test]
async fn garbage_of_every_size_is_survived() {
    let edge = Edge::open().await;
    let socket = UdpSocket::bind("127.0.0.2:0").unwrap();
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let mut ids = IdSource::seeded(11);
    let mut noise = vec![0; 65_507];
    for size in (0..1500).chain((1500..65_507).step_by(509)).chain([65_507]) {
        for chunk in noise[..size].chunks_mut(8) {
            chunk.copy_from_slice(&ids.bits().to_be_bytes()[..chunk.len()]);
        }
        socket.send_to(&noise[..size], edge.udp).unwrap();
        if size % 100 == 0 {
            assert_eq!(phone.options().await.status, 200);
        }
    }
    assert_eq!(phone.options().await.status, 200);
    assert_eq!(edge.core.stats().falls, 0);
}

#[tokio::test]
async fn broken_copies_of_good_messages_are_survived() {
    let mut edge = Edge::open().await;
    let mut phone = Phone::udp(HOME, edge.udp, "1000").await;
    let invite = phone.invite("1001");
    let invite = phone.signed(invite).await;
    let register = phone.register(600);
    let register = phone.sign(register);
    let mut ids = IdSource::seeded(12);
    for round in 0..4000_u32 {
        let mut request = if round % 2 == 0 {
            invite.clone()
        } else {
            register.clone()
        };
        let via = format!("SIP/2.0/UDP {};branch=z9hG4bKm{round};rport", phone.local);
        request.headers.push_front(HeaderName::Via, via);
        let mut data = request.write().to_vec();
        for _ in 0..=ids.below(4) {
            let at = usize::try_from(ids.below(data.len() as u64)).unwrap();
            match ids.below(3) {
                0 => data[at] = ids.bits().to_le_bytes()[0],
                1 => data.truncate(at.max(1)),
                _ => data.insert(at, b"\r\n<>;:\"@"[at % 8]),
            }
        }
        phone.write(&data).await;
        if round % 100 == 99 {
            let mut other = Phone::udp([127, 0, 0, 3], edge.udp, "1001").await;
            assert_eq!(other.options().await.status, 200);
        }
    }
    while let Ok((leg, call)) = edge.calls.try_recv() {
        edge.answer(leg, &call, 486, "ours");
        edge.core.close(leg);
    }
    let mut other = Phone::udp([127, 0, 0, 3], edge.udp, "1001").await;
    assert_eq!(other.options().await.status, 200);
    let stats = edge.core.stats();
    assert_eq!((stats.falls, stats.legs), (0, 0));
}

/// Everything is sent before the one thread of this test's runtime gets to read it, so the backlog
/// is certain.
#[tokio::test(flavor = "current_thread")]
async fn under_load_new_calls_are_refused_while_calls_in_progress_go_on() {
    let mut edge = Edge::open_with(|config| config.limits.high_water = 20).await;
    let mut carrier = Phone::udp(CARRIER, edge.udp, "+491701234567").await;
    let invite = carrier.invite(DID);
    let invite = carrier.send(invite).await;
    let (leg, call) = edge.call().await;
    edge.core.bind(leg, key(&call, "ours"));
    edge.answer(leg, &call, 200, "ours");
    assert_eq!(carrier.response().await.status, 200);

    let flood = UdpSocket::bind("127.0.0.9:0").unwrap();
    let from = flood.local_addr().unwrap();
    for number in 0..40 {
        let text = format!(
            "INVITE sip:{DID}@offhook.local SIP/2.0\r\nVia: SIP/2.0/UDP {from};branch=z9hG4bK{number}\r\n\
             From: <sip:+491@{from}>;tag={number}\r\nTo: <sip:{DID}@offhook.local>\r\n\
             Call-ID: {number}@flood\r\nCSeq: 1 INVITE\r\nContact: <sip:+491@{from}>\r\n\
             Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        );
        flood.send_to(text.as_bytes(), edge.udp).unwrap();
    }
    let bye = carrier.within(&invite, Method::Bye, "ours");
    carrier.send(bye).await;
    let (to, input) = edge.input().await;
    assert_eq!(to, leg);
    edge.grant(leg, &input);
    assert_eq!(carrier.response().await.status, 200);
    assert!(edge.calls.try_recv().is_err(), "a call began under load");
    let mut answer = [0; 2000];
    flood.set_nonblocking(true).unwrap();
    let length = flood.recv(&mut answer).unwrap();
    let answer = String::from_utf8_lossy(&answer[..length]);
    assert!(
        answer.starts_with("SIP/2.0 503") && answer.contains("Retry-After: 5"),
        "{answer}"
    );

    // Afterwards calls are taken again.
    let mut later = Phone::udp(CARRIER, edge.udp, "+491701234568").await;
    let invite = later.invite(DID);
    later.send(invite).await;
    edge.call().await;
}
