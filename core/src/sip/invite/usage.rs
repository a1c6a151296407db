//! The usage itself: its stages, its clockwork, and where each input goes.

use std::time::Instant;

use super::answer::{Acks, Unacked};
use super::callee::Incoming;
use super::caller::Outgoing;
use super::described::Described;
use super::fork::Forks;
use super::message::{RequestTag, UsageEffect, UsageEvent, UsageInput};
use super::outbox::Outbox;
use super::peer_reoffer::PeerReoffer;
use super::refer::Referrals;
use super::reoffer::{Change, Reoffer};
use super::sent::{Purpose, Sent, SentRequests};
use super::session::Session;
use super::signature::Signature;
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::dialog::{Dialog, DialogKey};
use crate::sip::digest::DigestClient;
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::timers::Timers;

/// One leg's dialog and what goes on in it. See the [module](super).
#[derive(Debug, Clone)]
pub struct InviteUsage {
    pub(super) signature: Signature,
    pub(super) ids: IdSource,
    pub(super) key: DialogKey,
    pub(super) stage: Stage,
    pub(super) sent: SentRequests,
    pub(super) referrals: Referrals,
    pub(super) forks: Forks,
    pub(super) session: Session,
    pub(super) digest: Option<DigestClient>,
    pub(super) timers: Timers<UsageTimer>,
    pub(super) outbox: Outbox,
}

/// How far a usage has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum UsageState {
    /// The peer called and has no final answer.
    Incoming,
    /// We called and have no final answer.
    Calling,
    /// Answered.
    Established,
    /// Over for the call; the protocol is not finished yet.
    Leaving,
    /// Nothing is pending.
    Terminated,
}

/// The stages with what each remembers.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    Incoming(Box<Incoming>),
    Outgoing(Box<Outgoing>),
    Established(Box<Established>),
    Leaving(Box<Leaving>),
    Terminated,
}

/// A session that runs.
#[derive(Debug, Clone)]
pub(super) struct Established {
    pub(super) dialog: Dialog,
    /// Whether we placed the call: it decides who waits longer after a glare.
    pub(super) caller: bool,
    pub(super) unacked: Option<Unacked>,
    pub(super) ack: OurAck,
    pub(super) acks: Acks,
    /// The number of a provisional response without a description that had no PRACK when we
    /// answered.
    pub(super) late_prack: Option<u32>,
    /// The change the peer wants.
    pub(super) peer: Option<PeerReoffer>,
    /// The change we want.
    pub(super) reoffer: Reoffer,
    /// The change we want after that.
    pub(super) next: Option<Change>,
    pub(super) described: Described,
}

/// Our side of their 2xx.
#[derive(Debug, Clone)]
pub(super) enum OurAck {
    /// They have sent none.
    None,
    /// It made an offer, and the call has yet to answer: what INVITE it was for.
    Owed(Request),
    /// Sent, and kept for a 2xx that comes again.
    Sent,
}

/// A dialog that ends.
#[derive(Debug, Clone, Default)]
pub(super) struct Leaving {
    /// Our 2xx has no ACK yet; the BYE has to wait for it.
    pub(super) waiting: Option<(Unacked, Sent)>,
    /// For a 2xx that is repeated still.
    pub(super) acks: Acks,
    /// A re-INVITE of ours without a final response.
    pub(super) reinvite: Option<RequestTag>,
    pub(super) dialog: Option<Dialog>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum UsageTimer {
    /// Repeat our 2xx, or before it a reliable provisional response.
    Resend,
    /// That response had no PRACK.
    PrackWait,
    /// Its ACK never came.
    AckWait,
    /// Repeat the provisional response, so that no proxy gives up (section 13.3.1.1).
    Provisional,
    /// A cancelled INVITE got no final response.
    CancelWait,
    /// Try a re-INVITE again after a glare.
    Glare,
    /// A re-INVITE got no final response.
    ReinviteWait,
    /// Refresh the session.
    Refresh,
    /// Nobody refreshed it.
    SessionEnd,
    /// No more phones can answer the INVITE that started the call.
    ForkWindow,
    /// The subscription of the REFER with this number has lasted long enough.
    Referral(u32),
}

impl InviteUsage {
    /// What finds the dialog among those of other legs.
    #[must_use]
    pub fn dialog_key(&self) -> &DialogKey {
        &self.key
    }

