//! One call and everybody around it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_core::config::MediaConfig;
use offhook_core::directory::{
    Agent, Destination, Did, Directory, Extension, ExtensionKind, IvrMenu, MenuAction,
    Office as Lists, Permission, Queue, QueueAgent, Strategy, Trunk,
};
use offhook_core::event::EventKind;
use offhook_core::pii::Secret;
use offhook_core::sdp::Codec;
use offhook_core::sip::HeaderName;
use offhook_core::sip::endpoint::{self, FlowId, Path, ServerTxn};
use offhook_core::sip::header::{AlertInfo, Replaces};
use offhook_core::sip::invite::{DialogOptions, LocalParty, RequestTag, UsageEffect, UsageInput};
use offhook_core::sip::message::{Message, Request, Response};
use offhook_core::sip::method::Method;
use offhook_core::{
    AgentId, AttemptId, CallId, DidId, ExtensionId, HangupCause, IdSource, IvrMenuId, LegId,
    QueueId, TrunkId,
};
use offhook_media::engine::{LegPort, PlayEnd, PlayId, Source};

use crate::call::{
    Alerts, Answering, CallEffect, CallInput, CallMachine, CallToAgent, Contact, IncomingCall,
    MediaEffect, MediaInput, MediaRules, Office, Origin, Originate, Party, Redirects, Replacing,
    RingTarget, Rules,
};
use crate::queue::{CallToQueue, QueueToCall};

pub(super) const INTER_DIGIT: Duration = Duration::from_secs(2);
pub(super) const DID: &str = "+4934556643378";

/// The ids of the little office.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    pub(super) queue: QueueId,
    pub(super) agent: AgentId,
    pub(super) second_agent: AgentId,
    pub(super) staff: ExtensionId,
    pub(super) agent_extension: ExtensionId,
    pub(super) second_extension: ExtensionId,
    pub(super) menu: IvrMenuId,
    pub(super) trunk: TrunkId,
}

/// What an outbound leg's phone knows.
struct Rung {
    tag: RequestTag,
    invite: Request,
}

/// One call and everybody around it.
pub(super) struct Fixture {
    pub(super) call: CallMachine,
    pub(super) now: Instant,
    pub(super) ids: Ids,
    /// How many contacts every extension has, or why none can be had.
    pub(super) contacts: Result<u16, HangupCause>,
    pub(super) events: Vec<EventKind>,
    pub(super) media: Vec<MediaEffect>,
    pub(super) queue: Vec<CallToQueue>,
    pub(super) agents: Vec<(AgentId, CallToAgent)>,
    pub(super) engaged: BTreeSet<ExtensionId>,
    pub(super) done: bool,
    /// Whether contacts are rung one after the other.
    pub(super) serial: bool,
    /// What legs were told of transfers.
    told: Vec<(u32, String)>,
    /// What concerns other calls.
    pub(super) others: Vec<CallEffect>,
    /// Legs that went to other calls.
    departed: usize,
    /// Legs that came from other calls.
    arrived: usize,
    /// Statuses of what legs other than the first were answered.
    answers: Vec<(u32, u16)>,
    /// Statuses that reached the caller.
    pub(super) statuses: Vec<u16>,
    /// Methods that reached each leg's far end, outside the caller's INVITE.
    pub(super) sent: Vec<(u32, Method)>,
    caller_2xx: Option<Response>,
    rung: BTreeMap<u32, Rung>,
    closed: BTreeSet<LegId>,
    next_txn: u64,
    next_port: u16,
    cseq: u32,
}

fn extension(ids: &mut IdSource, number: &str) -> Extension {
    Extension {
        id: ExtensionId::new(ids),
        number: number.into(),
        name: format!("Extension {number}"),
        user: None,
        kind: ExtensionKind::Standard,
        enabled: true,
        password: Secret::new("secret".into()),
        ring_timeout: Duration::from_secs(30),
        incoming_limit: 0,
        permissions: Permission::usual(),
        countries: Vec::new(),
        srtp: None,
        hold_music: None,
        record: false,
        record_style: offhook_core::recording::OwnStyle::default(),
    }
}

fn agent(ids: &mut IdSource, extension: ExtensionId) -> Agent {
    Agent {
        id: AgentId::new(ids),
        name: "Agent".into(),
        extension,
        user: None,
        max_missed: 3,
    }
}

fn trunk(ids: &mut IdSource) -> Trunk {
    Trunk {
        host: Some("192.0.2.1".into()),
        trusted: vec!["127.0.0.0/8".parse().unwrap()],
        outbound_prefix: Some("00".into()),
        ..Trunk::new(TrunkId::new(ids), "carrier")
    }
}

