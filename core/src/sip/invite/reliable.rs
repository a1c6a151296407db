//! Our provisional responses that the caller acknowledges with PRACK (RFC 3262 section 3).

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::message::UsageEvent;
use super::options::ReliableProvisional;
use super::peer_reoffer::PeerReoffer;
use super::usage::{InviteUsage, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::endpoint::{ServerTxn, body};
use crate::sip::header::{RAck, RSeq};
use crate::sip::message::{Request, Response};
use crate::sip::transaction::timer::{Backoff, TIMEOUT};

/// How many wait behind one that is not acknowledged; a later one takes the last one's place.
const MOST_WAITING: usize = 4;

/// The gaps between repetitions double without end (RFC 3262 section 3).
const NO_CAP: Duration = TIMEOUT;

/// Which of our provisional responses the caller acknowledges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reliability {
    /// None: it cannot, or we do not want it.
    Never,
    /// Those with a session description.
    Descriptions,
    /// All.
    Always,
}

impl Reliability {
    /// What the caller's INVITE and our option make of it.
    fn of(invite: &Request, option: ReliableProvisional) -> Self {
        let has = |name| invite.headers.has_token(&name, "100rel");
        match option {
            ReliableProvisional::Off => Self::Never,
            _ if has(HeaderName::Require) => Self::Always,
            _ if !has(HeaderName::Supported) => Self::Never,
            ReliableProvisional::Supported => Self::Descriptions,
            ReliableProvisional::Required => Self::Always,
        }
    }
}

/// How far offer and answer of the first INVITE have come before its 2xx.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EarlyExchange {
    /// No reliable response had a part in it.
    Open,
    /// Our offer, in a reliable response, waits for its answer.
    Offered,
    /// Done.
    Done,
}

/// The reliable provisional responses to one INVITE.
#[derive(Debug, Clone)]
pub(super) struct Reliable {
    reliability: Reliability,
    next_rseq: u32,
    /// Sent and not acknowledged: there is one at most.
    unacked: Option<Unpracked>,
    waiting: VecDeque<Response>,
    pub(super) exchange: EarlyExchange,
    /// The answer of the call, which has to wait for a PRACK.
    pub(super) answer: Option<Bytes>,
}

/// A provisional response that is repeated until its PRACK.
#[derive(Debug, Clone)]
struct Unpracked {
    rseq: u32,
    response: Response,
    resend: Backoff,
}

impl Reliable {
    pub(super) fn new(invite: &Request, option: ReliableProvisional, ids: &mut IdSource) -> Self {
        // Anything in the lower half (section 3), and small enough to read.
        let first = u32::try_from(ids.below(100_000)).unwrap_or(0) + 1;
        Self {
            reliability: Reliability::of(invite, option),
            next_rseq: first,
            unacked: None,
            waiting: VecDeque::new(),
            exchange: EarlyExchange::Open,
            answer: None,
        }
    }

    /// Whether a response is to be acknowledged.
    pub(super) fn applies(&self, described: bool) -> bool {
        match self.reliability {
            Reliability::Never => false,
            Reliability::Descriptions => described,
            Reliability::Always => true,
        }
    }

    /// Whether a 2xx may go out: a description that was sent reliably has arrived (section 3).
    pub(super) fn lets_answer(&self) -> bool {
        self.exchange == EarlyExchange::Done || !self.has_described()
    }

    /// Whether a response with a description would say it a second time.
    pub(super) fn has_described(&self) -> bool {
        let described = |response: &Response| !response.body.is_empty();
        let pending = self.unacked.as_ref().map(|unacked| &unacked.response);
        self.exchange == EarlyExchange::Done
            || pending.into_iter().chain(&self.waiting).any(described)
    }

    /// The number of the response that is not acknowledged.
    pub(super) fn unacked(&self) -> Option<u32> {
        self.unacked.as_ref().map(|unacked| unacked.rseq)
    }

    fn is_acknowledged_by(&self, rack: &RAck, invite: &Request) -> bool {
        let ours = |unacked: &Unpracked| unacked.rseq == rack.rseq;
        self.unacked.as_ref().is_some_and(ours) && invite.headers.cseq().as_ref() == Ok(&rack.cseq)
    }
}

