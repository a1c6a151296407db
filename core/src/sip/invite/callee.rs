//! The side that is called, until it has answered.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer::{Answered, Unacked};
use super::message::{EndedSide, UsageEvent};
use super::outbox::Outbox;
use super::party::LocalParty;
use super::reason;
use super::refer::Referrals;
use super::reoffer::Reoffer;
use super::sent::SentRequests;
use super::signature::{Signature, put_response_sdp};
use super::usage::{Established, InviteUsage, Leaving, OurAck, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::dialog::{Dialog, DialogError};
use crate::sip::endpoint::ServerTxn;
use crate::sip::message::{Request, Response};
use crate::timers::Timers;

/// How often a provisional response is repeated (RFC 3261 section 13.3.1.1).
const PROVISIONAL_AGAIN: Duration = Duration::from_secs(60);

/// An INVITE that has no final answer yet.
#[derive(Debug, Clone)]
pub(super) struct Incoming {
    pub(super) txn: ServerTxn,
    pub(super) invite: Request,
    pub(super) dialog: Dialog,
    last: Option<Response>,
}

impl InviteUsage {
    /// The peer calls: `request` is an INVITE without a To tag that came as `txn`.
    ///
    /// # Errors
    /// When the request cannot start a dialog; answer it with 400. No request that an
    /// [`Endpoint`](crate::sip::endpoint::Endpoint) lets through is refused here.
    pub fn incoming(
        request: Request,
        txn: ServerTxn,
        local: LocalParty,
        ids: &mut IdSource,
    ) -> Result<Self, DialogError> {
        let mut ids = IdSource::seeded(ids.bits());
        let tag = ids.token();
        let dialog = Dialog::uas(&request, &tag, first_cseq(&mut ids))?;
        Ok(Self {
            key: dialog.key().clone(),
            signature: Signature { local, tag },
            ids,
            stage: Stage::Incoming(Box::new(Incoming {
                txn,
                invite: request,
                dialog,
                last: None,
            })),
            sent: SentRequests::default(),
            forks: Vec::new(),
            referrals: Referrals::default(),
            digest: None,
            timers: Timers::default(),
            outbox: Outbox::default(),
        })
    }

    /// The INVITE of a call that is not answered yet: who calls, what they offer.
    #[must_use]
    pub fn invite(&self) -> Option<&Request> {
        match &self.stage {
            Stage::Incoming(incoming) => Some(&incoming.invite),
            Stage::Outgoing(_) | Stage::Established(_) | Stage::Leaving(_) | Stage::Terminated => {
                None
            }
        }
    }

    /// Tells the caller that it rings (180).
    pub fn ring(&mut self, now: Instant) {
        self.provisional(now, 180, None);
    }

    /// Tells the caller to listen (183); `sdp` answers its offer for early media.
    pub fn progress(&mut self, now: Instant, sdp: Option<Bytes>) {
        self.provisional(now, 183, sdp);
    }

    fn provisional(&mut self, now: Instant, status: u16, sdp: Option<Bytes>) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        let mut response = self.signature.full_response(&incoming.invite, status);
        record_route(&incoming.invite, &mut response);
        if let Some(sdp) = sdp {
            put_response_sdp(&mut response, sdp);
        }
        incoming.last = Some(response.clone());
        self.outbox.respond(incoming.txn, response);
        self.timers
            .set(UsageTimer::Provisional, now + PROVISIONAL_AGAIN);
    }

    pub(super) fn resend_provisional(&mut self, now: Instant) {
        if let Stage::Incoming(incoming) = &self.stage
            && let Some(last) = &incoming.last
        {
            self.outbox.respond(incoming.txn, last.clone());
            self.timers
                .set(UsageTimer::Provisional, now + PROVISIONAL_AGAIN);
        }
    }

    /// Answers the call (200). `sdp` answers the caller's offer, or is ours if it made none. The
    /// response is repeated until its ACK; without one within 32 s the call ends.
    pub fn answer(&mut self, now: Instant, sdp: Bytes) {
        let Stage::Incoming(incoming) = &self.stage else {
            return;
        };
        let incoming = incoming.as_ref().clone();
        let mut response = self.signature.full_response(&incoming.invite, 200);
        record_route(&incoming.invite, &mut response);
        put_response_sdp(&mut response, sdp);
        self.outbox.respond(incoming.txn, response.clone());
        self.timers.stop(UsageTimer::Provisional);
        let unacked = Unacked::new(
            now,
            incoming.txn,
            &incoming.invite,
            response,
            Answered::Initial,
        );
        self.await_ack(now, &unacked);
        self.stage = Stage::Established(Box::new(Established {
            dialog: incoming.dialog,
            caller: false,
            unacked: Some(unacked),
            ack: OurAck::None,
            peer: None,
            reoffer: Reoffer::Idle,
            next: None,
        }));
    }

    /// Refuses the call with the status of `cause`. The same as [`hang_up`](Self::hang_up), which
    /// does the right thing later too.
    pub fn reject(&mut self, now: Instant, cause: HangupCause) {
        self.hang_up(now, cause);
    }

    /// Refuses the INVITE of a call that is not answered yet.
    pub(super) fn refuse_caller(&mut self, cause: HangupCause) {
        let Stage::Incoming(incoming) = &self.stage else {
            return;
        };
        let status = cause.sip_status();
        let mut response = self.signature.response(&incoming.invite, status);
        response.reason = Bytes::from_static(cause.phrase().as_bytes());
        response
            .headers
            .push(HeaderName::Reason, reason::write(cause));
        if status == 503 {
            response.headers.push(HeaderName::RetryAfter, "5");
        }
        self.outbox.respond(incoming.txn, response);
        self.outbox.end(cause, EndedSide::Local, Some(status));
        self.leave();
    }

    /// Answers the caller's INVITE with 487, because it no longer wants anything.
    pub(super) fn give_up_caller(&mut self, cause: HangupCause) {
        let Stage::Incoming(incoming) = &self.stage else {
            return;
        };
        let response = self.signature.response(&incoming.invite, 487);
        self.outbox.respond(incoming.txn, response);
        self.outbox.end(cause, EndedSide::Remote, Some(487));
        self.leave();
    }

    pub(super) fn handle_cancelled(&mut self, txn: ServerTxn, cause: Option<HangupCause>) {
        let cause = cause
            .filter(|cause| *cause != HangupCause::NormalClearing)
            .unwrap_or(HangupCause::OriginatorCancel);
        match &mut self.stage {
            Stage::Incoming(incoming) if incoming.txn == txn => self.give_up_caller(cause),
            Stage::Established(established) => {
                let answered = established.unacked.as_ref();
                if answered.is_some_and(|unacked| unacked.txn == txn && !unacked.is_reinvite()) {
                    // Our 200 and the CANCEL crossed. The caller does not want the call: it will
                    // send ACK and BYE, and so do we, in case it does not.
                    self.outbox.end(cause, EndedSide::Remote, None);
                    self.leave_established(None);
                } else if let Some(peer) = established.peer.take_if(|peer| peer.txn == txn) {
                    let response = self.signature.response(&peer.request, 487);
                    self.outbox.respond(txn, response);
                    self.outbox.tell(UsageEvent::ReofferWithdrawn);
                }
            }
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Leaving(_) | Stage::Terminated => {}
        }
    }

    /// The caller's connection is gone, and with it the way to answer.
    pub(super) fn lose_caller(&mut self) {
        let cause = HangupCause::NetworkOutOfOrder;
        self.outbox.end(cause, EndedSide::Remote, None);
        self.leave();
    }

    /// Ends without a BYE. What the peer is still to be told of a transfer goes on in the dialog
    /// (RFC 5057 section 4.1).
    pub(super) fn leave(&mut self) {
        self.drop_asked_refers();
        let goes_on = self.referrals.are_told();
        self.timers
            .retain(|timer| goes_on && matches!(timer, UsageTimer::Referral(_)));
        let dialog = match std::mem::replace(&mut self.stage, Stage::Terminated) {
            Stage::Established(established) => Some(established.dialog),
            Stage::Leaving(leaving) => leaving.dialog,
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Terminated => None,
        };
        self.stage = Stage::Leaving(Box::new(Leaving {
            dialog: dialog.filter(|_| goes_on),
            ..Leaving::default()
        }));
    }

    /// Starts the clock of a 2xx that has just been sent.
    pub(super) fn await_ack(&mut self, now: Instant, unacked: &Unacked) {
        if let Some(at) = unacked.resend.due_at() {
            self.timers.set(UsageTimer::Resend, at);
        }
        let wait = crate::sip::transaction::timer::TIMEOUT;
        self.timers.set(UsageTimer::AckWait, now + wait);
    }

    /// What becomes of a session that ends: see [`hang_up`](Self::hang_up).
    pub(super) fn leave_established(&mut self, why: Option<HangupCause>) {
        self.drop_asked_refers();
        let stage = std::mem::replace(&mut self.stage, Stage::Terminated);
        let Stage::Established(established) = stage else {
            self.stage = stage;
            return;
        };
        let mut established = *established;
        let bye = self.bye(&mut established.dialog, why.map(reason::write));
        let acked = match established.ack {
            OurAck::Sent(acked) => Some(acked),
            OurAck::None | OurAck::Owed(_) => None,
        };
        let mut leaving = Leaving {
            waiting: None,
            acked,
            dialog: Some(established.dialog),
        };
        match established.unacked {
            // The callee sends no BYE before the ACK (RFC 3261 section 15).
            Some(unacked) if !unacked.is_reinvite() => leaving.waiting = Some((unacked, bye)),
            Some(_) | None => {
                self.stop_awaiting_ack();
                self.sent.send(&mut self.outbox, bye);
            }
        }
        self.timers.stop(UsageTimer::Glare);
        self.timers.stop(UsageTimer::ReinviteWait);
        self.stage = Stage::Leaving(Box::new(leaving));
    }

    pub(super) fn stop_awaiting_ack(&mut self) {
        self.timers.stop(UsageTimer::Resend);
        self.timers.stop(UsageTimer::AckWait);
    }
}

/// The number of a side's first request: anything but close to the limit.
pub(super) fn first_cseq(ids: &mut IdSource) -> u32 {
    u32::try_from(ids.below(10_000)).unwrap_or(0) + 1
}

/// The proxies that want to stay on the way learn it from the responses that make the dialog.
fn record_route(invite: &Request, response: &mut Response) {
    for route in invite.headers.all(&HeaderName::RecordRoute) {
        response
            .headers
            .push(HeaderName::RecordRoute, route.clone());
    }
}
