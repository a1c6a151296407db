//! The registrar's actor on a paused clock, without sockets.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use offhook_core::ExtensionId;
use offhook_core::config::RegistrarConfig;
use offhook_core::directory::{Extension, ExtensionKind, Office, Permission};
use offhook_core::pii::Secret;
use offhook_core::sip::endpoint::{FlowId, Path, ServerTxn, SipTransport, TxnFailure};
use offhook_core::sip::message::{Message, Request, Response};
use offhook_core::sip::registrar::{PhoneHealth, Ping};
use ractor::Actor;
use tokio::sync::mpsc;

use super::handle::Registration;
use super::{PhoneWatch, Registrar, RegistrarActor, RegistrarArguments, Replies};
use crate::alarm;
use crate::directory::DirectoryHandle;
use crate::edge::Reply;
use crate::live::{Delivery, Live};

struct Told {
    responses: mpsc::UnboundedSender<(ServerTxn, Response)>,
    pings: mpsc::UnboundedSender<(Ping, Reply)>,
}

impl Replies for Told {
    fn respond(&self, txn: ServerTxn, response: Response) {
        self.responses.send((txn, response)).unwrap();
    }

    fn ping(&self, ping: Ping, reply: Reply) {
        self.pings.send((ping, reply)).unwrap();
    }
}

struct Watch(mpsc::UnboundedSender<(String, bool)>);

impl PhoneWatch for Watch {
    fn reachable(&self, extension: &str, reachable: bool) {
        self.0.send((extension.to_owned(), reachable)).unwrap();
    }
}

struct Desk {
    registrar: Registrar,
    replies: mpsc::UnboundedReceiver<(ServerTxn, Response)>,
    pings: mpsc::UnboundedReceiver<(Ping, Reply)>,
    reachable: mpsc::UnboundedReceiver<(String, bool)>,
    live: Live,
}

async fn desk() -> Desk {
    let registrar = Registrar::new(RegistrarConfig::default());
    let (responses, replies) = mpsc::unbounded_channel();
    let (asked, pings) = mpsc::unbounded_channel();
    let (watch, reachable) = mpsc::unbounded_channel();
    let live = Live::detached();
    let office = Office {
        extensions: vec![Extension {
            id: ExtensionId::random(),
            number: "1000".to_owned(),
            name: String::new(),
            user: None,
            kind: ExtensionKind::Standard,
            enabled: true,
            password: Secret::new("x".to_owned()),
            ring_timeout: Duration::from_secs(20),
            incoming_limit: 0,
            permissions: Permission::usual(),
            countries: Vec::new(),
            srtp: None,
            hold_music: None,
            record: false,
            record_style: offhook_core::recording::OwnStyle::default(),
        }],
        ..Office::default()
    };
    let arguments = RegistrarArguments {
        registrar: registrar.clone(),
        replies: Arc::new(Told {
            responses,
            pings: asked,
        }),
        live: live.clone(),
        directory: DirectoryHandle::new(office),
        watch: Arc::new(Watch(watch)),
    };
    Actor::spawn(None, RegistrarActor, arguments).await.unwrap();
    Desk {
        registrar,
        replies,
        pings,
        reachable,
        live,
    }
}

fn registration(port: u16, cseq: u32, expires: u32) -> Registration {
    let text = format!(
        "REGISTER sip:offhook.local SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{port};branch=z9hG4bK{cseq}\r\n\
         From: <sip:1000@offhook.local>;tag=f\r\nTo: <sip:1000@offhook.local>\r\nCall-ID: {port}@phone\r\n\
         CSeq: {cseq} REGISTER\r\nContact: <sip:1000@127.0.0.1:{port}>\r\nExpires: {expires}\r\n\r\n"
    );
    let Ok(Message::Request(request)) = Message::parse(&text.into()) else {
        panic!("a request")
    };
    let request: Request = request;
    Registration {
        txn: ServerTxn(u64::from(cseq)),
        path: Path {
            flow: FlowId(0),
            transport: SipTransport::Udp,
            local: SocketAddr::from(([127, 0, 0, 1], 5060)),
            peer: SocketAddr::from(([127, 0, 0, 1], port)),
        },
        extension: "1000".to_owned(),
        request,
    }
}

