//! Two endpoints with their usages, and a link between them on which time jumps to whatever is due
//! next.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::pii::Secret;
use crate::sip::digest::{Authenticator, Verdict};
use crate::sip::endpoint::{
    ClientTxn, Endpoint, EndpointConfig, EndpointEvent, FlowId, Path, ServerTxn, SipTransport,
};
use crate::sip::invite::usage::Stage;
use crate::sip::invite::{
    DialogOptions, InviteUsage, LocalParty, OutgoingInvite, RedirectPolicy, ReferId, RequestTag,
    UsageEffect, UsageEvent, UsageInput,
};
use crate::sip::{HeaderName, Message, Method, Request, Response};
use crate::test_time::epoch;

/// The side that calls.
pub(super) const A: usize = 0;
/// The side that is called.
pub(super) const B: usize = 1;

const LATENCY: Duration = Duration::from_millis(10);

pub(super) const OFFER: &[u8] = b"v=0 offer";
pub(super) const ANSWER: &[u8] = b"v=0 answer";

/// Makes the called side do something with each new call by itself.
type Greeting = fn(&mut InviteUsage, Instant);

/// What a rule sees of a message: which side sent it, and the message.
type Matches = Box<dyn FnMut(usize, &Message) -> bool>;

/// One of the two.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) endpoint: Endpoint,
    pub(super) ids: IdSource,
    pub(super) usages: Vec<InviteUsage>,
    pub(super) events: Vec<UsageEvent>,
    /// Every response of the peer, also to requests that no usage sent.
    pub(super) heard: Vec<u16>,
    /// Every NOTIFY of the peer's.
    pub(super) notified: Vec<Request>,
    /// What each of them is answered with.
    pub(super) answers_notify: u16,
    clients: HashMap<ClientTxn, (usize, RequestTag)>,
    tags: HashMap<(usize, RequestTag), ClientTxn>,
    servers: HashMap<ServerTxn, usize>,
    /// Lets nobody through who cannot prove to be alice with the password "secret".
    pub(super) guard: Option<Authenticator>,
}

impl Side {
    fn new(seed: u64) -> Self {
        let mut ids = IdSource::seeded(seed);
        Self {
            endpoint: Endpoint::new(EndpointConfig::default(), IdSource::seeded(ids.bits())),
            ids,
            usages: Vec::new(),
            events: Vec::new(),
            heard: Vec::new(),
            notified: Vec::new(),
            answers_notify: 200,
            clients: HashMap::new(),
            tags: HashMap::new(),
            servers: HashMap::new(),
            guard: None,
        }
    }

    /// The challenge for a request that proves nothing.
    fn challenge(&mut self, now: Instant, request: &Request) -> Option<Response> {
        let guard = self.guard.as_mut()?;
        let from = [127, 0, 0, 1].into();
        let password = |name: &str| (name == "alice").then(|| Secret::new("secret".into()));
        match guard.verify(now, from, request, password) {
            Verdict::Accepted { .. } => None,
            Verdict::Challenge { stale } => {
                Some(guard.challenge_response(now, from, request, stale))
            }
            Verdict::Refused { .. } => Some(guard.challenge_response(now, from, request, false)),
        }
    }

    /// How often it was told that a call ended.
    pub(super) fn endings(&self) -> Vec<(HangupCause, Option<u16>)> {
        let ending = |event: &UsageEvent| {
            if let UsageEvent::Ended { cause, status, .. } = event {
                Some((*cause, *status))
            } else {
                None
            }
        };
        self.events.iter().filter_map(ending).collect()
    }

    pub(super) fn has(&self, wanted: &UsageEvent) -> bool {
        self.events.contains(wanted)
    }

    fn is_idle(&self) -> bool {
        self.endpoint.is_idle() && self.usages.iter().all(InviteUsage::is_terminated)
    }
}

/// Two sides and the link.
pub(super) struct Pair {
    pub(super) now: Instant,
    start: Instant,
    pub(super) sides: [Side; 2],
    transport: SipTransport,
    /// Arrivals in order, with the side they arrive at.
    link: BTreeMap<(Instant, u64), (usize, Bytes)>,
    sent: u64,
    /// Percent of datagrams that vanish.
    pub(super) loss: u64,
    /// Percent of datagrams that arrive twice.
    pub(super) duplicates: u64,
    /// How many milliseconds later than others a datagram may arrive.
    pub(super) jitter: u64,
    chance: IdSource,
    pub(super) seed: u64,
    losses: Vec<(u32, Matches)>,
    greeting: Greeting,
    /// Nothing is logged, for stories that are told very often.
    pub(super) silent: bool,
    /// `12.340 A INVITE`: what was sent when.
    pub(super) log: Vec<String>,
}