pub(super) fn office() -> (Directory, Ids) {
    office_where(|_| {})
}

/// The little office, after `change`.
fn serving(agent: &Agent) -> QueueAgent {
    QueueAgent {
        agent: agent.id,
        level: 1,
        position: 1,
    }
}

fn office_where(change: impl FnOnce(&mut Lists)) -> (Directory, Ids) {
    let ids = &mut IdSource::seeded(42);
    let extensions: Vec<_> = ["1000", "1001", "1002"]
        .iter()
        .map(|number| extension(ids, number))
        .collect();
    let agents = vec![agent(ids, extensions[1].id), agent(ids, extensions[2].id)];
    let trunk = trunk(ids);
    let queue = Queue {
        id: QueueId::new(ids),
        name: "Support".into(),
        extension: Some("301".into()),
        strategy: Strategy::LongestIdle,
        max_wait: Duration::ZERO,
        max_length: 0,
        max_wait_no_agent: Duration::ZERO,
        overflow: None,
        ring_timeout: Duration::from_secs(20),
        retry_delay: Duration::from_secs(5),
        wrap_up: Duration::from_secs(5),
        announce_position: true,
        announce_interval: Duration::from_secs(30),
        hold_music: "default".into(),
        record: true,
        record_style: offhook_core::recording::OwnStyle::default(),
        record_keep: None,
        agents: agents.iter().map(serving).collect(),
    };
    let menu = IvrMenu {
        id: IvrMenuId::new(ids),
        name: "Main".into(),
        extension: Some("300".into()),
        prompt: "menu/demo-office".into(),
        language: None,
        choices: BTreeMap::from([
            ('1', MenuAction::Go(Destination::Queue(queue.id))),
            (
                '0',
                MenuAction::Go(Destination::Extension(extensions[0].id)),
            ),
        ]),
        dial_extension: true,
        first_digit_timeout: Duration::from_secs(5),
        inter_digit_timeout: INTER_DIGIT,
        retries: 2,
        on_failure: MenuAction::HangUp,
    };
    let did = Did {
        id: DidId::new(ids),
        number: DID.into(),
        name: "main".into(),
        trunk: Some(trunk.id),
        destination: Destination::IvrMenu(menu.id),
    };
    let names = Ids {
        queue: queue.id,
        agent: agents[0].id,
        second_agent: agents[1].id,
        staff: extensions[0].id,
        agent_extension: extensions[1].id,
        second_extension: extensions[2].id,
        menu: menu.id,
        trunk: trunk.id,
    };
    let mut lists = Lists {
        extensions,
        dids: vec![did],
        trunks: vec![trunk],
        queues: vec![queue],
        agents,
        ivr_menus: vec![menu],
        ..Lists::default()
    };
    change(&mut lists);
    (Directory::new(lists), names)
}

pub(super) fn sdp(port: u16, direction: &str) -> Bytes {
    format!(
        "v=0\r\no=- 1 {port} IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP 0 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n\
         a={direction}\r\n"
    )
    .into()
}

fn local() -> LocalParty {
    LocalParty {
        contact: Bytes::from_static(b"<sip:offhook@127.0.0.1:5060>"),
        product: Bytes::from_static(b"Offhook"),
        flow: None,
        address: None,
        options: DialogOptions::default(),
    }
}

fn invite(dialled: &str, body: &Bytes) -> Request {
    let text = format!(
        "INVITE sip:{dialled}@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:5090;branch=z9hG4bKone\r\n\
         Max-Forwards: 70\r\nFrom: \"Ann\" <sip:ann@127.0.0.1>;tag=ann\r\nTo: <sip:{dialled}@127.0.0.1>\r\n\
         Call-ID: one@ann\r\nCSeq: 1 INVITE\r\nContact: <sip:ann@127.0.0.1:5090>\r\n\
         Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    match Message::parse(&bytes.into()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request was written"),
    }
}

/// A call as the edge hands it over.
pub(super) fn incoming(dialled: &str, origin: Origin, offer: &Bytes) -> IncomingCall {
    let address = "127.0.0.1:5060".parse().unwrap();
    IncomingCall {
        origin,
        from: Party {
            number: "ann".into(),
            name: Some("Ann".into()),
            ..Party::default()
        },
        dialled: dialled.into(),
        txn: ServerTxn(1),
        request: invite(dialled, offer),
        path: Path {
            flow: FlowId(1),
            transport: endpoint::SipTransport::Udp,
            local: address,
            peer: address,
        },
        local: local(),
        replaces: None,
    }
}

