//! What a call does so that its legs speak the same codec: the cheapest transcoding is the one that
//! does not happen.

use std::time::Instant;

use offhook_core::config::AvoidTranscoding;
use offhook_core::sdp::{Codec, LocalMedia, MediaWish, NegotiationState, SrtpPolicy};
use offhook_media::engine::LegPort;

use super::leg::{Leg, Role};
use super::machine::{CallMachine, Stage};

/// The two who hear each other, the one who may change first.
type Pair = [u32; 2];

impl CallMachine {
    /// Our side of a leg's media.
    pub(super) fn local_media(&mut self, number: u32, port: LegPort) -> LocalMedia {
        let session = self.ids.bits() >> 16;
        let codecs = self.codecs_for(number);
        let policy = self.protection_of(number);
        self.media_rules.local(port.rtp, session, &codecs, policy)
    }

    /// What is spoken on a leg, in the order we offer it: what its trunk wants of all that we speak.
    /// To somebody who is called, what the caller speaks comes first.
    fn codecs_for(&self, number: u32) -> Vec<Codec> {
        let ours = &self.media_rules.codecs;
        let wanted = self.leg_trunk(number).map(|trunk| &trunk.codecs);
        let wanted = wanted.into_iter().flatten().copied();
        let mut codecs: Vec<_> = wanted.filter(|codec| ours.contains(codec)).collect();
        if codecs.is_empty() {
            codecs.clone_from(ours);
        }
        let is_called = matches!(self.legs.get(&number), Some(leg) if leg.role != Role::Caller);
        if is_called && self.avoids_transcoding() {
            let known = self.caller().map(Leg::speaks).unwrap_or_default();
            let place = |codec: &Codec| known.iter().position(|known| known == codec);
            codecs.sort_by_key(|codec| place(codec).unwrap_or(usize::MAX));
        }
        codecs
    }

    /// Whether the media of a leg is protected: as its trunk or extension wants it, else as the
    /// configuration says.
    fn protection_of(&self, number: u32) -> SrtpPolicy {
        let own = match self.leg_trunk(number) {
            Some(trunk) => trunk.srtp,
            None => self.legs.get(&number).and_then(|leg| {
                let number = leg.extension.as_deref()?;
                self.directory.extension_numbered(number)?.srtp
            }),
        };
        own.unwrap_or(self.media_rules.srtp)
    }

    fn avoids_transcoding(&self) -> bool {
        self.media_rules.avoid_transcoding != AvoidTranscoding::Off
    }

    /// What is wished of an offer or answer on this leg, so that whom it talks with is understood.
    pub(super) fn wish_for(&self, number: u32) -> MediaWish {
        let partner = self.partner_of(number);
        partner.map_or(MediaWish::TALK, |partner| self.wish_with(partner))
    }

    /// The same on the leg that is to talk with this one.
    pub(super) fn wish_with(&self, partner: u32) -> MediaWish {
        let partner = self.legs.get(&partner);
        let Some(codec) = partner.and_then(|leg| leg.codec()) else {
            return MediaWish::TALK;
        };
        let wish = MediaWish::TALK.heard_up_to(codec.sampling_rate());
        if self.avoids_transcoding() {
            wish.preferring(codec)
        } else {
            wish
        }
    }

    /// Whom this leg talks with, or is about to.
    fn partner_of(&self, number: u32) -> Option<u32> {
        let caller = self.caller_number()?;
        if caller != number {
            return Some(caller);
        }
        if let Stage::Talking(talk) = &self.stage {
            return Some(talk.callee);
        }
        // An answered leg that is not the caller's: the bridge is only a step away.
        let mut others = self.legs.values().filter(|leg| leg.id.number != caller);
        let answered = others.find(|leg| leg.is_answered() && leg.role != Role::Transferor);
        answered.map(|leg| leg.id.number)
    }

    /// Both talk with different codecs: one is asked to change to the other's, if its far end has said
    /// that it knows it. Asked once for each whom it talks with, and never while an offer is in the air.
    pub(super) fn tune(&mut self, now: Instant) {
        let Some((number, codec, partner)) = self.mistuned() else {
            return;
        };
        let wish = self.wish_for(number).insisting_on(codec);
        let partner = self.leg_id(partner);
        let Some(leg) = self.legs.get_mut(&number) else {
            return;
        };
        leg.tuned_to = Some(partner);
        let (Ok(offer), Some(usage)) = (leg.offer(wish), leg.usage.as_mut()) else {
            return;
        };
        tracing::debug!(leg = %leg.id, %codec, "asked to change its codec");
        usage.reinvite(now, offer.into());
    }

    /// The leg that should change, the codec it should change to, and whom it talks with.
    fn mistuned(&self) -> Option<(u32, Codec, u32)> {
        if self.media_rules.avoid_transcoding != AvoidTranscoding::Reinvite {
            return None;
        }
        let Stage::Talking(talk) = &self.stage else {
            return None;
        };
        // Who is held hears music, and will be asked when the talk goes on.
        if !talk.holders.is_empty() {
            return None;
        }
        let caller = self.caller_number()?;
        let legs = [caller, talk.callee];
        let [Some(one), Some(other)] = legs.map(|number| self.legs.get(&number)?.codec()) else {
            return None;
        };
        if one == other {
            return None;
        }
        let can = |pair: Pair, codec| self.can_change(pair, codec);
        let pairs: [(Pair, Codec); 2] = [(legs, other), ([legs[1], legs[0]], one)];
        let found = pairs.into_iter().find(|&(pair, codec)| can(pair, codec));
        found.map(|([changes, stays], codec)| (changes, codec, stays))
    }

    /// Whether the first can be asked to speak the codec of the second. The question waits in its dialog
    /// while a change is under way there.
    fn can_change(&self, [changes, stays]: Pair, codec: Codec) -> bool {
        let Some(leg) = self.legs.get(&changes) else {
            return false;
        };
        let stable = leg.negotiation_state() == Some(NegotiationState::Stable);
        let asked = leg.tuned_to == Some(self.leg_id(stays));
        stable && !asked && leg.speaks().contains(&codec)
    }

    /// The far end offers something while an offer of ours has not gone out: theirs counts, and ours is
    /// made anew if it is still of use.
    pub(super) fn give_way(&mut self, number: u32) {
        let Some(leg) = self.legs.get_mut(&number) else {
            return;
        };
        if leg.negotiation_state() == Some(NegotiationState::LocalOffer)
            && leg
                .usage
                .as_mut()
                .is_some_and(|usage| usage.withdraw_change())
        {
            leg.tuned_to = None;
            leg.forget_offer();
        }
    }
}