    /// The dialog, once there is one: from the beginning for the side that was called, from the
    /// answer on for the one that calls.
    #[must_use]
    pub fn dialog(&self) -> Option<&Dialog> {
        match &self.stage {
            Stage::Incoming(incoming) => Some(&incoming.dialog),
            Stage::Established(established) => Some(&established.dialog),
            Stage::Leaving(leaving) => leaving.dialog.as_ref(),
            Stage::Outgoing(_) | Stage::Terminated => None,
        }
    }

    /// How far it has come.
    #[must_use]
    pub fn state(&self) -> UsageState {
        match &self.stage {
            Stage::Incoming(_) => UsageState::Incoming,
            Stage::Outgoing(outgoing) if outgoing.is_cancelled() => UsageState::Leaving,
            Stage::Outgoing(_) => UsageState::Calling,
            Stage::Established(_) => UsageState::Established,
            Stage::Leaving(_) => UsageState::Leaving,
            Stage::Terminated => UsageState::Terminated,
        }
    }

    /// True when nothing is pending any more. After the last effect and event the usage may be
    /// dropped.
    #[must_use]
    pub fn is_terminated(&self) -> bool {
        matches!(self.stage, Stage::Terminated)
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, input: UsageInput) {
        match input {
            UsageInput::Request { txn, request } => self.handle_request(now, txn, &request),
            UsageInput::Ack(request) => self.handle_ack(now, &request),
            UsageInput::Cancelled { txn, cause } => self.handle_cancelled(now, txn, cause),
            UsageInput::FlowLost { txn } => self.handle_flow_lost(now, txn),
            UsageInput::Response { tag, response } => self.handle_response(now, tag, &response),
            UsageInput::RequestFailed { tag, failure } => {
                self.handle_request_failed(now, tag, failure);
            }
        }
        self.settle();
    }

    /// Lets every timer fire that is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                UsageTimer::Resend => self.resend(now),
                UsageTimer::PrackWait => self.handle_prack_missing(),
                UsageTimer::Refresh => self.handle_refresh_due(now),
                UsageTimer::SessionEnd => self.handle_session_over(now),
                UsageTimer::AckWait => self.handle_ack_missing(now),
                UsageTimer::Provisional => self.resend_provisional(now),
                UsageTimer::CancelWait => self.handle_cancel_unanswered(),
                UsageTimer::Glare => self.handle_glare_over(now),
                UsageTimer::ReinviteWait => self.cancel_reinvite(),
                UsageTimer::ForkWindow => {
                    self.sent.forget(Purpose::Invite);
                    self.forks.clear();
                }
                UsageTimer::Referral(number) => self.handle_referral_over(now, number),
            }
            self.settle();
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<UsageEffect> {
        self.outbox.next_effect()
    }

    /// The next thing to tell the call.
    pub fn poll_event(&mut self) -> Option<UsageEvent> {
        self.outbox.next_event()
    }

    /// Moves to Terminated once nothing is pending.
    pub(super) fn settle(&mut self) {
        let Stage::Leaving(leaving) = &self.stage else {
            return;
        };
        if leaving.waiting.is_none() && !self.sent.is_leaving() && !self.referrals.are_told() {
            if let Some(tag) = leaving.reinvite {
                // Its 2xx may be lost and is repeated no more; without this it would wait for ever.
                self.outbox.push(UsageEffect::Cancel { tag, reason: None });
            }
            self.stage = Stage::Terminated;
            self.timers.retain(|_| false);
            self.sent.clear();
            self.forks.clear();
        }
    }