impl Fixture {
    /// A call from the trunk to our public number.
    pub(super) fn from_outside() -> Self {
        Self::incoming(DID, |ids| Origin::Trunk(ids.trunk), &sdp(6000, "sendrecv"))
    }

    /// A call from extension 1000.
    pub(super) fn from_staff(dialled: &str) -> Self {
        Self::incoming(
            dialled,
            |ids| Origin::Extension(ids.staff),
            &sdp(6000, "sendrecv"),
        )
    }

    /// 1000 talks with 1001; the number is the phone's leg.
    pub(super) fn talking() -> (Self, u32) {
        let mut call = Self::from_staff("1001");
        let phone = call.last_rung();
        call.phone_answers(phone);
        call.caller_acknowledges();
        (call, phone)
    }

    /// A call from extension 1000 whose INVITE has this body.
    pub(super) fn with_offer(dialled: &str, offer: &Bytes) -> Self {
        Self::incoming(dialled, |ids| Origin::Extension(ids.staff), offer)
    }

    /// The same in an office that is otherwise.
    pub(super) fn under(
        media: MediaRules,
        change: impl FnOnce(&mut Lists),
        dialled: &str,
        offer: &Bytes,
    ) -> Self {
        let (directory, ids) = office_where(change);
        let incoming = incoming(dialled, Origin::Extension(ids.staff), offer);
        let id = CallId::new(&mut IdSource::seeded(7));
        let mut births = births(directory);
        births.media = Arc::new(media);
        let call = CallMachine::incoming(id, births, IdSource::seeded(1), &incoming);
        Self::around(call.unwrap(), ids, crate::alarm::now())
    }

    fn incoming(dialled: &str, origin: impl Fn(&Ids) -> Origin, offer: &Bytes) -> Self {
        let (directory, ids) = office();
        let incoming = incoming(dialled, origin(&ids), offer);
        let id = CallId::new(&mut IdSource::seeded(7));
        let call = CallMachine::incoming(id, births(directory), IdSource::seeded(1), &incoming);
        Self::around(call.unwrap(), ids, crate::alarm::now())
    }

    /// A call that comes to take a place in another.
    pub(super) fn replacing(
        place: Replacing,
        origin: impl Fn(&Ids) -> Origin,
        offer: &Bytes,
    ) -> Self {
        let (directory, ids) = office();
        let mut incoming = incoming("1001", origin(&ids), offer);
        incoming.replaces = Some(place);
        let id = CallId::new(&mut IdSource::seeded(8));
        let call = CallMachine::incoming(id, births(directory), IdSource::seeded(2), &incoming);
        Self::around(call.unwrap(), ids, crate::alarm::now())
    }

    /// A call that extension 1000 asked the API for.
    pub(super) fn originated(to: &str) -> Self {
        let (directory, ids) = office();
        let now = crate::alarm::now();
        let wish = Originate {
            from: ids.staff,
            to: to.into(),
            answering: Answering::ByHand,
        };
        let id = CallId::new(&mut IdSource::seeded(7));
        let call = CallMachine::originate(id, births(directory), IdSource::seeded(1), now, wish);
        Self::around(call, ids, now)
    }

    fn around(call: CallMachine, ids: Ids, now: Instant) -> Self {
        let mut fixture = Self {
            call,
            now,
            ids,
            contacts: Ok(1),
            events: Vec::new(),
            media: Vec::new(),
            queue: Vec::new(),
            agents: Vec::new(),
            engaged: BTreeSet::new(),
            done: false,
            told: Vec::new(),
            others: Vec::new(),
            departed: 0,
            arrived: 0,
            answers: Vec::new(),
            serial: false,
            statuses: Vec::new(),
            sent: Vec::new(),
            caller_2xx: None,
            rung: BTreeMap::new(),
            closed: BTreeSet::new(),
            next_txn: 2,
            next_port: 30_000,
            cseq: 100,
        };
        fixture.pump();
        fixture
    }

