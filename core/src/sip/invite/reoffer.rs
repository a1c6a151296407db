//! Changing a session that runs from our side (RFC 3261 section 14, RFC 3311), and keeping it as it
//! is (RFC 4028 section 7.4).

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::answer::{Acked, Unacked};
use super::authorize::copy_credentials;
use super::message::{EndedSide, RequestTag, UsageEffect, UsageEvent};
use super::reason;
use super::sent::{Purpose, Sent};
use super::session::RefreshBy;
use super::signature::put_request_sdp;
use super::usage::{Established, InviteUsage, OurAck, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::sip::endpoint::{TxnFailure, body};
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
    /// Refused with 491; waits for its next try.
    Waiting(Change),
    /// On its way.
    Sent { tag: RequestTag, change: Change },
}

/// What we want of the session.
#[derive(Debug, Clone)]
pub(super) struct Change {
    wish: Wish,
    way: Way,
    /// The offer; none for an UPDATE that only refreshes.
    sdp: Option<Bytes>,
    /// How often it met a change of the peer's.
    glares: u8,
}

/// Who wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    /// The call, which hears what becomes of it.
    Offer,
    /// The session timer.
    Refresh,
}

/// In what it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// A person may have to agree (RFC 3311 section 5.1).
    Reinvite,
    /// The peer answers at once.
    Update,
}

impl Established {
    /// Whether an offer of ours waits for its answer.
    pub(super) fn is_offering(&self) -> bool {
        let made_offer = |unacked: &Unacked| unacked.made_offer;
        let sent = matches!(&self.reoffer, Reoffer::Sent { change, .. } if change.sdp.is_some());
        sent || self.unacked.as_ref().is_some_and(made_offer)
    }

    /// The re-INVITE of ours that has no final response.
    pub(super) fn reinviting(&self) -> Option<RequestTag> {
        match &self.reoffer {
            Reoffer::Sent { tag, change } if change.way == Way::Reinvite => Some(*tag),
            Reoffer::Sent { .. } | Reoffer::Idle | Reoffer::Waiting(_) => None,
        }
    }

