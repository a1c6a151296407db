//! Requests with several targets, on a made-up clock: the real transactions, and servers that do as
//! they are told.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_core::IdSource;
use offhook_core::sip::endpoint::{
    ClientTxn, Endpoint, EndpointConfig, EndpointEvent, FlowId, Path, SipTransport, TxnFailure,
};
use offhook_core::sip::locate::Target;
use offhook_core::sip::message::{Message, Request, Response};
use offhook_core::sip::{HeaderName, Method};

use crate::alarm;
use crate::edge::failover::{Failover, Verdict};
use crate::edge::route::Route;
use crate::edge::standing::Standing;

const PATIENCE: Duration = Duration::from_secs(4);

/// What the user was told.
#[derive(Debug, PartialEq, Eq)]
enum Told {
    Status(u16),
    Failed(TxnFailure),
}

/// Somebody who asks, and servers 1, 2, 3 …
struct Rig {
    now: Instant,
    start: Instant,
    endpoint: Endpoint,
    failover: Failover,
    standing: Standing,
    /// The transaction the user waits for.
    current: Option<ClientTxn>,
    told: Vec<Told>,
    /// What each server got, and when.
    got: Vec<(u16, Duration, Request)>,
    /// Strays that were hung up: whether there was a BYE too.
    hung_up: Vec<bool>,
}

fn target(port: u16) -> Target {
    Target {
        transport: SipTransport::Udp,
        address: SocketAddr::from(([192, 0, 2, 1], port)),
        host: "carrier.example".to_owned(),
    }
}

fn path(port: u16) -> Path {
    Path {
        flow: FlowId(0),
        transport: SipTransport::Udp,
        local: SocketAddr::from(([192, 0, 2, 99], 5060)),
        peer: target(port).address,
    }
}

fn request(method: Method) -> Request {
    let cseq = format!("7 {method}");
    let mut request = Request::new(method, "sip:1@carrier.example");
    let headers = &mut request.headers;
    headers.push(HeaderName::MaxForwards, "70");
    headers.push(HeaderName::From, "<sip:us@192.0.2.99>;tag=f");
    headers.push(HeaderName::To, "<sip:1@carrier.example>");
    headers.push(HeaderName::CallId, "the-call");
    headers.push(HeaderName::CSeq, cseq);
    headers.push(HeaderName::Contact, "<sip:us@192.0.2.99>");
    request
}

impl Rig {
    fn asks(method: Method, servers: u16) -> Self {
        let start = alarm::now();
        let mut rig = Self {
            now: start,
            start,
            endpoint: Endpoint::new(EndpointConfig::default(), IdSource::seeded(1)),
            failover: Failover::new(PATIENCE),
            standing: Standing::default(),
            current: None,
            told: Vec::new(),
            got: Vec::new(),
            hung_up: Vec::new(),
        };
        let mut route = Route::begin(start);
        route.found((1..=servers).map(target).collect());
        rig.forward(request(method), route);
        rig
    }

    fn forward(&mut self, request: Request, mut route: Route) {
        let port = route.advance(self.now).expect("a target").address.port();
        let txn = self.endpoint.request(self.now, path(port), request.clone());
        self.failover.sent(self.now, txn, request, route);
        self.current = Some(txn);
        self.settle();
    }

    fn obey(&mut self, txn: ClientTxn, verdict: Verdict, told: Option<Told>) {
        match verdict {
            Verdict::Deliver => {
                assert_eq!(Some(txn), self.current, "nobody waits for this");
                self.told.extend(told);
            }
            Verdict::Swallow => {}
            Verdict::Elsewhere(retry) => self.forward(retry.0, retry.1),
            Verdict::HangUp(unwanted) => {
                assert_eq!(unwanted.next_hop, "sip:them@192.0.2.1");
                self.hung_up.push(unwanted.bye.is_some());
            }
        }
    }

    fn settle(&mut self) {
        while let Some(transmit) = self.endpoint.poll_transmit() {
            if let Ok(Message::Request(request)) = Message::parse(&transmit.data) {
                let at = self.now - self.start;
                self.got.push((transmit.path.peer.port(), at, request));
            }
        }
        while let Some(event) = self.endpoint.poll_event() {
            let standing = &mut self.standing;
            match event {
                EndpointEvent::Response { txn, response, .. } => {
                    let verdict = self.failover.response(self.now, txn, &response, standing);
                    self.obey(txn, verdict, Some(Told::Status(response.status)));
                }
                EndpointEvent::Failed { txn, failure, .. } => {
                    let verdict = self.failover.failed(self.now, txn, failure, standing);
                    self.obey(txn, verdict, Some(Told::Failed(failure)));
                }
                EndpointEvent::Request { .. }
                | EndpointEvent::Ack { .. }
                | EndpointEvent::Cancelled { .. }
                | EndpointEvent::ConnectionWanted { .. }
                | EndpointEvent::ServerFlowLost { .. }
                | _ => panic!("{event:?}"),
            }
            self.settle();
        }
    }

