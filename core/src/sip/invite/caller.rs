//! The side that calls, until somebody answers.

use std::time::Instant;

use bytes::Bytes;

use super::answer::{Acked, Acks};
use super::authorize::copy_credentials;
use super::callee::first_cseq;
use super::early::{Early, EarlyOffer};
use super::fork::Forks;
use super::message::{EndedSide, RequestTag, UsageEvent};
use super::outbox::Outbox;
use super::party::OutgoingInvite;
use super::reason;
use super::redirect::Redirects;
use super::refer::Referrals;
use super::reoffer::Reoffer;
use super::sent::{Purpose, Sent, SentRequests};
use super::session::{self, Session};
use super::signature::{Signature, put_request_sdp};
use super::usage::{Established, InviteUsage, OurAck, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::dialog::{Dialog, DialogKey, RouteSet};
use crate::sip::digest::DigestClient;
use crate::sip::endpoint::{TxnFailure, body};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::transaction::timer::TIMEOUT;
use crate::sip::{HeaderName, Headers};
use crate::timers::Timers;

/// An INVITE of ours without a final response.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) tag: RequestTag,
    pub(super) early: Vec<Early>,
    /// What one of them wants to know.
    pub(super) offer: Option<EarlyOffer>,
    /// Where else to call if it is refused.
    pub(super) redirects: Redirects,
    wanted: Wanted,
}

/// Whether we still want the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    /// Hung up; a 2xx that crosses our CANCEL is acknowledged and hung up.
    No,
}

impl Outgoing {
    pub(super) fn is_cancelled(&self) -> bool {
        self.wanted == Wanted::No
    }

    pub(super) fn cancel(&mut self) {
        self.wanted = Wanted::No;
    }
}

impl InviteUsage {
    /// We call. The first effect is the INVITE.
    #[must_use]
    pub fn outgoing(spec: OutgoingInvite, ids: &mut IdSource) -> Self {
        let mut ids = IdSource::seeded(ids.bits());
        let tag = ids.token();
        let call_id = spec.call_id.clone();
        let call_id = call_id.unwrap_or_else(|| format!("{}{}", ids.token(), ids.token()).into());
        let signature = Signature {
            local: spec.local.clone(),
            tag: tag.clone(),
        };
        let routes = RouteSet::given(spec.routes.clone());
        let next_hop = signature.next_hop(routes.next_hop(&spec.request_uri));
        let request = first_invite(&spec, &signature, &routes, &call_id, &mut ids);
        let (mut outbox, mut sent) = (Outbox::default(), SentRequests::default());
        let request_tag = sent.send(
            &mut outbox,
            Sent {
                purpose: Purpose::Invite,
                request,
                next_hop,
                tries: 0,
            },
        );
        Self {
            session: Session::new(&spec.local.options.timer, &Headers::new()),
            signature,
            ids,
            key: DialogKey {
                call_id,
                local_tag: tag.into(),
            },
            stage: Stage::Outgoing(Box::new(Outgoing {
                tag: request_tag,
                early: Vec::new(),
                offer: None,
                redirects: Redirects::new(spec.redirect, spec.request_uri),
                wanted: Wanted::Yes,
            })),
            sent,
            referrals: Referrals::default(),
            forks: Forks::default(),
            digest: spec.credentials.map(DigestClient::new),
            timers: Timers::default(),
            outbox,
        }
    }

    pub(super) fn handle_invite_response(
        &mut self,
        now: Instant,
        tag: RequestTag,
        response: &Response,
    ) {
        let Stage::Outgoing(outgoing) = &self.stage else {
            if response.is_success() {
                self.handle_late_answer(response);
            }
            return;
        };
        if outgoing.tag != tag {
            return;
        }
        if response.is_provisional() {
            self.handle_provisional(now, response);
        } else if response.is_success() {
            self.handle_answer(now, tag, response);
        } else {
            self.handle_refusal(tag, response);
        }
    }

    fn handle_answer(&mut self, now: Instant, tag: RequestTag, response: &Response) {
        let Some(invite) = self.sent.get(tag).map(|sent| sent.request.clone()) else {
            return;
        };
        let Stage::Outgoing(outgoing) = &mut self.stage else {
            return;
        };
        let Ok(mut dialog) = Dialog::uac(&invite, response) else {
            return;
        };
        let remote_tag = dialog.remote_tag().cloned();
        let said = body::sdp(&response.headers, &response.body);
        let answer = outgoing.settle_early(remote_tag.as_ref(), said, &invite);
        if let Some(early) = outgoing.early(remote_tag.as_ref()) {
            dialog.follow(&early.dialog);
        }
        let peer = outgoing.take_update_from(remote_tag.as_ref());
        let dropped = outgoing.take_update();
        self.forks.remember(&outgoing.early);
        let cancelled = outgoing.is_cancelled();
        self.timers.stop(UsageTimer::CancelWait);
        self.timers.set(UsageTimer::ForkWindow, now + TIMEOUT);
        self.note_peer(&response.headers);
        self.take_session_timer(now, &response.headers);
        self.stage = Stage::Established(Box::new(Established {
            dialog,
            caller: true,
            unacked: None,
            ack: OurAck::Owed(invite),
            acks: Acks::default(),
            late_prack: None,
            peer,
            reoffer: Reoffer::Idle,
            next: None,
            described: answer.described,
        }));
        if let Some(peer) = dropped {
            self.refuse(peer.txn, &peer.request, 481);
        }
        if cancelled || answer.settled {
            self.send_ack(now, None);
        }
        if cancelled {
            self.drop_peer_reoffer();
            let reason = reason::write(HangupCause::OriginatorCancel);
            self.leave_established(Some(reason));
        } else {
            self.outbox.tell(UsageEvent::Answered { sdp: answer.sdp });
        }
    }

