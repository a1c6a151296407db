//! Legs that take a place in another call: attended transfers, and calls that are picked up by
//! `Replaces` (RFC 3891).
//!
//! ```text
//!   first call                                       other call
//!   Parting ── MoveLeg: the leg with all it has ───▶ takes the place of one of its legs
//!      ▲ ◀──── Settled ───────────────────────────── the replaced leg is hung up
//!      └ ◀──── MoveLeg back, with the status ─────── no such place: all is as before
//! ```
//!
//! A leg that moves has a new name, in the numbers of its new call; signalling and engine learn it on
//! the way. Its dialog and its port are the same as before, so its phone notices nothing.

use std::time::{Duration, Instant};

use offhook_core::config::LostTransfer;
use offhook_core::directory::Destination;
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::sip::HeaderName;
use offhook_core::sip::header::{Replaced, Replaces};
use offhook_core::sip::invite::{InviteUsage, ReferId};
use offhook_core::{CallId, HangupCause, LegId};
use offhook_media::engine::{Source, ToneId};

use super::effect::{CallEffect, MediaEffect};
use super::input::{Origin, Party, Replacing};
use super::leg::{Leg, LegState, Role};
use super::machine::{CallMachine, CallTimer, Stage};
use super::recording::Recorded;
use super::ring::RINGBACK;
use super::talk::{Answered, DEFAULT_MUSIC, Holder, Talk};
use super::transfer::Wish;

/// Legs that came from other calls are numbered from here, so that their number can be chosen there.
const MOVED: u64 = 1_000_000;

/// How long it may take to find a dialog, and another call to say whether it has a place.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// A leg on its way to another call, or back.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The name it had.
    pub(crate) was: LegId,
    /// The leg, with the name it will have.
    pub(crate) leg: Box<Leg>,
    /// Who is at its far end.
    pub(crate) party: Party,
    pub(crate) purpose: Arriving,
}

/// What a leg comes for.
#[derive(Debug, Clone)]
pub(crate) enum Arriving {
    /// To take a place.
    Place(Place),
    /// It got none, for this status.
    Back(u16),
}

/// The place a leg wants.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// Whose.
    leg: LegId,
    /// What was said about it.
    replaces: Replaces,
    asked: Asked,
}

/// Who asked for it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Asked {
    /// A phone of ours whose own place it is: this extension's, by REFER.
    ByRefer(String),
    /// Whoever sent an INVITE: the same party by another phone may take any place, somebody else only
    /// one that still rings.
    ByInvite,
}

/// A leg that goes to another call.
#[derive(Debug, Clone)]
pub(crate) struct Handover {
    stage: HandoverStage,
    /// Who asked, and what for; none: the leg came to go there.
    asked: Option<(u32, ReferId)>,
}

#[derive(Debug, Clone)]
enum HandoverStage {
    /// The other dialog is looked for.
    Looking(Box<(Wish, Replaces)>),
    /// The leg is gone; the talk it left.
    Gone {
        number: String,
        into: CallId,
        talk: Option<Box<Interrupted>>,
    },
}

/// The talk a leg left, to be taken up if it comes back.
#[derive(Debug, Clone)]
struct Interrupted {
    talk: Talk,
    caller: u32,
    from: Party,
    origin: Origin,
    /// How it was recorded.
    recorded: Recorded,
}

impl Handover {
    pub(super) fn looking(wish: Wish, replaces: Replaces) -> Self {
        Self {
            asked: wish.refer.map(|refer| (wish.by, refer)),
            stage: HandoverStage::Looking(Box::new((wish, replaces))),
        }
    }

    /// Who asked, and what for.
    pub(super) fn asked(&self) -> Option<(u32, ReferId)> {
        self.asked
    }
}

impl Arrival {
    /// The name it has now.
    #[must_use]
    pub fn id(&self) -> LegId {
        self.leg.id
    }

    /// The name it had before.
    #[must_use]
    pub fn was(&self) -> LegId {
        self.was
    }

    /// The same leg on its way back, because there is no place for it.
    #[must_use]
    pub fn back(mut self, status: u16) -> Self {
        let here = std::mem::replace(&mut self.leg.id, self.was);
        self.was = here;
        self.purpose = Arriving::Back(status);
        self
    }
}