    /// Does what the machine wants until it wants nothing more.
    pub(super) fn pump(&mut self) {
        while let Some(effect) = self.call.poll_effect() {
            match effect {
                CallEffect::Sip { leg, effect } => self.network(leg, effect),
                CallEffect::Media(effect) => self.engine(effect),
                CallEffect::FindContacts { ring, target } => self.look_up(ring, &target),
                CallEffect::Queue { tell, .. } => self.queue.push(tell),
                CallEffect::Agent { agent, tell } => self.agents.push((agent, tell)),
                CallEffect::Engaged(extension) => assert!(self.engaged.insert(extension)),
                CallEffect::Disengaged(extension) => assert!(self.engaged.remove(&extension)),
                CallEffect::Publish(kind) => self.events.push(kind),
                CallEffect::CloseLeg(leg) => assert!(self.closed.insert(leg), "closed twice"),
                CallEffect::BindDialog { .. } | CallEffect::UseTrunk { .. } => {}
                effect @ (CallEffect::FindDialog(_)
                | CallEffect::MoveLeg(_)
                | CallEffect::Settled(_)
                | CallEffect::Stray { .. }) => {
                    self.departed += usize::from(matches!(effect, CallEffect::MoveLeg(_)));
                    self.others.push(effect);
                }
                CallEffect::Done => self.done = true,
            }
        }
    }

    pub(super) fn handle(&mut self, input: CallInput) {
        let comes = matches!(input, CallInput::Arrives(_) | CallInput::Salvage(_));
        self.arrived += usize::from(comes);
        self.call.handle(self.now, input);
        self.pump();
    }

    fn engine(&mut self, effect: MediaEffect) {
        if let MediaEffect::AddLeg(leg) = effect {
            let rtp = format!("127.0.0.1:{}", self.next_port).parse().unwrap();
            let rtcp = format!("127.0.0.1:{}", self.next_port + 1).parse().unwrap();
            self.next_port += 2;
            let port = LegPort { rtp, rtcp };
            self.call.handle(
                self.now,
                CallInput::Media(MediaInput::PortReady { leg, port }),
            );
        }
        self.media.push(effect);
    }

    fn look_up(&mut self, ring: u32, target: &RingTarget) {
        let serial = self.serial;
        let trunk = target.is_outside().then_some(self.ids.trunk);
        let contact = |number: u16| Contact {
            uri: format!("sip:phone@127.0.0.1:{number}").into(),
            credentials: None,
            local: local(),
            to: Bytes::from_static(b"<sip:phone@127.0.0.1>"),
            trunk,
            domain: "127.0.0.1".into(),
            routes: Vec::new(),
            alerts: Alerts {
                inside: AlertInfo::default(),
                outside: AlertInfo::external(),
            },
            headers: Vec::new(),
            turn: if serial { number } else { 0 },
        };
        let contacts = self
            .contacts
            .map(|count| (0..count).map(|n| contact(7000 + n)).collect());
        self.call
            .handle(self.now, CallInput::Contacts { ring, contacts });
    }

    fn network(&mut self, leg: LegId, effect: UsageEffect) {
        match effect {
            UsageEffect::Respond { response, .. } => {
                let is_first = leg.number == 0;
                if is_first {
                    self.statuses.push(response.status);
                } else {
                    self.answers.push((leg.number, response.status));
                }
                let is_ours = self.rung.contains_key(&leg.number);
                if !is_ours && response.is_success() && !response.body.is_empty() {
                    self.caller_2xx = Some(response);
                }
            }
            UsageEffect::Request { tag, request, .. } => {
                self.sent.push((leg.number, request.method.clone()));
                if request.method == Method::Invite {
                    self.rung.insert(
                        leg.number,
                        Rung {
                            tag,
                            invite: request,
                        },
                    );
                } else {
                    if request.method == Method::Notify {
                        let line = String::from_utf8_lossy(&request.body);
                        self.told.push((leg.number, line.trim_end().to_owned()));
                    }
                    let response = Response::to(&request, 200, "OK");
                    self.sip(leg.number, UsageInput::Response { tag, response });
                }
            }
            UsageEffect::Ack { request, .. } => self.sent.push((leg.number, request.method)),
            UsageEffect::Cancel { .. } => self.sent.push((leg.number, Method::Cancel)),
        }
    }

    fn sip(&mut self, leg: u32, input: UsageInput) {
        let leg = LegId::new(self.call.id(), leg);
        self.call.handle(self.now, CallInput::Sip { leg, input });
    }

    fn txn(&mut self) -> ServerTxn {
        self.next_txn += 1;
        ServerTxn(self.next_txn)
    }
}

/// An office that speaks G.711.
pub(super) fn g711() -> MediaRules {
    MediaRules::of(&MediaConfig {
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        ..MediaConfig::default()
    })
}

fn births(directory: Directory) -> Office {
    Office {
        directory: Arc::new(directory),
        media: Arc::new(g711()),
        rules: Rules {
            redirects: Redirects::Inside(Arc::from(["offhook.example".to_owned()])),
            ..Rules::default()
        },
    }
}