impl Pair {
    pub(super) fn new(transport: SipTransport, seed: u64, greeting: Greeting) -> Self {
        let start = epoch();
        Self {
            now: start,
            start,
            sides: [Side::new(seed), Side::new(seed + 1)],
            transport,
            link: BTreeMap::new(),
            sent: 0,
            loss: 0,
            duplicates: 0,
            jitter: 0,
            silent: false,
            chance: IdSource::seeded(seed ^ 0xbad),
            seed,
            losses: Vec::new(),
            greeting,
            log: Vec::new(),
        }
    }

    pub(super) fn udp(greeting: Greeting) -> Self {
        Self::new(SipTransport::Udp, 1, greeting)
    }

    pub(super) fn tcp(greeting: Greeting) -> Self {
        Self::new(SipTransport::Tcp, 1, greeting)
    }

    /// A calls B with an offer.
    pub(super) fn dial(&mut self) {
        let spec = spec();
        self.dial_with(spec);
    }

    pub(super) fn dial_with(&mut self, spec: OutgoingInvite) {
        let usage = InviteUsage::outgoing(spec, &mut self.sides[A].ids);
        self.sides[A].usages.push(usage);
        self.perform();
    }

    /// Gives a command to the first call of a side.
    pub(super) fn tell(&mut self, side: usize, command: impl FnOnce(&mut InviteUsage, Instant)) {
        command(&mut self.sides[side].usages[0], self.now);
        self.perform();
    }

