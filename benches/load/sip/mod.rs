//! Callers and phones on one UDP socket.
//!
//! [`Sip`] does by itself what every caller and phone does: it answers, acknowledges, repeats what got
//! no answer, hangs up as its [`Plan`] says, and has [`Rtp`] talk while a call is up. What a scenario
//! wants to know it reads as [`SipEvent`]s.

mod caller;
mod manner;
mod phone;
mod registration;
mod text;
mod write;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::net::SocketAddr;

use anyhow::Result;
use bytes::Bytes;
use offhook_core::IdSource;
use offhook_core::pii::Secret;
use offhook_core::sip::digest::{Credentials, DigestClient};
use offhook_core::sip::message::{Message, Response};

use offhook_benches::clock::{self, MS, Nanos, SECOND};
use offhook_benches::rtp::Rtp;
use offhook_benches::socket::Socket;

use caller::Caller;
use phone::PhoneCall;
use text::Text;

/// T1 of RFC 3261.
const FIRST_PAUSE: Nanos = 500 * MS;
/// T2.
const LONGEST_PAUSE: Nanos = 4 * SECOND;
/// Sendings in vain after which a request is given up: about 20 s.
const MOST_SENDINGS: u32 = 8;

/// Who ends calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HangsUp {
    Caller,
    Phone,
    Nobody,
}

/// How calls go.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Who ends them.
    pub(crate) hangs_up: HangsUp,
    /// After a time between these; at once if both are 0.
    pub(crate) talk: (Nanos, Nanos),
}

/// What happened.
#[derive(Debug)]
pub(crate) enum SipEvent {
    /// The server answered a caller whose INVITE, with a signature where one was wanted, was sent
    /// then.
    Answered {
        call: u32,
        sent_at: Nanos,
        at: Nanos,
    },
    /// It refused one.
    Refused { status: u16 },
    /// It does not answer.
    GivenUp,
    /// A caller's call is over.
    Ended { call: u32 },
    /// A phone was rung, and answered at once: `answered_after` is our own time.
    Rang {
        phone: usize,
        call: Option<u32>,
        at: Nanos,
        answered_after: Nanos,
    },
    /// The server took back a ringing.
    Cancelled,
    /// A phone that had refreshed its registration then was granted it.
    Registered { sent_at: Nanos, at: Nanos },
    /// A phone's call is over.
    PhoneFree { phone: usize, at: Nanos },
}

/// What is special about a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It is answered and ended as the plan says.
    #[default]
    Plain,
    /// The caller puts the other on hold once and takes them back.
    Holds,
    /// The phone only rings, and the caller gives up.
    Cancels,
    /// The phone is busy.
    Rejected,
}

/// A call that is to be placed.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    /// The calling number; no two calls at once have the same.
    pub(crate) from: String,
    /// The number dialled.
    pub(crate) dialled: String,
    /// The phone that calls, if it is none outside.
    pub(crate) line: Option<usize>,
    /// What is special about it.
    pub(crate) manner: Manner,
}

/// Whose timer it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Who {
    Caller(u32),
    Phone(u32),
    Registration(usize),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Send again what got no answer, the n-th time.
    Again(Who, u32),
    HangUp(Who),
    /// The caller holds, or takes back, by re-INVITE.
    Hold(u32, Direction),
    Cancel(u32),
}

/// What a re-INVITE asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Direction {
    SendOnly,
    SendReceive,
}

/// A registered phone, or a caller inside.
struct Line {
    number: String,
    digest: DigestClient,
    registered: bool,
    /// The REGISTER on its way.
    request: Vec<u8>,
    cseq: u32,
    /// When it was sent first, without the answer to a challenge.
    sent_at: Nanos,
}