/// The call a leg leaves.
impl CallMachine {
    /// The dialog a phone named in its REFER is there, or not.
    pub(crate) fn dialog_found(&mut self, now: Instant, leg: Option<LegId>) {
        let Some(handover) = self.handover.take() else {
            return;
        };
        let HandoverStage::Looking(looking) = handover.stage else {
            self.handover = Some(handover);
            return;
        };
        self.timers.stop(CallTimer::Handover);
        let (wish, replaces) = *looking;
        let (by, refer) = (wish.by, wish.refer);
        let place = leg.filter(|leg| leg.call != self.id);
        let (Some(leg), Stage::Talking(talk)) = (place, &self.stage) else {
            return self.look_outside(now, wish, &replaces);
        };
        let (talk, caller) = (talk.clone(), self.caller_number());
        let extension = self.legs.get(&by).and_then(|leg| leg.extension.clone());
        let (Some(caller), Some(extension)) = (caller, extension) else {
            return self.refuse_refer(by, refer, 603);
        };
        let goes = if by == caller { talk.callee } else { caller };
        let left = Interrupted {
            talk,
            caller,
            from: self.from.clone(),
            origin: self.origin,
            recorded: self.interrupt_recording(),
        };
        self.resume_all(&left.talk, caller);
        if by == caller {
            self.becomes_caller(goes);
        }
        if let Some(leg) = self.legs.get_mut(&by) {
            leg.role = Role::Transferor;
        }
        let id = self.leg_id(by);
        self.media(MediaEffect::SetSource(id, Source::Silence));
        self.handover = Some(Box::new(Handover {
            asked: handover.asked,
            stage: HandoverStage::Gone {
                number: wish.number,
                into: leg.call,
                talk: Some(Box::new(left)),
            },
        }));
        let asked = Asked::ByRefer(extension);
        self.depart(
            now,
            goes,
            Place {
                leg,
                replaces,
                asked,
            },
        );
    }

    /// The dialog is not ours: another exchange has it, if the number leads outside.
    fn look_outside(&mut self, now: Instant, mut wish: Wish, replaces: &Replaces) {
        let outside = self.leads_to(now, wish.dials_as, &wish.number);
        if matches!(outside, Ok(Destination::External(_))) {
            let header = (HeaderName::Replaces, replaces.write());
            wish.headers.push(header);
            return self.send_on(now, wish);
        }
        self.refuse_refer(wish.by, wish.refer, 481);
    }

    fn refuse_refer(&mut self, by: u32, refer: Option<ReferId>, status: u16) {
        if let Some(refer) = refer {
            self.notify(by, refer, status);
        }
    }

    /// The first leg came to take a place elsewhere.
    pub(crate) fn goes_over(&mut self, now: Instant, number: u32, replacing: Replacing) {
        let place = Place {
            leg: replacing.leg,
            replaces: replacing.header,
            asked: Asked::ByInvite,
        };
        self.handover = Some(Box::new(Handover {
            asked: None,
            stage: HandoverStage::Gone {
                number: self.dialled.clone(),
                into: place.leg.call,
                talk: None,
            },
        }));
        self.depart(now, number, place);
    }

    fn depart(&mut self, now: Instant, number: u32, place: Place) {
        let chosen = MOVED + self.ids.below(u64::from(u32::MAX) - MOVED);
        let Some(mut leg) = self.legs.remove(&number) else {
            return;
        };
        if let Origin::Trunk(trunk) = self.origin
            && self.caller == Some(number)
        {
            leg.trunk.get_or_insert(trunk);
        }
        let was = leg.id;
        self.stage = Stage::Parting;
        self.playing = None;
        let cause = HangupCause::Transferred;
        self.publish(EventKind::LegEnded { leg: was, cause });
        leg.id = LegId::new(place.leg.call, u32::try_from(chosen).unwrap_or(u32::MAX));
        let party = self.from.clone();
        self.timers.set(CallTimer::Handover, now + PATIENCE);
        self.push(CallEffect::MoveLeg(Box::new(Arrival {
            was,
            leg,
            party,
            purpose: Arriving::Place(place),
        })));
    }

