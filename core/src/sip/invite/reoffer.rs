//! Changing a session that runs (RFC 3261 section 14, RFC 3311), from either side.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer::{Acked, Answered, Unacked};
use super::authorize::copy_credentials;
use super::message::{EndedSide, RequestTag, UsageEffect, UsageEvent};
use super::sent::{Purpose, Sent};
use super::signature::{put_request_sdp, put_response_sdp};
use super::usage::{Established, InviteUsage, OurAck, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::sip::endpoint::{ServerTxn, TxnFailure, body};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::transaction::timer::TIMEOUT;

/// How often a change is tried again after a glare before it counts as refused.
const MOST_GLARES: u8 = 8;

/// How long a re-INVITE may stay without a final response before it is cancelled.
const REINVITE_WAIT: Duration = Duration::from_secs(64);

/// A change of ours.
#[derive(Debug, Clone)]
pub(super) enum Reoffer {
    /// None.
    Idle,
    /// Refused with 491 this many times; waits for its next try.
    Waiting { sdp: Bytes, glares: u8 },
    /// On its way.
    Sent {
        tag: RequestTag,
        sdp: Bytes,
        glares: u8,
    },
}

/// A change of the peer's that the call has not answered.
#[derive(Debug, Clone)]
pub(super) struct PeerReoffer {
    pub(super) txn: ServerTxn,
    /// The re-INVITE or UPDATE.
    pub(super) request: Request,
}

impl Established {
    /// Whether an offer of ours waits for its answer.
    pub(super) fn is_offering(&self) -> bool {
        let made_offer = |unacked: &Unacked| unacked.made_offer;
        matches!(self.reoffer, Reoffer::Sent { .. })
            || self.unacked.as_ref().is_some_and(made_offer)
    }

    /// Whether a re-INVITE may go out now.
    fn is_quiet(&self) -> bool {
        self.unacked.is_none()
            && self.peer.is_none()
            && !matches!(self.ack, OurAck::Owed(_))
            && matches!(self.reoffer, Reoffer::Idle)
    }
}

impl InviteUsage {
    /// Changes the session with a new offer. It waits its turn while another change is under way;
    /// of several that wait, the last one counts. Ends with
    /// [`ReofferAnswered`](UsageEvent::ReofferAnswered) or
    /// [`ReofferRejected`](UsageEvent::ReofferRejected), unless the call ends first. Does nothing
    /// before the call is answered.
    pub fn reinvite(&mut self, now: Instant, sdp: Bytes) {
        if let Stage::Established(established) = &mut self.stage {
            established.next = Some(sdp);
            self.try_reoffer(now);
        }
    }

    /// Sends the change that waits, if nothing is in its way.
    pub(super) fn try_reoffer(&mut self, now: Instant) {
        if let Stage::Established(established) = &mut self.stage
            && established.is_quiet()
            && let Some(sdp) = established.next.take()
        {
            self.send_reinvite(now, sdp, 0);
        }
    }

    fn send_reinvite(&mut self, now: Instant, sdp: Bytes, glares: u8) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let mut request = established.dialog.request(Method::Invite);
        if let Some(digest) = &mut self.digest {
            digest.authorize(&mut request, &mut self.ids);
        }
        self.signature.introduce(&mut request);
        put_request_sdp(&mut request, sdp.clone());
        let next_hop = self.signature.next_hop(established.dialog.next_hop());
        let tag = self.sent.send(
            &mut self.outbox,
            Sent {
                purpose: Purpose::Reinvite,
                request,
                next_hop,
                challenges: 0,
            },
        );
        established.reoffer = Reoffer::Sent { tag, sdp, glares };
        self.timers
            .set(UsageTimer::ReinviteWait, now + REINVITE_WAIT);
    }

    /// The wait after a glare is over.
    pub(super) fn handle_glare_over(&mut self, now: Instant) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let Reoffer::Waiting { sdp, glares } =
            std::mem::replace(&mut established.reoffer, Reoffer::Idle)
        else {
            return;
        };
        let newer = established.next.take();
        if established.is_quiet() {
            self.send_reinvite(now, newer.unwrap_or(sdp), glares);
        } else {
            established.next = newer.or(Some(sdp));
        }
    }

    /// A re-INVITE that nobody answers blocks every other change.
    pub(super) fn cancel_reinvite(&mut self) {
        if let Stage::Established(established) = &self.stage
            && let Reoffer::Sent { tag, .. } = established.reoffer
        {
            self.outbox.push(UsageEffect::Cancel { tag, reason: None });
        }
    }

    pub(super) fn handle_reinvite_response(
        &mut self,
        now: Instant,
        tag: RequestTag,
        response: &Response,
    ) {
        if response.is_provisional() {
            return;
        }
        let Stage::Established(established) = &mut self.stage else {
            self.ack_abandoned_reinvite(tag, response);
            return;
        };
        let (sdp, glares) = match &established.reoffer {
            Reoffer::Sent {
                tag: sent,
                sdp,
                glares,
            } if *sent == tag => (sdp.clone(), *glares),
            Reoffer::Sent { .. } | Reoffer::Idle | Reoffer::Waiting { .. } => {
                self.resend_ack(response);
                return;
            }
        };
        self.timers.stop(UsageTimer::ReinviteWait);
        match response.status {
            ..=299 => self.take_reoffer_answer(now, tag, response),
            491 if glares < MOST_GLARES => {
                let wait = glare_wait(established.caller, self.ids.below(u64::MAX));
                established.reoffer = Reoffer::Waiting {
                    sdp,
                    glares: glares + 1,
                };
                self.sent.remove(tag);
                self.timers.set(UsageTimer::Glare, now + wait);
            }
            status @ (408 | 481) => {
                self.sent.remove(tag);
                let cause = HangupCause::from_sip_status(status);
                self.outbox.end(cause, EndedSide::Remote, None);
                self.drop_reoffers();
                self.leave_established(Some(cause));
            }
            status => match self.answer_challenge(tag, response) {
                Some(tag) => {
                    if let Stage::Established(established) = &mut self.stage {
                        established.reoffer = Reoffer::Sent { tag, sdp, glares };
                    }
                    self.timers
                        .set(UsageTimer::ReinviteWait, now + REINVITE_WAIT);
                }
                None => self.lose_reoffer(now, tag, status),
            },
        }
    }

    fn take_reoffer_answer(&mut self, now: Instant, tag: RequestTag, response: &Response) {
        let Some(sent) = self.sent.get(tag).map(|sent| sent.request.clone()) else {
            return;
        };
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        established.dialog.refresh_target(&response.headers);
        let next_hop = self.signature.next_hop(established.dialog.next_hop());
        if let Some(acked) = ack_of(&sent, &established.dialog, next_hop) {
            established.ack = OurAck::Sent(acked.clone());
            self.outbox.ack(acked.request, acked.next_hop);
        }
        established.reoffer = Reoffer::Idle;
        let sdp = body::sdp(&response.headers, &response.body);
        self.outbox.tell(UsageEvent::ReofferAnswered { sdp });
        self.try_reoffer(now);
    }

    /// We hung up while a re-INVITE was on its way; its 2xx still needs an ACK.
    fn ack_abandoned_reinvite(&mut self, tag: RequestTag, response: &Response) {
        let (Stage::Leaving(leaving), Some(sent)) = (&self.stage, self.sent.get(tag)) else {
            return;
        };
        if let Some(dialog) = &leaving.dialog
            && response.is_success()
        {
            let next_hop = self.signature.next_hop(dialog.next_hop());
            if let Some(acked) = ack_of(&sent.request, dialog, next_hop) {
                self.outbox.ack(acked.request, acked.next_hop);
            }
        }
    }

    pub(super) fn handle_reinvite_failed(
        &mut self,
        now: Instant,
        tag: RequestTag,
        failure: TxnFailure,
    ) {
        self.sent.remove(tag);
        let Stage::Established(established) = &self.stage else {
            return;
        };
        if !matches!(established.reoffer, Reoffer::Sent { tag: sent, .. } if sent == tag) {
            return;
        }
        self.timers.stop(UsageTimer::ReinviteWait);
        match failure {
            // As good as a 408 (RFC 3261 section 12.2.1.2): the peer is gone.
            TxnFailure::TimedOut => {
                let cause = HangupCause::RecoveryOnTimerExpiry;
                self.outbox.end(cause, EndedSide::Local, None);
                self.drop_reoffers();
                self.leave_established(Some(cause));
            }
            TxnFailure::Transport => self.lose_reoffer(now, tag, 503),
        }
    }

    fn lose_reoffer(&mut self, now: Instant, tag: RequestTag, status: u16) {
        self.sent.remove(tag);
        if let Stage::Established(established) = &mut self.stage {
            established.reoffer = Reoffer::Idle;
        }
        self.outbox.tell(UsageEvent::ReofferRejected { status });
        self.try_reoffer(now);
    }

    /// The dialog is lost, and every change with it.
    fn drop_reoffers(&mut self) {
        self.drop_peer_reoffer();
        self.sent.forget(Purpose::Reinvite);
    }

    /// Takes the peer's change: `sdp` is the answer, or our offer if the peer wanted one. Does
    /// nothing when no change waits any more.
    pub fn accept_reinvite(&mut self, now: Instant, sdp: Bytes) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let Some(peer) = established.peer.take() else {
            return;
        };
        established.dialog.refresh_target(&peer.request.headers);
        let mut response = self.signature.full_response(&peer.request, 200);
        put_response_sdp(&mut response, sdp);
        self.outbox.respond(peer.txn, response.clone());
        if peer.request.method == Method::Invite {
            let answered = Answered::Reinvite;
            let unacked = Unacked::new(now, peer.txn, &peer.request, response, answered);
            established.unacked = Some(unacked.clone());
            self.await_ack(now, &unacked);
        } else {
            self.try_reoffer(now);
        }
    }

    /// Refuses the peer's change with `status`, 488 for SDP we cannot live with; the session stays
    /// as it was. A status that is no failure counts as 488. Does nothing when no change waits any
    /// more.
    pub fn reject_reinvite(&mut self, now: Instant, status: u16) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let Some(peer) = established.peer.take() else {
            return;
        };
        let status = if (400..700).contains(&status) {
            status
        } else {
            488
        };
        let response = self.signature.response(&peer.request, status);
        self.outbox.respond(peer.txn, response);
        self.try_reoffer(now);
    }
}

/// The ACK for the 2xx to a re-INVITE.
fn ack_of(
    reinvite: &Request,
    dialog: &crate::sip::dialog::Dialog,
    next_hop: super::message::NextHop,
) -> Option<Acked> {
    let cseq = reinvite.headers.cseq().ok()?.number;
    let mut request = dialog.ack(cseq);
    copy_credentials(reinvite, &mut request);
    Some(Acked {
        cseq,
        request,
        next_hop,
    })
}

/// How long a side waits after a glare (section 14.1), in steps of 10 ms: the one that made the
/// Call-ID 2.1 to 4 s, the other 0 to 2 s, so that they do not meet again.
fn glare_wait(caller: bool, random: u64) -> Duration {
    if caller {
        Duration::from_millis(2_100 + random % 191 * 10)
    } else {
        Duration::from_millis(random % 201 * 10)
    }
}

/// How long a peer shall wait before it tries again what came at a bad moment: 0 to 10 s.
pub(super) const RETRY_WITHIN: u64 = 11;

/// The guard of a re-INVITE is longer than the transaction's own, so that it only ever meets one
/// that was answered provisionally.
const _: () = assert!(REINVITE_WAIT.as_secs() > TIMEOUT.as_secs());
