//! One party's part of a call: a dialog, a negotiation and a media port.

use bytes::Bytes;
use offhook_core::event::Direction;
use offhook_core::sdp::{
    Codec, Description, Direction as Flow, MediaNegotiation, MediaWish, Negotiated,
    NegotiationState,
};
use offhook_core::sip::invite::InviteUsage;
use offhook_core::{HangupCause, LegId, TrunkId};

/// Whose part of the call a leg is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The caller's.
    Caller,
    /// Somebody's who is or was rung; the number is that of the ringing.
    Rung(u32),
    /// Somebody's who has sent the party they talked with elsewhere, and may hang up.
    Transferor,
}

/// How far a leg has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegState {
    /// Set up, nothing heard yet.
    Trying,
    /// The far end rings.
    Ringing,
    /// Answered.
    Answered,
    /// Over for the call; its dialog may still be saying good-bye.
    Over,
}

/// One party's part of a call.
#[derive(Debug, Clone)]
pub(crate) struct Leg {
    /// Its id.
    pub(crate) id: LegId,
    /// Whose it is.
    pub(crate) role: Role,
    /// How far it has come.
    pub(crate) state: LegState,
    /// The trunk it goes out by.
    pub(crate) trunk: Option<TrunkId>,
    /// Which way it was set up.
    pub(crate) direction: Direction,
    /// The extension at its far end, if it is one of ours.
    pub(crate) extension: Option<String>,
    /// The far end as shown: number or URI.
    pub(crate) remote: String,
    /// Its dialog; none while an outbound leg waits for its port.
    pub(crate) usage: Option<InviteUsage>,
    /// Its offer and answer; none until a port is open.
    pub(crate) negotiation: Option<MediaNegotiation>,
    /// The same as it was before an answer that came early, in a 183: the answer in the 200, or of
    /// another phone that the INVITE reached, is one to the offer as it stood then.
    pub(crate) before_early: Option<Box<MediaNegotiation>>,
    /// What our side offers or answered last, as sent.
    pub(crate) description: Option<Description>,
    /// The offer of its INVITE, while our answer has been told to nobody: it may be another one once it
    /// is known whom the far end talks with.
    pub(crate) untold: Option<Bytes>,
    /// What was agreed.
    pub(crate) agreed: Option<Negotiated>,
    /// Whether its far end knows what was agreed, and may hear something.
    pub(crate) audible: bool,
    /// Whose codec it was last asked to change to.
    pub(crate) tuned_to: Option<LegId>,
}

impl Leg {
    /// Whether it still takes part in the call.
    pub(crate) fn is_live(&self) -> bool {
        self.state != LegState::Over
    }

    /// Whether it was answered and still takes part.
    pub(crate) fn is_answered(&self) -> bool {
        self.state == LegState::Answered
    }

    /// Whether it is known to ring.
    pub(crate) fn has_rung(&self) -> bool {
        self.state == LegState::Ringing
    }

    /// The codec agreed with the far end.
    pub(crate) fn codec(&self) -> Option<Codec> {
        self.agreed.as_ref().map(|agreed| agreed.codec)
    }

    /// What its far end has said it speaks, of what we speak; the codec in use first.
    pub(crate) fn speaks(&self) -> Vec<Codec> {
        let said = self.negotiation.iter().flat_map(|own| own.spoken_by_peer());
        let mut codecs: Vec<_> = self.codec().into_iter().collect();
        for &codec in said {
            if !codecs.contains(&codec) {
                codecs.push(codec);
            }
        }
        codecs
    }

    /// Whose offer is in the air; none before there is a port.
    pub(crate) fn negotiation_state(&self) -> Option<NegotiationState> {
        self.negotiation.as_ref().map(MediaNegotiation::state)
    }

    /// Our offer is refused, withdrawn or left unanswered: what was agreed before stands.
    pub(crate) fn forget_offer(&mut self) {
        if let Some(negotiation) = self.negotiation.as_mut() {
            negotiation.rollback();
            self.description = negotiation.local_description().cloned();
        }
    }

