//! The actor on a paused clock, with a wire that writes down what is sent.

mod crowd;
mod pages;
mod stories;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use offhook_core::config::{RegistrarConfig, SipConfig};
use offhook_core::directory::{
    Extension, ExtensionKind, MessageCounts, Office, WaitingMessages, WatchList,
};
use offhook_core::event::{Direction, EndedBy, EventKind};
use offhook_core::pii::Secret;
use offhook_core::sip::HeaderName;
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::endpoint::{FlowId, Path, ServerTxn, SipTransport};
use offhook_core::sip::identity::Privacy;
use offhook_core::sip::invite::{DialogOptions, LocalParty, NextHop};
use offhook_core::sip::message::{Message, Request, Response};
use offhook_core::{CallId, ExtensionId, HangupCause, LegId};
use ractor::{Actor, ActorRef};
use tokio::sync::mpsc;

use super::{
    Subscriptions, SubscriptionsActor, SubscriptionsArguments, SubscriptionsMessage, Wire,
};
use crate::call::Contact;
use crate::directory::DirectoryHandle;
use crate::edge::{IncomingRequest, LegDialog, Reply, RequestSide};
use crate::live::Live;
use crate::registrar::Registrar;

/// What went over the wire.
#[derive(Debug)]
enum Sent {
    Response(Response),
    Request(Request, Reply),
}

/// A wire that counts how often a leg's dialog was looked up: once per leg and document.
struct Written {
    sent: mpsc::UnboundedSender<Sent>,
    looked_up: Arc<AtomicUsize>,
}

impl Wire for Written {
    fn respond(&self, _: ServerTxn, response: Response) {
        self.sent.send(Sent::Response(response)).ok();
    }

    fn ask(&self, request: Request, _: NextHop, reply: Reply) {
        self.sent.send(Sent::Request(request, reply)).ok();
    }

    fn dialog_of(&self, leg: LegId) -> Option<LegDialog> {
        self.looked_up.fetch_add(1, Ordering::Relaxed);
        Some(LegDialog {
            key: DialogKey {
                call_id: format!("{leg}@us").into(),
                local_tag: "ours".into(),
            },
            peer_tag: Some("phones".into()),
        })
    }

    fn contacts(&self, _: ExtensionId) -> Result<Vec<Contact>, HangupCause> {
        Err(HangupCause::SubscriberAbsent)
    }
}

struct Desk {
    subscriptions: Subscriptions,
    actor: ActorRef<SubscriptionsMessage>,
    sent: mpsc::UnboundedReceiver<Sent>,
    looked_up: Arc<AtomicUsize>,
    live: Live,
    directory: DirectoryHandle,
    cseq: u32,
}

fn extension(number: &str) -> Extension {
    Extension {
        id: ExtensionId::random(),
        number: number.to_owned(),
        name: format!("Phone {number}"),
        user: None,
        kind: ExtensionKind::Standard,
        enabled: true,
        password: Secret::new("secret-secret".to_owned()),
        ring_timeout: Duration::from_secs(20),
        incoming_limit: 0,
        permissions: offhook_core::directory::Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: false,
        record_style: offhook_core::recording::OwnStyle::default(),
    }
}

impl Desk {
    async fn open() -> Self {
        Self::with(&SipConfig::default()).await
    }

    async fn with(config: &SipConfig) -> Self {
        Self::of(config, 3).await
    }

    /// An office with so many extensions, from 1000 on.
    async fn of(config: &SipConfig, extensions: u16) -> Self {
        let (wire, sent) = mpsc::unbounded_channel();
        let looked_up = Arc::new(AtomicUsize::new(0));
        let written = Written {
            sent: wire,
            looked_up: Arc::clone(&looked_up),
        };
        let numbers = (1000..1000 + extensions).map(|number| extension(&number.to_string()));
        let office = Office {
            extensions: numbers.collect(),
            ..Office::default()
        };
        let live = Live::detached();
        let directory = DirectoryHandle::new(office);
        let arguments = SubscriptionsArguments {
            wire: Arc::new(written),
            live: live.clone(),
            directory: directory.clone(),
            registrar: Registrar::new(RegistrarConfig::default()),
        };
        let subscriptions = Subscriptions::new(config, arguments, Vec::new(), Vec::new());
        Self {
            actor: spawn(&subscriptions).await,
            subscriptions,
            sent,
            looked_up,
            live,
            directory,
            cseq: 0,
        }
    }

