//! The answering half: requests of peers and our responses.

use std::time::Instant;

use bytes::Bytes;

use super::check::{Refusal, check};
use super::event::{EndpointEvent, ServerTxn, TxnGone};
use super::path::Path;
use super::recourse::Recourse;
use super::{Endpoint, via};
use crate::sip::header::Via;
use crate::sip::invite::reason;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::transaction::key::Key;
use crate::sip::transaction::server::Server;
use crate::sip::transaction::server_invite::{ServerInvite, State, Step};
use crate::sip::transaction::table::{Id, Timed};
use crate::sip::{HeaderErrorKind, HeaderName};

#[derive(Debug)]
enum Machine {
    Invite(ServerInvite),
    Other(Server),
}

impl Machine {
    fn state(&self) -> State {
        match self {
            Self::Invite(machine) => machine.state(),
            Self::Other(machine) => machine.state(),
        }
    }

    fn handle_retransmission(&self) -> Step {
        match self {
            Self::Invite(machine) => machine.handle_retransmission(),
            Self::Other(machine) => machine.handle_retransmission(),
        }
    }

    fn handle_response(&mut self, now: Instant, status: u16) -> Step {
        match self {
            Self::Invite(machine) => machine.handle_response(now, status),
            Self::Other(machine) => machine.handle_response(now, status),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Step {
        match self {
            Self::Invite(machine) => machine.handle_timeout(now),
            Self::Other(machine) => machine.handle_timeout(now),
        }
    }
}

/// A server transaction with its bytes.
#[derive(Debug)]
pub(super) struct ServerSlot {
    machine: Machine,
    /// Where responses go.
    pub(super) path: Path,
    /// What is left when that is a connection and gone.
    pub(super) recourse: Option<Box<Recourse>>,
    /// The response that answers retransmissions; empty while there is none.
    last: Bytes,
    /// The 100 of an INVITE that is not answered yet.
    trying: Option<Response>,
    /// The To tag of the responses: the user's, else one that follows from the key.
    tag: Tag,
    /// Its entry among the initial requests.
    initial: Option<u64>,
}

/// What To tag a transaction's responses have.
#[derive(Debug)]
enum Tag {
    Derived(String),
    Users(Bytes),
}

impl Timed for ServerSlot {
    fn poll_timeout(&self) -> Option<Instant> {
        match &self.machine {
            Machine::Invite(machine) => machine.poll_timeout(),
            Machine::Other(machine) => machine.poll_timeout(),
        }
    }

    fn is_over(&self) -> bool {
        self.machine.state() == State::Terminated
    }
}

impl ServerSlot {
    /// Whether the peer has something to hear, or to hear again.
    pub(super) fn has_to_answer(&self) -> bool {
        !matches!(self.machine.state(), State::Confirmed | State::Terminated)
    }

    /// The response that waited for a connection, or may have been lost with one. A 2xx is given
    /// away: its user repeats it.
    pub(super) fn take_waiting(&mut self) -> Bytes {
        if self.machine.state() == State::Accepted {
            std::mem::take(&mut self.last)
        } else {
            self.last.clone()
        }
    }

    fn is_connecting(&self) -> bool {
        self.recourse.as_ref().is_some_and(|it| it.is_connecting())
    }
}

fn is_unanswered(state: State) -> bool {
    matches!(state, State::Trying | State::Proceeding)
}

impl Endpoint {
    /// Answers a request. `response` is best made with [`Response::to`] from the request of the
    /// event; a missing To tag and `Server` are added. To an INVITE any number of provisional
    /// responses may be sent, and its 2xx again and again.
    ///
    /// # Errors
    /// When the transaction is over or has its final response; nothing is sent then.
    pub fn respond(
        &mut self,
        now: Instant,
        txn: ServerTxn,
        mut response: Response,
    ) -> Result<(), TxnGone> {
        let product = &self.config.product;
        let slot = self.servers.get_mut(txn.id()).ok_or(TxnGone)?;
        if slot.machine.handle_response(now, response.status) == Step::Refuse {
            return Err(TxnGone);
        }
        if response.status > 100 {
            if let Tag::Derived(tag) = &slot.tag {
                response.headers.add_to_tag(tag);
            }
            if let Some(tag) = response.headers.to_tag() {
                slot.tag = Tag::Users(tag);
            }
        }
        if !response.headers.has(&HeaderName::Server) {
            let product = Bytes::copy_from_slice(product.as_bytes());
            response.headers.push(HeaderName::Server, product);
        }
        let data = response.write();
        slot.trying = None;
        // A 2xx to an INVITE is repeated by the user, who also knows when to stop.
        let waits = slot.is_connecting();
        slot.last = if slot.machine.state() == State::Accepted && !waits {
            Bytes::new()
        } else {
            data.clone()
        };
        let path = slot.path;
        if !waits {
            self.transmit(path, data);
        }
        self.settle_server(txn.id());
        Ok(())
    }

    pub(super) fn handle_request(&mut self, now: Instant, path: Path, mut request: Request) {
        let top = match request.headers.top_via() {
            Ok(top) => top,
            Err(error) if error.kind == HeaderErrorKind::Missing => return,
            Err(error) => {
                let refusal = Refusal::malformed(error.reason());
                return self.refuse_pathless(path, &request, refusal);
            }
        };
        let reply_path = via::reply_path(&top, path);
        let key = Key::server(&request, &top);
        via::stamp(&mut request, &top, path.peer);
        let known = key.as_ref().and_then(|key| self.servers.find(key));
        if request.method == Method::Ack {
            return self.handle_ack(now, path, request, known);
        }
        if let Some(id) = known {
            return self.repeat(id);
        }
        if let Err(refusal) = check(&mut request, &self.config) {
            return self.refuse(reply_path, &request, &top, refusal);
        }
        let Some(key) = key else {
            return;
        };
        if request.method == Method::Cancel {
            return self.handle_cancel(now, reply_path, &request, &top, key);
        }
        if let Some(refusal) = self.answer_at_once(&request) {
            return self.refuse(reply_path, &request, &top, refusal);
        }
        if self.servers.len() >= self.config.max_server_transactions {
            return;
        }
        let initial = self.initial_hash(&request);
        let slot = self.server_slot(now, reply_path, &request, &key, initial);
        let id = self.servers.insert(key, path.stream(), slot);
        if let Some(hash) = initial {
            self.initial.insert(hash, id);
        }
        let txn = ServerTxn(id.0);
        self.events
            .push_back(EndpointEvent::Request { txn, path, request });
    }

    fn server_slot(
        &self,
        now: Instant,
        path: Path,
        request: &Request,
        key: &Key,
        initial: Option<u64>,
    ) -> ServerSlot {
        let reliable = path.transport.is_reliable();
        let invite = request.method == Method::Invite;
        ServerSlot {
            machine: if invite {
                Machine::Invite(ServerInvite::start(now, reliable))
            } else {
                Machine::Other(Server::start(now, reliable))
            },
            path,
            recourse: None,
            last: Bytes::new(),
            trying: invite.then(|| Response::to(request, 100, "Trying")),
            tag: Tag::Derived(self.derived_tag(key)),
            initial,
        }
    }

    /// From tag, Call-ID and CSeq of a request that starts something.
    pub(super) fn initial_hash(&self, request: &Request) -> Option<u64> {
        let headers = &request.headers;
        if headers.to_tag().is_some() {
            return None;
        }
        let cseq = headers.cseq().ok()?;
        let id = (headers.from_tag(), headers.call_id()?, cseq.number);
        Some(self.hasher.hash_one((id, cseq.method.as_bytes())))
    }

    fn handle_ack(&mut self, now: Instant, path: Path, mut request: Request, known: Option<Id>) {
        let slot = known.and_then(|id| Some((id, self.servers.get_mut(id)?)));
        if let Some((id, slot)) = slot
            && let Machine::Invite(machine) = &mut slot.machine
        {
            let step = machine.handle_ack(now);
            if machine.state() == State::Confirmed {
                slot.last = Bytes::new();
            }
            self.settle_server(id);
            if step != Step::DeliverAck {
                return;
            }
        }
        if check(&mut request, &self.config).is_ok() {
            self.events.push_back(EndpointEvent::Ack { path, request });
        }
    }

    /// CANCEL is a transaction of its own (section 9.2).
    fn handle_cancel(&mut self, now: Instant, path: Path, request: &Request, top: &Via, key: Key) {
        let invite = Key::cancelled(request, top).and_then(|key| self.servers.find(&key));
        let found = invite.and_then(|id| Some((id, self.servers.get(id)?)));
        let refusal = Refusal::new(if found.is_some() { 200 } else { 481 });
        let mut response = Response::to(request, refusal.status, &refusal.reason);
        if let Some((id, slot)) = found {
            match &slot.tag {
                Tag::Derived(tag) => response.headers.add_to_tag(tag),
                Tag::Users(tag) => {
                    response.headers.add_to_tag(&String::from_utf8_lossy(tag));
                }
            }
            if is_unanswered(slot.machine.state()) {
                self.events.push_back(EndpointEvent::Cancelled {
                    txn: ServerTxn(id.0),
                    cause: reason::read(&request.headers),
                });
            }
        }
        if self.servers.len() < self.config.max_server_transactions {
            let slot = self.server_slot(now, path, request, &key, None);
            let id = self.servers.insert(key, path.stream(), slot);
            // A transaction that has just begun takes any response.
            self.respond(now, ServerTxn(id.0), response).ok();
        } else {
            self.sign(&mut response);
            self.transmit(path, response.write());
        }
    }

    /// Answers a retransmitted request.
    fn repeat(&mut self, id: Id) {
        self.repeats.received += 1;
        let Some(slot) = self.servers.get(id) else {
            return;
        };
        let resends = slot.machine.handle_retransmission() == Step::Resend;
        if resends && !slot.last.is_empty() && !slot.is_connecting() {
            let (path, data) = (slot.path, slot.last.clone());
            self.transmit(path, data);
        }
    }

    pub(super) fn server_timeout(&mut self, now: Instant, id: Id) {
        let Some(slot) = self.servers.get_mut(id) else {
            return;
        };
        let (path, waits) = (slot.path, slot.is_connecting());
        match slot.machine.handle_timeout(now) {
            Step::Trying => {
                if let Some(mut trying) = slot.trying.take() {
                    let product = Bytes::copy_from_slice(self.config.product.as_bytes());
                    trying.headers.push(HeaderName::Server, product);
                    slot.last = trying.write();
                    let data = slot.last.clone();
                    if !waits {
                        self.transmit(path, data);
                    }
                }
            }
            Step::Resend => {
                self.repeats.sent += 1;
                let data = slot.last.clone();
                self.transmit(path, data);
            }
            Step::Abandoned => self.events.push_back(EndpointEvent::ServerFlowLost {
                txn: ServerTxn(id.0),
            }),
            Step::Ignore | Step::Send | Step::Refuse | Step::DeliverAck => {}
        }
        self.settle_server(id);
    }

    /// Ends a transaction whose connection is gone.
    pub(super) fn lose_server(&mut self, id: Id) {
        let Some(slot) = self.servers.remove(id) else {
            return;
        };
        self.forget_initial(&slot, id);
        if is_unanswered(slot.machine.state()) {
            let txn = ServerTxn(id.0);
            self.events.push_back(EndpointEvent::ServerFlowLost { txn });
        }
    }

    fn settle_server(&mut self, id: Id) {
        if let Some(slot) = self.servers.settle(id) {
            self.forget_initial(&slot, id);
        }
    }

    fn forget_initial(&mut self, slot: &ServerSlot, id: Id) {
        if let Some(hash) = slot.initial
            && self.initial.get(&hash) == Some(&id)
        {
            self.initial.remove(&hash);
        }
    }
}