    /// The far end offers; our answer is kept in `description`.
    pub(crate) fn answer_offer(
        &mut self,
        offer: &Bytes,
        wish: MediaWish,
    ) -> Result<Negotiated, HangupCause> {
        let negotiation = self
            .negotiation
            .as_mut()
            .ok_or(HangupCause::InternalError)?;
        negotiation
            .receive_offer(offer)
            .map_err(|error| error.cause())?;
        let answer = negotiation.create_answer(wish);
        let answer = answer
            .inspect_err(|_| negotiation.rollback())
            .map_err(|error| error.cause())?;
        self.description = Some(answer.sdp);
        self.untold = None;
        // Audio that the far end removed is neither sent nor heard until it offers some again.
        let removed = || {
            let agreed = self.agreed.take()?;
            Some(Negotiated {
                direction: Flow::Inactive,
                held_by_remote: true,
                ..agreed
            })
        };
        let agreed = answer.media.or_else(removed);
        let agreed = agreed.ok_or(HangupCause::NoCommonCodec)?;
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }

    /// Answers the offer of an INVITE for the time being: the answer can be made anew until it is told.
    pub(crate) fn answer_invite(
        &mut self,
        offer: Bytes,
        wish: MediaWish,
    ) -> Result<(), HangupCause> {
        self.answer_offer(&offer, wish)?;
        self.untold = Some(offer);
        Ok(())
    }

    /// Our answer is about to be told, and this is what is wished of it by now.
    pub(crate) fn settle_answer(&mut self, wish: MediaWish) {
        let Some(offer) = self.untold.take() else {
            return;
        };
        let local = self.negotiation.as_ref().map(|own| own.local().clone());
        let fresh = local.map(MediaNegotiation::new);
        let before = std::mem::replace(&mut self.negotiation, fresh);
        if self.answer_offer(&offer, wish).is_err() {
            self.negotiation = before;
        }
    }

    /// Our offer.
    pub(crate) fn offer(&mut self, wish: MediaWish) -> Result<Description, HangupCause> {
        let negotiation = self
            .negotiation
            .as_mut()
            .ok_or(HangupCause::InternalError)?;
        let offer = negotiation
            .create_offer(wish)
            .map_err(|error| error.cause())?;
        self.description = Some(offer.clone());
        Ok(offer)
    }

    /// The far end answers our offer before it is picked up. Media flows by it, and the answer for good
    /// is still to come; one that cannot be used is as if it had not been sent.
    pub(crate) fn take_early_answer(&mut self, answer: &Bytes) -> Result<Negotiated, HangupCause> {
        let asked = self.before_early.as_deref().or(self.negotiation.as_ref());
        let asked = asked.ok_or(HangupCause::InternalError)?.clone();
        let mut early = asked.clone();
        let agreed = early.receive_answer(answer);
        let agreed = agreed.map_err(|error| error.cause())?;
        self.negotiation = Some(early);
        self.before_early = Some(Box::new(asked));
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }

    /// The far end answers our offer.
    pub(crate) fn take_answer(&mut self, answer: &Bytes) -> Result<Negotiated, HangupCause> {
        if let Some(asked) = self.before_early.take() {
            self.negotiation = Some(*asked);
        }
        let negotiation = self
            .negotiation
            .as_mut()
            .ok_or(HangupCause::InternalError)?;
        let agreed = negotiation
            .receive_answer(answer)
            .map_err(|error| error.cause())?;
        self.description = negotiation.local_description().cloned();
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }

    /// The far end answers what was offered again to refresh the session.
    pub(crate) fn take_refreshed(&mut self, answer: &Bytes) -> Result<Negotiated, HangupCause> {
        let negotiation = self
            .negotiation
            .as_mut()
            .ok_or(HangupCause::InternalError)?;
        if negotiation.negotiated().is_none()
            && let Some(removed) = &self.agreed
        {
            return Ok(removed.clone());
        }
        let agreed = negotiation.receive_refreshed(answer);
        let agreed = agreed.map_err(|error| error.cause())?;
        self.agreed = Some(agreed.clone());
        Ok(agreed)
    }
}
