//! A whole call without sockets: rung, answered, acknowledged and ended between two phones, each an
//! endpoint with a usage, every message written, parsed and checked.

use std::collections::HashMap;
use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use criterion::Criterion;

use offhook_benches::start;
use offhook_core::sip::endpoint::{
    ClientTxn, Endpoint, EndpointConfig, EndpointEvent, FlowId, Path, SipTransport,
};
use offhook_core::sip::invite::{
    DialogOptions, InviteUsage, LocalParty, OutgoingInvite, RedirectPolicy, RequestTag,
    UsageEffect, UsageEvent, UsageInput,
};
use offhook_core::sip::{Method, Request};
use offhook_core::{HangupCause, IdSource};

/// Time between calls: what lives for 32 s piles up to 32,000.
const BETWEEN: Duration = Duration::from_millis(1);

const SDP: &[u8] = b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n\
    m=audio 4000 RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n";

fn main() -> Result<(), Box<dyn Error>> {
    let mut criterion = Criterion::default().configure_from_args();
    let mut line = Line::new();
    let steps = line.call();
    if steps
        != [
            Step::Rang,
            Step::Answered,
            Step::Confirmed,
            Step::Ended,
            Step::Ended,
        ]
    {
        return Err(format!("a call goes like this: {steps:?}").into());
    }
    criterion.bench_function("sip_setup/call, both ends", |bencher| {
        bencher.iter(|| black_box(line.call()));
    });
    criterion.final_summary();
    Ok(())
}

/// What happened in a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Rang,
    Answered,
    Confirmed,
    Ended,
}

/// A phone.
struct Phone {
    endpoint: Endpoint,
    ids: IdSource,
    usage: Option<InviteUsage>,
    clients: HashMap<ClientTxn, RequestTag>,
    way: Path,
}

/// Two phones and nothing between them.
struct Line {
    caller: Phone,
    called: Phone,
    now: Instant,
}

impl Line {
    fn new() -> Self {
        let caller = SocketAddr::from(([192, 0, 2, 1], 5060));
        let called = SocketAddr::from(([198, 51, 100, 7], 5060));
        Self {
            caller: Phone::new(1, caller, called),
            called: Phone::new(2, called, caller),
            now: start(),
        }
    }

    /// One phone calls the other, is answered, and hangs up.
    fn call(&mut self) -> Vec<Step> {
        self.now += BETWEEN;
        self.caller.endpoint.handle_timeout(self.now);
        self.called.endpoint.handle_timeout(self.now);
        let mut steps = Vec::with_capacity(8);
        self.caller.dials();
        self.settle(&mut steps);
        if let Some(usage) = &mut self.caller.usage {
            usage.hang_up(self.now, HangupCause::NormalClearing);
        }
        self.settle(&mut steps);
        self.caller.usage = None;
        self.called.usage = None;
        steps
    }

    /// Messages go to and fro until there are none left.
    fn settle(&mut self, steps: &mut Vec<Step>) {
        let (now, mut moved) = (self.now, true);
        while moved {
            moved = self.caller.acts(now, steps);
            moved |= deliver(&mut self.caller, &mut self.called, now);
            moved |= self.called.acts(now, steps);
            moved |= deliver(&mut self.called, &mut self.caller, now);
        }
    }
}

fn deliver(from: &mut Phone, to: &mut Phone, now: Instant) -> bool {
    let mut moved = false;
    while let Some(transmit) = from.endpoint.poll_transmit() {
        to.endpoint.handle_message(now, to.way, &transmit.data);
        moved = true;
    }
    moved
}

impl Phone {
    fn new(seed: u64, local: SocketAddr, peer: SocketAddr) -> Self {
        Self {
            endpoint: Endpoint::new(EndpointConfig::default(), IdSource::seeded(seed)),
            ids: IdSource::seeded(seed + 100),
            usage: None,
            clients: HashMap::new(),
            way: Path {
                flow: FlowId(1),
                transport: SipTransport::Udp,
                local,
                peer,
            },
        }
    }

    fn local(&self) -> LocalParty {
        LocalParty {
            contact: format!("<sip:phone@{}>", self.way.local).into(),
            product: Bytes::from_static(b"Offhook"),
            flow: None,
            address: None,
            options: DialogOptions::default(),
        }
    }

    fn dials(&mut self) {
        let spec = OutgoingInvite {
            request_uri: format!("sip:1002@{}", self.way.peer).into(),
            to: Bytes::from_static(b"<sip:1002@example.com>"),
            from: Bytes::from_static(b"\"One\" <sip:1001@example.com>"),
            local: self.local(),
            routes: Vec::new(),
            call_id: None,
            max_forwards: 70,
            headers: Vec::new(),
            credentials: None,
            sdp: Some(Bytes::from_static(SDP)),
            redirect: RedirectPolicy::Refuse,
        };
        self.usage = Some(InviteUsage::outgoing(spec, &mut self.ids));
    }

    /// Does what the endpoint and the usage want; false when they want nothing.
    fn acts(&mut self, now: Instant, steps: &mut Vec<Step>) -> bool {
        let mut moved = false;
        loop {
            if let Some(event) = self.endpoint.poll_event() {
                self.hears(now, event);
            } else if let Some(effect) = self.usage.as_mut().and_then(InviteUsage::poll_effect) {
                self.performs(now, effect);
            } else if let Some(event) = self.usage.as_mut().and_then(InviteUsage::poll_event) {
                steps.extend(step(&event));
            } else {
                return moved;
            }
            moved = true;
        }
    }

    fn hears(&mut self, now: Instant, event: EndpointEvent) {
        let input = if let EndpointEvent::Request { txn, request, .. } = event {
            if request.method == Method::Invite {
                let usage = InviteUsage::incoming(request, txn, self.local(), &mut self.ids).ok();
                self.usage = usage.map(|mut usage| {
                    usage.ring(now);
                    usage.answer(now, Bytes::from_static(SDP));
                    usage
                });
                return;
            }
            UsageInput::Request { txn, request }
        } else if let EndpointEvent::Ack { request, .. } = event {
            UsageInput::Ack(request)
        } else if let EndpointEvent::Response { txn, response, .. } = event
            && let Some(tag) = self.clients.get(&txn).copied()
        {
            UsageInput::Response { tag, response }
        } else {
            return;
        };
        if let Some(usage) = &mut self.usage {
            usage.handle(now, input);
        }
    }

    fn performs(&mut self, now: Instant, effect: UsageEffect) {
        match effect {
            UsageEffect::Respond { txn, response } => {
                self.endpoint.respond(now, txn, response).ok();
            }
            UsageEffect::Request { tag, request, .. } => {
                let txn = self.sends(now, request);
                self.clients.clear();
                self.clients.insert(txn, tag);
            }
            UsageEffect::Ack { request, .. } => self.endpoint.send_ack(self.way, request),
            UsageEffect::Cancel { .. } => {}
        }
    }

    fn sends(&mut self, now: Instant, request: Request) -> ClientTxn {
        self.endpoint.request(now, self.way, request)
    }
}

fn step(event: &UsageEvent) -> Option<Step> {
    if matches!(event, UsageEvent::Ringing) {
        Some(Step::Rang)
    } else if matches!(event, UsageEvent::Answered { .. }) {
        Some(Step::Answered)
    } else if matches!(event, UsageEvent::Confirmed { .. }) {
        Some(Step::Confirmed)
    } else if matches!(event, UsageEvent::Ended { .. }) {
        Some(Step::Ended)
    } else {
        None
    }
}
