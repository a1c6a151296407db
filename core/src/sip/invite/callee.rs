//! The side that is called, until it has answered.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer::{Acks, Answered, Unacked};
use super::described::Described;
use super::fork::Forks;
use super::message::EndedSide;
use super::outbox::Outbox;
use super::party::LocalParty;
use super::peer_reoffer::PeerReoffer;
use super::reason;
use super::refer::Referrals;
use super::reliable::{EarlyExchange, Reliable};
use super::reoffer::Reoffer;
use super::sent::SentRequests;
use super::session::Session;
use super::signature::{Signature, put_response_sdp};
use super::usage::{Established, InviteUsage, Leaving, OurAck, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::dialog::{Dialog, DialogError};
use crate::sip::endpoint::{ServerTxn, body};
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
    pub(super) last: Option<Response>,
    pub(super) reliable: Reliable,
    /// The change the peer wants already.
    pub(super) peer: Option<PeerReoffer>,
    pub(super) described: Described,
}

impl Incoming {
    /// Whether the 2xx may go out: nothing that is said about the session is on its way.
    pub(super) fn lets_answer(&self) -> bool {
        self.peer.is_none() && self.reliable.lets_answer()
    }
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
        let reliable = Reliable::new(&request, local.options.reliable, &mut ids);
        let described = Described {
            local: None,
            remote: body::sdp(&request.headers, &request.body),
        };
        Ok(Self {
            key: dialog.key().clone(),
            session: Session::new(&local.options.timer, &request.headers),
            signature: Signature { local, tag },
            ids,
            stage: Stage::Incoming(Box::new(Incoming {
                txn,
                invite: request,
                dialog,
                last: None,
                reliable,
                peer: None,
                described,
            })),
            sent: SentRequests::default(),
            referrals: Referrals::default(),
            forks: Forks::default(),
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

    /// Tells the caller to listen (183); `sdp` answers its offer for early media. A caller that
    /// acknowledges provisional responses gets this one until it has.
    pub fn progress(&mut self, now: Instant, sdp: Option<Bytes>) {
        self.provisional(now, 183, sdp);
    }

    fn provisional(&mut self, now: Instant, status: u16, sdp: Option<Bytes>) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        let reliable = &incoming.reliable;
        // What was told reliably is not told again, and an offer cannot be told otherwise (RFC 3262
        // section 5).
        let tellable = !reliable.has_described()
            && (!incoming.invite.body.is_empty() || reliable.applies(true));
        let sdp = sdp.filter(|_| tellable);
        let mut response = self.signature.full_response(&incoming.invite, status);
        record_route(&incoming.invite, &mut response);
        let described = sdp.is_some();
        if let Some(sdp) = sdp {
            incoming.described.local = Some(sdp.clone());
            put_response_sdp(&mut response, sdp);
        }
        self.timers
            .set(UsageTimer::Provisional, now + PROVISIONAL_AGAIN);
        if incoming.reliable.applies(described) {
            return self.provisional_reliably(now, response);
        }
        incoming.last = Some(response.clone());
        self.outbox.respond(incoming.txn, response);
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
    /// response is repeated until its ACK; without one within 32 s the call ends. It goes out after
    /// the PRACK of a description that was sent reliably, which it does not repeat (RFC 3262
    /// section 3).
    pub fn answer(&mut self, now: Instant, sdp: Bytes) {
        let Stage::Incoming(incoming) = &mut self.stage else {
            return;
        };
        if !incoming.lets_answer() {
            incoming.reliable.answer = Some(sdp);
            return;
        }
        let mut incoming = incoming.as_ref().clone();
        let mut response = self.signature.full_response(&incoming.invite, 200);
        record_route(&incoming.invite, &mut response);
        if incoming.reliable.exchange != EarlyExchange::Done {
            incoming.described.local = Some(sdp.clone());
            put_response_sdp(&mut response, sdp);
        }
        self.grant_session_timer(now, &incoming.invite, &mut response);
        self.outbox.respond(incoming.txn, response.clone());
        self.timers.stop(UsageTimer::Provisional);
        self.timers.stop(UsageTimer::PrackWait);
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
            acks: Acks::default(),
            late_prack: incoming.reliable.unacked(),
            peer: None,
            reoffer: Reoffer::Idle,
            next: None,
            described: incoming.described,
        }));
    }

    /// Refuses the call with the status of `cause`. The same as [`hang_up`](Self::hang_up), which
    /// does the right thing later too.
    pub fn reject(&mut self, now: Instant, cause: HangupCause) {
        self.hang_up(now, cause);
    }

    /// Refuses the INVITE of a call that is not answered yet.
    pub(super) fn refuse_caller(&mut self, cause: HangupCause) {
        self.drop_peer_reoffer();
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
        self.drop_peer_reoffer();
        let Stage::Incoming(incoming) = &self.stage else {
            return;
        };
        let response = self.signature.response(&incoming.invite, 487);
        self.outbox.respond(incoming.txn, response);
        self.outbox.end(cause, EndedSide::Remote, Some(487));
        self.leave();
    }

    pub(super) fn handle_cancelled(
        &mut self,
        now: Instant,
        txn: ServerTxn,
        cause: Option<HangupCause>,
    ) {
        let cause = cause
            .filter(|cause| *cause != HangupCause::NormalClearing)
            .unwrap_or(HangupCause::OriginatorCancel);
        match &mut self.stage {
            Stage::Incoming(incoming) if incoming.txn == txn => self.give_up_caller(cause),
            Stage::Established(established) => {
                let answered = established.unacked.as_ref();
                let crossed =
                    answered.is_some_and(|unacked| unacked.txn == txn && !unacked.is_reinvite());
                if crossed {
                    // Our 200 and the CANCEL crossed. The caller does not want the call: it will
                    // send ACK and BYE, and so do we, in case it does not.
                    self.outbox.end(cause, EndedSide::Remote, None);
                    self.leave_established(None);
                } else if let Some(peer) = self.withdraw_peer_reoffer(txn) {
                    let response = self.signature.response(&peer.request, 487);
                    self.outbox.respond(txn, response);
                    self.try_reoffer(now);
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
        let (dialog, reinvite) = match std::mem::replace(&mut self.stage, Stage::Terminated) {
            Stage::Established(established) => {
                let reinvite = established.reinviting();
                (Some(established.dialog), reinvite)
            }
            Stage::Leaving(leaving) => (leaving.dialog, leaving.reinvite),
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Terminated => (None, None),
        };
        self.stage = Stage::Leaving(Box::new(Leaving {
            dialog: dialog.filter(|_| goes_on),
            reinvite,
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
    /// `why` is the value of the BYE's `Reason`.
    pub(super) fn leave_established(&mut self, why: Option<String>) {
        self.drop_asked_refers();
        let stage = std::mem::replace(&mut self.stage, Stage::Terminated);
        let Stage::Established(established) = stage else {
            self.stage = stage;
            return;
        };
        let mut established = *established;
        let bye = self.bye(&mut established.dialog, why);
        let reinvite = established.reinviting();
        let mut leaving = Leaving {
            waiting: None,
            acks: established.acks,
            reinvite,
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
        for timer in [
            UsageTimer::Glare,
            UsageTimer::ReinviteWait,
            UsageTimer::Refresh,
            UsageTimer::SessionEnd,
        ] {
            self.timers.stop(timer);
        }
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
