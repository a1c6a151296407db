//! A body for everything between a datagram and the end of a call.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::sip::start;
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::endpoint::{
    Endpoint, EndpointConfig, EndpointEvent, FlowId, Path, ServerTxn, SipTransport,
};
use crate::sip::invite::{
    DialogOptions, InviteUsage, LocalParty, UsageEffect, UsageEvent, UsageInput,
};
use crate::sip::{HeaderName, Message, Method, ParseErrorKind, Request, Response};

/// Whatever arrives, in one message or in several with a zero byte between them, and whether or not
/// a call comes of it that is answered and hung up: what we send can be read, a call ends, and after
/// all timers nothing is left.
pub fn sip_call(data: &[u8]) {
    for transport in [SipTransport::Udp, SipTransport::Tcp] {
        let mut server = Server::new(transport);
        server.receive(data);
        server.receive(data);
        server.pass(Duration::from_millis(700));
        server.receive(data);
        server.pass(Duration::from_secs(4_000));
        if let Some(call) = &mut server.call {
            call.hang_up(server.now, HangupCause::NormalClearing);
        }
        server.settle();
        server.pass(Duration::from_secs(4_000));
        assert!(server.endpoint.is_idle());
        assert!(server.call.is_none_or(|call| call.is_terminated()));
    }
}

/// Stands in a message for our tag, which nobody knows beforehand.
const OUR_TAG: &[u8] = b"OURTAG";

/// The same for the number of our last reliable response.
const OUR_RSEQ: &[u8] = b"OURRSEQ";

/// What we send can be read, unless what it answers was at the limit already.
fn assert_readable(data: &Bytes) {
    if let Err(error) = Message::parse(data) {
        let at_limit = [ParseErrorKind::TooLarge, ParseErrorKind::TooManyHeaders];
        assert!(at_limit.contains(&error.kind), "{error} in {data:?}");
    }
}

/// How many messages one input may hold.
const MOST_PARTS: usize = 12;

fn replace(data: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(data.len());
    let mut rest = data;
    while let Some(at) = memchr::memmem::find(rest, word) {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(by);
        rest = &rest[at + word.len()..];
    }
    out.extend_from_slice(rest);
    out
}

/// An endpoint that answers the first call and refuses everything else.
struct Server {
    endpoint: Endpoint,
    ids: IdSource,
    call: Option<InviteUsage>,
    path: Path,
    now: Instant,
    /// What our last response with a To tag said: the tag, and its RSeq.
    said: (Bytes, Bytes),
}

impl Server {
    fn new(transport: SipTransport) -> Self {
        Self {
            endpoint: Endpoint::new(EndpointConfig::default(), IdSource::seeded(1)),
            ids: IdSource::seeded(2),
            call: None,
            path: Path {
                flow: FlowId(1),
                transport,
                local: SocketAddr::from((Ipv4Addr::LOCALHOST, 5060)),
                peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 5070)),
            },
            now: start(),
            said: (Bytes::new(), Bytes::new()),
        }
    }

    fn receive(&mut self, data: &[u8]) {
        for part in data.split(|byte| *byte == 0).take(MOST_PARTS) {
            let part = replace(part, OUR_TAG, &self.said.0);
            let part = replace(&part, OUR_RSEQ, &self.said.1);
            self.endpoint
                .handle_message(self.now, self.path, &part.into());
            self.settle();
        }
    }

    /// Takes note of what a peer would have to know.
    fn note_sent(&mut self, data: &Bytes) {
        let Ok(Message::Response(response)) = Message::parse(data) else {
            return;
        };
        if let Some(tag) = response.headers.to_tag() {
            self.said.0 = tag;
        }
        if let Some(rseq) = response.headers.get(&HeaderName::RSeq) {
            self.said.1 = rseq.clone();
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let call = self.call.as_ref().and_then(InviteUsage::poll_timeout);
            let due = [self.endpoint.poll_timeout(), call]
                .into_iter()
                .flatten()
                .min();
            let Some(at) = due.filter(|at| *at <= until) else {
                break;
            };
            self.now = self.now.max(at);
            self.endpoint.handle_timeout(self.now);
            if let Some(call) = &mut self.call {
                call.handle_timeout(self.now);
            }
            self.settle();
        }
        self.now = until;
    }

    /// Does what is to be done until nothing is.
    fn settle(&mut self) {
        loop {
            while let Some(transmit) = self.endpoint.poll_transmit() {
                assert_readable(&transmit.data);
                self.note_sent(&transmit.data);
            }
            if let Some(event) = self.endpoint.poll_event() {
                self.hear(event);
                continue;
            }
            if let Some(event) = self.call.as_mut().and_then(InviteUsage::poll_event) {
                self.heed(&event);
                continue;
            }
            let Some(effect) = self.call.as_mut().and_then(InviteUsage::poll_effect) else {
                return;
            };
            self.perform(effect);
        }
    }

    fn hear(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::Request { txn, request, .. } => self.serve(txn, request),
            EndpointEvent::Ack { request, .. } => self.tell(UsageInput::Ack(request)),
            EndpointEvent::Cancelled { txn, cause } => {
                self.tell(UsageInput::Cancelled { txn, cause });
            }
            EndpointEvent::ServerFlowLost { txn } => self.tell(UsageInput::FlowLost { txn }),
            EndpointEvent::Response { .. }
            | EndpointEvent::Failed { .. }
            | EndpointEvent::ConnectionWanted { .. } => {}
        }
    }

    fn serve(&mut self, txn: ServerTxn, request: Request) {
        if request.headers.to_tag().is_some() && self.call.is_some() {
            return self.tell(UsageInput::Request { txn, request });
        }
        if request.method == Method::Invite && self.call.is_none() {
            let local = LocalParty {
                contact: "<sip:server@127.0.0.1>".into(),
                product: "fuzz".into(),
                flow: None,
                address: None,
                options: DialogOptions::default(),
            };
            let call = InviteUsage::incoming(request.clone(), txn, local, &mut self.ids);
            if let Ok(mut call) = call {
                call.ring(self.now);
                call.progress(self.now, Some("v=0".into()));
                call.answer(self.now, "v=0".into());
                self.call = Some(call);
                return;
            }
        }
        let response = Response::to(&request, 404, "Not Found");
        assert!(self.endpoint.respond(self.now, txn, response).is_ok());
    }

    fn tell(&mut self, input: UsageInput) {
        if let Some(call) = &mut self.call {
            call.handle(self.now, input);
        }
    }

    /// Takes every change the peer wants.
    fn heed(&mut self, event: &UsageEvent) {
        if let (UsageEvent::Reoffered { .. }, Some(call)) = (event, &mut self.call) {
            call.accept_reinvite(self.now, "v=0 changed".into());
        }
    }

    fn perform(&mut self, effect: UsageEffect) {
        match effect {
            UsageEffect::Respond { txn, response } => {
                // A transaction that is gone is no harm.
                self.endpoint.respond(self.now, txn, response).ok();
            }
            UsageEffect::Request { tag, request, .. } => {
                self.endpoint.request(self.now, self.path, request);
                // Nobody is there to answer it.
                let failure = crate::sip::endpoint::TxnFailure::TimedOut;
                self.tell(UsageInput::RequestFailed { tag, failure });
            }
            UsageEffect::Ack { request, .. } => self.endpoint.send_ack(self.path, request),
            UsageEffect::Cancel { .. } => {}
        }
    }
}
