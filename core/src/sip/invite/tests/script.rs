//! A usage and a peer whose every message is written in the test.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::pair::{ANSWER, B, local, spec};
use crate::id::IdSource;
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::invite::{
    DialogOptions, InviteUsage, LocalParty, NextHop, OutgoingInvite, RequestTag, UsageEffect,
    UsageEvent, UsageInput,
};
use crate::sip::{HeaderName, Message, Method, Request, Response};
use crate::test_time::epoch;

/// A usage, the time, and what it has sent.
pub(super) struct Script {
    pub(super) now: Instant,
    pub(super) usage: InviteUsage,
    /// Requests of the usage, in order.
    pub(super) requests: Vec<(RequestTag, Request)>,
    pub(super) cseq: u32,
    txns: u64,
    pub(super) peer: &'static str,
}

fn request(text: &str) -> Request {
    let text = text.replace('\n', "\r\n");
    match Message::parse(&Bytes::from(text)).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a response"),
    }
}

/// Rows of headers, each with its line end.
type Rows = &'static str;

fn invite(rows: Rows, body: &str) -> Request {
    let length = body.len();
    request(&format!(
        "INVITE sip:bob@192.0.2.2 SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1\n{rows}\
         Record-Route: <sip:one.example;lr>, <sip:two.example;lr>\n\
         From: Alice <sip:alice@192.0.2.1>;tag=peer\n\
         To: <sip:bob@192.0.2.2>\n\
         Call-ID: call-1\n\
         CSeq: 100 INVITE\n\
         Contact: <sip:alice@192.0.2.1:5999;transport=udp>\n\
         Content-Type: application/sdp\n\
         Content-Length: {length}\n\n{body}",
    ))
}

impl Script {
    pub(super) fn called() -> Self {
        Self::called_with(DialogOptions::default(), "", "v=0 offer")
    }

    /// The same with further headers in the INVITE, and its body.
    pub(super) fn called_with(options: DialogOptions, rows: Rows, body: &str) -> Self {
        let mut ids = IdSource::seeded(5);
        let local = LocalParty {
            options,
            ..local(B)
        };
        let usage = InviteUsage::incoming(invite(rows, body), ServerTxn(1), local, &mut ids);
        Self {
            now: epoch(),
            usage: usage.unwrap(),
            requests: Vec::new(),
            cseq: 100,
            txns: 1,
            peer: "peer",
        }
    }

    /// Placed a call; returns its INVITE too.
    pub(super) fn calling() -> (Self, RequestTag, Request) {
        Self::calling_with(spec())
    }

    pub(super) fn calling_with(spec: OutgoingInvite) -> (Self, RequestTag, Request) {
        let mut script = Self {
            now: epoch(),
            usage: InviteUsage::outgoing(spec, &mut IdSource::seeded(5)),
            requests: Vec::new(),
            cseq: 0,
            txns: 0,
            peer: "peer",
        };
        let (tag, request, _) = script.sent();
        (script, tag, request)
    }

    pub(super) fn effects(&mut self) -> Vec<UsageEffect> {
        let effects: Vec<_> = std::iter::from_fn(|| self.usage.poll_effect()).collect();
        for effect in &effects {
            if let UsageEffect::Request { tag, request, .. } = effect {
                self.requests.push((*tag, request.clone()));
            }
        }
        effects
    }

    pub(super) fn events(&mut self) -> Vec<UsageEvent> {
        std::iter::from_fn(|| self.usage.poll_event()).collect()
    }

    /// The next effect, a response.
    pub(super) fn response(&mut self) -> Response {
        match self.usage.poll_effect() {
            Some(UsageEffect::Respond { response, .. }) => response,
            effect => panic!("{effect:?}"),
        }
    }

    /// The next effect, a request in a transaction.
    pub(super) fn sent(&mut self) -> (RequestTag, Request, NextHop) {
        match self.usage.poll_effect() {
            Some(UsageEffect::Request {
                tag,
                request,
                next_hop,
            }) => {
                self.requests.push((tag, request.clone()));
                (tag, request, next_hop)
            }
            effect => panic!("{effect:?}"),
        }
    }

    pub(super) fn acked(&mut self) -> Request {
        match self.usage.poll_effect() {
            Some(UsageEffect::Ack { request, .. }) => request,
            effect => panic!("{effect:?}"),
        }
    }

