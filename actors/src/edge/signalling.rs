//! The one task all signalling runs on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use bytes::Bytes;
use offhook_core::sip::dialog::DialogKey;
use offhook_core::sip::endpoint::{
    ALLOW, ClientTxn, Endpoint, EndpointConfig, EndpointEvent, FlowId, Heard, Path, ServerTxn,
    Transmit, TxnFailure,
};
use offhook_core::sip::glimpse::{Glimpse, Start};
use offhook_core::sip::invite::{
    LocalParty, NextHop, RequestTag, Unwanted, UsageEffect, UsageInput,
};
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::status::phrase;
use offhook_core::sip::trace::Way;
use offhook_core::sip::transaction::timer::TIMEOUT;
use offhook_core::sip::{HeaderName, Method};
use offhook_core::{Directory, HangupCause, IdSource, LegId, TrunkId};

use super::admission::{Admission, Admitted, refusal};
use super::answers::{Answers, Sought};
use super::ask::{Ask, Reply};
use super::command::{Command, Inbound};
use super::contacts::set_session_timer;
use super::extensions::{min_se, supported};
use super::failover::{Failover, Verdict};
use super::handle::Shared;
use super::legs::Lost;
use super::login::Login;
use super::outbox::{Outbox, Outgoing, Posted, Sender};
use super::peer::{self, Credit};
use super::replaces;
use super::requests::{self, IncomingRequest};
use super::route::Route;
use super::secure::secured;
use crate::alarm;
use crate::call::{IncomingCall, Origin};
use crate::registrar::Registration;

/// Deadlines are kept to this: a retransmission after half a second may be late by a hundredth, and
/// whole transactions are forgotten after seconds.
const STEP: Duration = Duration::from_millis(20);

