//! Phones that ring for a call of ours: their early dialogs, the PRACKs of their reliable
//! provisional responses (RFC 3262 section 4), and what is said about the session before the answer.

use std::time::Instant;

use bytes::Bytes;

use super::caller::Outgoing;
use super::described::Described;
use super::message::UsageEvent;
use super::options::ReliableProvisional;
use super::peer_reoffer::PeerReoffer;
use super::sent::{Purpose, Sent};
use super::signature::put_request_sdp;
use super::usage::{InviteUsage, Stage, UsageTimer};
use crate::sip::HeaderName;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::{ServerTxn, body};
use crate::sip::header::{RAck, RSeq};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::transaction::timer::TIMEOUT;

/// The most early dialogs remembered. A phone beyond them rings and may answer all the same.
const MOST_EARLY: usize = 16;

/// The most PRACKs to one phone that wait for their responses. Until the first was answered a phone
/// may send no second reliable response, and hardly any sends more than two at once later (RFC 3262
/// section 3).
const MOST_PRACKS: usize = 4;

/// A phone that rings.
#[derive(Debug, Clone)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    /// The number of its last reliable response.
    rseq: Option<u32>,
    pub(super) exchange: EarlyAnswer,
    pub(super) described: Described,
}

/// How far offer and answer with one phone have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EarlyAnswer {
    /// Nothing was said.
    None,
    /// What it said may have been lost, or may change: the 2xx says it for good.
    Unreliable(Bytes),
    /// Said reliably: what comes later is the same, and is not looked at (RFC 3261 section 13.2.1).
    Reliable(Bytes),
    /// The two have agreed on something else since.
    Changed,
}

impl EarlyAnswer {
    /// Whether offer and answer are done.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self, Self::Reliable(_) | Self::Changed)
    }
}

/// What a phone that rings wants to know from the call.
#[derive(Debug, Clone)]
pub(super) enum EarlyOffer {
    /// An offer in an UPDATE.
    Update(PeerReoffer),
    /// An offer in a reliable provisional response, from the phone with this tag.
    Provisional { tag: Option<Bytes>, rseq: u32 },
}

/// What offer and answer have come to when a phone answers.
pub(super) struct Settled {
    /// Its answer, or its offer if our INVITE made none.
    pub(super) sdp: Option<Bytes>,
    pub(super) described: Described,
    /// Our ACK has nothing to say.
    pub(super) settled: bool,
}

/// What a provisional response is, seen from its number.
enum Order {
    Unreliable,
    Next(u32),
    /// It came before, or too soon, or its number is none.
    Drop,
}

impl Outgoing {
    /// The phone with this tag that rings.
    pub(super) fn early(&mut self, tag: Option<&Bytes>) -> Option<&mut Early> {
        self.early
            .iter_mut()
            .find(|early| early.dialog.is_with(tag))
    }

    /// The same, which begins to ring if it did not; none when there are too many.
    fn early_or_new(&mut self, invite: &Request, response: &Response) -> Option<&mut Early> {
        let tag = response.headers.to_tag()?;
        let at = self
            .early
            .iter()
            .position(|early| early.dialog.is_with(Some(&tag)));
        if at.is_none() {
            if self.early.len() == MOST_EARLY {
                return None;
            }
            self.early.push(Early {
                dialog: Dialog::uac(invite, response).ok()?,
                rseq: None,
                exchange: EarlyAnswer::None,
                described: Described::default(),
            });
        }
        match at {
            Some(at) => self.early.get_mut(at),
            None => self.early.last_mut(),
        }
    }

    /// What is agreed with the phone that answered; `said` is what its 2xx says.
    pub(super) fn settle_early(
        &mut self,
        tag: Option<&Bytes>,
        said: Option<Bytes>,
        invite: &Request,
    ) -> Settled {
        let offered = (!invite.body.is_empty()).then(|| invite.body.clone());
        let settled = offered.is_some();
        let fresh = |sdp: Option<Bytes>| Settled {
            described: Described {
                local: offered.clone(),
                remote: sdp.clone(),
            },
            sdp,
            settled,
        };
        let Some(early) = self.early(tag) else {
            return fresh(said);
        };
        let sdp = match &early.exchange {
            EarlyAnswer::None => return fresh(said),
            EarlyAnswer::Unreliable(sdp) => return fresh(said.or_else(|| Some(sdp.clone()))),
            EarlyAnswer::Reliable(sdp) => Some(sdp.clone()),
            EarlyAnswer::Changed => None,
        };
        Settled {
            sdp,
            described: early.described.clone(),
            settled: true,
        }
    }

