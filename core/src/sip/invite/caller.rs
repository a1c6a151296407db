//! The side that calls, until somebody answers.

use std::time::Instant;

use bytes::Bytes;

use super::answer::Acked;
use super::authorize::copy_credentials;
use super::callee::first_cseq;
use super::message::{EndedSide, RequestTag, UsageEvent};
use super::outbox::Outbox;
use super::party::OutgoingInvite;
use super::reason;
use super::refer::Referrals;
use super::reoffer::Reoffer;
use super::sent::{Purpose, Sent, SentRequests};
use super::signature::{Signature, put_request_sdp};
use super::usage::{Established, InviteUsage, OurAck, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::dialog::{Dialog, DialogKey, RouteSet};
use crate::sip::digest::DigestClient;
use crate::sip::endpoint::{TxnFailure, body};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::transaction::timer::TIMEOUT;
use crate::timers::Timers;

/// The most early dialogs remembered. A phone beyond them rings and may answer all the same.
const MOST_EARLY: usize = 16;

/// An INVITE of ours without a final response.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub(super) tag: RequestTag,
    pub(super) early: Vec<Early>,
    wanted: Wanted,
}

/// Whether we still want the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted {
    Yes,
    /// Hung up; a 2xx that crosses our CANCEL is acknowledged and hung up.
    No,
}

/// A phone that rings.
#[derive(Debug, Clone)]
pub(super) struct Early {
    pub(super) dialog: Dialog,
    /// The answer it sent for early media.
    sdp: Option<Bytes>,
}

impl Outgoing {
    pub(super) fn is_cancelled(&self) -> bool {
        self.wanted == Wanted::No
    }

    pub(super) fn cancel(&mut self) {
        self.wanted = Wanted::No;
    }

    /// The phone with this tag that rings.
    pub(super) fn early(&mut self, tag: Option<&Bytes>) -> Option<&mut Early> {
        self.early
            .iter_mut()
            .find(|early| early.dialog.is_with(tag))
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
                challenges: 0,
            },
        );
        Self {
            signature,
            ids,
            key: DialogKey {
                call_id,
                local_tag: tag.into(),
            },
            stage: Stage::Outgoing(Box::new(Outgoing {
                tag: request_tag,
                early: Vec::new(),
                wanted: Wanted::Yes,
            })),
            sent,
            forks: Vec::new(),
            referrals: Referrals::default(),
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

    fn handle_provisional(&mut self, now: Instant, response: &Response) {
        let invite = self.sent.invite();
        let (Stage::Outgoing(outgoing), Some(invite)) = (&mut self.stage, invite) else {
            return;
        };
        if outgoing.is_cancelled() {
            // The CANCEL could not go out before; its wait begins now.
            self.timers.set(UsageTimer::CancelWait, now + TIMEOUT);
            return;
        }
        let remote_tag = response.headers.to_tag();
        let sdp = body::sdp(&response.headers, &response.body);
        if response.status == 199 {
            let gone = remote_tag.as_ref();
            outgoing.early.retain(|early| !early.dialog.is_with(gone));
            return;
        }
        if remote_tag.is_some() {
            if let Some(early) = outgoing.early(remote_tag.as_ref()) {
                early.sdp = sdp.clone().or(early.sdp.take());
            } else if outgoing.early.len() < MOST_EARLY
                && let Ok(dialog) = Dialog::uac(invite, response)
            {
                let sdp = sdp.clone();
                outgoing.early.push(Early { dialog, sdp });
            }
        }
        match response.status {
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
        let mut sdp = body::sdp(&response.headers, &response.body);
        if let Some(early) = outgoing.early(dialog.remote_tag().cloned().as_ref()) {
            dialog.follow(&early.dialog);
            sdp = sdp.or(early.sdp.take());
        }
        let cancelled = outgoing.is_cancelled();
        let offered = !invite.body.is_empty();
        self.timers.stop(UsageTimer::CancelWait);
        self.timers.set(UsageTimer::ForkWindow, now + TIMEOUT);
        self.stage = Stage::Established(Box::new(Established {
            dialog,
            caller: true,
            unacked: None,
            ack: OurAck::Owed(invite),
            peer: None,
            reoffer: Reoffer::Idle,
            next: None,
        }));
        if cancelled || offered {
            self.send_ack(now, None);
        }
        if cancelled {
            self.leave_established(Some(HangupCause::OriginatorCancel));
        } else {
            self.outbox.tell(UsageEvent::Answered { sdp });
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
            put_request_sdp(&mut request, sdp);
        }
        let acked = Acked {
            cseq: cseq.number,
            request,
            next_hop: self.signature.next_hop(established.dialog.next_hop()),
        };
        established.ack = OurAck::Sent(acked.clone());
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
            && let Some(tag) = self.answer_challenge(tag, response)
        {
            if let Stage::Outgoing(outgoing) = &mut self.stage {
                outgoing.tag = tag;
                outgoing.early.clear();
            }
            return;
        }
        self.sent.remove(tag);
        let cause = reason::of_failure(response.status, &response.headers);
        let status = Some(response.status);
        self.outbox.end(cause, EndedSide::Remote, status);
        self.leave();
    }

    pub(super) fn handle_invite_failed(&mut self, tag: RequestTag, failure: TxnFailure) {
        self.sent.remove(tag);
        let Stage::Outgoing(_) = &self.stage else {
            return;
        };
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
    if let Some(sdp) = &spec.sdp {
        put_request_sdp(&mut request, sdp.clone());
    }
    request
}