/// What the caller does.
impl Fixture {
    pub(super) fn caller_acknowledges(&mut self) {
        let ack = self.caller_request(&Method::Ack);
        self.sip(0, UsageInput::Ack(ack));
        self.pump();
    }

    pub(super) fn caller_hangs_up(&mut self) {
        let (txn, request) = (self.txn(), self.caller_request(&Method::Bye));
        self.sip(0, UsageInput::Request { txn, request });
        self.pump();
    }

    pub(super) fn caller_refers(&mut self, target: &str) {
        let (txn, mut request) = (self.txn(), self.caller_request(&Method::Refer));
        request.headers.push(HeaderName::ReferTo, target.to_owned());
        self.sip(0, UsageInput::Request { txn, request });
        self.pump();
    }

    pub(super) fn caller_cancels(&mut self) {
        self.sip(
            0,
            UsageInput::Cancelled {
                txn: ServerTxn(1),
                cause: None,
            },
        );
        self.pump();
    }

    pub(super) fn caller_reoffers(&mut self, direction: &str) {
        self.caller_offers(sdp(6000, direction));
    }

    pub(super) fn caller_offers(&mut self, offer: Bytes) {
        let (txn, mut request) = (self.txn(), self.caller_request(&Method::Invite));
        request.body = offer;
        request
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        request
            .headers
            .push(HeaderName::Contact, "<sip:ann@127.0.0.1:5090>");
        self.sip(0, UsageInput::Request { txn, request });
        self.pump();
    }

    /// A re-INVITE without an offer, and an ACK that answers ours, or does not.
    pub(super) fn caller_asks_for_offer(&mut self, answer: Option<&str>) {
        let (txn, mut request) = (self.txn(), self.caller_request(&Method::Invite));
        let cseq = self.cseq;
        request
            .headers
            .push(HeaderName::Contact, "<sip:ann@127.0.0.1:5090>");
        self.sip(0, UsageInput::Request { txn, request });
        self.pump();
        let mut ack = self.caller_request(&Method::Ack);
        ack.headers.set(HeaderName::CSeq, format!("{cseq} ACK"));
        if let Some(direction) = answer {
            ack.headers.push(HeaderName::ContentType, "application/sdp");
            ack.body = sdp(6000, direction);
        }
        self.sip(0, UsageInput::Ack(ack));
        self.pump();
    }

    pub(super) fn caller_presses(&mut self, digits: &str) {
        for digit in digits.chars() {
            let leg = LegId::new(self.call.id(), 0);
            self.handle(CallInput::Media(MediaInput::Digit { leg, digit }));
        }
    }

    fn caller_request(&mut self, method: &Method) -> Request {
        let answer = self.caller_2xx.clone().expect("the caller was answered");
        let cseq = if *method == Method::Ack {
            1
        } else {
            self.next_cseq()
        };
        let mut request = Request::new(method.clone(), "sip:offhook@127.0.0.1:5060");
        let to = answer.headers.get(&HeaderName::To).unwrap().clone();
        request
            .headers
            .push(HeaderName::From, "\"Ann\" <sip:ann@127.0.0.1>;tag=ann");
        request.headers.push(HeaderName::To, to);
        request.headers.push(HeaderName::CallId, "one@ann");
        request
            .headers
            .push(HeaderName::CSeq, format!("{cseq} {method}"));
        request
    }

    fn next_cseq(&mut self) -> u32 {
        self.cseq += 1;
        self.cseq
    }
}

/// What a rung phone does.
impl Fixture {
    /// What the INVITE to a phone says about how to ring.
    pub(super) fn alert(&self, leg: u32) -> Option<&Bytes> {
        self.rung[&leg].invite.headers.get(&HeaderName::AlertInfo)
    }

    pub(super) fn phone_rings(&mut self, leg: u32) {
        self.phone_responds(leg, 180, "Ringing", None);
    }

    pub(super) fn phone_sends_early_media(&mut self, leg: u32) {
        self.phone_responds(leg, 183, "Session Progress", Some(sdp(8000, "sendrecv")));
    }

    pub(super) fn phone_sends_early(&mut self, leg: u32, answer: Bytes) {
        self.phone_responds(leg, 183, "Session Progress", Some(answer));
    }

    pub(super) fn phone_answers(&mut self, leg: u32) {
        self.phone_responds(leg, 200, "OK", Some(sdp(8000, "sendrecv")));
    }