    /// Answers the offer that came in the peer's 2xx, after an INVITE of ours without one. Without
    /// this the peer hangs up after half a minute.
    pub fn ack(&mut self, now: Instant, sdp: Bytes) {
        self.send_ack(now, Some(sdp));
    }

    /// Sends the ACK that is owed.
    pub(super) fn send_ack(&mut self, now: Instant, sdp: Option<Bytes>) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let OurAck::Owed(invite) = &established.ack else {
            return;
        };
        let Ok(cseq) = invite.headers.cseq() else {
            return;
        };
        let mut request = established.dialog.ack(cseq.number);
        copy_credentials(invite, &mut request);
        self.signature.sign(&mut request);
        if let Some(sdp) = sdp {
            established.described.local = Some(sdp.clone());
            put_request_sdp(&mut request, sdp);
        }
        let acked = Acked {
            cseq: cseq.number,
            request,
            next_hop: self.signature.next_hop(established.dialog.next_hop()),
        };
        established.ack = OurAck::Sent;
        established.acks.keep(acked.clone());
        self.outbox.ack(acked.request, acked.next_hop);
        self.try_reoffer(now);
    }

    /// A 2xx to the first INVITE after one was taken: the same again, or another phone.
    fn handle_late_answer(&mut self, response: &Response) {
        let Some(invite) = self.sent.invite().cloned() else {
            return;
        };
        if response.headers.cseq().ok() != invite.headers.cseq().ok() {
            return;
        }
        let remote_tag = response.headers.to_tag();
        let ours = self
            .dialog()
            .is_some_and(|dialog| dialog.is_with(remote_tag.as_ref()));
        if ours {
            self.resend_ack(response);
        } else {
            self.answer_fork(&invite, response);
        }
    }

    fn handle_refusal(&mut self, tag: RequestTag, response: &Response) {
        let Stage::Outgoing(outgoing) = &mut self.stage else {
            return;
        };
        if !outgoing.is_cancelled()
            && let Some(tag) = self.try_again(tag, response)
        {
            self.drop_peer_reoffer();
            if let Stage::Outgoing(outgoing) = &mut self.stage {
                outgoing.tag = tag;
                outgoing.early.clear();
                outgoing.offer = None;
            }
            return;
        }
        let redirected = match &self.stage {
            Stage::Outgoing(outgoing) => outgoing.redirects.told(response),
            Stage::Incoming(_) | Stage::Established(_) | Stage::Leaving(_) | Stage::Terminated => {
                None
            }
        };
        self.drop_peer_reoffer();
        self.sent.remove(tag);
        let cause = reason::of_failure(response.status, &response.headers);
        let status = Some(response.status);
        if let Some(redirected) = redirected {
            self.outbox.tell(redirected);
        }
        self.outbox.end(cause, EndedSide::Remote, status);
        self.leave();
    }

    /// Sends the INVITE once more, if the refusal says how it would be taken: with credentials, with
    /// a longer session timer, or somewhere else.
    fn try_again(&mut self, tag: RequestTag, response: &Response) -> Option<RequestTag> {
        match response.status {
            401 | 407 => self
                .answer_challenge(tag, response)
                .or_else(|| self.call_next(tag, response)),
            422 => self.lengthen_session(tag, response),
            _ => self.call_next(tag, response),
        }
    }

    pub(super) fn handle_invite_failed(&mut self, tag: RequestTag, failure: TxnFailure) {
        self.sent.remove(tag);
        let Stage::Outgoing(outgoing) = &self.stage else {
            return;
        };
        if outgoing.tag != tag {
            return;
        }
        self.drop_peer_reoffer();
        let cause = match failure {
            TxnFailure::TimedOut => HangupCause::NoUserResponse,
            TxnFailure::Transport => HangupCause::NetworkOutOfOrder,
        };
        self.outbox.end(cause, EndedSide::Local, None);
        self.leave();
    }
}

fn first_invite(
    spec: &OutgoingInvite,
    signature: &Signature,
    routes: &RouteSet,
    call_id: &Bytes,
    ids: &mut IdSource,
) -> Request {
    let mut request = Request::new(Method::Invite, spec.request_uri.clone());
    routes.apply(&mut request, &spec.request_uri);
    let from = [&spec.from, &b";tag="[..], signature.tag.as_bytes()].concat();
    let headers = &mut request.headers;
    headers.push(HeaderName::MaxForwards, spec.max_forwards.to_string());
    headers.push(HeaderName::From, from);
    headers.push(HeaderName::To, spec.to.clone());
    headers.push(HeaderName::CallId, call_id.clone());
    headers.push(HeaderName::CSeq, format!("{} INVITE", first_cseq(ids)));
    for (name, value) in &spec.headers {
        headers.push(name.clone(), value.clone());
    }
    signature.introduce(&mut request);
    signature.require_reliable(&mut request);
    session::ask(&spec.local.options.timer, &mut request);
    if let Some(sdp) = &spec.sdp {
        put_request_sdp(&mut request, sdp.clone());
    }
    request
}