    /// Lets time pass, every timer at its time.
    fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            let due = [self.endpoint.poll_timeout(), self.failover.poll_timeout()];
            let next = due.into_iter().flatten().min();
            let Some(at) = next.filter(|at| *at <= end) else {
                break;
            };
            self.now = at.max(self.now);
            self.endpoint.handle_timeout(self.now);
            while let Some((txn, verdict)) =
                self.failover.poll_overdue(self.now, &mut self.standing)
            {
                self.endpoint.abandon(self.now, txn);
                self.obey(txn, verdict, None);
            }
            self.settle();
        }
        self.now = end;
    }

    /// A server answers the first request of a kind it got.
    fn answers(&mut self, server: u16, method: &Method, status: u16) {
        let mut got = self.got.iter();
        let found = got.find(|(port, _, request)| *port == server && request.method == *method);
        let request = &found.expect("it was not asked").2;
        let mut response = Response::to(request, status, "As Told");
        response.headers.add_to_tag(&format!("t{server}"));
        let contact = "<sip:them@192.0.2.1>";
        response.headers.push(HeaderName::Contact, contact);
        let data: Bytes = response.write();
        self.endpoint.handle_message(self.now, path(server), &data);
        self.settle();
    }

    /// Methods a server got.
    fn methods(&self, server: u16) -> Vec<String> {
        let of = self.got.iter().filter(|(port, ..)| *port == server);
        of.map(|(_, _, request)| request.method.to_string())
            .collect()
    }

    fn is_over(&mut self) {
        self.passes(Duration::from_secs(100));
        assert!(self.failover.is_idle(), "{:?}", self.failover);
        assert!(self.endpoint.is_idle());
    }
}

fn branch(request: &Request) -> Bytes {
    request.headers.top_via().unwrap().branch().unwrap()
}

/// RFC 3263 section 4.3: a 503 sends the request on, under a new branch and otherwise the same.
#[test]
fn a_refusal_with_503_goes_to_the_next_server() {
    let mut rig = Rig::asks(Method::Invite, 2);
    rig.answers(1, &Method::Invite, 100);
    rig.answers(1, &Method::Invite, 503);
    rig.answers(2, &Method::Invite, 200);
    assert_eq!(rig.told, [Told::Status(100), Told::Status(200)]);
    assert_eq!(rig.methods(1), ["INVITE", "ACK"]);
    assert_eq!(rig.methods(2), ["INVITE"]);
    let (first, second) = (&rig.got[0].2, &rig.got[2].2);
    assert_ne!(branch(first), branch(second));
    for name in [HeaderName::CallId, HeaderName::CSeq, HeaderName::From] {
        assert_eq!(first.headers.get(&name), second.headers.get(&name));
    }
    let mut order = [target(1), target(2)];
    rig.standing.order(rig.now, None, &mut order);
    assert_eq!(order[0], target(2), "the next call does not begin there");
    rig.is_over();
}

/// RFC 3263 section 4.3: nobody waits 32 seconds for a server that is dead.
#[test]
fn a_silent_server_is_left_and_no_longer_bothered() {
    let mut rig = Rig::asks(Method::Invite, 2);
    rig.passes(Duration::from_secs(10));
    let at = |server: u16| {
        let of = rig.got.iter().filter(move |(port, ..)| *port == server);
        of.map(|(_, at, _)| at.as_millis()).collect::<Vec<_>>()
    };
    assert_eq!(at(1), [0, 500, 1500, 3500]);
    assert_eq!(at(2), [4000, 4500, 5500, 7500]);
    rig.answers(2, &Method::Invite, 486);
    assert_eq!(rig.told, [Told::Status(486)]);
    rig.is_over();
}

#[test]
fn a_server_that_rings_late_is_cancelled() {
    let mut rig = Rig::asks(Method::Invite, 2);
    rig.passes(PATIENCE);
    rig.answers(2, &Method::Invite, 180);
    rig.answers(1, &Method::Invite, 180);
    assert_eq!(rig.methods(1).last().unwrap(), "CANCEL");
    rig.answers(1, &Method::Cancel, 200);
    rig.answers(1, &Method::Invite, 487);
    assert_eq!(rig.methods(1).last().unwrap(), "ACK");
    rig.answers(2, &Method::Invite, 200);
    assert_eq!(rig.told, [Told::Status(180), Told::Status(200)]);
    assert!(rig.hung_up.is_empty());
    rig.is_over();
}