    pub(super) fn phone_answers_with(&mut self, leg: u32, answer: Bytes) {
        self.phone_responds(leg, 200, "OK", Some(answer));
    }

    /// The description in the INVITE, or re-INVITE, that a leg was sent last.
    pub(super) fn offered(&self, leg: u32) -> String {
        String::from_utf8(self.rung[&leg].invite.body.to_vec()).unwrap()
    }

    /// The description the caller was answered with.
    pub(super) fn answered(&self) -> String {
        let answer = self.caller_2xx.as_ref().expect("the caller was answered");
        String::from_utf8(answer.body.to_vec()).unwrap()
    }

    pub(super) fn phone_refuses(&mut self, leg: u32, status: u16) {
        self.phone_responds(leg, status, "No", None);
    }

    /// It was set to forward its calls: it answers with a redirection to these places.
    pub(super) fn phone_redirects(&mut self, leg: u32, status: u16, places: &str) {
        self.phone_redirects_because(leg, status, places, None);
    }

    /// The same, and it says why.
    pub(super) fn phone_redirects_because(
        &mut self,
        leg: u32,
        status: u16,
        places: &str,
        diversion: Option<&str>,
    ) {
        let Rung { tag, invite } = &self.rung[&leg];
        let mut response = Response::to(invite, status, "Moved Temporarily");
        response.headers.add_to_tag(&format!("phone{leg}"));
        response
            .headers
            .push(HeaderName::Contact, places.to_owned());
        if let Some(diversion) = diversion {
            let row = diversion.to_owned();
            response.headers.push(HeaderName::Diversion, row);
        }
        let tag = *tag;
        self.sip(leg, UsageInput::Response { tag, response });
        self.pump();
    }

    /// What its phone was told when it was rung.
    pub(super) fn invite_to(&self, leg: u32) -> &Request {
        &self.rung[&leg].invite
    }

    pub(super) fn phone_hangs_up(&mut self, leg: u32) {
        let request = self.phone_request(leg, &Method::Bye);
        let txn = self.txn();
        self.sip(leg, UsageInput::Request { txn, request });
        self.pump();
    }

    pub(super) fn phone_reoffers(&mut self, leg: u32, direction: &str) {
        self.phone_reoffers_with(leg, sdp(8000, direction));
    }

    pub(super) fn phone_reoffers_with(&mut self, leg: u32, offer: Bytes) {
        let mut request = self.phone_request(leg, &Method::Invite);
        request.body = offer;
        request
            .headers
            .push(HeaderName::ContentType, "application/sdp");
        let contact = format!("<sip:phone@127.0.0.1:{}>", 7000 + leg);
        request.headers.push(HeaderName::Contact, contact);
        let txn = self.txn();
        self.sip(leg, UsageInput::Request { txn, request });
        self.pump();
    }

    pub(super) fn phone_refers(&mut self, leg: u32, target: &str) {
        let mut request = self.phone_request(leg, &Method::Refer);
        request.headers.push(HeaderName::ReferTo, target.to_owned());
        let txn = self.txn();
        self.sip(leg, UsageInput::Request { txn, request });
        self.pump();
    }

    /// What this leg was told of its transfers.
    pub(super) fn told(&self, leg: u32) -> Vec<String> {
        let told = self.told.iter().filter(|(number, _)| *number == leg);
        told.map(|(_, line)| line.clone()).collect()
    }

    fn phone_request(&mut self, leg: u32, method: &Method) -> Request {
        let invite = &self.rung[&leg].invite;
        let headers = &invite.headers;
        let mut request = Request::new(method.clone(), "sip:offhook@127.0.0.1:5060");
        let our_side = headers.get(&HeaderName::From).unwrap().clone();
        let call_id = headers.call_id().unwrap().clone();
        let mut to = Request::new(Method::Bye, "sip:x");
        to.headers.push(
            HeaderName::To,
            headers.get(&HeaderName::To).unwrap().clone(),
        );
        to.headers.add_to_tag(&format!("phone{leg}"));
        request.headers.push(
            HeaderName::From,
            to.headers.get(&HeaderName::To).unwrap().clone(),
        );
        request.headers.push(HeaderName::To, our_side);
        request.headers.push(HeaderName::CallId, call_id);
        let cseq = self.next_cseq();
        request
            .headers
            .push(HeaderName::CSeq, format!("{cseq} {method}"));
        request
    }