    fn id(&self, number: &str) -> ExtensionId {
        let directory = self.directory.load();
        directory.extension_numbered(number).unwrap().id
    }

    /// The actor falls, and another takes its place.
    async fn falls(&mut self) {
        let fallen = self.actor.clone();
        self.subscriptions.inject_fault();
        fallen.wait(None).await.unwrap();
        self.actor = spawn(&self.subscriptions).await;
    }

    /// 1000 subscribes; the answer.
    async fn subscribes(&mut self, user: &str, more: &str) -> Response {
        self.subscribes_at("127.0.0.1:5062", user, more).await
    }

    /// 1000 subscribes with a phone at this address; the answer.
    async fn subscribes_at(&mut self, at: &str, user: &str, more: &str) -> Response {
        self.cseq += 1;
        let number = self.cseq;
        let text = format!(
            "SUBSCRIBE sip:{user}@offhook.local SIP/2.0\r\n\
             Via: SIP/2.0/UDP 127.0.0.1:5062;branch=z9hG4bK{number}\r\n\
             From: <sip:1000@offhook.local>;tag=w\r\nTo: <sip:{user}@offhook.local>\r\n\
             Call-ID: c{number}\r\nCSeq: {number} SUBSCRIBE\r\n\
             Contact: <sip:1000@{at}>\r\n{more}\r\n"
        );
        self.asks(&text).await
    }

    async fn asks(&mut self, text: &str) -> Response {
        assert!(self.subscriptions.request(incoming(text)));
        match self.sent.recv().await {
            Some(Sent::Response(response)) => response,
            other => panic!("{other:?}"),
        }
    }

    /// The next NOTIFY, which is answered with this status.
    async fn told(&mut self, status: u16) -> (String, String) {
        let Some(Sent::Request(request, reply)) = self.sent.recv().await else {
            panic!("a NOTIFY");
        };
        reply.tell(Ok(Response::to(&request, status, "")));
        let state = request.headers.get(&HeaderName::SubscriptionState);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (text(state.unwrap()), text(&request.body))
    }

    /// A caller from outside rings an extension.
    fn ring(&self, extension: &str) -> LegId {
        let leg = self.call("+4930123", extension, Direction::Inbound);
        self.add(leg, extension, Direction::Outbound);
        self.live.publish(EventKind::LegRinging { leg });
        leg
    }

    /// An extension calls somebody.
    fn calls_out(&self, extension: &str, to: &str) {
        let leg = self.call(extension, to, Direction::Inbound);
        self.add(leg, extension, Direction::Inbound);
    }

    fn call(&self, from: &str, to: &str, direction: Direction) -> LegId {
        self.call_with(from, to, direction, Privacy::Shown)
    }

    fn call_with(&self, from: &str, to: &str, direction: Direction, privacy: Privacy) -> LegId {
        let call = CallId::random();
        self.live.publish(EventKind::CallStarted {
            call,
            direction,
            from: from.to_owned(),
            from_name: Some("Anna".to_owned()),
            privacy,
            to: to.to_owned(),
            did: None,
            trunk: None,
            sip_call_id: "x".to_owned(),
        });
        LegId::new(call, 1)
    }

    fn add(&self, leg: LegId, extension: &str, direction: Direction) {
        self.live.publish(EventKind::LegAdded {
            leg,
            direction,
            extension: Some(extension.to_owned()),
            remote: extension.to_owned(),
            agent: None,
        });
    }
}

async fn spawn(subscriptions: &Subscriptions) -> ActorRef<SubscriptionsMessage> {
    let arguments = subscriptions.clone();
    let spawned = Actor::spawn(None, SubscriptionsActor, arguments).await;
    spawned.unwrap().0
}

fn incoming(text: &str) -> IncomingRequest {
    let Ok(Message::Request(request)) = Message::parse(&text.to_owned().into()) else {
        panic!("{text}");
    };
    IncomingRequest {
        txn: ServerTxn(1),
        path: Path {
            flow: FlowId(0),
            transport: SipTransport::Udp,
            local: SocketAddr::from(([127, 0, 0, 1], 5060)),
            peer: SocketAddr::from(([127, 0, 0, 1], 5062)),
        },
        extension: "1000".to_owned(),
        request,
        local: LocalParty {
            contact: "<sip:offhook@127.0.0.1:5060>".into(),
            product: "Offhook".into(),
            flow: None,
            address: None,
            options: DialogOptions::default(),
        },
    }
}

const DIALOG: &str = "Event: dialog\r\n";
