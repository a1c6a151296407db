//! The phone's line: transactions, retransmissions, and the losses a test asks for.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use super::audio::lock;
use super::dialog::Dialog;
use super::digest::Credentials;
use super::ringing::Ringing;
use super::transport::{Arrival, Carrier, Sockets};
use super::watch::Desk;
use super::wire::{SipText, tag};
use super::wires::Passport;
use crate::PATIENCE;
use crate::g711::Law;

/// RFC 3261's T1: how long a round trip may take before a datagram counts as lost.
const T1: Duration = Duration::from_millis(500);
/// How long an INVITE may ring.
const RINGING: Duration = Duration::from_secs(180);

/// One message that gets lost on its way, to see what the other side does about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The next ACK the phone would send.
    SentAck,
    /// The next BYE the phone would send. It is sent again half a second later.
    SentBye,
    /// The next final response the phone would send to an INVITE.
    SentFinal,
    /// The next 2xx to an INVITE that comes in.
    Received2xx,
    /// The next ACK that comes in.
    ReceivedAck,
    /// The next BYE that comes in.
    ReceivedBye,
    /// The next CANCEL the phone would send.
    SentCancel,
    /// The next CANCEL that comes in.
    ReceivedCancel,
    /// The next refusal of an INVITE that comes in.
    ReceivedRefusal,
    /// The next reliable provisional response that comes in.
    ReceivedReliable,
    /// The next PRACK the phone would send. It is sent again half a second later.
    SentPrack,
    /// The next PRACK that comes in.
    ReceivedPrack,
}

/// Whom the phone says it is.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(crate) user: String,
    pub(crate) credentials: Option<Credentials>,
    /// Where requests outside a dialog go.
    pub(crate) proxy: Option<SocketAddr>,
    pub(crate) laws: Vec<Law>,
    pub(crate) also: Vec<(u8, &'static str)>,
    pub(crate) events: Option<u8>,
    /// The address it believes it has, if that is not the one it is seen with.
    pub(crate) behind: Option<Ipv4Addr>,
}

/// The line. Dialogs and the phone share it.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) identity: Identity,
    pub(crate) sockets: Sockets,
    pub(crate) desk: Desk,
    incoming: mpsc::UnboundedSender<Ringing>,
    state: Mutex<State>,
    tasks: Mutex<Vec<AbortHandle>>,
}

#[derive(Debug, Default)]
struct State {
    /// Who waits for responses, by branch and method.
    waiting: HashMap<String, mpsc::UnboundedSender<SipText>>,
    dialogs: HashMap<String, Arc<Dialog>>,
    /// The last reply to each request, by branch and method.
    replies: HashMap<String, SipText>,
    /// ACKs of failed INVITEs, by branch.
    acks: HashMap<String, (SipText, SocketAddr)>,
    losses: Vec<Loss>,
    reach: Reach,
}

/// Whether the line is connected to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Reach {
    #[default]
    Connected,
    /// Nothing gets in or out, as a test asked for.
    Vanished,
    /// The phone was dropped.
    Shut,
}

impl Line {
    /// Opens the line; new calls come out of the receiver.
    pub(crate) async fn open(
        identity: Identity,
        carrier: Carrier,
        passport: Option<Passport>,
    ) -> Result<(Arc<Self>, mpsc::UnboundedReceiver<Ringing>)> {
        let (arrivals_in, arrivals) = mpsc::unbounded_channel();
        let (incoming, rings) = mpsc::unbounded_channel();
        let sockets = Sockets::open(carrier, identity.proxy, passport, arrivals_in).await?;
        let line = Arc::new(Self {
            identity,
            sockets,
            desk: Desk::default(),
            incoming,
            state: Mutex::default(),
            tasks: Mutex::default(),
        });
        line.keep(tokio::spawn(listen(Arc::downgrade(&line), arrivals)).abort_handle());
        Ok((line, rings))
    }

    /// Hangs the line up for good: nothing is sent or answered any more.
    pub(crate) fn shut(&self) {
        self.sockets.close();
        for task in lock(&self.tasks).drain(..) {
            task.abort();
        }
        let shut = State {
            reach: Reach::Shut,
            ..State::default()
        };
        // Dialogs go after the lock is released: they hold the line.
        let before = std::mem::replace(&mut *lock(&self.state), shut);
        drop(before);
    }

    /// From now on the phone neither sends nor hears any SIP.
    pub(crate) fn vanish(&self) {
        lock(&self.state).reach = Reach::Vanished;
    }

    /// Lets a task end with the line.
    pub(crate) fn keep(&self, task: AbortHandle) {
        lock(&self.tasks).push(task);
    }

    pub(crate) fn lose(&self, loss: Loss) {
        lock(&self.state).losses.push(loss);
    }

    /// What is still to be lost.
    pub(crate) fn losses_left(&self) -> Vec<Loss> {
        lock(&self.state).losses.clone()
    }

    fn loses(&self, loss: Loss) -> bool {
        let mut state = lock(&self.state);
        let place = state.losses.iter().position(|known| *known == loss);
        place.map(|place| state.losses.remove(place)).is_some()
    }