    /// The peer sends a request in the dialog and gets this answer.
    pub(super) fn peer_sends(&mut self, method: &str, body: &str) -> Response {
        self.peer_asks(method, body);
        self.response()
    }

    pub(super) fn peer_asks(&mut self, method: &str, body: &str) {
        self.peer_asks_with(method, "", body);
    }

    /// The same with further headers.
    pub(super) fn peer_asks_with(&mut self, method: &str, rows: &str, body: &str) {
        self.cseq += 1;
        self.txns += 1;
        let request = self.request_with(method, rows, body);
        let input = UsageInput::Request {
            txn: ServerTxn(self.txns),
            request,
        };
        self.usage.handle(self.now, input);
    }

    /// A request of the peer's in the dialog, with the number that is next.
    pub(super) fn peer_request(&self, method: &str) -> Request {
        self.request_with(method, "", "")
    }

    fn request_with(&self, method: &str, rows: &str, body: &str) -> Request {
        let key = self.usage.dialog_key().clone();
        let text = format!(
            "{method} sip:bob@192.0.2.2 SIP/2.0\n\
             Via: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK{}\n\
             From: <sip:alice@192.0.2.1>;tag={}\n\
             To: <sip:bob@192.0.2.2>;tag={}\n\
             Call-ID: {}\n\
             CSeq: {} {method}\n\
             Contact: <sip:moved@192.0.2.7>\n{rows}\
             Content-Type: application/sdp\n\n{body}",
            self.txns,
            self.peer,
            String::from_utf8_lossy(&key.local_tag),
            String::from_utf8_lossy(&key.call_id),
            self.cseq,
        );
        request(&text)
    }

    /// The peer acknowledges our 2xx to its INVITE numbered `cseq`.
    pub(super) fn peer_acks(&mut self, cseq: u32, body: &'static str) {
        let mut ack = invite("", "");
        ack.method = Method::Ack;
        ack.headers.set(HeaderName::CSeq, format!("{cseq} ACK"));
        ack.body = body.into();
        self.usage.handle(self.now, UsageInput::Ack(ack));
    }

    pub(super) fn peer_answers(
        &mut self,
        tag: RequestTag,
        request: &Request,
        status: u16,
        to_tag: &str,
        body: &'static str,
    ) {
        self.peer_answers_with(tag, request, status, to_tag, &[], body);
    }

    /// The same with further headers.
    pub(super) fn peer_answers_with(
        &mut self,
        tag: RequestTag,
        request: &Request,
        status: u16,
        to_tag: &str,
        rows: &[(HeaderName, &str)],
        body: &'static str,
    ) {
        let mut response = Response::to(request, status, "");
        for (name, value) in rows {
            response.headers.push(name.clone(), (*value).to_owned());
        }
        response.headers.add_to_tag(to_tag);
        if !response.headers.has(&HeaderName::Contact) {
            let contact = format!("<sip:{to_tag}@192.0.2.3>");
            response.headers.push(HeaderName::Contact, contact);
        }
        response
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        response.body = body.into();
        let input = UsageInput::Response { tag, response };
        self.usage.handle(self.now, input);
    }

    /// The peer answers our latest request.
    pub(super) fn answered_with(&mut self, status: u16) {
        self.effects();
        if let Some((tag, request)) = self.requests.last().cloned() {
            self.peer_answers(tag, &request, status, "peer", "v=0");
        }
    }

    /// Nobody answers our latest request.
    pub(super) fn fails(&mut self, failure: TxnFailure) {
        self.effects();
        if let Some((tag, _)) = self.requests.last().cloned() {
            let input = UsageInput::RequestFailed { tag, failure };
            self.usage.handle(self.now, input);
        }
    }

    /// Answered and acknowledged.
    pub(super) fn established() -> Self {
        let mut script = Self::called();
        script.usage.answer(script.now, ANSWER.into());
        script.peer_acks(100, "");
        script.effects();
        script.events();
        script
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.usage.handle_timeout(self.now);
    }
}

pub(super) fn header(request: &Request, name: &HeaderName) -> String {
    let rows: Vec<_> = request.headers.all(name).collect();
    let row = |row: &&Bytes| String::from_utf8_lossy(row).into_owned();
    rows.iter().map(row).collect::<Vec<_>>().join(", ")
}
