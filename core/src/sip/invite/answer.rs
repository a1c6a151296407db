//! Our 2xx until its ACK (RFC 3261 section 13.3.1.4), and our ACKs of theirs.

use std::collections::VecDeque;
use std::time::Instant;

use bytes::Bytes;

use super::message::{EndedSide, NextHop, UsageEvent};
use super::reason;
use super::usage::{InviteUsage, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::sip::endpoint::ServerTxn;
use crate::sip::endpoint::body;
use crate::sip::message::{Request, Response};
use crate::sip::transaction::timer::{Backoff, T2};

/// Which INVITE was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    Initial,
    Reinvite,
}

/// A 2xx of ours that waits for its ACK. It is repeated over every transport: a proxy on the way
/// may use another one than we do.
#[derive(Debug, Clone)]
pub(super) struct Unacked {
    pub(super) txn: ServerTxn,
    pub(super) cseq: u32,
    pub(super) response: Response,
    pub(super) answered: Answered,
    /// The 2xx made the offer, so that the ACK has to answer it.
    pub(super) made_offer: bool,
    pub(super) resend: Backoff,
}

impl Unacked {
    /// The response has just been sent.
    pub(super) fn new(
        now: Instant,
        txn: ServerTxn,
        request: &Request,
        response: Response,
        answered: Answered,
    ) -> Self {
        Self {
            txn,
            cseq: request.headers.cseq().map_or(0, |cseq| cseq.number),
            answered,
            made_offer: request.body.is_empty() && !response.body.is_empty(),
            response,
            resend: Backoff::start(now, T2),
        }
    }

    pub(super) fn is_reinvite(&self) -> bool {
        self.answered == Answered::Reinvite
    }
}

/// The ACK of a 2xx of theirs: sent again each time the 2xx comes again.
#[derive(Debug, Clone)]
pub(super) struct Acked {
    pub(super) cseq: u32,
    pub(super) request: Request,
    pub(super) next_hop: NextHop,
}

/// How many of our ACKs are kept: a 2xx may still be repeated when the next change is under way.
const MOST_ACKS: usize = 4;

/// Our latest ACKs, the newest last.
#[derive(Debug, Clone, Default)]
pub(super) struct Acks(VecDeque<Acked>);

impl Acks {
    pub(super) fn keep(&mut self, acked: Acked) {
        if self.0.len() == MOST_ACKS {
            self.0.pop_front();
        }
        self.0.push_back(acked);
    }

    /// The ACK of the INVITE with this number.
    pub(super) fn of(&self, cseq: u32) -> Option<&Acked> {
        self.0.iter().find(|acked| acked.cseq == cseq)
    }
}

impl InviteUsage {
    fn unacked(&mut self) -> Option<&mut Unacked> {
        match &mut self.stage {
            Stage::Established(established) => established.unacked.as_mut(),
            Stage::Leaving(leaving) => leaving.waiting.as_mut().map(|(unacked, _)| unacked),
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Terminated => None,
        }
    }

    pub(super) fn resend_answer(&mut self, now: Instant) {
        let Some(unacked) = self.unacked() else {
            return;
        };
        let again = unacked.resend.fire(now);
        let due = unacked.resend.due_at();
        let (txn, response) = (unacked.txn, unacked.response.clone());
        if let Some(at) = due {
            self.timers.set(UsageTimer::Resend, at);
        }
        if again {
            self.outbox.respond(txn, response);
        }
    }

    pub(super) fn handle_ack(&mut self, now: Instant, ack: &Request) {
        let cseq = ack.headers.cseq().map(|cseq| cseq.number);
        if self
            .unacked()
            .is_none_or(|unacked| cseq != Ok(unacked.cseq))
        {
            return;
        }
        let sdp = body::sdp(&ack.headers, &ack.body);
        self.acknowledged(now, sdp);
    }

    /// The 2xx that waits has reached the peer.
    pub(super) fn acknowledged(&mut self, now: Instant, sdp: Option<Bytes>) {
        self.stop_awaiting_ack();
        match &mut self.stage {
            Stage::Established(established) => {
                let Some(unacked) = established.unacked.take() else {
                    return;
                };
                if unacked.made_offer && sdp.is_some() {
                    established.described.remote.clone_from(&sdp);
                }
                match unacked.answered {
                    Answered::Initial => self.outbox.tell(UsageEvent::Confirmed { sdp }),
                    Answered::Reinvite if unacked.made_offer => {
                        self.outbox.tell(UsageEvent::ReofferAnswered { sdp });
                    }
                    Answered::Reinvite => {}
                }
                self.try_reoffer(now);
            }
            Stage::Leaving(leaving) => {
                if let Some((_, bye)) = leaving.waiting.take() {
                    self.sent.send(&mut self.outbox, bye);
                }
            }
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Terminated => {}
        }
    }

    /// No ACK within 64 x T1: the peer may not even know that it has a session.
    pub(super) fn handle_ack_missing(&mut self, now: Instant) {
        match &mut self.stage {
            Stage::Established(established) => {
                established.unacked = None;
                let cause = HangupCause::RecoveryOnTimerExpiry;
                self.outbox.end(cause, EndedSide::Local, None);
                self.leave_established(Some(reason::write(cause)));
            }
            Stage::Leaving(_) => self.acknowledged(now, None),
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Terminated => {}
        }
    }
}