    /// The change the phone with this tag wants.
    pub(super) fn take_update_from(&mut self, tag: Option<&Bytes>) -> Option<PeerReoffer> {
        match &self.offer {
            Some(EarlyOffer::Update(peer)) if peer.request.headers.from_tag().as_ref() == tag => {
                self.take_update()
            }
            Some(_) | None => None,
        }
    }

    pub(super) fn take_update(&mut self) -> Option<PeerReoffer> {
        match self.offer.take() {
            Some(EarlyOffer::Update(peer)) => Some(peer),
            other => {
                self.offer = other;
                None
            }
        }
    }

    pub(super) fn take_update_of(&mut self, txn: ServerTxn) -> Option<PeerReoffer> {
        let ours = matches!(&self.offer, Some(EarlyOffer::Update(peer)) if peer.txn == txn);
        if ours { self.take_update() } else { None }
    }
}

impl Early {
    fn order(&self, response: &Response, option: ReliableProvisional) -> Order {
        let headers = &response.headers;
        if option == ReliableProvisional::Off || !headers.has_token(&HeaderName::Require, "100rel")
        {
            return Order::Unreliable;
        }
        let rseq = headers.get(&HeaderName::RSeq);
        let Some(RSeq(rseq)) = rseq.and_then(|value| RSeq::parse(value).ok()) else {
            return Order::Drop;
        };
        match self.rseq {
            // Nothing may be missing in between (RFC 3262 section 4).
            Some(last) if last.checked_add(1) != Some(rseq) => Order::Drop,
            Some(_) | None => Order::Next(rseq),
        }
    }
}

impl InviteUsage {
    pub(super) fn handle_provisional(&mut self, now: Instant, response: &Response) {
        self.note_peer(&response.headers);
        let invite = self.sent.invite();
        let (Stage::Outgoing(outgoing), Some(invite)) = (&mut self.stage, invite) else {
            return;
        };
        if outgoing.is_cancelled() {
            // The CANCEL could not go out before; its wait begins now.
            self.timers.set(UsageTimer::CancelWait, now + TIMEOUT);
            return;
        }
        let tag = response.headers.to_tag();
        if response.status == 199 {
            let gone = tag.as_ref();
            outgoing.early.retain(|early| !early.dialog.is_with(gone));
            return;
        }
        let sdp = body::sdp(&response.headers, &response.body);
        let Some(early) = outgoing.early_or_new(invite, response) else {
            return self.tell_provisional(response.status, sdp);
        };
        let offered = (!invite.body.is_empty()).then(|| invite.body.clone());
        match early.order(response, self.signature.local.options.reliable) {
            Order::Drop => {}
            // It comes again, unless the phone only wants us to remember more and more.
            Order::Next(_) if self.sent.pracks_to(tag.as_ref()) >= MOST_PRACKS => {}
            Order::Unreliable => {
                let sdp = early.hear(sdp, offered.as_ref());
                self.tell_provisional(response.status, sdp);
            }
            Order::Next(rseq) => match (sdp, offered) {
                (Some(offer), None) if !early.exchange.is_settled() => {
                    self.hear_offer(tag, rseq, response.status, offer);
                }
                (sdp, offered) => {
                    let sdp = early.hear_reliably(rseq, sdp, offered);
                    self.send_prack(tag.as_ref(), rseq, None);
                    self.tell_provisional(response.status, sdp);
                }
            },
        }
    }

    fn tell_provisional(&mut self, status: u16, sdp: Option<Bytes>) {
        match status {
            100 => {}
            180 => {
                self.outbox.tell(UsageEvent::Ringing);
                if sdp.is_some() {
                    self.outbox.tell(UsageEvent::Progress { sdp });
                }
            }
            _ => self.outbox.tell(UsageEvent::Progress { sdp }),
        }
    }

    /// A phone offers in a reliable response, because our INVITE did not. While the call owes an
    /// answer to another one, this one is left to come again.
    fn hear_offer(&mut self, tag: Option<Bytes>, rseq: u32, status: u16, offer: Bytes) {
        let Stage::Outgoing(outgoing) = &mut self.stage else {
            return;
        };
        if outgoing.offer.is_some() {
            return;
        }
        if let Some(early) = outgoing.early(tag.as_ref()) {
            early.rseq = Some(rseq);
            early.described.remote = Some(offer.clone());
        }
        outgoing.offer = Some(EarlyOffer::Provisional { tag, rseq });
        self.tell_provisional(status, None);
        self.outbox.tell(UsageEvent::Reoffered { sdp: Some(offer) });
    }