/// RFC 3261 section 13.2.2.4: a 2xx is acknowledged each time, and hung up once.
#[test]
fn a_server_that_answers_late_is_hung_up() {
    for before in [true, false] {
        let mut rig = Rig::asks(Method::Invite, 2);
        rig.passes(PATIENCE);
        if !before {
            rig.answers(2, &Method::Invite, 200);
        }
        for _ in 0..3 {
            rig.answers(1, &Method::Invite, 200);
        }
        assert_eq!(rig.hung_up, [true, false, false]);
        if before {
            rig.answers(2, &Method::Invite, 200);
        }
        assert_eq!(rig.told, [Told::Status(200)]);
        rig.is_over();
    }
}

/// RFC 3263 section 4.3: who asked hears of the last server.
#[test]
fn only_the_last_failure_is_told() {
    let mut rig = Rig::asks(Method::Invite, 3);
    for server in 1..=3 {
        rig.answers(server, &Method::Invite, 503);
    }
    assert_eq!(rig.told, [Told::Status(503)]);
    rig.is_over();

    let mut rig = Rig::asks(Method::Options, 3);
    rig.passes(Duration::from_secs(39));
    assert_eq!(rig.told, []);
    rig.passes(Duration::from_secs(2));
    assert_eq!(rig.told, [Told::Failed(TxnFailure::TimedOut)]);
    rig.is_over();
}

#[test]
fn a_server_that_has_the_request_may_take_its_time() {
    for method in [Method::Invite, Method::Options] {
        let mut rig = Rig::asks(method.clone(), 2);
        rig.answers(1, &method, 100);
        rig.passes(Duration::from_secs(20));
        rig.answers(1, &method, 200);
        assert_eq!(rig.told, [Told::Status(100), Told::Status(200)]);
        assert_eq!(rig.methods(2), [""; 0]);
        rig.is_over();
    }
}

#[test]
fn a_late_answer_to_another_request_is_nobodys() {
    let mut rig = Rig::asks(Method::Bye, 2);
    rig.passes(PATIENCE);
    rig.answers(1, &Method::Bye, 200);
    assert_eq!(rig.told, []);
    rig.answers(2, &Method::Bye, 481);
    assert_eq!(rig.told, [Told::Status(481)]);
    rig.is_over();
}

#[test]
fn what_was_taken_back_goes_nowhere_else() {
    let mut rig = Rig::asks(Method::Invite, 2);
    let txn = rig.current.unwrap();
    rig.failover.cancelled(txn);
    rig.endpoint.cancel(rig.now, txn, None);
    rig.passes(Duration::from_secs(20));
    rig.answers(1, &Method::Invite, 503);
    assert_eq!(rig.told, [Told::Status(503)]);
    assert_eq!(rig.methods(2), [""; 0]);
    rig.is_over();
}

/// Whatever three servers do, and whatever is lost: the user is told one final result, and whoever
/// else answered is hung up.
#[test]
fn in_ten_thousand_worlds_one_answer_wins_and_nothing_is_left() {
    for seed in 0..10_000 {
        let mut dice = IdSource::seeded(seed);
        let mut rig = Rig::asks(Method::Invite, 3);
        let mut answered = [false; 4];
        for _ in 0..12 {
            rig.passes(Duration::from_millis(dice.below(3000)));
            let server = u16::try_from(dice.below(3) + 1).unwrap();
            let asked = rig.methods(server).contains(&"INVITE".to_owned());
            let status = [100, 180, 200, 486, 503][usize::try_from(dice.below(5)).unwrap()];
            if asked && !(answered[usize::from(server)] && status < 200) {
                answered[usize::from(server)] |= status >= 200;
                rig.answers(server, &Method::Invite, status);
            }
        }
        // Whoever only rang is done with it some time.
        for server in 1..=3 {
            if rig.methods(server).contains(&"INVITE".to_owned()) {
                rig.answers(server, &Method::Invite, 487);
            }
        }
        rig.passes(Duration::from_secs(300));
        let last = |told: &&Told| !matches!(told, Told::Status(100..=199));
        let finals: Vec<&Told> = rig.told.iter().filter(last).collect();
        let same = finals.iter().all(|told| **told == Told::Status(200));
        assert!(
            finals.len() == 1 || same && !finals.is_empty(),
            "{seed}: {finals:?}"
        );
        rig.is_over();
    }
}
