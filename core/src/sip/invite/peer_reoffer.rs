//! Changes the peer wants: re-INVITE, UPDATE (RFC 3311), and offers in reliable provisional
//! responses and their PRACKs (RFC 3262 section 5).

use std::time::Instant;

use bytes::Bytes;

use super::answer::{Answered, Unacked};
use super::message::UsageEvent;
use super::signature::put_response_sdp;
use super::usage::{InviteUsage, Stage};
use crate::sip::endpoint::{ServerTxn, body};
use crate::sip::message::Request;
use crate::sip::method::Method;

/// A change of the peer's that the call has not answered.
#[derive(Debug, Clone)]
pub(super) struct PeerReoffer {
    pub(super) txn: ServerTxn,
    /// The re-INVITE, UPDATE or PRACK.
    pub(super) request: Request,
}

impl PeerReoffer {
    pub(super) fn offer(&self) -> Option<Bytes> {
        body::sdp(&self.request.headers, &self.request.body)
    }
}

impl InviteUsage {
    /// Hands the peer's offer to the call, unless it says what was said before: who refreshes a
    /// session with the same description is told ours again (RFC 3264 section 8).
    pub(super) fn take_offer(&mut self, now: Instant, txn: ServerTxn, request: &Request) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let peer = PeerReoffer {
            txn,
            request: request.clone(),
        };
        let sdp = peer.offer();
        established.peer = Some(peer);
        let known = sdp.is_some() && sdp == established.described.remote;
        match established.described.local.clone().filter(|_| known) {
            Some(local) => self.accept_reinvite(now, local),
            None => self.outbox.tell(UsageEvent::Reoffered { sdp }),
        }
    }

    /// Takes the peer's change: `sdp` is the answer, or our offer if the peer wanted one. Does
    /// nothing when no change waits any more.
    pub fn accept_reinvite(&mut self, now: Instant, sdp: Bytes) {
        match &mut self.stage {
            Stage::Established(_) => self.accept_change(now, sdp),
            Stage::Incoming(incoming) => {
                let Some(peer) = incoming.peer.take() else {
                    return;
                };
                incoming.dialog.refresh_target(&peer.request.headers);
                incoming.described.local = Some(sdp.clone());
                incoming.described.remote = peer.offer();
                self.answer_early_change(&peer, sdp);
                self.flush_answer(now);
            }
            Stage::Outgoing(_) => self.accept_early(sdp),
            Stage::Leaving(_) | Stage::Terminated => {}
        }
    }

    /// The 200 to an UPDATE or PRACK with an offer, before the call is answered.
    pub(super) fn answer_early_change(&mut self, peer: &PeerReoffer, sdp: Bytes) {
        let mut response = self.signature.full_response(&peer.request, 200);
        put_response_sdp(&mut response, sdp);
        self.outbox.respond(peer.txn, response);
    }

    fn accept_change(&mut self, now: Instant, sdp: Bytes) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let Some(peer) = established.peer.take() else {
            return;
        };
        established.dialog.refresh_target(&peer.request.headers);
        established.described.local = Some(sdp.clone());
        if let Some(offer) = peer.offer() {
            established.described.remote = Some(offer);
        }
        let mut response = self.signature.full_response(&peer.request, 200);
        put_response_sdp(&mut response, sdp);
        self.grant_session_timer(now, &peer.request, &mut response);
        self.outbox.respond(peer.txn, response.clone());
        if peer.request.method != Method::Invite {
            return self.try_reoffer(now);
        }
        let answered = Answered::Reinvite;
        let unacked = Unacked::new(now, peer.txn, &peer.request, response, answered);
        self.await_ack(now, &unacked);
        if let Stage::Established(established) = &mut self.stage {
            established.unacked = Some(unacked);
        }
    }

    /// Refuses the peer's change with `status`, 488 for SDP we cannot live with; the session stays
    /// as it was. A status that is no failure counts as 488. Does nothing when no change waits any
    /// more.
    pub fn reject_reinvite(&mut self, now: Instant, status: u16) {
        let status = if (400..700).contains(&status) {
            status
        } else {
            488
        };
        if let Some(peer) = self.take_peer_reoffer() {
            let response = self.signature.response(&peer.request, status);
            self.outbox.respond(peer.txn, response);
            self.try_reoffer(now);
            self.flush_answer(now);
        } else {
            self.reject_early_offer();
        }
    }

    /// A change the peer asked for is not worth an answer any more (section 15.1.2).
    pub(super) fn drop_peer_reoffer(&mut self) {
        if let Some(peer) = self.take_peer_reoffer() {
            let status = if peer.request.method == Method::Invite {
                487
            } else {
                481
            };
            let response = self.signature.response(&peer.request, status);
            self.outbox.respond(peer.txn, response);
        }
    }

    /// The peer's request that the call has not answered, in whatever stage.
    fn take_peer_reoffer(&mut self) -> Option<PeerReoffer> {
        match &mut self.stage {
            Stage::Established(established) => established.peer.take(),
            Stage::Incoming(incoming) => incoming.peer.take(),
            Stage::Outgoing(outgoing) => outgoing.take_update(),
            Stage::Leaving(_) | Stage::Terminated => None,
        }
    }

    /// The request with this transaction cannot be answered any more, or is not to be.
    pub(super) fn withdraw_peer_reoffer(&mut self, txn: ServerTxn) -> Option<PeerReoffer> {
        let peer = match &mut self.stage {
            Stage::Established(established) => established.peer.take_if(|peer| peer.txn == txn),
            Stage::Incoming(incoming) => incoming.peer.take_if(|peer| peer.txn == txn),
            Stage::Outgoing(outgoing) => outgoing.take_update_of(txn),
            Stage::Leaving(_) | Stage::Terminated => None,
        };
        if peer.is_some() {
            self.outbox.tell(UsageEvent::ReofferWithdrawn);
        }
        peer
    }
}
