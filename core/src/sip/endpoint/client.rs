//! The asking half: our requests and the responses of peers.

use std::net::IpAddr;
use std::time::Instant;

use bytes::Bytes;

use super::Endpoint;
use super::event::{ClientTxn, EndpointEvent, Heard, TxnFailure};
use super::path::Path;
use crate::sip::HeaderName;
use crate::sip::header::{CSeq, Via};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::transaction::client::Client;
use crate::sip::transaction::client_invite::{ClientInvite, State, Step};
use crate::sip::transaction::key::Key;
use crate::sip::transaction::table::{Id, Timed};

#[derive(Debug)]
enum Machine {
    Invite(ClientInvite),
    Other(Client),
}

impl Machine {
    fn state(&self) -> State {
        match self {
            Self::Invite(machine) => machine.state(),
            Self::Other(machine) => machine.state(),
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

/// A CANCEL on its way.
#[derive(Debug)]
enum Cancel {
    NotWanted,
    /// Waits for a provisional response (section 9.1), with its `Reason`.
    Held(Option<String>),
    Sent,
}

/// Who hears of the responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Audience {
    User,
    /// A CANCEL's responses concern nobody: the INVITE gets its own.
    Nobody,
}

/// A client transaction with its bytes.
#[derive(Debug)]
pub(super) struct ClientSlot {
    machine: Machine,
    path: Path,
    audience: Audience,
    /// The request for retransmission; later the ACK of a failure.
    data: Bytes,
    /// An INVITE without a final response: what its ACK and CANCEL are made of.
    invite: Option<Request>,
    cancel: Cancel,
}

impl Timed for ClientSlot {
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

fn is_unanswered(state: State) -> bool {
    matches!(state, State::Calling | State::Proceeding)
}

impl Endpoint {
    /// Sends a request other than ACK and CANCEL. `Via` with a branch and `rport` is added. Events
    /// with the returned name follow until a final response or a failure; an INVITE's 2xx may be
    /// followed by more of them.
    pub fn request(&mut self, now: Instant, path: Path, mut request: Request) -> ClientTxn {
        let branch = self.push_via(path, &mut request);
        let reliable = path.transport.is_reliable();
        let key = Key::client(&branch, &request.method);
        let data = request.write();
        let invite = request.method == Method::Invite;
        let slot = ClientSlot {
            machine: if invite {
                Machine::Invite(ClientInvite::start(now, reliable))
            } else {
                Machine::Other(Client::start(now, reliable))
            },
            path,
            audience: Audience::User,
            data: if reliable { Bytes::new() } else { data.clone() },
            invite: invite.then_some(request),
            cancel: Cancel::NotWanted,
        };
        self.transmit(path, data);
        ClientTxn(self.clients.insert(key, path.stream(), slot).0)
    }

    /// Takes an INVITE back. The CANCEL is held back until a provisional response has come, and not
    /// sent at all once a final one has. Without a final response 32 s after it, the INVITE fails
    /// as timed out. `reason` is the value of a `Reason` header.
    pub fn cancel(&mut self, now: Instant, txn: ClientTxn, reason: Option<String>) {
        let Some(slot) = self.clients.get_mut(txn.id()) else {
            return;
        };
        if !matches!(slot.cancel, Cancel::NotWanted) {
            return;
        }
        match slot.machine.state() {
            State::Calling => slot.cancel = Cancel::Held(reason),
            State::Proceeding => self.send_cancel(now, txn.id(), reason),
            State::Accepted | State::Completed | State::Terminated => {}
        }
    }

    /// Gives a request up for another server's sake, because nothing was heard of it: it is not
    /// repeated any more. An INVITE is taken back as soon as it shows a sign of life, and what comes
    /// of it is still told; of other requests nothing more is told.
    pub fn abandon(&mut self, now: Instant, txn: ClientTxn) {
        let Some(slot) = self.clients.get_mut(txn.id()) else {
            return;
        };
        match &mut slot.machine {
            Machine::Invite(machine) => {
                machine.stop_repeating();
                self.clients.settle(txn.id());
                self.cancel(now, txn, None);
            }
            Machine::Other(_) => {
                self.clients.remove(txn.id());
            }
        }
    }

    fn send_cancel(&mut self, now: Instant, id: Id, reason: Option<String>) {
        let Some(slot) = self.clients.get_mut(id) else {
            return;
        };
        let (Machine::Invite(machine), Some(invite)) = (&mut slot.machine, &slot.invite) else {
            return;
        };
        let Some(mut cancel) = follow_up(invite, Method::Cancel) else {
            return;
        };
        machine.handle_cancelled(now);
        slot.cancel = Cancel::Sent;
        let path = slot.path;
        if let Some(to) = invite.headers.get(&HeaderName::To) {
            cancel.headers.push(HeaderName::To, to.clone());
        }
        if let Some(reason) = reason {
            cancel.headers.push(HeaderName::Reason, reason);
        }
        let branch = cancel.headers.top_via().ok().and_then(|via| via.branch());
        let data = cancel.write();
        self.clients.settle(id);
        self.transmit(path, data.clone());
        let reliable = path.transport.is_reliable();
        let slot = ClientSlot {
            machine: Machine::Other(Client::start(now, reliable)),
            path,
            audience: Audience::Nobody,
            data: if reliable { Bytes::new() } else { data },
            invite: None,
            cancel: Cancel::NotWanted,
        };
        let key = Key::client(&branch.unwrap_or_default(), &Method::Cancel);
        self.clients.insert(key, path.stream(), slot);
    }

    pub(super) fn handle_response(
        &mut self,
        now: Instant,
        path: Path,
        response: Response,
    ) -> Heard {
        let Some(id) = self.find_client(&response) else {
            return Heard::Unasked;
        };
        let Some(slot) = self.clients.get_mut(id) else {
            return Heard::Unasked;
        };
        let step = slot.machine.handle_response(now, response.status);
        let audience = slot.audience;
        let held = match &mut slot.cancel {
            Cancel::Held(reason) if slot.machine.state() == State::Proceeding => {
                Some(reason.take())
            }
            Cancel::Held(_) | Cancel::NotWanted | Cancel::Sent => None,
        };
        match step {
            Step::DeliverAndAck => {
                let ack = slot
                    .invite
                    .as_ref()
                    .and_then(|invite| ack(invite, &response));
                slot.data = ack.unwrap_or_default();
                self.resend(id);
            }
            Step::Ack => self.resend(id),
            Step::Ignore | Step::Deliver | Step::Resend | Step::TimedOut => {}
        }
        if let Some(slot) = self.clients.get_mut(id)
            && !is_unanswered(slot.machine.state())
        {
            slot.invite = None;
            // Only a failure's ACK is needed from now on.
            if !matches!(step, Step::DeliverAndAck | Step::Ack) {
                slot.data = Bytes::new();
            }
        }
        self.clients.settle(id);
        if matches!(step, Step::Deliver | Step::DeliverAndAck) && audience == Audience::User {
            self.events.push_back(EndpointEvent::Response {
                txn: ClientTxn(id.0),
                path,
                response,
            });
        }
        if let Some(reason) = held {
            self.send_cancel(now, id, reason);
        }
        Heard::Understood
    }

    /// The transaction a response belongs to. A response with a second Via was meant for somebody
    /// else (section 8.1.3.3).
    fn find_client(&self, response: &Response) -> Option<Id> {
        response.check().ok()?;
        let mut vias = response.headers.list(&HeaderName::Via);
        let top = Via::parse(&vias.next()?).ok()?;
        if vias.next().is_some() {
            return None;
        }
        let method = response.headers.cseq().ok()?.method;
        self.clients.find(&Key::client(&top.branch()?, &method))
    }

    fn resend(&mut self, id: Id) {
        if let Some(slot) = self.clients.get(id)
            && !slot.data.is_empty()
        {
            let (path, data) = (slot.path, slot.data.clone());
            self.transmit(path, data);
        }
    }

    pub(super) fn client_timeout(&mut self, now: Instant, id: Id) {
        let Some(slot) = self.clients.get_mut(id) else {
            return;
        };
        match slot.machine.handle_timeout(now) {
            Step::Resend => {
                self.repeats.sent += 1;
                self.resend(id);
            }
            Step::TimedOut if slot.audience == Audience::User => {
                self.events.push_back(EndpointEvent::Failed {
                    txn: ClientTxn(id.0),
                    path: slot.path,
                    failure: TxnFailure::TimedOut,
                });
            }
            Step::TimedOut | Step::Ignore | Step::Deliver | Step::DeliverAndAck | Step::Ack => {}
        }
        self.clients.settle(id);
    }

    /// Ends a transaction whose connection is gone.
    pub(super) fn lose_client(&mut self, id: Id) {
        let Some(slot) = self.clients.remove(id) else {
            return;
        };
        if is_unanswered(slot.machine.state()) && slot.audience == Audience::User {
            self.events.push_back(EndpointEvent::Failed {
                txn: ClientTxn(id.0),
                path: slot.path,
                failure: TxnFailure::Transport,
            });
        }
    }

    /// Puts our hop on top and returns its branch.
    pub(super) fn push_via(&mut self, path: Path, request: &mut Request) -> Bytes {
        let branch = format!("z9hG4bK{}", self.ids.token());
        let host = match path.local.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        let via = Via::new(path.transport.as_str(), &host, path.local.port(), &branch);
        request.headers.push_front(HeaderName::Via, via.write());
        branch.into()
    }
}

/// The ACK for a failure (section 17.1.1.3): the INVITE's own hop, route and number, and the To of
/// the response.
fn ack(invite: &Request, response: &Response) -> Option<Bytes> {
    let mut ack = follow_up(invite, Method::Ack)?;
    let to = response.headers.get(&HeaderName::To)?;
    ack.headers.push(HeaderName::To, to.clone());
    Some(ack.write())
}

/// What ACK and CANCEL take over from their INVITE.
fn follow_up(invite: &Request, method: Method) -> Option<Request> {
    let from = &invite.headers;
    let cseq = CSeq {
        number: from.cseq().ok()?.number,
        method: method.clone(),
    };
    let mut request = Request::new(method, invite.uri.clone());
    let headers = &mut request.headers;
    headers.push(HeaderName::Via, from.top_via().ok()?.write());
    headers.push(HeaderName::MaxForwards, "70");
    for route in from.all(&HeaderName::Route) {
        headers.push(HeaderName::Route, route.clone());
    }
    headers.push(HeaderName::From, from.get(&HeaderName::From)?.clone());
    headers.push(HeaderName::CallId, from.call_id()?.clone());
    headers.push(HeaderName::CSeq, cseq.write());
    Some(request)
}