    /// The leg has its place.
    pub(crate) fn handed_over(&mut self, now: Instant) {
        let Some(handover) = self.handover.take() else {
            return;
        };
        self.timers.stop(CallTimer::Handover);
        let HandoverStage::Gone { number, into, talk } = handover.stage else {
            return;
        };
        let by = handover.asked.map(|(by, _)| by);
        if let Some((by, refer)) = handover.asked {
            self.notify(by, refer, 200);
        }
        self.publish(EventKind::CallTransferred {
            call: self.id,
            by: by.map(|by| self.leg_id(by)),
            to: number,
            into: Some(into),
        });
        if let Some(left) = talk {
            self.stop_talking(&left.talk);
        }
        match by.filter(|by| self.is_live(*by)) {
            Some(by) => self.part_soon(now, by),
            None => self.end(now, HangupCause::Transferred, EndedBy::System),
        }
    }

    /// Nobody has said where the other dialog is, or the other call does not answer.
    pub(crate) fn handover_lost(&mut self, now: Instant) {
        let Some(handover) = self.handover.take() else {
            return;
        };
        match (handover.stage, handover.asked) {
            (HandoverStage::Looking(_), Some((by, refer))) => self.notify(by, refer, 500),
            (HandoverStage::Looking(_), None) => {}
            (stage @ HandoverStage::Gone { .. }, asked) => {
                self.handover = Some(Box::new(Handover { stage, asked }));
                self.end(now, HangupCause::InternalError, EndedBy::System);
            }
        }
    }

    /// A leg is one of ours, from another call or again.
    fn add_arrived(&mut self, leg: Box<Leg>, from: Option<LegId>) -> u32 {
        let (id, answered) = (leg.id, leg.is_answered());
        let (direction, extension, remote) =
            (leg.direction, leg.extension.clone(), leg.remote.clone());
        self.legs.insert(id.number, leg);
        self.publish(EventKind::LegAdded {
            leg: id,
            direction,
            extension,
            remote,
            agent: None,
        });
        if let Some(from) = from {
            self.publish(EventKind::LegMoved { leg: id, from });
        }
        if answered {
            self.publish(EventKind::LegAnswered { leg: id });
        }
        id.number
    }

    /// The leg found no place: all is as it was.
    fn comes_back(&mut self, now: Instant, arrival: Arrival, status: u16) {
        let handover = self.handover.take();
        self.timers.stop(CallTimer::Handover);
        let number = self.add_arrived(arrival.leg, None);
        let Some(handover) = handover else {
            // The call has ended meanwhile.
            return self.drop_leg(now, number, HangupCause::Transferred);
        };
        if let Some((by, refer)) = handover.asked {
            self.notify(by, refer, status);
        }
        match handover.stage {
            HandoverStage::Gone {
                talk: Some(left), ..
            } => self.take_up(now, *left, number),
            HandoverStage::Gone { talk: None, .. } | HandoverStage::Looking(_) => {
                if let Some(usage) = self.usage(number) {
                    usage.refuse_call(status);
                }
                self.end(now, HangupCause::from_sip_status(status), EndedBy::System);
            }
        }
    }

    /// The two talk as before, unless who transferred is gone.
    fn take_up(&mut self, now: Instant, left: Interrupted, back: u32) {
        let Interrupted {
            talk,
            caller,
            from,
            origin,
            recorded,
        } = left;
        let other = if back == caller { talk.callee } else { caller };
        if !self.is_live(other) {
            self.stop_talking(&talk);
            self.set_caller(back);
            return self.leads_nowhere(now, HangupCause::SubscriberAbsent);
        }
        self.rung_no_more(talk.callee);
        self.set_caller(caller);
        self.from = from;
        self.origin = origin;
        self.resume_talk(now, &talk, caller);
        self.record_again(now, recorded);
    }
}

/// The call a leg comes to.
impl CallMachine {
    /// This call fell over a leg that came. It goes back where it came from; one that came back
    /// already is hung up, so that nobody is left in a call that nobody has.
    pub(crate) fn salvage(&mut self, now: Instant, arrival: Arrival) {
        match arrival.purpose {
            Arriving::Place(_) => {
                let back = CallEffect::MoveLeg(Box::new(arrival.back(500)));
                self.push(back);
            }
            Arriving::Back(_) => {
                let number = self.add_arrived(arrival.leg, None);
                self.drop_leg(now, number, HangupCause::InternalError);
            }
        }
    }

