//! An endpoint and what is sent to it, byte by byte.

mod answers;
mod asks;
mod chaos;
mod checks;
mod recourse;
mod torture;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{
    ClientTxn, Endpoint, EndpointConfig, EndpointEvent, FlowId, Path, ServerTxn, SipTransport,
};
use crate::id::IdSource;
use crate::sip::{HeaderName, Message, Request, Response};
use crate::test_time::epoch;

/// An endpoint, the time, and the way messages come.
struct Bench {
    endpoint: Endpoint,
    now: Instant,
    path: Path,
}

fn path(transport: SipTransport) -> Path {
    Path {
        flow: FlowId(1),
        transport,
        local: SocketAddr::from(([192, 0, 2, 1], 5060)),
        peer: SocketAddr::from(([198, 51, 100, 7], 40_000)),
    }
}

impl Bench {
    fn new(transport: SipTransport) -> Self {
        Self::with(transport, EndpointConfig::default())
    }

    fn with(transport: SipTransport, config: EndpointConfig) -> Self {
        Self {
            endpoint: Endpoint::new(config, IdSource::seeded(3)),
            now: epoch(),
            path: path(transport),
        }
    }

    fn udp() -> Self {
        Self::new(SipTransport::Udp)
    }

    fn tcp() -> Self {
        Self::new(SipTransport::Tcp)
    }

    /// A message arrives, lines ended by LF.
    fn receives(&mut self, text: &str) {
        let data = Bytes::from(text.replace('\n', "\r\n"));
        self.endpoint.handle_message(self.now, self.path, &data);
    }

    fn sent(&mut self) -> Vec<(SocketAddr, Message)> {
        let parse = |data| Message::parse(&data).expect("we write what we can read");
        std::iter::from_fn(|| self.endpoint.poll_transmit())
            .map(|transmit| (transmit.path.peer, parse(transmit.data)))
            .collect()
    }

    /// Everything sent, in short: `INVITE`, `200 INVITE`.
    fn summary(&mut self) -> Vec<String> {
        let short = |(_, message): (_, Message)| match message {
            Message::Request(request) => request.method.to_string(),
            Message::Response(response) => {
                let method = response.headers.cseq().unwrap().method;
                format!("{} {method}", response.status)
            }
        };
        self.sent().into_iter().map(short).collect()
    }

    /// The one response that was sent.
    fn answer(&mut self) -> Response {
        let mut sent = self.sent();
        assert_eq!(sent.len(), 1, "{sent:?}");
        match sent.remove(0).1 {
            Message::Response(response) => response,
            Message::Request(request) => panic!("{request:?}"),
        }
    }

    fn events(&mut self) -> Vec<EndpointEvent> {
        std::iter::from_fn(|| self.endpoint.poll_event()).collect()
    }

    /// The one new request that was handed up.
    fn request(&mut self) -> (ServerTxn, Request) {
        let mut events = self.events();
        assert_eq!(events.len(), 1, "{events:?} {:?}", self.sent());
        let EndpointEvent::Request { txn, request, .. } = events.remove(0) else {
            panic!("{events:?}");
        };
        (txn, request)
    }

    fn responds(&mut self, txn: ServerTxn, request: &Request, status: u16) {
        let response = Response::to(request, status, "");
        self.endpoint.respond(self.now, txn, response).unwrap();
    }

    /// Lets time pass, each timer at its own moment.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.endpoint.poll_timeout().filter(|at| *at <= until) {
            self.now = at;
            self.endpoint.handle_timeout(at);
        }
        self.now = until;
    }

    fn asks(&mut self, request: Request) -> ClientTxn {
        self.endpoint.request(self.now, self.path, request)
    }

    /// The peer answers what we sent.
    fn peer_answers(&mut self, request: &Request, status: u16, tag: &str) {
        let mut response = Response::to(request, status, "");
        response.headers.add_to_tag(tag);
        let data = response.write();
        self.endpoint.handle_message(self.now, self.path, &data);
    }
}

/// A request with `extra` header lines, each ended by a line break.
fn request(method: &str, branch: &str, extra: &str) -> String {
    with_body(method, branch, extra, "")
}

fn with_body(method: &str, branch: &str, extra: &str, body: &str) -> String {
    format!(
        "{method} sip:bob@192.0.2.1 SIP/2.0\n\
         Via: SIP/2.0/UDP 198.51.100.7:5070;branch={branch}\n\
         Max-Forwards: 70\n\
         From: <sip:alice@example.com>;tag=a\n\
         To: <sip:bob@example.com>\n\
         Call-ID: c1\n\
         CSeq: 1 {method}\n\
         {extra}\n{body}"
    )
}

const CONTACT: &str = "Contact: <sip:alice@198.51.100.7:5070>\n";

fn invite() -> String {
    request("INVITE", "z9hG4bK1", CONTACT)
}

fn value(response: &Response, name: &HeaderName) -> String {
    let value = response.headers.get(name).cloned().unwrap_or_default();
    String::from_utf8_lossy(&value).into_owned()
}