    fn phone_responds(&mut self, leg: u32, status: u16, reason: &str, body: Option<Bytes>) {
        let Rung { tag, invite } = &self.rung[&leg];
        let mut response = Response::to(invite, status, reason);
        response.headers.add_to_tag(&format!("phone{leg}"));
        response.headers.push(
            HeaderName::Contact,
            format!("<sip:phone@127.0.0.1:{}>", 7000 + leg),
        );
        if let Some(body) = body {
            response
                .headers
                .push(HeaderName::ContentType, "application/sdp");
            response.body = body;
        }
        let tag = *tag;
        self.sip(leg, UsageInput::Response { tag, response });
        self.pump();
    }

    /// The legs that were rung and still stand in the machine's eyes, oldest first.
    pub(super) fn rung_legs(&self) -> Vec<u32> {
        self.rung.keys().copied().collect()
    }

    /// The number of the leg rung last.
    pub(super) fn last_rung(&self) -> u32 {
        *self.rung.keys().last().expect("somebody was rung")
    }
}

/// What time, the engine and the queue do.
impl Fixture {
    pub(super) fn waits(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(at) = self.call.poll_timeout().filter(|&at| at <= until) {
            self.now = self.now.max(at);
            self.call.handle_timeout(self.now);
            self.pump();
        }
        self.now = until;
    }

    pub(super) fn prompt_ends(&mut self) {
        let played = self.media.iter().rev().find_map(|effect| {
            let MediaEffect::Play { leg, play, .. } = effect else {
                return None;
            };
            Some((*leg, *play))
        });
        let (leg, play) = played.expect("a prompt is playing");
        self.playback_ended(leg, play);
    }

    fn playback_ended(&mut self, leg: LegId, play: PlayId) {
        let end = PlayEnd::Finished;
        self.handle(CallInput::Media(MediaInput::PlaybackEnded {
            leg,
            play,
            end,
        }));
    }

    /// The queue reserved the agent and wants them rung; answers the attempt and the leg.
    pub(super) fn queue_rings(&mut self, agent: AgentId) -> (AttemptId, u32) {
        let attempt = AttemptId::random();
        let extension = if agent == self.ids.agent {
            self.ids.agent_extension
        } else {
            self.ids.second_extension
        };
        self.queue_says(QueueToCall::RingAgent {
            attempt,
            queue: self.ids.queue,
            agent,
            extension,
            ring_timeout: Duration::from_secs(20),
        });
        (
            attempt,
            self.rung.keys().last().copied().unwrap_or_default(),
        )
    }

    pub(super) fn queue_says(&mut self, tell: QueueToCall) {
        self.handle(CallInput::Queue(tell));
    }
}

/// What can be read in the notebook.
impl Fixture {
    pub(super) fn id(&self) -> CallId {
        self.call.id()
    }

    pub(super) fn leg(&self, number: u32) -> LegId {
        LegId::new(self.call.id(), number)
    }

    pub(super) fn played(&self) -> Vec<&str> {
        let prompts = self.media.iter().filter_map(|effect| {
            let MediaEffect::Play { prompts, .. } = effect else {
                return None;
            };
            Some(prompts)
        });
        prompts.flatten().map(String::as_str).collect()
    }

    pub(super) fn bridges(&self) -> usize {
        self.media
            .iter()
            .filter(|effect| matches!(effect, MediaEffect::Bridge(..)))
            .count()
    }

    pub(super) fn last_source(&self, leg: u32) -> Option<&Source> {
        let leg = self.leg(leg);
        self.media.iter().rev().find_map(|effect| {
            let MediaEffect::SetSource(own, source) = effect else {
                return None;
            };
            (*own == leg).then_some(source)
        })
    }

    pub(super) fn sent_to(&self, leg: u32) -> Vec<String> {
        let sent = self.sent.iter().filter(|(number, _)| *number == leg);
        sent.map(|(_, method)| method.to_string()).collect()
    }

    pub(super) fn ended(&self) -> Option<HangupCause> {
        let mut ends = self.events.iter().filter_map(|event| {
            let EventKind::CallEnded { cause, .. } = event else {
                return None;
            };
            Some(*cause)
        });
        let end = ends.next();
        assert_eq!(ends.next(), None, "a call ends once");
        end
    }

