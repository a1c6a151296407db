//! A whole INVITE transaction, and the BYE after it, between two endpoints with every message parsed,
//! checked, matched, answered and written by both.

use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Criterion;

use offhook_benches::start;
use offhook_core::IdSource;
use offhook_core::sip::endpoint::{
    Endpoint, EndpointConfig, EndpointEvent, FlowId, Path, SipTransport,
};
use offhook_core::sip::{HeaderName, Method, Request, Response};

/// Time between calls: what lives for 32 s piles up to 32,000.
const BETWEEN: Duration = Duration::from_millis(1);

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut pair = Pair::new();
    if pair.call() != 9 {
        return Err("INVITE, 180, 200, ACK, BYE and 200 do not all pass".into());
    }
    criterion.bench_function("transaction/INVITE and BYE, both ends", |bencher| {
        bencher.iter(|| black_box(pair.call()));
    });
    criterion.bench_function("transaction/OPTIONS, both ends", |bencher| {
        bencher.iter(|| black_box(pair.options()));
    });
    criterion.final_summary();
    Ok(())
}

/// A caller, the called, and nothing between them.
struct Pair {
    caller: Endpoint,
    called: Endpoint,
    now: Instant,
    number: u64,
}

impl Pair {
    fn new() -> Self {
        let endpoint = |seed| Endpoint::new(EndpointConfig::default(), IdSource::seeded(seed));
        Self {
            caller: endpoint(1),
            called: endpoint(2),
            now: start(),
            number: 0,
        }
    }

    /// How much happened: messages that arrived and were not answered by an endpoint itself, and
    /// messages sent.
    fn call(&mut self) -> usize {
        self.next();
        let (there, back) = ways();
        let invite = request(Method::Invite, self.number, 1);
        let mut ack = invite.clone();
        ack.method = Method::Ack;
        ack.headers.set(HeaderName::CSeq, "1 ACK");
        self.caller.request(self.now, there, invite);
        let mut count = self.pass();
        self.caller.send_ack(there, ack);
        count += deliver(&mut self.caller, &mut self.called, self.now, back);
        while self.called.poll_event().is_some() {
            count += 1;
        }
        let bye = request(Method::Bye, self.number, 2);
        self.caller.request(self.now, there, bye);
        count + self.pass()
    }

    fn options(&mut self) -> usize {
        self.next();
        let options = request(Method::Options, self.number, 1);
        self.caller.request(self.now, ways().0, options);
        self.pass()
    }

    /// The next call: what ended is forgotten in time.
    fn next(&mut self) {
        self.number += 1;
        self.now += BETWEEN;
        self.caller.handle_timeout(self.now);
        self.called.handle_timeout(self.now);
    }

    /// A request goes there, is answered, and the answers come back.
    fn pass(&mut self) -> usize {
        let (there, back) = ways();
        let mut count = deliver(&mut self.caller, &mut self.called, self.now, back);
        while let Some(event) = self.called.poll_event() {
            if let EndpointEvent::Request { txn, request, .. } = event {
                for status in answers(&request.method) {
                    let mut response = Response::to(&request, *status, "");
                    response.headers.add_to_tag("b");
                    self.called.respond(self.now, txn, response).ok();
                }
                count += 1;
            }
        }
        count += deliver(&mut self.called, &mut self.caller, self.now, there);
        while let Some(event) = self.caller.poll_event() {
            black_box(event);
        }
        count
    }
}

fn answers(method: &Method) -> &'static [u16] {
    if *method == Method::Invite {
        &[180, 200]
    } else {
        &[200]
    }
}

/// Everything one end sent arrives at the other.
fn deliver(from: &mut Endpoint, to: &mut Endpoint, now: Instant, path: Path) -> usize {
    let mut count = 0;
    while let Some(transmit) = from.poll_transmit() {
        to.handle_message(now, path, &transmit.data);
        count += 1;
    }
    count
}

/// The way as the caller and as the called sees it.
fn ways() -> (Path, Path) {
    let caller = SocketAddr::from(([192, 0, 2, 1], 5060));
    let called = SocketAddr::from(([198, 51, 100, 7], 5060));
    let path = |local, peer| Path {
        flow: FlowId(1),
        transport: SipTransport::Udp,
        local,
        peer,
    };
    (path(caller, called), path(called, caller))
}

fn request(method: Method, number: u64, cseq: u32) -> Request {
    let to_tag = if cseq == 1 { "" } else { ";tag=b" };
    let rows = [
        (HeaderName::MaxForwards, "70".to_owned()),
        (
            HeaderName::From,
            format!("<sip:1001@192.0.2.1>;tag=a{number}"),
        ),
        (HeaderName::To, format!("<sip:1002@198.51.100.7>{to_tag}")),
        (HeaderName::CallId, format!("{number}@192.0.2.1")),
        (HeaderName::CSeq, format!("{cseq} {method}")),
        (HeaderName::Contact, "<sip:1001@192.0.2.1>".to_owned()),
    ];
    let mut request = Request::new(method, Bytes::from_static(b"sip:1002@198.51.100.7"));
    for (name, value) in rows {
        request.headers.push(name, value);
    }
    request
}
