//! What a call makes of what its legs hear from the network.

use std::sync::Once;
use std::time::Instant;

use bytes::Bytes;
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::sdp::{MediaNegotiation, MediaWish};
use offhook_core::sip::invite::{UsageEvent, UsageInput};
use offhook_core::{HangupCause, LegId};
use offhook_media::engine::LegPort;

use super::effect::{CallEffect, MediaEffect};
use super::info::digit_in_info;
use super::leg::{LegState, Role};
use super::machine::CallMachine;
use super::turn::Failure;

impl CallMachine {
    pub(crate) fn sip_input(&mut self, now: Instant, leg: LegId, input: UsageInput) {
        if let Some(usage) = self
            .legs
            .get_mut(&leg.number)
            .filter(|own| own.id == leg)
            .and_then(|leg| leg.usage.as_mut())
        {
            usage.handle(now, input);
        } else {
            self.push(CallEffect::Stray { leg, input });
        }
    }

    /// A port is open: what was waiting for it goes on.
    pub(crate) fn port_ready(&mut self, now: Instant, number: u32, port: LegPort) {
        let local = self.local_media(number, port);
        let Some(leg) = self.legs.get_mut(&number).filter(|leg| leg.is_live()) else {
            return;
        };
        leg.negotiation = Some(MediaNegotiation::new(local));
        match leg.role {
            Role::Caller => self.caller_port_ready(now, number),
            Role::Rung(ring) => self.place_leg(now, ring, number),
            Role::Transferor => {}
        }
    }

    /// The first leg of an incoming call can be negotiated, so the call can be routed.
    fn caller_port_ready(&mut self, now: Instant, number: u32) {
        let offer = self.take_offer();
        if let (Some(offer), Some(leg)) = (offer, self.legs.get_mut(&number))
            && let Err(cause) = leg.answer_invite(offer, MediaWish::TALK)
        {
            return self.end(now, cause, EndedBy::System);
        }
        self.heed_readable_keys(number);
        match self.take_replaces() {
            Some(replacing) => self.goes_over(now, number, replacing),
            None => self.route(now),
        }
    }

    /// The caller is told what was agreed, so from now on it may hear something. Packets before that
    /// would keep its phone from making ringback (RFC 3960 section 3.2).
    pub(crate) fn make_audible(&mut self, number: u32) {
        let Some(leg) = self.legs.get_mut(&number).filter(|leg| !leg.audible) else {
            return;
        };
        leg.audible = true;
        let id = leg.id;
        if let Some(agreed) = leg.agreed.clone() {
            self.media(MediaEffect::SetRemote(id, agreed));
        }
    }

    /// Keys that came readable protect from nobody who reads SIP: said once, since it is the operator's
    /// to change, and no reason to refuse a call.
    pub(super) fn heed_readable_keys(&self, number: u32) {
        static SAID: Once = Once::new();
        let keys = self
            .legs
            .get(&number)
            .and_then(|leg| leg.agreed.as_ref()?.srtp.as_ref());
        if keys.is_some() && !self.came_encrypted {
            SAID.call_once(|| {
                tracing::warn!(
                    call = %self.id,
                    "keys for SRTP came over SIP that is not encrypted: whoever reads it can listen in"
                );
            });
        }
    }

    /// Negotiates an offer of the far end; our answer is kept with the leg.
    pub(crate) fn far_end_offers(&mut self, number: u32, offer: &Bytes) -> Result<(), HangupCause> {
        self.give_way(number);
        let wish = self.wish_for(number);
        let leg = self
            .legs
            .get_mut(&number)
            .ok_or(HangupCause::InternalError)?;
        let agreed = leg.answer_offer(offer, wish)?;
        let id = leg.id;
        self.media(MediaEffect::SetRemote(id, agreed));
        Ok(())
    }

    /// Takes the far end's answer to our offer.
    pub(crate) fn far_end_answers(
        &mut self,
        number: u32,
        answer: &Bytes,
    ) -> Result<(), HangupCause> {
        let leg = self
            .legs
            .get_mut(&number)
            .ok_or(HangupCause::InternalError)?;
        let agreed = leg.take_answer(answer)?;
        let id = leg.id;
        self.media(MediaEffect::SetRemote(id, agreed));
        Ok(())
    }

    /// Takes an answer to our offer that comes before the far end is picked up.
    pub(crate) fn far_end_answers_early(
        &mut self,
        number: u32,
        answer: &Bytes,
    ) -> Result<(), HangupCause> {
        let leg = self
            .legs
            .get_mut(&number)
            .ok_or(HangupCause::InternalError)?;
        let agreed = leg.take_early_answer(answer)?;
        let id = leg.id;
        self.media(MediaEffect::SetRemote(id, agreed));
        Ok(())
    }