    /// A side asks its peer to call somebody, with these headers.
    pub(super) fn refer(&mut self, side: usize, headers: &[(HeaderName, &'static str)]) -> ReferId {
        let path = self.path(side);
        let Stage::Established(established) = &mut self.sides[side].usages[0].stage else {
            panic!("not talking");
        };
        let mut request = established.dialog.request(Method::Refer);
        for (name, value) in headers {
            request.headers.push(name.clone(), *value);
        }
        let contact = local(side).contact;
        request.headers.push(HeaderName::Contact, contact);
        let refer = ReferId(request.headers.cseq().unwrap().number);
        self.sides[side].endpoint.request(self.now, path, request);
        self.perform();
        refer
    }

    /// Loses the next `count` messages that `matches`.
    pub(super) fn lose(
        &mut self,
        count: u32,
        matches: impl FnMut(usize, &Message) -> bool + 'static,
    ) {
        self.losses.push((count, Box::new(matches)));
    }

    /// The connection between the two is gone.
    pub(super) fn cut(&mut self) {
        self.link.clear();
        for side in &mut self.sides {
            side.endpoint.handle_flow_closed(FlowId(1));
        }
        self.losses.push((u32::MAX, Box::new(|_, _| true)));
        self.perform();
    }

    /// Lets time pass.
    pub(super) fn run_for(&mut self, time: Duration) {
        let until = self.now + time;
        while self.next_due().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    pub(super) fn run_ms(&mut self, ms: u64) {
        self.run_for(Duration::from_millis(ms));
    }

    /// Lets time pass until nothing is pending on either side, and checks that nothing is left.
    pub(super) fn finish(&mut self) {
        let limit = self.now + Duration::from_secs(300);
        while self.next_due().is_some() {
            self.step();
            assert!(
                self.now < limit,
                "never comes to rest, seed {}: {:#?}",
                self.seed,
                self.log
            );
        }
        for (index, side) in self.sides.iter().enumerate() {
            assert!(
                side.is_idle(),
                "side {index} is not idle, seed {}: {:#?}",
                self.seed,
                self.log
            );
            assert_eq!(side.endings().len(), side.usages.len(), "{:#?}", self.log);
        }
    }

    fn next_due(&self) -> Option<Instant> {
        let arrival = self.link.keys().next().map(|(at, _)| *at);
        let sides = self.sides.iter().flat_map(|side| {
            let usages = side.usages.iter().filter_map(InviteUsage::poll_timeout);
            usages.chain(side.endpoint.poll_timeout())
        });
        sides.chain(arrival).min()
    }

    fn step(&mut self) {
        let Some(at) = self.next_due() else { return };
        self.now = self.now.max(at);
        while let Some(entry) = self.link.first_entry()
            && entry.key().0 <= self.now
        {
            let (side, data) = entry.remove();
            let path = self.path(side);
            self.sides[side]
                .endpoint
                .handle_message(self.now, path, &data);
            self.perform();
        }
        for side in &mut self.sides {
            side.endpoint.handle_timeout(self.now);
            for usage in &mut side.usages {
                usage.handle_timeout(self.now);
            }
        }
        self.perform();
    }

    /// Does what both sides want done until they want nothing more.
    fn perform(&mut self) {
        for side in [A, B, A, B] {
            while self.perform_effect(side) || self.perform_event(side) || self.transmit(side) {}
        }
    }

    fn perform_effect(&mut self, index: usize) -> bool {
        let (path, now) = (self.path(index), self.now);
        let side = &mut self.sides[index];
        for number in 0..side.usages.len() {
            while let Some(event) = side.usages[number].poll_event() {
                side.events.push(event);
            }
            let Some(effect) = side.usages[number].poll_effect() else {
                continue;
            };
            match effect {
                UsageEffect::Respond { txn, response } => {
                    side.endpoint.respond(now, txn, response).ok();
                }
                UsageEffect::Request { tag, request, .. } => {
                    let txn = side.endpoint.request(now, path, request);
                    side.clients.insert(txn, (number, tag));
                    side.tags.insert((number, tag), txn);
                }
                UsageEffect::Ack { request, .. } => side.endpoint.send_ack(path, request),
                UsageEffect::Cancel { tag, reason } => {
                    side.endpoint.cancel(now, side.tags[&(number, tag)], reason);
                }
            }
            return true;
        }
        false
    }

    fn perform_event(&mut self, index: usize) -> bool {
        let now = self.now;
        let side = &mut self.sides[index];
        let Some(event) = side.endpoint.poll_event() else {
            return false;
        };
        match event {
            EndpointEvent::Request { txn, request, .. } => self.deliver(index, txn, request),
            EndpointEvent::Ack { request, .. } => {
                if let Some(number) = owner(side, &request) {
                    side.usages[number].handle(now, UsageInput::Ack(request));
                }
            }
            EndpointEvent::Cancelled { txn, cause } => {
                let input = UsageInput::Cancelled { txn, cause };
                side.usages[side.servers[&txn]].handle(now, input);
            }
            EndpointEvent::ConnectionWanted { txn, .. } => {
                side.endpoint.handle_connection(txn, None);
            }
            EndpointEvent::ServerFlowLost { txn } => {
                side.usages[side.servers[&txn]].handle(now, UsageInput::FlowLost { txn });
            }
            EndpointEvent::Response { txn, response, .. } => {
                side.heard.push(response.status);
                if let Some((number, tag)) = side.clients.get(&txn).copied() {
                    side.usages[number].handle(now, UsageInput::Response { tag, response });
                }
            }
            EndpointEvent::Failed { txn, failure, .. } => {
                if let Some((number, tag)) = side.clients.get(&txn).copied() {
                    side.usages[number].handle(now, UsageInput::RequestFailed { tag, failure });
                }
            }
        }
        true
    }

    fn deliver(&mut self, index: usize, txn: ServerTxn, request: Request) {
        let now = self.now;
        let side = &mut self.sides[index];
        if let Some(challenge) = side.challenge(now, &request) {
            side.endpoint.respond(now, txn, challenge).unwrap();
        } else if request.method == Method::Notify {
            let answer = Response::to(&request, side.answers_notify, "");
            side.endpoint.respond(now, txn, answer).unwrap();
            side.notified.push(request);
        } else if request.headers.to_tag().is_none() {
            let usage = InviteUsage::incoming(request, txn, local(index), &mut side.ids);
            let mut usage = usage.unwrap();
            (self.greeting)(&mut usage, now);
            side.servers.insert(txn, side.usages.len());
            side.usages.push(usage);
        } else if let Some(number) = owner(side, &request) {
            side.servers.insert(txn, number);
            side.usages[number].handle(now, UsageInput::Request { txn, request });
        } else {
            let gone = Response::to(&request, 481, "Call/Transaction Does Not Exist");
            side.endpoint.respond(now, txn, gone).unwrap();
        }
    }

    fn transmit(&mut self, index: usize) -> bool {
        let Some(transmit) = self.sides[index].endpoint.poll_transmit() else {
            return false;
        };
        assert_eq!(transmit.path.peer, address(1 - index), "sent elsewhere");
        let mut lost = self.loss > 0 && self.chance.below(100) < self.loss;
        if !self.silent {
            lost |= self.log(index, &transmit.data, lost);
        }
        if !lost {
            self.carry(1 - index, &transmit.data);
            if self.duplicates > 0 && self.chance.below(100) < self.duplicates {
                self.carry(1 - index, &transmit.data);
            }
        }
        true
    }

    /// Writes down what is sent; true if a rule says that it is lost.
    fn log(&mut self, index: usize, data: &Bytes, mut lost: bool) -> bool {
        let message = Message::parse(data).expect("we write what we can read");
        let at = (self.now - self.start).as_secs_f64();
        if let Some((count, _)) = self
            .losses
            .iter_mut()
            .find_map(|rule| (rule.0 > 0 && (rule.1)(index, &message)).then_some(rule))
        {
            *count -= 1;
            lost = true;
        }
        let mark = if lost { " lost" } else { "" };
        self.log.push(format!(
            "{at:7.3} {} {}{mark}",
            ['A', 'B'][index],
            summary(&message)
        ));
        lost
    }

    /// A datagram is on its way to a side.
    fn carry(&mut self, to: usize, data: &Bytes) {
        self.sent += 1;
        let late = if self.jitter > 0 {
            Duration::from_millis(self.chance.below(self.jitter))
        } else {
            Duration::ZERO
        };
        let key = (self.now + LATENCY + late, self.sent);
        self.link.insert(key, (to, data.clone()));
    }

    fn path(&self, side: usize) -> Path {
        Path {
            flow: FlowId(1),
            transport: self.transport,
            local: address(side),
            peer: address(1 - side),
        }
    }

    /// The log without times: `A INVITE`, `B 180 INVITE`.
    pub(super) fn messages(&self) -> Vec<&str> {
        self.log.iter().map(|line| &line[8..]).collect()
    }
}

fn owner(side: &Side, request: &Request) -> Option<usize> {
    let key = crate::sip::dialog::DialogKey::of_request(&request.headers)?;
    let alive = |usage: &InviteUsage| !usage.is_terminated() && *usage.dialog_key() == key;
    side.usages.iter().position(alive)
}

pub(super) fn summary(message: &Message) -> String {
    match message {
        Message::Request(request) => request.method.to_string(),
        Message::Response(response) => {
            let method = response.headers.cseq().unwrap().method;
            format!("{} {method}", response.status)
        }
    }
}

pub(super) fn is_request(message: &Message, method: &Method) -> bool {
    matches!(message, Message::Request(request) if request.method == *method)
}

pub(super) fn is_response(message: &Message, status: u16, method: &Method) -> bool {
    matches!(message, Message::Response(response) if response.status == status
        && response.headers.cseq().unwrap().method == *method)
}

fn address(side: usize) -> SocketAddr {
    [
        SocketAddr::from(([192, 0, 2, 1], 5060)),
        SocketAddr::from(([192, 0, 2, 2], 5062)),
    ][side]
}

pub(super) fn local(side: usize) -> LocalParty {
    LocalParty {
        contact: format!("<sip:side@{}>", address(side)).into(),
        product: "Offhook".into(),
        address: None,
        flow: Some(FlowId(1)),
        options: DialogOptions::default(),
    }
}

pub(super) fn spec() -> OutgoingInvite {
    OutgoingInvite {
        request_uri: "sip:bob@192.0.2.2:5062".into(),
        to: "<sip:bob@192.0.2.2>".into(),
        from: "\"Alice\" <sip:alice@192.0.2.1>".into(),
        local: local(A),
        routes: Vec::new(),
        call_id: None,
        max_forwards: 70,
        headers: Vec::new(),
        credentials: None,
        sdp: Some(OFFER.into()),
        redirect: RedirectPolicy::Refuse,
    }
}

pub(super) fn answers(usage: &mut InviteUsage, now: Instant) {
    usage.answer(now, ANSWER.into());
}

pub(super) fn rings(usage: &mut InviteUsage, now: Instant) {
    usage.ring(now);
}