    /// The call answers what a phone that rings has offered.
    pub(super) fn accept_early(&mut self, sdp: Bytes) {
        let Stage::Outgoing(outgoing) = &mut self.stage else {
            return;
        };
        let Some(offer) = outgoing.offer.take() else {
            return;
        };
        let tag = match &offer {
            EarlyOffer::Update(peer) => peer.request.headers.from_tag(),
            EarlyOffer::Provisional { tag, .. } => tag.clone(),
        };
        if let Some(early) = outgoing.early(tag.as_ref()) {
            early.exchange = EarlyAnswer::Changed;
            early.described.local = Some(sdp.clone());
            if let EarlyOffer::Update(peer) = &offer {
                early.described.remote = peer.offer();
                early.dialog.refresh_target(&peer.request.headers);
            }
        }
        match offer {
            EarlyOffer::Update(peer) => self.answer_early_change(&peer, sdp),
            EarlyOffer::Provisional { rseq, .. } => self.send_prack(tag.as_ref(), rseq, Some(sdp)),
        }
    }

    /// The call cannot live with an offer in a reliable response: it is acknowledged, and the phone
    /// has to offer again in its 2xx.
    pub(super) fn reject_early_offer(&mut self) {
        if let Stage::Outgoing(outgoing) = &mut self.stage
            && let Some(EarlyOffer::Provisional { tag, rseq }) = outgoing.offer.take()
        {
            self.send_prack(tag.as_ref(), rseq, None);
        }
    }

    fn send_prack(&mut self, tag: Option<&Bytes>, rseq: u32, sdp: Option<Bytes>) {
        let cseq = self.sent.invite().map(|invite| invite.headers.cseq());
        let Stage::Outgoing(outgoing) = &mut self.stage else {
            return;
        };
        let (Some(early), Some(Ok(cseq))) = (outgoing.early(tag), cseq) else {
            return;
        };
        let mut request = early.dialog.request(Method::Prack);
        let next_hop = self.signature.next_hop(early.dialog.next_hop());
        let rack = RAck::of_invite(rseq, cseq.number).write();
        request.headers.push(HeaderName::RAck, rack);
        self.authorize(&mut request);
        self.signature.sign(&mut request);
        if let Some(sdp) = sdp {
            put_request_sdp(&mut request, sdp);
        }
        let sent = Sent {
            purpose: Purpose::Prack,
            request,
            next_hop,
            tries: 0,
        };
        self.sent.send(&mut self.outbox, sent);
    }

    /// An UPDATE with an offer from a phone that rings (RFC 3311 section 5.2).
    pub(super) fn handle_early_update(&mut self, txn: ServerTxn, request: &Request) {
        let tag = request.headers.from_tag();
        let Stage::Outgoing(outgoing) = &mut self.stage else {
            return;
        };
        let busy = outgoing.offer.is_some();
        let cancelled = outgoing.is_cancelled();
        let settled = outgoing
            .early(tag.as_ref())
            .is_some_and(|early| early.exchange.is_settled());
        if !settled || cancelled {
            return self.refuse(txn, request, 491);
        }
        if busy {
            return self.refuse_for_now(txn, request);
        }
        let peer = PeerReoffer {
            txn,
            request: request.clone(),
        };
        let sdp = peer.offer();
        outgoing.offer = Some(EarlyOffer::Update(peer));
        self.outbox.tell(UsageEvent::Reoffered { sdp });
    }
}

impl Early {
    /// What a response that may be lost says about the session; what is new of it.
    fn hear(&mut self, sdp: Option<Bytes>, offered: Option<&Bytes>) -> Option<Bytes> {
        let sdp = sdp.filter(|_| offered.is_some() && !self.exchange.is_settled())?;
        self.exchange = EarlyAnswer::Unreliable(sdp.clone());
        Some(sdp)
    }

    /// The same for one that is acknowledged.
    fn hear_reliably(
        &mut self,
        rseq: u32,
        sdp: Option<Bytes>,
        offered: Option<Bytes>,
    ) -> Option<Bytes> {
        self.rseq = Some(rseq);
        let sdp = sdp.filter(|_| !self.exchange.is_settled())?;
        self.exchange = EarlyAnswer::Reliable(sdp.clone());
        self.described = Described {
            local: offered,
            remote: Some(sdp.clone()),
        };
        Some(sdp)
    }
}
