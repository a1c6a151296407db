//! A watcher and a notifier with an endpoint each, and a link that loses, doubles and reorders, on
//! which time jumps to whatever is due next.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{TERMS, busy, subscribe};
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::dialog::DialogKey;
use crate::sip::endpoint::{
    ClientTxn, Endpoint, EndpointConfig, EndpointEvent, FlowId, Path, ServerTxn, SipTransport,
};
use crate::sip::header::SubscriptionState;
use crate::sip::invite::{DialogOptions, LocalParty};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::subscription::document::Progress;
use crate::sip::subscription::{
    Asked, Document, EndReason, NotifyTag, Opening, Subscription, SubscriptionEffect,
    SubscriptionInput,
};
use crate::test_time::epoch;

const WATCHER: usize = 0;
const NOTIFIER: usize = 1;

/// What the link does to a datagram, in percent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Weather {
    pub(super) loss: u64,
    pub(super) doubled: u64,
    /// Delay is up to so many milliseconds, so that later ones overtake.
    pub(super) jitter: u64,
}

/// How the watcher sees its subscription.
#[derive(Debug, Default)]
pub(super) struct Watcher {
    /// The notifier's tag, from the 200 or the first NOTIFY.
    pub(super) tag: Option<Bytes>,
    /// The CSeq of the newest NOTIFY.
    newest: u32,
    /// The newest state.
    pub(super) body: Option<Bytes>,
    pub(super) is_over: bool,
    cseq: u32,
}

pub(super) struct Pair {
    pub(super) now: Instant,
    endpoints: [Endpoint; 2],
    link: BTreeMap<(Instant, u64), (usize, Bytes)>,
    sent: u64,
    chance: IdSource,
    pub(super) weather: Weather,
    pub(super) watcher: Watcher,
    pub(super) subscriptions: Vec<Subscription>,
    notifies: HashMap<ClientTxn, (usize, NotifyTag)>,
    /// Which SUBSCRIBEs of the watcher have no answer yet.
    asked: Vec<ClientTxn>,
    pub(super) document: Document,
}

fn path(side: usize) -> Path {
    let address = |host| SocketAddr::from(([192, 0, 2, host], 5060));
    let hosts = if side == WATCHER { (7, 1) } else { (1, 7) };
    Path {
        flow: FlowId(1),
        transport: SipTransport::Udp,
        local: address(hosts.0),
        peer: address(hosts.1),
    }
}

fn local() -> LocalParty {
    LocalParty {
        contact: "<sip:offhook@192.0.2.1:5060>".into(),
        product: "Offhook".into(),
        flow: None,
        address: None,
        options: DialogOptions::default(),
    }
}

impl Pair {
    pub(super) fn new(seed: u64, weather: Weather) -> Self {
        let mut chance = IdSource::seeded(seed);
        let mut endpoint = || {
            let ids = IdSource::seeded(chance.bits());
            Endpoint::new(EndpointConfig::default(), ids)
        };
        Self {
            now: epoch(),
            endpoints: [endpoint(), endpoint()],
            link: BTreeMap::new(),
            sent: 0,
            chance,
            weather,
            watcher: Watcher::default(),
            subscriptions: Vec::new(),
            notifies: HashMap::new(),
            asked: Vec::new(),
            document: busy(0, Progress::Early),
        }
    }

    /// The watcher asks for so many seconds, in its dialog if it has one.
    pub(super) fn subscribes(&mut self, seconds: u32) {
        let mut request = subscribe(&format!("Event: dialog\nExpires: {seconds}\n"));
        request.headers.remove(&HeaderName::Via);
        self.watcher.cseq += 1;
        let cseq = format!("{} SUBSCRIBE", self.watcher.cseq);
        request.headers.set(HeaderName::CSeq, cseq);
        if let Some(tag) = &self.watcher.tag {
            request.headers.add_to_tag(&String::from_utf8_lossy(tag));
        }
        let txn = self.endpoints[WATCHER].request(self.now, path(WATCHER), request);
        self.asked.push(txn);
        self.settle();
    }

    pub(super) fn changes(&mut self, document: Document) {
        self.document = document;
        for subscription in &mut self.subscriptions {
            subscription.mark();
        }
        self.settle();
    }

    pub(super) fn ends(&mut self, reason: EndReason) {
        for subscription in &mut self.subscriptions {
            subscription.end(reason);
        }
        self.settle();
    }