/// Runs signalling until the task is aborted. What a fallen predecessor left undone is settled before
/// anything new is looked at.
pub(crate) async fn run(shared: Arc<Shared>) {
    // An aborted predecessor lets go of the feeds only when it is next polled.
    let mut feeds = shared.feeds.lock().await;
    let base = alarm::now();
    let mut signalling = Signalling::new(Arc::clone(&shared), base);
    signalling.recover();
    loop {
        let wake = signalling.poll_timeout();
        let due = async {
            match wake {
                Some(at) => {
                    let at = alarm::rounded(at, base, STEP);
                    tokio::time::sleep_until(at.into()).await;
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = feeds.fill() => {}
            () = due => {}
        }
        let now = alarm::now();
        signalling.set_load(feeds.waiting());
        while let Some(order) = feeds.next_order() {
            signalling.command(now, order);
        }
        while let Some(message) = feeds.next_message() {
            signalling.inbound(now, message);
        }
        signalling.endpoint.handle_timeout(now);
        signalling.handle_silence(now);
        signalling.settle(now);
    }
}

struct Signalling {
    shared: Arc<Shared>,
    endpoint: Endpoint,
    outbox: Outbox,
    failover: Failover,
    answers: Answers,
    login: Login,
    overloaded: bool,
    /// Who waits for the answer to a request that belongs to no leg.
    asked: AHashMap<ClientTxn, Reply>,
}

impl Signalling {
    fn new(shared: Arc<Shared>, now: Instant) -> Self {
        let config = &shared.net.config;
        let endpoint = EndpointConfig {
            retry_after: u32::try_from(config.limits.retry_after.as_secs()).unwrap_or(u32::MAX),
            supported: supported(config),
            min_se: min_se(config),
            ..EndpointConfig::default()
        };
        Self {
            endpoint: Endpoint::new(endpoint, IdSource::from_entropy()),
            outbox: Outbox::new(IdSource::from_entropy()),
            failover: Failover::new(config.failover_after),
            login: Login::new(now, config, shared.guard.clone()),
            answers: Answers::default(),
            overloaded: false,
            asked: AHashMap::new(),
            shared,
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let due = [self.endpoint.poll_timeout(), self.failover.poll_timeout()];
        due.into_iter().flatten().min()
    }

    /// Tells every leg that waited for a fallen predecessor, for a transaction or for a request that
    /// had not gone out, that nothing comes.
    fn recover(&self) {
        let Lost { clients, servers } = self.shared.legs.lock().lose_transactions();
        let failure = TxnFailure::Transport;
        for (leg, tag) in clients {
            self.tell(leg, UsageInput::RequestFailed { tag, failure });
        }
        for (leg, txn) in servers {
            self.tell(leg, UsageInput::FlowLost { txn });
        }
    }

    /// Above the high-water mark new calls are refused, until the backlog is down to half of it.
    fn set_load(&mut self, waiting: usize) {
        let high = self.shared.net.config.limits.high_water;
        let mark = if self.overloaded { high / 2 } else { high };
        let overloaded = waiting > mark;
        if overloaded != self.overloaded {
            tracing::warn!(waiting, overloaded, "signalling load");
        }
        self.overloaded = overloaded;
        let draining = self.shared.draining.load(Ordering::Relaxed);
        self.endpoint.set_overloaded(overloaded || draining);
    }

    fn inbound(&mut self, now: Instant, message: Inbound) {
        match message {
            Inbound::Message(path, data) => self.message(now, path, &data),
            Inbound::Closed(flow) => self.lose(flow),
        }
        self.dispatch(now);
    }

    /// A connection is gone, and with it its transactions and registrations.
    fn lose(&mut self, flow: FlowId) {
        self.endpoint.handle_flow_closed(flow);
        self.shared.flow_closed(flow);
    }

    /// A request of ours was not answered: a connection of ours on which nothing else was heard since
    /// is closed, because its peer may be gone without a word.
    fn doubt(&mut self, now: Instant, path: Path, failure: TxnFailure) {
        if path.transport.is_reliable()
            && failure == TxnFailure::TimedOut
            && let Some(sent) = now.checked_sub(TIMEOUT)
            && self.shared.net.doubt(path.flow, sent)
        {
            self.shared.net.close(path.flow);
            self.lose(path.flow);
        }
    }

    fn message(&mut self, now: Instant, path: Path, data: &Bytes) {
        let guard = &self.shared.guard;
        let (peer, glimpse) = (path.peer.ip(), Glimpse::of(data));
        if let Some(agent) = glimpse.user_agent()
            && matches!(glimpse.start(), Some(Start::Request(_)))
            && !guard.admits_agent(peer, agent)
        {
            return;
        }
        self.shared.observer.saw(now, Way::Received, &path, data);
        match self.endpoint.handle_message(now, path, data) {
            Heard::Understood => {}
            // Whoever we ask something is known, and is not banned for what it repeats.
            Heard::Unasked => guard.not_understood(peer),
            Heard::Broken => {
                self.shared.observer.saw_broken();
                guard.not_understood(peer);
            }
        }
    }

    /// Sends everything that wants to be sent.
    fn settle(&mut self, now: Instant) {
        self.dispatch(now);
        while let Some(transmit) = self.endpoint.poll_transmit() {
            let Transmit { path, data } = &transmit;
            self.shared.observer.saw(now, Way::Sent, path, data);
            if !self.shared.net.send(transmit.path, transmit.data) {
                self.lose(transmit.path.flow);
                self.dispatch(now);
            }
        }
        self.shared.observer.repeated(self.endpoint.repeats());
        self.shared
            .transactions
            .store(self.endpoint.transactions(), Ordering::Relaxed);
    }

    fn dispatch(&mut self, now: Instant) {
        while let Some(event) = self.endpoint.poll_event() {
            self.event(now, event);
        }
    }

    fn event(&mut self, now: Instant, event: EndpointEvent) {
        match event {
            EndpointEvent::Request { txn, path, request } => self.request(now, txn, path, request),
            EndpointEvent::Ack { path, request } => self.acknowledged(path, request),
            EndpointEvent::Cancelled { txn, cause } => {
                let leg = self.shared.legs.lock().of_server(txn);
                if let Some(leg) = leg {
                    self.tell(leg, UsageInput::Cancelled { txn, cause });
                }
            }
            EndpointEvent::Response { txn, response, .. } => self.response(now, txn, response),
            EndpointEvent::Failed { txn, path, failure } => {
                self.doubt(now, path, failure);
                self.failed(now, txn, failure);
            }
            EndpointEvent::ConnectionWanted { txn, peer } => {
                match self.answers.seek(&self.shared, txn, peer) {
                    Sought::Here(path) => self.answer_by(txn, Some(path)),
                    Sought::Waiting => {}
                    Sought::Nowhere => self.answer_by(txn, None),
                }
            }
            EndpointEvent::ServerFlowLost { txn } => {
                let owner = self.shared.legs.lock().remove_server(txn);
                if let Some(leg) = owner {
                    self.tell(leg, UsageInput::FlowLost { txn });
                }
            }
            _ => {}
        }
    }

    /// The answer to an INVITE goes this way, and so does what its leg asks later.
    fn answer_by(&mut self, txn: ServerTxn, path: Option<Path>) {
        if let Some(path) = path {
            let mut legs = self.shared.legs.lock();
            if let Some(leg) = legs.of_server(txn) {
                legs.heard_from(leg, path);
            }
        }
        self.endpoint.handle_connection(txn, path);
    }

    /// What a request in a dialog of this leg is worth.
    fn credit(&self, directory: &Directory, leg: LegId, path: &Path) -> Credit {
        let named = || {
            let names = self.shared.net.peer_names(path.flow)?;
            Some(directory.trunk_named(&names)?.id)
        };
        self.shared.legs.lock().credit(directory, leg, path, named)
    }

    /// An ACK cannot be refused. One with a description says where to send audio, so that one has to
    /// come from where the peer is known to be.
    fn acknowledged(&self, path: Path, request: Request) {
        let Some(leg) = self.leg_of(&request) else {
            return;
        };
        let directory = self.shared.directory.load();
        match self.credit(&directory, leg, &path) {
            Credit::Peers => self.shared.legs.lock().heard_from(leg, path),
            Credit::ToProve(_) | Credit::Nobodys if request.body.is_empty() => {}
            Credit::ToProve(_) | Credit::Nobodys => return,
        }
        self.tell(leg, UsageInput::Ack(request));
    }

    fn leg_of(&self, request: &Request) -> Option<LegId> {
        let key = DialogKey::of_request(&request.headers)?;
        self.shared.legs.lock().of_dialog(&key)
    }

    /// A request in a dialog of this leg.
    fn within(&mut self, now: Instant, txn: ServerTxn, path: Path, leg: LegId, request: Request) {
        let directory = self.shared.directory.load();
        let refused = match self.credit(&directory, leg, &path) {
            Credit::Peers => None,
            Credit::ToProve(number) => {
                let mut admission = self.admission(now, &directory, path);
                admission.peer(&request, &number).err()
            }
            Credit::Nobodys => {
                let (from, method) = (path.peer, &request.method);
                tracing::warn!(%leg, %from, %method, "refused in a call: no address of its trunk");
                Some(refusal(&request, 403))
            }
        };
        if let Some(response) = refused {
            return self.respond(now, txn, *response);
        }
        let mut legs = self.shared.legs.lock();
        legs.heard_from(leg, path);
        legs.add_server(leg, txn);
        drop(legs);
        self.tell(leg, UsageInput::Request { txn, request });
    }

    fn request(&mut self, now: Instant, txn: ServerTxn, path: Path, request: Request) {
        if request.method == Method::Register {
            return self.register(now, txn, path, request);
        }
        if let Some(leg) = self.leg_of(&request) {
            return self.within(now, txn, path, leg, request);
        }
        if request.headers.to_tag().is_some() && request.method != Method::Subscribe {
            return self.respond(now, txn, *refusal(&request, 481));
        }
        if request.method == Method::Invite {
            return self.invite(now, txn, path, &request);
        }
        if matches!(request.method, Method::Subscribe | Method::Message) {
            return self.apart(now, txn, path, request);
        }
        if request.method == Method::Notify {
            let registrar = self.shared.registrar.get();
            let response = requests::answer_notify(registrar, &path, &request);
            return self.respond(now, txn, response);
        }
        let mut response = refusal(&request, 405);
        response.headers.push(HeaderName::Allow, ALLOW);
        self.respond(now, txn, *response);
    }

    fn register(&mut self, now: Instant, txn: ServerTxn, path: Path, request: Request) {
        let directory = self.shared.directory.load();
        let registered = self.admission(now, &directory, path).register(&request);
        let extension = match registered {
            Ok(extension) => extension,
            Err(response) => return self.respond(now, txn, *response),
        };
        let busy = self.busy(&request);
        let registration = Registration {
            txn,
            path,
            extension,
            request,
        };
        let registrar = self.shared.registrar.get();
        if !registrar.is_some_and(|registrar| registrar.register(registration)) {
            self.respond(now, txn, busy);
        }
    }

    /// A request that belongs to no call, or to a subscription.
    fn apart(&mut self, now: Instant, txn: ServerTxn, path: Path, request: Request) {
        let directory = self.shared.directory.load();
        let sender = self.admission(now, &directory, path).sender(&request);
        let extension = match sender {
            Ok(extension) => extension,
            Err(response) => return self.respond(now, txn, *response),
        };
        let busy = self.busy(&request);
        let incoming = IncomingRequest {
            txn,
            path,
            extension,
            local: self.local_party(path, None, &request),
            request,
        };
        let side = self.shared.requests.get();
        if !side.is_some_and(|side| side.request(incoming)) {
            self.respond(now, txn, busy);
        }
    }

    fn invite(&mut self, now: Instant, txn: ServerTxn, path: Path, request: &Request) {
        let Some(calls) = self.shared.calls.get().map(Arc::clone) else {
            return self.refuse_call(now, txn, request, HangupCause::Congestion);
        };
        if let Err(cause) = calls.admits() {
            return self.refuse_call(now, txn, request, cause);
        }
        let directory = self.shared.directory.load();
        let Admitted {
            origin,
            from,
            dialled,
        } = match self.admission(now, &directory, path).invite(request) {
            Ok(admitted) => admitted,
            Err(response) => return self.respond(now, txn, *response),
        };
        let trunk = match origin {
            Origin::Trunk(trunk) => Some(trunk),
            Origin::Extension(_) => None,
        };
        if let Err(after) = self.trunk_takes(&directory, trunk) {
            return self.refuse_for(now, txn, request, after);
        }
        let replaces = replaces::find(request, origin, &self.shared.legs.lock());
        let replaces = match replaces {
            Ok(replaces) => replaces,
            Err(status) => return self.respond(now, txn, *refusal(request, status)),
        };
        let caller = trunk.is_none().then(|| from.number.clone());
        let call = IncomingCall {
            origin,
            from,
            dialled,
            txn,
            local: self.local_party(path, trunk, request),
            path,
            request: request.clone(),
            replaces,
        };
        match calls.incoming(call) {
            Ok(leg) => {
                let call_id = request.headers.call_id();
                self.shared.observer.assign(call_id, leg.call);
                let mut legs = self.shared.legs.lock();
                legs.add_server(leg, txn);
                legs.heard_from(leg, path);
                legs.tagged(leg, request.headers.from_tag());
                match origin {
                    Origin::Trunk(trunk) => legs.use_trunk(leg, trunk),
                    Origin::Extension(extension) => legs.use_extension(leg, extension),
                }
                drop(legs);
                self.endpoint.trust(txn, request);
                self.shared.recognize_caller(leg, path, caller, request);
            }
            Err(cause) => self.refuse_call(now, txn, request, cause),
        }
    }

    /// Whether the trunk a call comes by may have it; else how long to wait.
    fn trunk_takes(&self, directory: &Directory, trunk: Option<TrunkId>) -> Result<(), Duration> {
        let Some(trunk) = trunk.and_then(|trunk| directory.trunk(trunk)) else {
            return Ok(());
        };
        if self.shared.is_full(trunk) {
            return Err(self.shared.net.config.limits.retry_after);
        }
        self.shared.trunks().take_inbound(trunk)
    }

    /// Phones are answered where they are heard from, because their Contact may lie behind a NAT; a
    /// trunk, or a phone behind a proxy, says itself where it wants to be reached.
    fn local_party(&self, path: Path, trunk: Option<TrunkId>, request: &Request) -> LocalParty {
        let routed = trunk.is_some() || request.headers.has(&HeaderName::RecordRoute);
        let stream = path.transport.is_reliable();
        let flow = (stream && !routed).then_some(path.flow);
        let address = (!stream && !routed).then_some(path.peer);
        let mut party = self.shared.party(path.local, path.transport, flow, address);
        let directory = self.shared.directory.load();
        if let Some(trunk) = trunk.and_then(|trunk| directory.trunk(trunk)) {
            set_session_timer(&mut party, trunk);
        }
        secured(party, &request.uri)
    }

    fn admission<'a>(
        &'a mut self,
        now: Instant,
        directory: &'a Directory,
        path: Path,
    ) -> Admission<'a> {
        let counters = &self.shared.net.counters;
        Admission {
            login: &mut self.login,
            directory,
            counters,
            countries: self.shared.countries.get(),
            now,
            path,
            names: self.shared.net.peer_names(path.flow),
        }
    }

    fn refuse_call(&mut self, now: Instant, txn: ServerTxn, request: &Request, cause: HangupCause) {
        self.shared
            .net
            .counters
            .refused_calls
            .fetch_add(1, Ordering::Relaxed);
        let response = if cause.sip_status() == 503 {
            self.busy(request)
        } else {
            Response::to(request, cause.sip_status(), cause.phrase())
        };
        self.respond(now, txn, response);
    }

    /// Refuses a call that could come in so much later.
    fn refuse_for(&mut self, now: Instant, txn: ServerTxn, request: &Request, after: Duration) {
        let refused = &self.shared.net.counters.refused_calls;
        refused.fetch_add(1, Ordering::Relaxed);
        self.respond(now, txn, busy_for(request, after));
    }

    /// The refusal of what could be asked again later.
    fn busy(&self, request: &Request) -> Response {
        busy_for(request, self.shared.net.config.limits.retry_after)
    }

    fn respond(&mut self, now: Instant, txn: ServerTxn, response: Response) {
        // A peer that is gone by now needs no answer.
        self.endpoint.respond(now, txn, response).ok();
    }

    /// A response, or its absence, may lead to another server instead of to who asked.
    fn response(&mut self, now: Instant, txn: ClientTxn, response: Response) {
        let standing = &mut self.outbox.standing;
        let verdict = self.failover.response(now, txn, &response, standing);
        match verdict {
            Verdict::Deliver => self.deliver(txn, response),
            Verdict::Swallow | Verdict::Elsewhere(_) | Verdict::HangUp(_) => {
                self.obey(now, txn, verdict);
            }
        }
    }

    fn failed(&mut self, now: Instant, txn: ClientTxn, failure: TxnFailure) {
        let standing = &mut self.outbox.standing;
        let verdict = self.failover.failed(now, txn, failure, standing);
        match verdict {
            Verdict::Deliver => {
                if let Some(sender) = self.sender_of(txn) {
                    self.tell_failure(sender, failure);
                }
            }
            Verdict::Swallow | Verdict::Elsewhere(_) | Verdict::HangUp(_) => {
                self.obey(now, txn, verdict);
            }
        }
    }

    /// Servers that have been silent for too long are left.
    fn handle_silence(&mut self, now: Instant) {
        while let Some((txn, verdict)) = self.failover.poll_overdue(now, &mut self.outbox.standing)
        {
            self.endpoint.abandon(now, txn);
            self.obey(now, txn, verdict);
        }
    }

    fn obey(&mut self, now: Instant, txn: ClientTxn, verdict: Verdict) {
        match verdict {
            Verdict::Deliver | Verdict::Swallow => {}
            Verdict::Elsewhere(retry) => {
                let (request, route) = *retry;
                if let Some(sender) = self.sender_of(txn) {
                    let outgoing = Outgoing {
                        sender,
                        request,
                        route,
                    };
                    let posted = self.outbox.forward(now, &self.shared, outgoing);
                    self.posted(now, posted);
                }
            }
            Verdict::HangUp(unwanted) => self.hang_up(now, *unwanted),
        }
    }

    fn hang_up(&mut self, now: Instant, unwanted: Unwanted) {
        let next_hop = NextHop {
            uri: unwanted.next_hop,
            flow: None,
            address: None,
        };
        self.post(now, Sender::Unwanted, unwanted.ack, &next_hop, None);
        if let Some(bye) = unwanted.bye {
            let nobody = Sender::Ask(Reply::new(|_| {}));
            self.post(now, nobody, bye, &next_hop, None);
        }
    }

    /// Whose request this was. Nobody waits for the transaction any more, but a leg still does for
    /// its request.
    fn sender_of(&mut self, txn: ClientTxn) -> Option<Sender> {
        if let Some(reply) = self.asked.remove(&txn) {
            return Some(Sender::Ask(reply));
        }
        let mut legs = self.shared.legs.lock();
        let (leg, tag) = legs.remove_client(txn)?;
        legs.wants(leg, tag);
        Some(Sender::Leg(leg, tag))
    }

    /// A response is for the leg that asked. A 2xx to an INVITE may come again, or from another
    /// branch of a fork, so it is still looked for.
    fn deliver(&mut self, txn: ClientTxn, response: Response) {
        if !response.is_provisional()
            && let Some(reply) = self.asked.remove(&txn)
        {
            return reply.tell(Ok(response));
        }
        let invite = is_invite(&response);
        let mut legs = self.shared.legs.lock();
        let owner = if response.is_provisional() {
            legs.of_client(txn)
        } else if invite && response.is_success() {
            legs.answered(txn)
        } else {
            legs.remove_client(txn)
        };
        if let Some((leg, _)) = owner.filter(|_| invite) {
            legs.tagged(leg, response.headers.to_tag());
        }
        drop(legs);
        if let Some((leg, tag)) = owner {
            self.tell(leg, UsageInput::Response { tag, response });
        }
    }

    fn tell(&self, leg: LegId, input: UsageInput) {
        if let Some(calls) = self.shared.calls.get() {
            calls.sip_input(leg, input);
        }
    }
}

/// What others want.
impl Signalling {
    #[expect(clippy::panic, reason = "the fault that supervision is tested with")]
    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::Perform(leg, effect) => self.perform(now, leg, effect),
            Command::Close(leg) => {
                self.shared.legs.lock().close(leg);
                self.shared.observer.leg_closed(leg.call);
                self.outbox.close(leg);
            }
            Command::Rename(from, to) => {
                let mut legs = self.shared.legs.lock();
                legs.rename(from, to);
                if let Some(dialog) = legs.dialog_of(to) {
                    let call_id = &dialog.key.call_id;
                    self.shared.observer.leg_moved(call_id, from.call, to.call);
                }
                drop(legs);
                self.outbox.rename(from, to);
            }
            Command::Respond(txn, response) => self.respond(now, txn, response),
            Command::Ask(ask) => self.ask(now, *ask),
            Command::Resolved(number, addresses) => {
                if let Some(posted) = self.outbox.resolved(now, &self.shared, number, addresses) {
                    self.posted(now, posted);
                }
            }
            Command::Connected(remote, path) => {
                for txn in self.answers.connected(&remote) {
                    self.answer_by(txn, path);
                }
                for posted in self.outbox.connected(now, &self.shared, &remote, path) {
                    self.posted(now, posted);
                }
            }
            Command::Fault => panic!("a fault was injected into the signalling task"),
        }
        self.dispatch(now);
    }

    fn perform(&mut self, now: Instant, leg: LegId, effect: UsageEffect) {
        match effect {
            UsageEffect::Respond { txn, response } => self.respond_for(now, leg, txn, response),
            UsageEffect::Request {
                tag,
                request,
                next_hop,
            } => self.post_for(now, leg, Sender::Leg(leg, tag), request, &next_hop),
            UsageEffect::Ack { request, next_hop } => {
                self.post_for(now, leg, Sender::Ack(leg), request, &next_hop);
            }
            UsageEffect::Cancel { tag, reason } => self.cancel(now, leg, tag, reason),
        }
    }

    fn post_for(
        &mut self,
        now: Instant,
        leg: LegId,
        sender: Sender,
        request: Request,
        next_hop: &NextHop,
    ) {
        self.post(now, sender, request, next_hop, Some(leg));
    }

    fn ask(&mut self, now: Instant, ask: Ask) {
        let sender = Sender::Ask(ask.reply);
        self.post(now, sender, ask.request, &ask.next_hop, None);
    }

    fn post(
        &mut self,
        now: Instant,
        sender: Sender,
        request: Request,
        next_hop: &NextHop,
        leg: Option<LegId>,
    ) {
        if let Sender::Leg(leg, tag) = &sender {
            self.shared.legs.lock().wants(*leg, *tag);
        }
        let outgoing = Outgoing {
            sender,
            request,
            route: Route::begin(now),
        };
        let posted = self.outbox.post(now, &self.shared, outgoing, next_hop, leg);
        self.posted(now, posted);
    }

    /// Only the leg that was given a request may answer it: after a fall, numbers of transactions
    /// begin again.
    fn respond_for(&mut self, now: Instant, leg: LegId, txn: ServerTxn, response: Response) {
        let repeated = is_invite(&response) && response.is_success();
        let over = !response.is_provisional() && !repeated;
        let mut legs = self.shared.legs.lock();
        if legs.of_server(txn) != Some(leg) {
            return;
        }
        if over {
            legs.remove_server(txn);
        }
        drop(legs);
        self.respond(now, txn, response);
    }

    fn posted(&mut self, now: Instant, posted: Posted) {
        match posted {
            Posted::Waiting => {}
            Posted::Ready(outgoing, path) => self.send(now, outgoing, path),
            Posted::Unreachable(Outgoing { sender, .. }) => {
                self.tell_failure(sender, TxnFailure::Transport);
            }
        }
    }

    fn send(&mut self, now: Instant, outgoing: Outgoing, path: Path) {
        let Outgoing {
            sender,
            request,
            route,
        } = outgoing;
        self.shared.guard.vouch(path.peer.ip());
        if request.method == Method::Invite
            && let Sender::Leg(leg, _) = &sender
        {
            let call_id = request.headers.call_id();
            self.shared.observer.assign(call_id, leg.call);
        }
        if let Sender::Leg(leg, _) | Sender::Ack(leg) = &sender {
            self.note_place(*leg, path, &request);
        }
        if matches!(sender, Sender::Ack(_) | Sender::Unwanted) {
            return self.endpoint.send_ack(path, request);
        }
        let again = route.had_choice().then(|| (request.clone(), route));
        let txn = self.endpoint.request(now, path, request);
        if let Some((request, route)) = again {
            self.failover.sent(now, txn, request, route);
        }
        match sender {
            Sender::Leg(leg, tag) => self.shared.legs.lock().add_client(leg, tag, txn),
            Sender::Ask(reply) => {
                self.asked.insert(txn, reply);
            }
            Sender::Ack(_) | Sender::Unwanted => {}
        }
    }

    /// Where a leg's peer is written to, it may be heard from.
    fn note_place(&self, leg: LegId, path: Path, request: &Request) {
        let is_new = request.method == Method::Invite && request.headers.to_tag().is_none();
        let rung = is_new.then(|| peer::rung(&self.shared.directory.load(), request));
        let mut legs = self.shared.legs.lock();
        legs.written_to(leg, path);
        if let Some(extension) = rung.flatten() {
            legs.use_extension(leg, extension);
        }
        drop(legs);
        if request.method == Method::Invite {
            self.shared.recognize(leg, path);
        }
    }

    fn tell_failure(&self, sender: Sender, failure: TxnFailure) {
        match sender {
            Sender::Leg(leg, tag) => self.give_up(leg, tag, failure),
            Sender::Ask(reply) => reply.tell(Err(failure)),
            Sender::Ack(_) | Sender::Unwanted => {}
        }
    }

    fn give_up(&self, leg: LegId, tag: RequestTag, failure: TxnFailure) {
        self.shared.legs.lock().gave_up(leg, tag);
        self.tell(leg, UsageInput::RequestFailed { tag, failure });
    }

    fn cancel(&mut self, now: Instant, leg: LegId, tag: RequestTag, reason: Option<String>) {
        let txn = self.shared.legs.lock().client_of(leg, tag);
        if let Some(txn) = txn {
            self.failover.cancelled(txn);
            self.endpoint.cancel(now, txn, reason);
        } else if self.outbox.withdraw(leg, tag) {
            self.give_up(leg, tag, TxnFailure::Transport);
        }
    }
}

fn busy_for(request: &Request, after: Duration) -> Response {
    let mut response = Response::to(request, 503, phrase(503));
    let seconds = after.as_millis().div_ceil(1000).max(1);
    response
        .headers
        .push(HeaderName::RetryAfter, seconds.to_string());
    response
}

fn is_invite(response: &Response) -> bool {
    response
        .headers
        .cseq()
        .is_ok_and(|cseq| cseq.method == Method::Invite)
}