    /// A leg of another call wants a place here, or one of ours comes back.
    pub(crate) fn arrives(&mut self, now: Instant, arrival: Box<Arrival>) {
        let place = match &arrival.purpose {
            Arriving::Place(place) => place.clone(),
            Arriving::Back(status) => {
                let status = *status;
                return self.comes_back(now, *arrival, status);
            }
        };
        match self.may_take(&place, &arrival.leg) {
            Ok(()) => {
                let from = arrival.was.call;
                self.take_place(now, *arrival, place.leg.number, &place.asked);
                self.push(CallEffect::Settled(from));
            }
            Err(status) => self.push(CallEffect::MoveLeg(Box::new(arrival.back(status)))),
        }
    }

    /// Whether this place can be had (RFC 3891 section 3); else the status that says why not.
    fn may_take(&self, place: &Place, leg: &Leg) -> Result<(), u16> {
        let old = self.legs.get(&place.leg.number).ok_or(481_u16)?;
        if self.is_over() || !old.is_live() {
            return Err(603);
        }
        let usage = old.usage.as_ref().ok_or(481_u16)?;
        if !usage.is_named_by(&place.replaces) {
            return Err(481);
        }
        if old.is_answered() && place.replaces.replaced == Replaced::Early {
            return Err(486);
        }
        if let Asked::ByRefer(extension) = &place.asked
            && old.extension.as_ref() != Some(extension)
        {
            return Err(403);
        }
        let by_invite = place.asked == Asked::ByInvite;
        if by_invite && old.is_answered() && !self.is_same_party(old, leg) {
            return Err(403);
        }
        match (old.role, &self.stage) {
            // Who called us and has no answer yet is not to be replaced by another INVITE.
            (Role::Caller, _) if by_invite && !old.is_answered() => Err(481),
            (_, Stage::Starting | Stage::SettingAgent | Stage::Parting | Stage::Over)
            | (Role::Transferor, _) => Err(491),
            _ if self.transfer.is_some() || leg.negotiation.is_none() => Err(491),
            (Role::Caller, _) => Ok(()),
            (Role::Rung(_), _) if self.talks_with(place.leg.number) => Ok(()),
            (Role::Rung(ring), Stage::Dialling(dialled)) if ring == *dialled => Ok(()),
            // An agent's phone rings for the queue the caller waits in.
            (Role::Rung(ring), Stage::Waiting(_)) if self.rings.contains_key(&ring) => Ok(()),
            (Role::Rung(_), _) => Err(603),
        }
    }

    /// Whether both are phones of one extension, or calls of one trunk: who talks is not pushed aside
    /// by others who came to know its dialog (RFC 3891 section 8).
    fn is_same_party(&self, old: &Leg, new: &Leg) -> bool {
        let came_by = match self.origin {
            Origin::Trunk(trunk) if self.caller == Some(old.id.number) => Some(trunk),
            Origin::Trunk(_) | Origin::Extension(_) => None,
        };
        let trunk = old.trunk.or(came_by);
        (old.extension.is_some() && old.extension == new.extension)
            || (trunk.is_some() && trunk == new.trunk)
    }

    fn take_place(&mut self, now: Instant, arrival: Arrival, old: u32, asked: &Asked) {
        let Arrival {
            was, leg, party, ..
        } = arrival;
        let number = self.add_arrived(leg, Some(was));
        let left = self.extension_of(old);
        match self.legs.get(&old).map(|leg| leg.role) {
            Some(Role::Caller) => {
                self.from = party;
                self.becomes_caller_again(number);
                if matches!(asked, Asked::ByRefer(_)) && matches!(self.stage, Stage::Dialling(_)) {
                    self.return_to = left.filter(|_| self.returns_lost());
                }
                self.set_caller(number);
                self.replace_caller(now, old, number);
            }
            Some(Role::Rung(ring)) if self.rings.contains_key(&ring) => {
                self.pick_up(now, ring, old, number);
            }
            _ => self.replace_callee(now, old, number),
        }
        // Who could not be replaced talks on.
        if !self.is_live(old) {
            self.disengage(left);
        }
        if self.is_live(number)
            && !self.is_served_by(number)
            && let Some(extension) = self.extension_of(number)
        {
            self.engage(extension);
        }
    }

    /// The origin follows the caller, the party's name stays as it came.
    fn becomes_caller_again(&mut self, number: u32) {
        let party = self.from.clone();
        self.becomes_caller(number);
        self.from = party;
    }

    fn returns_lost(&self) -> bool {
        self.lost_transfer == LostTransfer::Returns
    }

