//! The way out of every state.

use std::time::Instant;

use super::message::{EndedSide, RequestTag, UsageEffect};
use super::reason;
use super::usage::{InviteUsage, OurAck, Stage, UsageTimer};
use crate::cause::HangupCause;
use crate::sip::endpoint::ServerTxn;
use crate::sip::message::{Request, Response};
use crate::sip::transaction::timer::TIMEOUT;

impl InviteUsage {
    /// Ends the call, whatever state it is in: a call not answered yet is refused or cancelled, an
    /// answered one gets a BYE, after its ACK if that is still missing. `cause` is told to the peer
    /// and comes back in [`UsageEvent::Ended`](super::UsageEvent::Ended). Does nothing when it is
    /// over already.
    pub fn hang_up(&mut self, now: Instant, cause: HangupCause) {
        match &mut self.stage {
            Stage::Incoming(_) => self.refuse_caller(cause),
            Stage::Outgoing(outgoing) => {
                if outgoing.is_cancelled() {
                    return;
                }
                outgoing.cancel();
                let tag = outgoing.tag;
                self.outbox.end(cause, EndedSide::Local, None);
                self.drop_peer_reoffer();
                self.cancel_call(now, tag, Some(reason::write(cause)));
            }
            Stage::Established(_) => {
                self.outbox.end(cause, EndedSide::Local, None);
                self.drop_peer_reoffer();
                self.ack_without_answer(now);
                self.leave_established(Some(reason::write(cause)));
            }
            Stage::Leaving(_) | Stage::Terminated => {}
        }
        self.settle();
    }

    /// Cancels our INVITE and waits for its end.
    pub(super) fn cancel_call(&mut self, now: Instant, tag: RequestTag, reason: Option<String>) {
        self.outbox.push(UsageEffect::Cancel { tag, reason });
        self.timers.set(UsageTimer::CancelWait, now + TIMEOUT);
    }

    pub(super) fn handle_cancel_unanswered(&mut self) {
        if matches!(self.stage, Stage::Outgoing(_)) {
            self.leave();
        }
    }

    /// The peer's 2xx made an offer that will not be answered; it needs its ACK all the same.
    pub(super) fn ack_without_answer(&mut self, now: Instant) {
        if let Stage::Established(established) = &self.stage
            && matches!(established.ack, OurAck::Owed(_))
        {
            self.send_ack(now, None);
        }
    }

    /// The peer hangs up.
    pub(super) fn handle_bye(&mut self, now: Instant, txn: ServerTxn, bye: &Request) {
        let response = self.signature.response(bye, 200);
        self.outbox.respond(txn, response);
        let cause = reason::read(&bye.headers).unwrap_or(HangupCause::NormalClearing);
        match &mut self.stage {
            Stage::Incoming(_) => {
                self.give_up_caller(cause);
            }
            Stage::Outgoing(outgoing) => {
                // A phone that rings has no business with BYE, but it certainly wants no call.
                let cancelled = outgoing.is_cancelled();
                outgoing.cancel();
                let tag = outgoing.tag;
                self.outbox.end(cause, EndedSide::Remote, None);
                self.drop_peer_reoffer();
                if !cancelled {
                    self.cancel_call(now, tag, None);
                }
            }
            Stage::Established(_) => {
                self.outbox.end(cause, EndedSide::Remote, None);
                self.drop_peer_reoffer();
                self.leave();
            }
            Stage::Leaving(_) => {
                // Both hung up: theirs ends the dialog, and nobody waits for the response to ours.
                self.sent.forget(super::sent::Purpose::Bye);
                self.leave();
            }
            Stage::Terminated => {}
        }
    }

    /// A BYE of ours was answered. Whatever the peer says, the dialog is over, unless it only wants
    /// to know who we are.
    pub(super) fn handle_bye_response(&mut self, tag: RequestTag, response: &Response) {
        if self.answer_challenge(tag, response).is_none() {
            self.sent.remove(tag);
        }
    }
}