/// Every caller and phone.
pub(crate) struct Sip {
    socket: Socket,
    server: SocketAddr,
    local: SocketAddr,
    /// Told apart from those of other runs against the same server.
    run: String,
    rtp: Option<Rtp>,
    plan: Plan,
    ids: IdSource,
    lines: Vec<Line>,
    by_number: HashMap<String, usize>,
    callers: HashMap<u32, Caller>,
    by_from: HashMap<String, u32>,
    phones: HashMap<u32, PhoneCall>,
    by_call_id: HashMap<String, u32>,
    /// INVITEs of phones that ring until they are cancelled, by Call-ID.
    ringing: HashMap<String, Vec<u8>>,
    placed: u32,
    rung: u32,
    timers: BinaryHeap<Reverse<(Nanos, Timer)>>,
    events: VecDeque<SipEvent>,
    repeated: u32,
}

impl Sip {
    /// Nobody yet, towards this server.
    pub(crate) fn new(server: SocketAddr, plan: Plan, rtp: Option<Rtp>) -> Result<Self> {
        let socket = Socket::open()?;
        let mut ids = IdSource::from_entropy();
        Ok(Self {
            local: socket.address()?,
            run: format!("{:08x}", ids.bits() >> 32),
            socket,
            server,
            rtp,
            plan,
            ids,
            lines: Vec::new(),
            by_number: HashMap::new(),
            callers: HashMap::new(),
            by_from: HashMap::new(),
            phones: HashMap::new(),
            by_call_id: HashMap::new(),
            ringing: HashMap::new(),
            placed: 0,
            rung: 0,
            timers: BinaryHeap::new(),
            events: VecDeque::new(),
            repeated: 0,
        })
    }

    /// Reads what came and does what is due, waiting at most so long for something.
    pub(crate) fn turn(&mut self, at_most: Nanos) -> Result<()> {
        let now = clock::now();
        let next = self.timers.peek().map(|Reverse((at, _))| *at);
        let until = next.map_or(at_most, |at| at_most.min(at.saturating_sub(now)));
        if until > 0 {
            self.socket.wait(until)?;
        }
        let mut buffer = [0; 8192];
        // Bounded, so that a flood does not keep timers and the scenario waiting.
        for _ in 0..256 {
            let Some(arrived) = self.socket.receive(&mut buffer) else {
                break;
            };
            let bytes = buffer.get(..arrived.length).unwrap_or_default();
            if let Some(text) = Text::parse(bytes) {
                self.message(text, bytes, arrived.at);
            }
        }
        let now = clock::now();
        while let Some(Reverse((at, timer))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            self.due(timer);
        }
        Ok(())
    }

    /// The next thing that happened.
    pub(crate) fn event(&mut self) -> Option<SipEvent> {
        self.events.pop_front()
    }

    /// Forgets what happened.
    pub(crate) fn forget_events(&mut self) {
        self.events.clear();
    }

    /// Callers and phones in a call, or on the way into or out of one.
    pub(crate) fn busy(&self) -> usize {
        self.callers.len() + self.phones.len()
    }

    /// Messages sent again because nothing came back in time.
    pub(crate) fn repeated(&self) -> u32 {
        self.repeated
    }

    /// The RTP of the calls.
    pub(crate) fn rtp(&self) -> Option<&Rtp> {
        self.rtp.as_ref()
    }

    /// A number between 0 and 1.
    pub(crate) fn chance(&mut self) -> f64 {
        const STEPS: u64 = 1 << 52;
        (self.ids.below(STEPS) + 1) as f64 / STEPS as f64
    }

    fn message(&mut self, text: Text<'_>, bytes: &[u8], at: Nanos) {
        let call_id = text.header("Call-ID");
        let caller = self.number_in(call_id, 'c');
        let line = self.number_in(call_id, 'r');
        let phone = self.by_call_id.get(call_id).copied();
        if let Some(status) = text.status() {
            match (caller, phone, line) {
                (Some(call), ..) => self.caller_response(call, text, bytes, status, at),
                (_, Some(phone), _) => self.phone_response(phone, text, status),
                (.., Some(line)) => self.registration_response(line, bytes, status, at),
                (None, None, None) => {}
            }
            return;
        }
        match (caller, phone) {
            (Some(call), _) => self.caller_request(call, text),
            (None, Some(phone)) => self.phone_request(phone, text, at),
            (None, None) if text.method() == "INVITE" => self.rung(text, bytes, at),
            (None, None) if text.method() == "CANCEL" && self.ringing_is_cancelled(text) => {}
            // Calls that are over, and OPTIONS.
            (None, None) if text.method() != "ACK" => self.reply(text, "200 OK"),
            (None, None) => {}
        }
    }