impl InviteUsage {
    /// Sends a provisional response reliably, or has it wait for the one before.
    pub(super) fn provisional_reliably(&mut self, now: Instant, response: Response) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        let reliable = &mut incoming.reliable;
        if reliable.unacked.is_some() {
            if reliable.waiting.len() == MOST_WAITING {
                reliable.waiting.pop_back();
            }
            return reliable.waiting.push_back(response);
        }
        self.send_reliably(now, response);
    }

    fn send_reliably(&mut self, now: Instant, mut response: Response) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        let reliable = &mut incoming.reliable;
        let rseq = reliable.next_rseq;
        reliable.next_rseq += 1;
        let headers = &mut response.headers;
        headers.push(HeaderName::Require, "100rel");
        headers.push(HeaderName::RSeq, RSeq(rseq).write());
        if !response.body.is_empty() && incoming.invite.body.is_empty() {
            reliable.exchange = EarlyExchange::Offered;
        }
        let resend = Backoff::start(now, NO_CAP);
        incoming.last = Some(response.clone());
        self.outbox.respond(incoming.txn, response.clone());
        if let Some(at) = resend.due_at() {
            self.timers.set(UsageTimer::Resend, at);
        }
        self.timers.set(UsageTimer::PrackWait, now + TIMEOUT);
        reliable.unacked = Some(Unpracked {
            rseq,
            response,
            resend,
        });
    }

    /// The response has not been acknowledged yet.
    pub(super) fn resend_reliably(&mut self, now: Instant) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        let Some(unacked) = &mut incoming.reliable.unacked else {
            return;
        };
        if unacked.resend.fire(now) {
            self.outbox.respond(incoming.txn, unacked.response.clone());
        }
        if let Some(at) = unacked.resend.due_at() {
            self.timers.set(UsageTimer::Resend, at);
        }
    }

    /// No PRACK within 64 x T1: the INVITE is refused with 5xx (section 3).
    pub(super) fn handle_prack_missing(&mut self) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        if incoming.reliable.unacked.take().is_some() {
            self.refuse_caller(HangupCause::RecoveryOnTimerExpiry);
        }
    }

    /// A PRACK: it has an effect on the response it names, and a 481 if there is none.
    pub(super) fn handle_prack(&mut self, now: Instant, txn: ServerTxn, prack: &Request) {
        let rack = prack.headers.get(&HeaderName::RAck);
        let rack = rack.and_then(|value| RAck::parse(value).ok());
        match &mut self.stage {
            Stage::Incoming(incoming) => {
                let reliable = &mut incoming.reliable;
                let known =
                    rack.is_some_and(|rack| reliable.is_acknowledged_by(&rack, &incoming.invite));
                if !known {
                    return self.refuse(txn, prack, 481);
                }
                let described = reliable
                    .unacked
                    .take()
                    .is_some_and(|unacked| !unacked.response.body.is_empty());
                self.timers.stop(UsageTimer::Resend);
                self.timers.stop(UsageTimer::PrackWait);
                self.take_prack_body(txn, prack, described);
                self.send_next_reliably(now);
                self.flush_answer(now);
            }
            // The 2xx did not wait for the PRACK of a response without a description.
            Stage::Established(established) => {
                let late = established.late_prack;
                if rack.is_some_and(|rack| late == Some(rack.rseq)) {
                    established.late_prack = None;
                    let response = self.signature.response(prack, 200);
                    self.outbox.respond(txn, response);
                } else {
                    self.refuse(txn, prack, 481);
                }
            }
            Stage::Outgoing(_) | Stage::Leaving(_) | Stage::Terminated => {
                self.refuse(txn, prack, 481);
            }
        }
    }

    /// What a PRACK says about the session: it answers our offer, makes a new one, or says nothing.
    /// `described`: the response it acknowledges had a description.
    fn take_prack_body(&mut self, txn: ServerTxn, prack: &Request, described: bool) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        let sdp = body::sdp(&prack.headers, &prack.body);
        let reliable = &mut incoming.reliable;
        if reliable.exchange == EarlyExchange::Offered {
            // Without an answer in it, our 2xx has to offer again.
            reliable.exchange = match sdp {
                Some(_) => EarlyExchange::Done,
                None => EarlyExchange::Open,
            };
            incoming.described.remote.clone_from(&sdp);
            self.outbox.tell(UsageEvent::ReofferAnswered { sdp });
        } else {
            if described {
                reliable.exchange = EarlyExchange::Done;
            }
            if reliable.exchange == EarlyExchange::Done && sdp.is_some() && incoming.peer.is_none()
            {
                incoming.peer = Some(PeerReoffer {
                    txn,
                    request: prack.clone(),
                });
                return self.outbox.tell(UsageEvent::Reoffered { sdp });
            }
        }
        let response = self.signature.response(prack, 200);
        self.outbox.respond(txn, response);
    }

    fn send_next_reliably(&mut self, now: Instant) {
        if let Stage::Incoming(incoming) = &mut self.stage
            && let Some(next) = incoming.reliable.waiting.pop_front()
        {
            self.send_reliably(now, next);
        }
    }

    /// The answer that waited for a PRACK, or for our own answer to the caller's next offer.
    pub(super) fn flush_answer(&mut self, now: Instant) {
        if let Stage::Incoming(incoming) = &mut self.stage
            && incoming.lets_answer()
            && let Some(sdp) = incoming.reliable.answer.take()
        {
            self.answer(now, sdp);
        }
    }
}