    /// One of its addresses as it writes it into messages.
    pub(crate) fn shown(&self, mut address: SocketAddr) -> SocketAddr {
        if let Some(behind) = self.identity.behind {
            address.set_ip(behind.into());
        }
        address
    }

    /// The Contact of everything the phone sends.
    pub(crate) fn contact(&self) -> String {
        let (user, local) = (&self.identity.user, self.shown(self.sockets.local));
        let parameter = self.sockets.carrier.parameter();
        match self.sockets.carrier {
            Carrier::Udp | Carrier::Tcp | Carrier::Tls => {
                format!("<sip:{user}@{local}{parameter}>")
            }
            // A browser does not know its address (RFC 7118 section 5.3).
            Carrier::Ws | Carrier::Wss => format!("<sip:{user}@browser.invalid{parameter}>"),
        }
    }

    /// A Via with a new branch.
    pub(crate) fn via(&self) -> String {
        let (name, local) = (self.sockets.carrier.name(), self.shown(self.sockets.local));
        format!("SIP/2.0/{name} {local};branch=z9hG4bK{};rport", token())
    }

    /// Sends a message, unless it is to be lost.
    pub(crate) fn send(&self, message: &SipText, to: SocketAddr) {
        let lost = match (message.status(), message.method()) {
            (None, "ACK") => self.loses(Loss::SentAck),
            (None, "BYE") => self.loses(Loss::SentBye),
            (None, "CANCEL") => self.loses(Loss::SentCancel),
            (None, "PRACK") => self.loses(Loss::SentPrack),
            (Some(200..), "INVITE") => self.loses(Loss::SentFinal),
            _ => false,
        };
        if !lost && lock(&self.state).reach == Reach::Connected {
            self.sockets.send(message.write(), to);
        }
    }

    /// Replies to a request, and again whenever it comes again.
    pub(crate) fn reply(&self, request: &SipText, reply: SipText, to: SocketAddr) {
        self.send(&reply, to);
        lock(&self.state).replies.insert(key(request), reply);
    }

    /// Sends a request until a final response comes; `provisional` sees the others.
    pub(crate) async fn transact(
        &self,
        request: &SipText,
        to: SocketAddr,
        mut provisional: impl FnMut(&SipText),
    ) -> Result<SipText> {
        let invite = request.method() == "INVITE";
        if lock(&self.state).reach == Reach::Shut {
            bail!("the phone was dropped before its call");
        }
        let (waiter, mut responses) = mpsc::unbounded_channel();
        lock(&self.state).waiting.insert(key(request), waiter);
        let patience = if invite { RINGING } else { PATIENCE };
        let deadline = Instant::now() + patience;
        let (mut wait, mut again) = (T1, Instant::now() + T1);
        self.send(request, to);
        let last = loop {
            match timeout_at(again.min(deadline), responses.recv()).await {
                Ok(Some(response)) if response.status() >= Some(200) => break Some(response),
                Ok(Some(response)) => {
                    provisional(&response);
                    again = deadline;
                }
                Ok(None) => break None,
                Err(_) if Instant::now() >= deadline => break None,
                Err(_) if self.sockets.carrier == Carrier::Udp => {
                    self.send(request, to);
                    wait = (wait * 2).min(T1 * 8);
                    again = Instant::now() + wait;
                }
                Err(_) => again = deadline,
            }
        };
        lock(&self.state).waiting.remove(&key(request));
        last.with_context(|| format!("no final response to {}", request.start))
    }

    /// Sends an INVITE and acknowledges a failure; answers one challenge. `note` sees each try as it
    /// goes out and each provisional response.
    pub(crate) async fn invite(
        &self,
        request: &mut SipText,
        to: SocketAddr,
        mut note: impl FnMut(&SipText),
    ) -> Result<SipText> {
        for challenged in [false, true] {
            note(request);
            let response = self.transact(request, to, &mut note).await?;
            let status = response.status().unwrap_or(0);
            if status >= 300 {
                let ack = ack_of_failure(request, &response);
                self.send(&ack, to);
                let branch = request.branch().to_owned();
                lock(&self.state).acks.insert(branch, (ack, to));
            }
            if challenged || !self.authorize(request, &response)? {
                return Ok(response);
            }
        }
        bail!("challenged twice")
    }

    /// Makes `request` a new try that answers the challenge in `response`; false if there is none.
    pub(crate) fn authorize(&self, request: &mut SipText, response: &SipText) -> Result<bool> {
        let (challenge, answer) = match response.status() {
            Some(401) => ("WWW-Authenticate", "Authorization"),
            Some(407) => ("Proxy-Authenticate", "Proxy-Authorization"),
            Some(_) | None => return Ok(false),
        };
        let Some(credentials) = &self.identity.credentials else {
            return Ok(false);
        };
        let uri = request.start.split(' ').nth(1).unwrap_or("").to_owned();
        let method = request.method().to_owned();
        let value = credentials
            .answer(response.all(challenge), &method, &uri)
            .context("no challenge the phone can answer")?;
        let next = request.cseq() + 1;
        for (name, old) in &mut request.headers {
            match name.as_str() {
                "Via" => *old = self.via(),
                "CSeq" => *old = format!("{next} {method}"),
                _ => {}
            }
        }
        request.push(answer, value);
        Ok(true)
    }