    /// Whoever the caller was waiting for, listening to or talking with is the new caller's.
    fn replace_caller(&mut self, now: Instant, old: u32, new: u32) {
        self.playing = None;
        let is_dialling = matches!(self.stage, Stage::Dialling(_));
        if !is_dialling && !self.answer_caller(now) {
            return;
        }
        self.drop_leg(now, old, HangupCause::Transferred);
        let stage = std::mem::replace(&mut self.stage, Stage::Starting);
        match stage {
            Stage::Talking(talk) => self.join(now, talk, Holder::Leg(old), new),
            Stage::Waiting(wait) => {
                let music = self.directory.queue(wait.queue);
                let music = music.map(|queue| queue.hold_music.clone());
                self.caller_hears(music.map_or(Source::Silence, Source::HoldMusic));
                self.stage = Stage::Waiting(wait);
            }
            Stage::Dialling(ring) => {
                self.stage = Stage::Dialling(ring);
                self.hears_the_ringing(now, ring, new);
            }
            Stage::Menu(menu) => self.enter_menu(now, menu.menu()),
            Stage::Speaking(after) => self.go_on(now, after),
            Stage::Echo => {
                self.stage = Stage::Echo;
                self.caller_hears(Source::Echo);
            }
            stage @ (Stage::Starting | Stage::SettingAgent | Stage::Parting | Stage::Over) => {
                self.stage = stage;
            }
        }
    }

    fn hears_the_ringing(&mut self, now: Instant, ring: u32, new: u32) {
        let rang = self.rings.get(&ring).is_some_and(|ring| ring.rang);
        if !self.caller_is_answered() {
            if rang && let Some(usage) = self.usage(new) {
                usage.ring(now);
            }
        } else if rang {
            self.caller_hears(Source::Tone(ToneId::new(RINGBACK)));
        } else {
            self.caller_hears(Source::HoldMusic(DEFAULT_MUSIC.to_owned()));
        }
    }

    fn replace_callee(&mut self, now: Instant, old: u32, new: u32) {
        let stage = std::mem::replace(&mut self.stage, Stage::Starting);
        let Stage::Talking(talk) = stage else {
            self.stage = stage;
            return;
        };
        if !self.answer_leg(now, new) {
            self.stage = Stage::Talking(talk);
            return self.drop_leg(now, new, HangupCause::NoCommonCodec);
        }
        self.rung_no_more(new);
        self.drop_leg(now, old, HangupCause::Transferred);
        self.stop_talking(&talk);
        let talk = Talk {
            callee: new,
            answered: Answered::Dialled,
            ..talk
        };
        self.join(now, talk, Holder::Leg(old), new);
    }

    /// The talk goes on with `new` in it; `gone` holds nobody any more.
    fn join(&mut self, now: Instant, talk: Talk, gone: Holder, new: u32) {
        let Some(caller) = self.caller_number() else {
            return;
        };
        let mut talk = talk;
        let other = if caller == new { talk.callee } else { caller };
        if talk.holders.remove(&gone) && !talk.is_held(other, caller) {
            let leg = self.leg_id(other);
            self.publish(EventKind::LegResumed { leg });
        }
        let recorded = self.interrupt_recording();
        self.resume_talk(now, &talk, caller);
        self.record_again(now, recorded);
        tracing::debug!(call = %self.id, new, "a leg took a place");
    }

    /// Answers a leg that is not the caller's, once; false when that cannot be done.
    pub(super) fn answer_leg(&mut self, now: Instant, number: u32) -> bool {
        let wish = self.wish_for(number);
        let Some(leg) = self.legs.get_mut(&number) else {
            return false;
        };
        if leg.is_answered() {
            return true;
        }
        leg.settle_answer(wish);
        let description = match leg.agreed {
            Some(_) => leg.description.clone(),
            None => leg.offer(wish).ok(),
        };
        let Some(description) = description else {
            return false;
        };
        leg.state = LegState::Answered;
        let id = leg.id;
        if let Some(usage) = leg.usage.as_mut() {
            usage.answer(now, description.into());
        }
        self.make_audible(number);
        self.publish(EventKind::LegAnswered { leg: id });
        true
    }

    pub(super) fn usage(&mut self, number: u32) -> Option<&mut InviteUsage> {
        self.legs.get_mut(&number)?.usage.as_mut()
    }
}