#[tokio::test(start_paused = true)]
async fn a_registration_runs_out_by_itself() {
    let mut desk = desk().await;
    let mut events = desk.live.subscribe();
    assert!(desk.registrar.register(registration(5062, 1, 60)));
    assert_eq!(desk.replies.recv().await.unwrap().1.status, 200);
    assert_eq!(
        desk.reachable.recv().await.unwrap(),
        ("1000".to_owned(), true)
    );
    let start = alarm::now();
    assert_eq!(
        desk.reachable.recv().await.unwrap(),
        ("1000".to_owned(), false)
    );
    let lasted = alarm::now() - start;
    assert!(
        lasted >= Duration::from_secs(59) && lasted < Duration::from_secs(62),
        "{lasted:?}"
    );
    assert!(desk.registrar.list().is_empty());
    for expected in ["phone_registered", "phone_unregistered"] {
        let Some(Delivery::Event(event)) = events.next().await else {
            panic!("an event")
        };
        assert_eq!(event.kind.name(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn renewing_keeps_a_phone_reachable_and_is_no_news() {
    let mut desk = desk().await;
    let mut events = desk.live.subscribe();
    for cseq in 1..=10 {
        assert!(desk.registrar.register(registration(5062, cseq, 60)));
        assert_eq!(desk.replies.recv().await.unwrap().1.status, 200);
        tokio::time::advance(Duration::from_secs(40)).await;
        assert!(desk.registrar.is_reachable("1000"));
    }
    assert_eq!(
        desk.reachable.recv().await.unwrap(),
        ("1000".to_owned(), true)
    );
    assert_eq!(
        desk.reachable.recv().await.unwrap(),
        ("1000".to_owned(), false)
    );
    for expected in ["phone_registered", "phone_unregistered"] {
        let Some(Delivery::Event(event)) = events.next().await else {
            panic!("an event")
        };
        assert_eq!(event.kind.name(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn an_extension_with_two_phones_is_reachable_until_both_are_gone() {
    let mut desk = desk().await;
    assert!(desk.registrar.register(registration(5062, 1, 60)));
    assert!(desk.registrar.register(registration(5064, 2, 120)));
    assert_eq!(
        desk.reachable.recv().await.unwrap(),
        ("1000".to_owned(), true)
    );
    let start = alarm::now();
    assert_eq!(
        desk.reachable.recv().await.unwrap(),
        ("1000".to_owned(), false)
    );
    assert!(alarm::now() - start > Duration::from_secs(110));
    assert!(desk.registrar.list().is_empty());
}

/// RFC 3261 section 11.
#[tokio::test(start_paused = true)]
async fn a_phone_behind_a_nat_is_asked_every_minute_and_shown_to_be_gone() {
    let mut desk = desk().await;
    let mut behind = registration(5062, 1, 3600);
    behind.path.peer = SocketAddr::from(([198, 51, 100, 1], 1024));
    assert!(desk.registrar.register(behind));
    assert!(desk.registrar.register(registration(5064, 2, 3600)));
    for minute in 0..5 {
        let (ping, reply) = desk.pings.recv().await.unwrap();
        assert_eq!(ping.uri, "sip:1000@127.0.0.1:5062", "nobody else is");
        tokio::time::advance(Duration::from_millis(20)).await;
        if minute == 0 {
            let request = registration(1, 1, 1).request;
            reply.tell(Ok(Response::to(&request, 405, "")));
        } else {
            reply.tell(Err(TxnFailure::TimedOut));
        }
        // The mail is read before the next question.
        tokio::time::sleep_until((alarm::now() + Duration::from_secs(1)).into()).await;
        let health = desk.registrar.list()[0].health;
        let expected = match minute {
            0..3 => PhoneHealth::There(Duration::from_millis(20)),
            _ => PhoneHealth::Gone,
        };
        assert_eq!(health, expected, "minute {minute}");
        assert_eq!(desk.registrar.list()[1].health, PhoneHealth::Unknown);
    }
    assert!(
        desk.registrar.is_reachable("1000"),
        "it is rung all the same"
    );
}