    fn resend(&mut self, now: Instant) {
        match self.stage {
            Stage::Incoming(_) => self.resend_reliably(now),
            Stage::Established(_) | Stage::Leaving(_) => self.resend_answer(now),
            Stage::Outgoing(_) | Stage::Terminated => {}
        }
    }

    fn handle_response(&mut self, now: Instant, tag: RequestTag, response: &Response) {
        let Some(sent) = self.sent.get(tag) else {
            // The next change is under way already, and the ACK of the one before was lost.
            return self.resend_ack(response);
        };
        match sent.purpose {
            Purpose::Invite => self.handle_invite_response(now, tag, response),
            Purpose::Reinvite | Purpose::Update => {
                self.handle_change_response(now, tag, response);
            }
            Purpose::Prack => {
                // It reached the peer, which is all that matters, unless it has to say who we are.
                if !response.is_provisional() && self.answer_challenge(tag, response).is_none() {
                    self.sent.remove(tag);
                }
            }
            Purpose::Bye | Purpose::ForkBye => {
                if !response.is_provisional() {
                    self.handle_bye_response(tag, response);
                }
            }
            Purpose::Notify(refer) => {
                if !response.is_provisional() {
                    self.handle_notify_response(refer, tag, response);
                }
            }
        }
    }

    fn handle_request_failed(&mut self, now: Instant, tag: RequestTag, failure: TxnFailure) {
        let Some(sent) = self.sent.get(tag) else {
            return;
        };
        match sent.purpose {
            Purpose::Invite => self.handle_invite_failed(tag, failure),
            Purpose::Reinvite | Purpose::Update => self.handle_change_failed(now, tag, failure),
            Purpose::Prack | Purpose::Bye | Purpose::ForkBye => {
                self.sent.remove(tag);
            }
            Purpose::Notify(refer) => self.handle_notify_failed(refer, tag),
        }
    }

    fn handle_flow_lost(&mut self, now: Instant, txn: ServerTxn) {
        match &mut self.stage {
            Stage::Incoming(incoming) if incoming.txn == txn => self.lose_caller(),
            Stage::Incoming(_)
            | Stage::Outgoing(_)
            | Stage::Established(_)
            | Stage::Leaving(_)
            | Stage::Terminated => {
                self.withdraw_peer_reoffer(txn);
                self.flush_answer(now);
                self.try_reoffer(now);
            }
        }
    }

    /// The ACK of a 2xx that came again goes out again.
    pub(super) fn resend_ack(&mut self, response: &Response) {
        let (dialog, acks) = match &self.stage {
            Stage::Established(established) => (Some(&established.dialog), &established.acks),
            Stage::Leaving(leaving) => (leaving.dialog.as_ref(), &leaving.acks),
            Stage::Incoming(_) | Stage::Outgoing(_) | Stage::Terminated => return,
        };
        let remote_tag = response.headers.to_tag();
        let ours = dialog.is_none_or(|dialog| dialog.is_with(remote_tag.as_ref()));
        let Ok(cseq) = response.headers.cseq() else {
            return;
        };
        let repeated = ours && response.is_success() && cseq.method == Method::Invite;
        if let Some(acked) = acks.of(cseq.number).filter(|_| repeated) {
            let (request, next_hop) = (acked.request.clone(), acked.next_hop.clone());
            self.outbox.ack(request, next_hop);
        }
    }

    /// A BYE for `dialog`.
    pub(super) fn bye(&mut self, dialog: &mut Dialog, reason: Option<String>) -> Sent {
        let mut request = dialog.request(Method::Bye);
        self.authorize(&mut request);
        self.signature.sign(&mut request);
        if let Some(reason) = reason {
            request.headers.push(HeaderName::Reason, reason);
        }
        Sent {
            purpose: Purpose::Bye,
            request,
            next_hop: self.signature.next_hop(dialog.next_hop()),
            tries: 0,
        }
    }
}