    pub(crate) fn remember(&self, call_id: &str, dialog: Arc<Dialog>) {
        lock(&self.state).dialogs.insert(call_id.to_owned(), dialog);
    }

    fn dialog(&self, call_id: &str) -> Option<Arc<Dialog>> {
        lock(&self.state).dialogs.get(call_id).cloned()
    }

    fn receive(self: &Arc<Self>, bytes: &[u8], from: SocketAddr) {
        let Some(message) = SipText::parse(bytes) else {
            return;
        };
        if lock(&self.state).reach != Reach::Connected {
            return;
        }
        match message.status() {
            Some(status) => self.receive_response(message, status),
            None => self.receive_request(message, from),
        }
    }

    fn receive_response(&self, response: SipText, status: u16) {
        let invite = response.method() == "INVITE";
        let loss = match status {
            200..300 => Some(Loss::Received2xx),
            300.. => Some(Loss::ReceivedRefusal),
            _ if !response.header("RSeq").is_empty() => Some(Loss::ReceivedReliable),
            _ => None,
        };
        if invite && loss.is_some_and(|loss| self.loses(loss)) {
            return;
        }
        let waiter = lock(&self.state).waiting.get(&key(&response)).cloned();
        if let Some(waiter) = waiter {
            waiter.send(response).ok();
        } else if invite && status >= 300 {
            let ack = lock(&self.state).acks.get(response.branch()).cloned();
            if let Some((ack, to)) = ack {
                self.send(&ack, to);
            }
        } else if invite
            && status >= 200
            && let Some(dialog) = self.dialog(response.header("Call-ID"))
        {
            dialog.acknowledge_again(&response);
        }
    }

    fn receive_request(self: &Arc<Self>, request: SipText, from: SocketAddr) {
        let method = request.method().to_owned();
        let lost = match method.as_str() {
            "ACK" => self.loses(Loss::ReceivedAck),
            "BYE" => self.loses(Loss::ReceivedBye),
            "CANCEL" => self.loses(Loss::ReceivedCancel),
            "PRACK" => self.loses(Loss::ReceivedPrack),
            _ => false,
        };
        if lost {
            return;
        }
        let known = lock(&self.state).replies.get(&key(&request)).cloned();
        if let Some(reply) = known.filter(|_| method != "ACK") {
            self.send(&reply, from);
            return;
        }
        let dialog = self.dialog(request.header("Call-ID"));
        match (method.as_str(), dialog) {
            ("ACK", Some(dialog)) => dialog.acknowledged(&request),
            ("ACK", None) => {}
            ("INVITE", None) if tag(request.header("To")).is_none() => {
                self.ring(request, from);
            }
            ("OPTIONS", None) => {
                let reply = SipText::response_to(&request, 200, &token());
                self.reply(&request, reply, from);
            }
            (_, Some(dialog)) => dialog.receive(&request, from),
            (_, None) => {
                let is_mail = ["NOTIFY", "MESSAGE"].contains(&method.as_str());
                let taken = is_mail.then(|| self.desk.takes(&request)).flatten();
                let reply = SipText::response_to(&request, taken.unwrap_or(481), &token());
                self.reply(&request, reply, from);
            }
        }
    }

    /// A new call: 100 at once, and 180 as soon as there is a dialog.
    fn ring(self: &Arc<Self>, invite: SipText, from: SocketAddr) {
        let trying = SipText::response_to(&invite, 100, "");
        self.reply(&invite, trying, from);
        let line = Arc::clone(self);
        let task = tokio::spawn(async move {
            let Ok(dialog) = Dialog::called(&line, invite, from).await else {
                return;
            };
            line.incoming.send(Ringing::new(dialog)).ok();
        });
        self.keep(task.abort_handle());
    }
}

async fn listen(line: Weak<Line>, mut arrivals: mpsc::UnboundedReceiver<Arrival>) {
    while let Some((bytes, from)) = arrivals.recv().await {
        let Some(line) = line.upgrade() else { return };
        line.receive(&bytes, from);
    }
}

/// An ACK of a failed INVITE belongs to its transaction (RFC 3261 section 17.1.1.3).
fn ack_of_failure(invite: &SipText, response: &SipText) -> SipText {
    let uri = invite.start.split(' ').nth(1).unwrap_or("");
    let mut ack = SipText::new(format!("ACK {uri} SIP/2.0"));
    ack.push("Via", invite.header("Via"));
    ack.push("Max-Forwards", "70");
    ack.push("From", invite.header("From"));
    ack.push("To", response.header("To"));
    ack.push("Call-ID", invite.header("Call-ID"));
    ack.push("CSeq", format!("{} ACK", invite.cseq()));
    for route in invite.all("Route") {
        ack.push("Route", route);
    }
    ack
}

fn key(message: &SipText) -> String {
    format!("{} {}", message.branch(), message.method())
}

/// A new random token.
pub(crate) fn token() -> String {
    format!("{:016x}", rand::random::<u64>())
}