    /// The number in a Call-ID of ours.
    fn number_in<T: std::str::FromStr>(&self, call_id: &str, kind: char) -> Option<T> {
        let (number, run) = call_id.strip_prefix(kind)?.split_once('.')?;
        (run == self.run).then_some(number.parse().ok()?)
    }

    fn due(&mut self, timer: Timer) {
        match timer {
            Timer::Again(Who::Caller(call), sendings) => self.caller_again(call, sendings),
            Timer::Again(Who::Phone(phone), sendings) => self.phone_again(phone, sendings),
            Timer::Again(Who::Registration(line), sendings) => {
                self.registration_again(line, sendings);
            }
            Timer::HangUp(Who::Caller(call)) => self.caller_hangs_up(call),
            Timer::HangUp(Who::Phone(phone)) => self.phone_hangs_up(phone),
            Timer::HangUp(Who::Registration(_)) => {}
            Timer::Hold(call, direction) => self.caller_holds(call, direction),
            Timer::Cancel(call) => self.caller_cancels(call),
        }
    }

    fn send(&self, message: &[u8]) {
        // What is lost is sent again.
        self.socket.send(message, self.server);
    }

    fn reply(&self, request: Text<'_>, status: &str) {
        self.send(&write::response(request, status, "t", None, None));
    }

    fn set(&mut self, at: Nanos, timer: Timer) {
        self.timers.push(Reverse((at, timer)));
    }

    /// Sends again when the time has come and nobody stopped it; false: it is given up.
    fn again(&mut self, who: Who, sendings: u32) -> bool {
        if sendings >= MOST_SENDINGS {
            return false;
        }
        let pause = (FIRST_PAUSE << sendings.min(8)).min(LONGEST_PAUSE);
        self.set(clock::now() + pause, Timer::Again(who, sendings + 1));
        true
    }

    fn hang_up_later(&mut self, who: Who) {
        let (least, most) = self.plan.talk;
        let length = least + self.ids.below((most - least).max(1));
        self.set(clock::now() + length, Timer::HangUp(who));
    }

    /// Signs a request as the phone on this line, if somebody wants that.
    fn sign(&mut self, line: usize, request: Vec<u8>) -> Vec<u8> {
        let Some(line) = self.lines.get_mut(line) else {
            return request;
        };
        if !line.digest.is_challenged() {
            return request;
        }
        match Message::parse(&Bytes::copy_from_slice(&request)) {
            Ok(Message::Request(mut parsed)) => {
                line.digest.authorize(&mut parsed, &mut self.ids);
                parsed.write().to_vec()
            }
            Ok(Message::Response(_)) | Err(_) => request,
        }
    }

    /// Takes in a 401; false when it is no use trying again.
    fn challenged(&mut self, line: usize, response: &[u8]) -> bool {
        let parsed = Message::parse(&Bytes::copy_from_slice(response));
        let Some(line) = self.lines.get_mut(line) else {
            return false;
        };
        parsed.is_ok_and(|message| match message {
            Message::Response(response) => take(&mut line.digest, &response),
            Message::Request(_) => false,
        })
    }
}

fn take(digest: &mut DigestClient, response: &Response) -> bool {
    digest.challenged(response).is_ok()
}

fn line(number: &str, password: &str) -> Line {
    let credentials = Credentials {
        username: number.to_owned(),
        password: Secret::new(password.to_owned()),
    };
    Line {
        number: number.to_owned(),
        digest: DigestClient::new(credentials),
        registered: false,
        request: Vec::new(),
        cseq: 0,
        sent_at: 0,
    }
}