    /// The call is over, and nothing of it is left: every port closed, every leg forgotten.
    pub(super) fn leaves_nothing(&mut self) {
        self.waits(Duration::from_secs(120));
        assert!(self.done, "the actor may end");
        assert!(self.ended().is_some());
        let added = self
            .media
            .iter()
            .filter(|e| matches!(e, MediaEffect::AddLeg(_)))
            .count();
        let removed = self
            .media
            .iter()
            .filter(|e| matches!(e, MediaEffect::RemoveLeg(_)))
            .count();
        let (added, removed) = (added + self.arrived, removed + self.departed);
        assert_eq!(added, removed, "every port is given back");
        assert!(self.engaged.is_empty(), "every phone is free");
        let closed = self.closed.len() + self.departed;
        assert_eq!(closed, added, "every leg is forgotten");
        let begun = self
            .events
            .iter()
            .filter(|e| matches!(e, EventKind::LegAdded { .. }))
            .count();
        let gone = self
            .events
            .iter()
            .filter(|e| matches!(e, EventKind::LegEnded { .. }))
            .count();
        assert_eq!(begun, gone, "every leg that was added has ended");
        assert_eq!(self.call.poll_timeout(), None);
    }
}

impl Fixture {
    /// The caller answers the offer that our 200 made.
    pub(super) fn caller_acknowledges_with_answer(&mut self) {
        let mut ack = self.caller_request(&Method::Ack);
        ack.headers.push(HeaderName::ContentType, "application/sdp");
        ack.body = sdp(6000, "sendrecv");
        self.sip(0, UsageInput::Ack(ack));
        self.pump();
    }
}

/// Legs of other calls.
impl Fixture {
    /// What an INVITE says that wants the place of this leg.
    pub(super) fn dialog_of(&self, leg: u32) -> Replacing {
        let tag = |value: &Bytes| {
            let text = String::from_utf8_lossy(value).into_owned();
            text.rsplit_once("tag=").unwrap().1.to_owned()
        };
        let value = match self.rung.get(&leg) {
            Some(Rung { invite, .. }) => {
                let ours = tag(invite.headers.get(&HeaderName::From).unwrap());
                let call_id = invite.headers.call_id().unwrap();
                let call_id = String::from_utf8_lossy(call_id).into_owned();
                format!("{call_id};to-tag={ours};from-tag=phone{leg}")
            }
            None => {
                let answer = self.caller_2xx.as_ref().unwrap();
                let ours = tag(answer.headers.get(&HeaderName::To).unwrap());
                format!("one@ann;to-tag={ours};from-tag=ann")
            }
        };
        Replacing {
            leg: self.leg(leg),
            header: Replaces::parse(&value.into()).unwrap(),
        }
    }

    /// A leg that came to us answers the offer that our 200 made.
    pub(super) fn arrival_acknowledges_with_answer(&mut self, leg: u32) {
        let mut ack = self.caller_request(&Method::Ack);
        ack.headers.push(HeaderName::ContentType, "application/sdp");
        ack.body = sdp(6100, "sendrecv");
        self.sip(leg, UsageInput::Ack(ack));
        self.pump();
    }

    /// The `From` this leg's phone was shown.
    pub(super) fn shown_to(&self, leg: u32) -> String {
        let from = self.rung[&leg].invite.headers.get(&HeaderName::From);
        String::from_utf8_lossy(from.unwrap()).into_owned()
    }

    /// What this leg's last request was answered with.
    pub(super) fn last_status(&self, leg: u32) -> Option<u16> {
        let mut answers = self.answers.iter().rev();
        answers
            .find(|(number, _)| *number == leg)
            .map(|(_, status)| *status)
    }

    pub(super) fn presses(&mut self, leg: u32, digit: char) {
        let leg = self.leg(leg);
        self.handle(CallInput::Media(MediaInput::Digit { leg, digit }));
    }

    /// Whether a recording runs.
    pub(super) fn is_recorded(&self) -> bool {
        let last = self.media.iter().rev().find(|effect| {
            matches!(
                effect,
                MediaEffect::Record { .. } | MediaEffect::StopRecording(_)
            )
        });
        matches!(last, Some(MediaEffect::Record { .. }))
    }

    /// Whether the recording that runs is paused.
    pub(super) fn is_paused(&self) -> bool {
        let last = self.media.iter().rev().find(|effect| {
            matches!(
                effect,
                MediaEffect::Record { .. }
                    | MediaEffect::PauseRecording(_)
                    | MediaEffect::ResumeRecording(_)
                    | MediaEffect::StopRecording(_)
            )
        });
        matches!(last, Some(MediaEffect::PauseRecording(id)) if Some(*id) == self.call.recording())
    }

    /// An admin removes an extension.
    pub(super) fn extension_is_removed(&mut self, number: &str) {
        let (directory, _) = office();
        let mut lists = directory.office().clone();
        lists
            .extensions
            .retain(|extension| extension.number != number);
        self.call.set_directory(Arc::new(Directory::new(lists)));
    }
}