    /// Lets so much time pass, or until nothing is left to happen.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            let arrival = self.link.keys().next().map(|key| key.0);
            let endpoints = self.endpoints.iter().filter_map(Endpoint::poll_timeout);
            let machines = self
                .subscriptions
                .iter()
                .filter_map(Subscription::poll_timeout);
            let next = arrival.into_iter().chain(endpoints).chain(machines).min();
            let Some(at) = next.filter(|at| *at <= until) else {
                self.now = until;
                return;
            };
            self.now = self.now.max(at);
            while let Some(entry) = self.link.first_entry().filter(|e| e.key().0 <= self.now) {
                let (side, data) = entry.remove();
                self.endpoints[side].handle_message(self.now, path(side), &data);
            }
            for endpoint in &mut self.endpoints {
                endpoint.handle_timeout(self.now);
            }
            for subscription in &mut self.subscriptions {
                subscription.handle_timeout(self.now);
            }
            self.settle();
        }
    }

    /// Nothing is remembered by anybody but live subscriptions.
    pub(super) fn is_idle(&self) -> bool {
        self.endpoints.iter().all(Endpoint::is_idle) && self.notifies.is_empty()
    }

    pub(super) fn live(&self) -> usize {
        let live = |subscription: &&Subscription| !subscription.is_over();
        self.subscriptions.iter().filter(live).count()
    }

    fn settle(&mut self) {
        loop {
            let mut quiet = true;
            for side in [WATCHER, NOTIFIER] {
                while let Some(event) = self.endpoints[side].poll_event() {
                    quiet = false;
                    if side == WATCHER {
                        self.watcher_hears(event);
                    } else {
                        self.notifier_hears(event);
                    }
                }
            }
            quiet &= !self.perform();
            for side in [WATCHER, NOTIFIER] {
                while let Some(transmit) = self.endpoints[side].poll_transmit() {
                    quiet = false;
                    self.carry(1 - side, &transmit.data);
                }
            }
            if quiet {
                return;
            }
        }
    }

    fn carry(&mut self, to: usize, data: &Bytes) {
        if self.chance.below(100) < self.weather.loss {
            return;
        }
        let copies = 1 + u64::from(self.chance.below(100) < self.weather.doubled);
        for _ in 0..copies {
            let delay = 5 + self.chance.below(self.weather.jitter + 1);
            self.sent += 1;
            let key = (self.now + Duration::from_millis(delay), self.sent);
            self.link.insert(key, (to, data.clone()));
        }
    }

    fn perform(&mut self) -> bool {
        let mut did = false;
        for (at, subscription) in self.subscriptions.iter_mut().enumerate() {
            if subscription.wants_state() {
                subscription.tell(self.now, self.document.clone());
            }
            while let Some(effect) = subscription.poll_effect() {
                did = true;
                let endpoint = &mut self.endpoints[NOTIFIER];
                match effect {
                    SubscriptionEffect::Respond { txn, response } => {
                        endpoint.respond(self.now, txn, response).ok();
                    }
                    SubscriptionEffect::Notify { tag, request, .. } => {
                        let txn = endpoint.request(self.now, path(NOTIFIER), request);
                        self.notifies.insert(txn, (at, tag));
                    }
                }
            }
        }
        did
    }

    fn notifier_hears(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::Request { txn, request, .. } => self.asks(txn, request),
            EndpointEvent::Response { txn, response, .. } => {
                if let Some((at, tag)) = self.notifies.remove(&txn) {
                    let answer = Ok(response);
                    let input = SubscriptionInput::Answered { tag, answer };
                    self.subscriptions[at].handle(self.now, input);
                }
            }
            EndpointEvent::Failed { txn, failure, .. } => {
                if let Some((at, tag)) = self.notifies.remove(&txn) {
                    let answer = Err(failure);
                    let input = SubscriptionInput::Answered { tag, answer };
                    self.subscriptions[at].handle(self.now, input);
                }
            }
            EndpointEvent::Ack { .. }
            | EndpointEvent::Cancelled { .. }
            | EndpointEvent::ConnectionWanted { .. }
            | EndpointEvent::ServerFlowLost { .. } => {}
        }
    }

    fn asks(&mut self, txn: ServerTxn, request: Request) {
        if let Some(key) = DialogKey::of_request(&request.headers) {
            let mut found = self.subscriptions.iter_mut();
            match found.find(|known| *known.key() == key && !known.is_over()) {
                Some(subscription) => subscription.handle(
                    self.now,
                    SubscriptionInput::Subscribe {
                        txn,
                        request,
                        local: local(),
                    },
                ),
                None => {
                    let response = Response::to(&request, 481, "");
                    self.endpoints[NOTIFIER]
                        .respond(self.now, txn, response)
                        .ok();
                }
            }
            return;
        }
        let opening = Opening {
            txn,
            asked: Asked::read(&request, &TERMS).expect("acceptable"),
            terms: TERMS,
            local: local(),
            local_tag: self.chance.token(),
            list: false,
        };
        let accepted = Subscription::accept(self.now, &request, opening);
        self.subscriptions.push(accepted.expect("a dialog"));
    }

    fn watcher_hears(&mut self, event: EndpointEvent) {
        match event {
            EndpointEvent::Request { txn, request, .. } => {
                let status = self.watcher_told(&request);
                let response = Response::to(&request, status, "");
                self.endpoints[WATCHER]
                    .respond(self.now, txn, response)
                    .ok();
            }
            EndpointEvent::Response { txn, response, .. } => {
                self.asked.retain(|asked| *asked != txn);
                if response.is_success() {
                    if self.watcher.tag.is_none() {
                        self.watcher.tag = response.headers.to_tag();
                    }
                } else if response.status == 481 {
                    self.watcher.is_over = true;
                }
            }
            EndpointEvent::Failed { txn, .. } => {
                self.asked.retain(|asked| *asked != txn);
                self.watcher.is_over = true;
            }
            EndpointEvent::Ack { .. }
            | EndpointEvent::Cancelled { .. }
            | EndpointEvent::ConnectionWanted { .. }
            | EndpointEvent::ServerFlowLost { .. } => {}
        }
    }

    fn watcher_told(&mut self, request: &Request) -> u16 {
        assert_eq!(request.method, Method::Notify);
        let headers = &request.headers;
        let tag = headers.from_tag();
        if self.watcher.tag.is_none() {
            self.watcher.tag = tag.clone();
        }
        if self.watcher.is_over || self.watcher.tag != tag {
            return 481;
        }
        let number = headers.cseq().expect("a number").number;
        assert!(number > self.watcher.newest, "one at a time, in order");
        self.watcher.newest = number;
        self.watcher.body = Some(request.body.clone());
        let state = headers
            .get(&HeaderName::SubscriptionState)
            .expect("a state");
        if SubscriptionState::parse(state)
            .expect("readable")
            .is_terminated()
        {
            self.watcher.is_over = true;
        }
        200
    }
}