    /// Answers the caller, once. False: the call is over because that cannot be done.
    pub(crate) fn answer_caller(&mut self, now: Instant) -> bool {
        let Some(number) = self.caller_number() else {
            return false;
        };
        let wish = self.wish_for(number);
        let Some(leg) = self.legs.get_mut(&number) else {
            return false;
        };
        if leg.is_answered() {
            return true;
        }
        leg.settle_answer(wish);
        // Without an offer in the INVITE, our 200 carries one and the ACK answers it.
        let description = match leg.agreed {
            Some(_) => leg.description.clone().ok_or(HangupCause::InternalError),
            None => leg.offer(wish),
        };
        match description {
            Ok(description) => {
                leg.state = LegState::Answered;
                if let Some(usage) = leg.usage.as_mut() {
                    usage.answer(now, description.into());
                }
                let (id, call) = (leg.id, self.id);
                self.make_audible(number);
                self.publish(EventKind::LegAnswered { leg: id });
                self.publish(EventKind::CallAnswered { call });
                true
            }
            Err(cause) => {
                self.end(now, cause, EndedBy::System);
                false
            }
        }
    }

    /// A dialog of one of the legs moved.
    pub(crate) fn usage_event(&mut self, now: Instant, number: u32, event: UsageEvent) {
        let Some(leg) = self.legs.get(&number).filter(|leg| leg.is_live()) else {
            return;
        };
        let role = leg.role;
        match (event, role) {
            (UsageEvent::Ringing, Role::Rung(ring)) => self.ring_leg_rings(now, ring, number),
            (UsageEvent::Progress { sdp }, Role::Rung(ring)) => {
                self.ring_leg_progresses(now, ring, number, sdp);
            }
            (UsageEvent::Answered { sdp }, Role::Rung(ring)) => {
                self.ring_leg_answered(now, ring, number, sdp);
            }
            (
                UsageEvent::Redirected {
                    status,
                    places,
                    reason,
                },
                Role::Rung(ring),
            ) => self.redirected(ring, number, &places, (status, reason)),
            (UsageEvent::Confirmed { sdp: Some(answer) }, _) => {
                match self.far_end_answers(number, &answer) {
                    Ok(()) => self.tune(now),
                    Err(cause) => self.lost(now, number, cause),
                }
            }
            (UsageEvent::Reoffered { sdp }, _) => self.far_end_reoffers(now, number, sdp.as_ref()),
            (UsageEvent::Confirmed { sdp: None }, _) => {
                self.check_answered(now, number);
                self.tune(now);
            }
            (UsageEvent::ReofferAnswered { sdp: Some(answer) }, _) => {
                let taken = self.far_end_answers(number, &answer);
                self.session_changed(now, number, taken);
            }
            (UsageEvent::Refreshed { sdp }, _) => {
                let taken = self.far_end_refreshes(number, &sdp);
                self.session_changed(now, number, taken);
            }
            (UsageEvent::ReofferAnswered { sdp: None } | UsageEvent::ReofferRejected { .. }, _) => {
                self.forget_offer(number);
            }
            (UsageEvent::Ended { cause, status, .. }, _) => {
                self.far_end_ended(now, number, role, Failure { cause, status });
            }
            (
                UsageEvent::Referred {
                    refer,
                    target,
                    referred_by,
                },
                _,
            ) => self.referred(now, number, refer, &target, referred_by),
            (UsageEvent::Info { content_type, body }, _) => {
                if let Some(digit) = digit_in_info(content_type.as_ref(), &body) {
                    self.digit_by_info(now, number, digit);
                }
            }
            (
                UsageEvent::Ringing | UsageEvent::Progress { .. } | UsageEvent::Answered { .. },
                _,
            )
            | (UsageEvent::ReofferWithdrawn, _) => {}
            (other, _) => tracing::debug!(?other, "a leg's event that nobody needs"),
        }
    }

    /// An ACK without a description is fine, unless our 200 made the offer: then nobody knows where
    /// audio should go.
    fn check_answered(&mut self, now: Instant, number: u32) {
        let leg = self.legs.get(&number);
        if leg.is_some_and(|leg| leg.agreed.is_none()) {
            self.lost(now, number, HangupCause::ProtocolError);
        }
    }

    /// The far end asked for an offer and did not answer it: what was agreed before stands.
    fn forget_offer(&mut self, number: u32) {
        if let Some(leg) = self.legs.get_mut(&number) {
            leg.forget_offer();
        }
    }

    /// Takes the answer to what a leg's dialog offered again to refresh the session.
    fn far_end_refreshes(&mut self, number: u32, answer: &Bytes) -> Result<(), HangupCause> {
        let leg = self
            .legs
            .get_mut(&number)
            .ok_or(HangupCause::InternalError)?;
        let agreed = leg.take_refreshed(answer)?;
        let id = leg.id;
        self.media(MediaEffect::SetRemote(id, agreed));
        Ok(())
    }

    /// The far end has answered an offer of ours within the call, which was understood or not.
    fn session_changed(&mut self, now: Instant, number: u32, taken: Result<(), HangupCause>) {
        match taken {
            Ok(()) => {
                self.heed_hold(number);
                self.tune(now);
            }
            Err(cause) => self.lost(now, number, cause),
        }
    }

    fn far_end_ended(&mut self, now: Instant, number: u32, role: Role, failure: Failure) {
        let cause = failure.cause;
        match role {
            Role::Caller => self.end(now, cause, EndedBy::Caller),
            Role::Transferor => self.transferor_left(now, number, cause),
            Role::Rung(_) if self.talks_with(number) => self.end(now, cause, EndedBy::Callee),
            Role::Rung(ring) => {
                let failure = self.unless_redirected(ring, failure);
                self.drop_leg(now, number, failure.cause);
                self.ring_leg_failed(now, ring, number, failure);
            }
        }
    }
}