    /// Whether a change may go out now.
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
        self.offer(now, Way::Reinvite, sdp);
    }

    /// The same by UPDATE, for a change nobody has to agree to; by re-INVITE if the peer does not
    /// know UPDATE.
    pub fn update(&mut self, now: Instant, sdp: Bytes) {
        let way = match self.session.by() {
            RefreshBy::Update => Way::Update,
            RefreshBy::Reinvite => Way::Reinvite,
        };
        self.offer(now, way, sdp);
    }

    /// Takes back a change of ours that waits for its turn, or for its next try after a glare; false
    /// when it is on its way to the peer, or there is none.
    pub fn withdraw_change(&mut self) -> bool {
        let Stage::Established(established) = &mut self.stage else {
            return false;
        };
        if established.next.take().is_some() {
            return true;
        }
        match &established.reoffer {
            Reoffer::Waiting(change) if change.wish == Wish::Offer => {
                established.reoffer = Reoffer::Idle;
                self.timers.stop(UsageTimer::Glare);
                true
            }
            Reoffer::Waiting(_) | Reoffer::Sent { .. } | Reoffer::Idle => false,
        }
    }

    fn offer(&mut self, now: Instant, way: Way, sdp: Bytes) {
        if let Stage::Established(established) = &mut self.stage {
            established.next = Some(Change {
                wish: Wish::Offer,
                way,
                sdp: Some(sdp),
                glares: 0,
            });
            self.try_reoffer(now);
        }
    }

    /// Refreshes the session; false if something is in its way.
    pub(super) fn refresh(&mut self, now: Instant) -> bool {
        let by = self.session.by();
        let Stage::Established(established) = &mut self.stage else {
            return false;
        };
        if !established.is_quiet() {
            return false;
        }
        let (way, sdp) = match (by, established.described.local.clone()) {
            (RefreshBy::Reinvite, Some(local)) => (Way::Reinvite, Some(local)),
            (RefreshBy::Update, _) | (RefreshBy::Reinvite, None) => (Way::Update, None),
        };
        let change = Change {
            wish: Wish::Refresh,
            way,
            sdp,
            glares: 0,
        };
        self.send_change(now, change);
        true
    }

    /// Sends the change that waits, if nothing is in its way.
    pub(super) fn try_reoffer(&mut self, now: Instant) {
        if let Stage::Established(established) = &mut self.stage
            && established.is_quiet()
            && let Some(change) = established.next.take()
        {
            self.send_change(now, change);
        }
    }

    fn send_change(&mut self, now: Instant, change: Change) {
        let policy = self.signature.local.options.timer;
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let (method, purpose) = match change.way {
            Way::Reinvite => (Method::Invite, Purpose::Reinvite),
            Way::Update => (Method::Update, Purpose::Update),
        };
        let mut request = established.dialog.request(method);
        if let Some(digest) = &mut self.digest {
            digest.authorize(&mut request, &mut self.ids);
        }
        self.signature.introduce(&mut request);
        self.session.put(&policy, &mut request);
        if let Some(sdp) = change.sdp.clone() {
            put_request_sdp(&mut request, sdp);
        }
        let next_hop = self.signature.next_hop(established.dialog.next_hop());
        // The one before is answered, and its ACK is kept apart.
        self.sent.forget(Purpose::Reinvite);
        let tag = self.sent.send(
            &mut self.outbox,
            Sent {
                purpose,
                request,
                next_hop,
                tries: 0,
            },
        );
        self.change_sent(now, tag, change);
    }

    /// The change is on its way, for the first time or again.
    fn change_sent(&mut self, now: Instant, tag: RequestTag, change: Change) {
        if change.way == Way::Reinvite {
            self.timers
                .set(UsageTimer::ReinviteWait, now + REINVITE_WAIT);
        }
        if let Stage::Established(established) = &mut self.stage {
            established.reoffer = Reoffer::Sent { tag, change };
        }
    }

    /// The wait after a glare is over.
    pub(super) fn handle_glare_over(&mut self, now: Instant) {
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        let Reoffer::Waiting(change) = std::mem::replace(&mut established.reoffer, Reoffer::Idle)
        else {
            return;
        };
        let mut change = match established.next.take() {
            // A newer wish refreshes the session as well, and has met as many glares.
            Some(newer) => Change {
                glares: change.glares,
                ..newer
            },
            None => change,
        };
        if established.is_quiet() {
            if change.wish == Wish::Refresh && change.way == Way::Reinvite {
                // It may have changed in the meantime.
                change.sdp = established.described.local.clone().or(change.sdp);
            }
            self.send_change(now, change);
        } else if change.wish == Wish::Offer {
            established.next = Some(change);
        } else {
            self.refresh_later(now);
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

    pub(super) fn handle_change_response(
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
        let change = match &established.reoffer {
            Reoffer::Sent { tag: sent, change } if *sent == tag => change.clone(),
            Reoffer::Sent { .. } | Reoffer::Idle | Reoffer::Waiting(_) => {
                self.resend_ack(response);
                return;
            }
        };
        self.timers.stop(UsageTimer::ReinviteWait);
        match response.status {
            ..=299 => self.take_change_answer(now, tag, &change, response),
            491 if change.glares < MOST_GLARES => self.wait_after_glare(now, tag, change),
            status @ (408 | 481) => {
                self.sent.remove(tag);
                let cause = HangupCause::from_sip_status(status);
                self.outbox.end(cause, EndedSide::Remote, None);
                self.drop_reoffers();
                self.leave_established(Some(reason::write(cause)));
            }
            status => {
                let again = self.answer_challenge(tag, response);
                match again.or_else(|| self.lengthen_session(tag, response)) {
                    Some(tag) => self.change_sent(now, tag, change),
                    None => {
                        self.hear_refusal(now, status);
                        self.lose_change(now, tag, change, status);
                    }
                }
            }
        }
    }

    fn wait_after_glare(&mut self, now: Instant, tag: RequestTag, change: Change) {
        let random = self.ids.below(u64::MAX);
        self.sent.remove(tag);
        if let Stage::Established(established) = &mut self.stage {
            let wait = glare_wait(established.caller, random);
            self.timers.set(UsageTimer::Glare, now + wait);
            established.reoffer = Reoffer::Waiting(Change {
                glares: change.glares + 1,
                ..change
            });
        }
    }

    fn take_change_answer(
        &mut self,
        now: Instant,
        tag: RequestTag,
        change: &Change,
        response: &Response,
    ) {
        let Some(sent) = self.sent.get(tag).map(|sent| sent.request.clone()) else {
            return;
        };
        let Stage::Established(established) = &mut self.stage else {
            return;
        };
        established.dialog.refresh_target(&response.headers);
        if change.way == Way::Reinvite {
            let next_hop = self.signature.next_hop(established.dialog.next_hop());
            if let Some(acked) = ack_of(&sent, &established.dialog, next_hop) {
                established.ack = OurAck::Sent;
                established.acks.keep(acked.clone());
                self.outbox.ack(acked.request, acked.next_hop);
            }
        } else {
            self.sent.remove(tag);
        }
        established.reoffer = Reoffer::Idle;
        let sdp = body::sdp(&response.headers, &response.body);
        let described = &mut established.described;
        let moved = sdp
            .clone()
            .filter(|sdp| described.remote.as_ref() != Some(sdp));
        if change.sdp.is_some() {
            described.local.clone_from(&change.sdp);
            described.remote = sdp.clone().or(described.remote.take());
        }
        self.note_peer(&response.headers);
        self.take_session_timer(now, &response.headers);
        match (change.wish, moved) {
            (Wish::Offer, _) if change.sdp.is_some() => {
                self.outbox.tell(UsageEvent::ReofferAnswered { sdp });
            }
            (Wish::Refresh, Some(sdp)) if change.sdp.is_some() => {
                self.outbox.tell(UsageEvent::Refreshed { sdp });
            }
            (Wish::Offer | Wish::Refresh, _) => {}
        }
        self.try_reoffer(now);
    }

    /// We hung up while a re-INVITE was on its way; its 2xx still needs an ACK.
    fn ack_abandoned_reinvite(&mut self, tag: RequestTag, response: &Response) {
        self.forget_abandoned_reinvite(tag);
        let (Stage::Leaving(leaving), Some(sent)) = (&self.stage, self.sent.get(tag)) else {
            return;
        };
        if let Some(dialog) = &leaving.dialog
            && response.is_success()
            && sent.purpose == Purpose::Reinvite
        {
            let next_hop = self.signature.next_hop(dialog.next_hop());
            if let Some(acked) = ack_of(&sent.request, dialog, next_hop) {
                self.outbox.ack(acked.request, acked.next_hop);
            }
        }
    }

    fn forget_abandoned_reinvite(&mut self, tag: RequestTag) {
        if let Stage::Leaving(leaving) = &mut self.stage {
            leaving.reinvite.take_if(|reinvite| *reinvite == tag);
        }
    }

    pub(super) fn handle_change_failed(
        &mut self,
        now: Instant,
        tag: RequestTag,
        failure: TxnFailure,
    ) {
        self.sent.remove(tag);
        let Stage::Established(established) = &self.stage else {
            return self.forget_abandoned_reinvite(tag);
        };
        let change = match &established.reoffer {
            Reoffer::Sent { tag: sent, change } if *sent == tag => change.clone(),
            Reoffer::Sent { .. } | Reoffer::Idle | Reoffer::Waiting(_) => return,
        };
        self.timers.stop(UsageTimer::ReinviteWait);
        match failure {
            // As good as a 408 (RFC 3261 section 12.2.1.2): the peer is gone.
            TxnFailure::TimedOut => {
                let cause = HangupCause::RecoveryOnTimerExpiry;
                self.outbox.end(cause, EndedSide::Local, None);
                self.drop_reoffers();
                self.leave_established(Some(reason::write(cause)));
            }
            TxnFailure::Transport => self.lose_change(now, tag, change, 503),
        }
    }

    /// The peer does not want the change. A refresh is tried again before the session ends, at once
    /// in another way if the peer only did not know the method.
    fn lose_change(&mut self, now: Instant, tag: RequestTag, change: Change, status: u16) {
        self.sent.remove(tag);
        if let Stage::Established(established) = &mut self.stage {
            established.reoffer = Reoffer::Idle;
        }
        let unknown = change.way == Way::Update && matches!(status, 405 | 501);
        if unknown {
            self.session.refresh_by_reinvite();
        }
        match change.wish {
            Wish::Offer if unknown => {
                if let Stage::Established(established) = &mut self.stage {
                    let way = Way::Reinvite;
                    established.next.get_or_insert(Change { way, ..change });
                }
            }
            Wish::Offer => self.outbox.tell(UsageEvent::ReofferRejected { status }),
            Wish::Refresh => {
                if !unknown || !self.refresh(now) {
                    self.refresh_later(now);
                }
            }
        }
        self.try_reoffer(now);
    }

    /// The dialog is lost, and every change with it.
    pub(super) fn drop_reoffers(&mut self) {
        self.drop_peer_reoffer();
        self.sent.forget(Purpose::Reinvite);
        self.sent.forget(Purpose::Update);
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
