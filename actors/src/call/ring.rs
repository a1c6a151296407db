//! Ringing somebody: an agent for a queue, the party that was dialled, or the one who wants to call.
//!
//! A ringing has one leg per place where the party can be reached; the first leg that answers wins.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use offhook_core::event::{Direction, EndedBy, EventKind};
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::identity::Presented;
use offhook_core::sip::invite::{InviteUsage, OutgoingInvite, RedirectPolicy};
use offhook_core::sip::uri;
use offhook_core::{AgentId, AttemptId, ExtensionId, HangupCause, QueueId};
use offhook_media::engine::{Source, ToneId};

use super::effect::{CallEffect, MediaEffect, RingTarget};
use super::forward::Redirection;
use super::input::Contact;
use super::leg::{LegState, Role};
use super::machine::{CallMachine, CallTimer, Stage};
use super::talk::{Answered, Served};
use super::turn::{Failure, Turns, more_telling, outcome};
use crate::queue::CallToQueue;

/// The tone that stands for "it rings".
pub(super) const RINGBACK: &str = "ringback";

/// How long a number outside is rung.
const EXTERNAL_TIMEOUT: Duration = Duration::from_secs(120);

/// What somebody is rung for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To place the call they asked the API for.
    Originator,
    /// Because the caller dialled them.
    Destination,
    /// Because a queue reserved them.
    Attempt {
        /// The reservation.
        attempt: AttemptId,
        /// Whose.
        queue: QueueId,
        /// Of whom.
        agent: AgentId,
    },
}

/// One ringing.
#[derive(Debug, Clone)]
pub(crate) struct Ring {
    /// What for.
    pub(crate) purpose: Purpose,
    /// Whom.
    pub(super) target: RingTarget,
    /// Legs that wait for their port, with the place they will ring.
    unplaced: BTreeMap<u32, Contact>,
    /// Legs that may still answer.
    pub(super) legs: Vec<u32>,
    /// Places whose turn has not come, the next first.
    later: Turns,
    /// How long all turns together last, if that is known.
    whole: Option<Duration>,
    /// How long each turn lasts while others are left.
    turn: Option<Duration>,
    /// The most telling reason why a leg of it failed.
    cause: Option<HangupCause>,
    /// Where one of its phones wants the caller to go if nobody answers.
    pub(super) forward: Option<Redirection>,
    /// Whether the far end is known to ring.
    pub(crate) rang: bool,
}

impl Ring {
    pub(crate) fn attempt(&self) -> Option<AttemptId> {
        match self.purpose {
            Purpose::Attempt { attempt, .. } => Some(attempt),
            Purpose::Destination | Purpose::Originator => None,
        }
    }

    fn agent(&self) -> Option<AgentId> {
        match self.purpose {
            Purpose::Attempt { agent, .. } => Some(agent),
            Purpose::Destination | Purpose::Originator => None,
        }
    }
}

impl CallMachine {
    /// Begins to ring somebody; answers the number of the ringing.
    pub(crate) fn start_ring(&mut self, now: Instant, purpose: Purpose, target: RingTarget) -> u32 {
        let (timeout, whole) = match &target {
            RingTarget::Extension(id) => {
                let timeout = self.directory.extension(*id).map(|e| e.ring_timeout);
                (timeout, timeout)
            }
            RingTarget::External(_) => (Some(EXTERNAL_TIMEOUT), None),
        };
        let number = self.add_ring(purpose, target, whole);
        if let Some(timeout) = timeout {
            self.timers.set(CallTimer::Ring(number), now + timeout);
        }
        number
    }

    /// Begins to ring an agent for a queue, which says itself when that has lasted long enough.
    pub(crate) fn ring_agent(
        &mut self,
        purpose: Purpose,
        extension: ExtensionId,
        whole: Duration,
    ) -> u32 {
        self.add_ring(purpose, RingTarget::Extension(extension), Some(whole))
    }

    fn add_ring(&mut self, purpose: Purpose, target: RingTarget, whole: Option<Duration>) -> u32 {
        let number = self.fresh();
        self.push(CallEffect::FindContacts {
            ring: number,
            target: target.clone(),
        });
        self.rings.insert(
            number,
            Ring {
                purpose,
                target,
                unplaced: BTreeMap::new(),
                legs: Vec::new(),
                later: Turns::default(),
                whole,
                turn: None,
                cause: None,
                forward: None,
                rang: false,
            },
        );
        number
    }

    /// The places where the party can be rung are known.
    pub(crate) fn ring_contacts(
        &mut self,
        now: Instant,
        number: u32,
        contacts: Result<Vec<Contact>, HangupCause>,
    ) {
        let Some(ring) = self.rings.get_mut(&number) else {
            return;
        };
        match contacts {
            Ok(contacts) if contacts.is_empty() => {
                return self.ring_failed(now, number, HangupCause::SubscriberAbsent);
            }
            Ok(contacts) => ring.later = Turns::new(contacts),
            Err(cause) => return self.ring_failed(now, number, cause),
        }
        let turns = ring.later.count().max(1);
        ring.turn = ring.whole.map(|whole| whole / turns);
        self.ring_next_turn(now, number);
    }

    /// Nobody answered in this turn.
    pub(crate) fn turn_expired(&mut self, now: Instant, number: u32) {
        let Some(ring) = self.rings.get_mut(&number) else {
            return;
        };
        ring.unplaced.clear();
        ring.cause = Some(HangupCause::NoAnswer);
        for leg in std::mem::take(&mut ring.legs) {
            self.drop_leg(now, leg, HangupCause::NoAnswer);
        }
        self.ring_next_turn(now, number);
    }

    /// Rings the places whose turn it is; false when there are none left.
    fn ring_next_turn(&mut self, now: Instant, number: u32) -> bool {
        let Some(ring) = self.rings.get_mut(&number) else {
            return false;
        };
        let contacts = ring.later.next_turn();
        if let Some(turn) = ring.turn.filter(|_| ring.later.count() > 0) {
            self.timers.set(CallTimer::Turn(number), now + turn);
        } else {
            self.timers.stop(CallTimer::Turn(number));
        }
        let (agent, target) = (ring.agent(), ring.target.clone());
        let (extension, remote) = match target {
            RingTarget::Extension(id) => {
                let number = self.directory.extension(id).map(|e| e.number.clone());
                (number.clone(), number.unwrap_or_default())
            }
            RingTarget::External(number) => (None, number),
        };
        let any = !contacts.is_empty();
        for contact in contacts {
            let role = Role::Rung(number);
            let leg = self.add_leg(
                role,
                Direction::Outbound,
                extension.clone(),
                remote.clone(),
                agent,
            );
            if let Some(leg) = self.legs.get_mut(&leg) {
                leg.trunk = contact.trunk;
            }
            if let Some(ring) = self.rings.get_mut(&number) {
                ring.legs.push(leg);
                ring.unplaced.insert(leg, contact);
            }
        }
        any
    }

    /// A rung leg has its port: the INVITE can go out.
    pub(crate) fn place_leg(&mut self, now: Instant, ring: u32, number: u32) {
        let contact = self
            .rings
            .get_mut(&ring)
            .and_then(|ring| ring.unplaced.remove(&number));
        let Some(contact) = contact else { return };
        let wish = self.wish_for(number);
        let Presented { from, mut headers } =
            if self.rings.get(&ring).map(|ring| ring.purpose) == Some(Purpose::Originator) {
                // Who is about to call sees whom, not themselves.
                let from = NameAddr::new(uri::sip(Some(&self.dialled), &contact.domain, None));
                Presented {
                    from: from.write(),
                    headers: Vec::new(),
                }
            } else {
                self.presented(&contact)
            };
        if self
            .rings
            .get(&ring)
            .map(|ring| &ring.target)
            .is_some_and(RingTarget::is_outside)
        {
            headers.extend(self.history.headers());
        }
        headers.extend(self.ring_headers(ring));
        let Some(leg) = self.legs.get_mut(&number) else {
            return;
        };
        let offer = match leg.offer(wish) {
            Ok(offer) => offer,
            Err(cause) => return self.lost(now, number, cause),
        };
        headers.extend(contact.headers);
        let trunk = contact.trunk;
        let invite = OutgoingInvite {
            request_uri: contact.uri,
            to: contact.to,
            from,
            local: contact.local,
            routes: contact.routes,
            call_id: None,
            max_forwards: self.hops,
            headers,
            credentials: contact.credentials,
            sdp: Some(offer.into()),
            redirect: RedirectPolicy::Refuse,
        };
        let usage = InviteUsage::outgoing(invite, &mut self.ids);
        let (id, key) = (leg.id, usage.dialog_key().clone());
        leg.usage = Some(usage);
        self.push(CallEffect::BindDialog { leg: id, key });
        if let Some(trunk) = trunk {
            self.push(CallEffect::UseTrunk { leg: id, trunk });
        }
    }

    pub(crate) fn ring_leg_rings(&mut self, now: Instant, number: u32, leg: u32) {
        let Some(ring) = self.rings.get_mut(&number) else {
            return;
        };
        let first = !std::mem::replace(&mut ring.rang, true);
        let purpose = ring.purpose;
        self.note_ringing(leg);
        if !first {
            return;
        }
        self.record_ringing(number);
        match purpose {
            Purpose::Attempt { attempt, queue, .. } => {
                let call = self.id;
                self.tell_queue(queue, CallToQueue::AttemptRinging { call, attempt });
            }
            Purpose::Destination => {
                self.tell_transferor(180);
                self.caller_hears_ringing(now);
            }
            Purpose::Originator => {}
        }
    }

    fn note_ringing(&mut self, leg: u32) {
        if let Some(leg) = self.legs.get_mut(&leg)
            && leg.state == LegState::Trying
        {
            leg.state = LegState::Ringing;
            let id = leg.id;
            self.publish(EventKind::LegRinging { leg: id });
        }
    }

    /// An unanswered caller's phone makes its own ringback; an answered one needs ours.
    fn caller_hears_ringing(&mut self, now: Instant) {
        if self.caller_is_answered() {
            return self.caller_hears(Source::Tone(ToneId::new(RINGBACK)));
        }
        let Some(number) = self.caller_number() else {
            return;
        };
        if let Some(usage) = self
            .legs
            .get_mut(&number)
            .and_then(|leg| leg.usage.as_mut())
        {
            usage.ring(now);
        }
    }

    /// Early media: the caller hears what the called side already sends.
    pub(crate) fn ring_leg_progresses(
        &mut self,
        now: Instant,
        number: u32,
        leg: u32,
        sdp: Option<Bytes>,
    ) {
        let Some(sdp) = sdp else {
            return self.ring_leg_rings(now, number, leg);
        };
        let wanted = self
            .rings
            .get(&number)
            .is_some_and(|ring| ring.purpose == Purpose::Destination && ring.legs.len() == 1)
            && self.passes_early_media(leg);
        // With several phones ringing nobody could say whose early media it is.
        if !wanted || self.far_end_answers_early(leg, &sdp).is_err() {
            return self.ring_leg_rings(now, number, leg);
        }
        let Some(caller) = self.caller_number() else {
            return;
        };
        self.note_ringing(leg);
        let wish = self.wish_with(leg);
        if !self.caller_is_answered()
            && let Some(from) = self.legs.get_mut(&caller)
        {
            from.settle_answer(wish);
            if let (Some(description), Some(_), Some(usage)) =
                (from.description.clone(), &from.agreed, from.usage.as_mut())
            {
                usage.progress(now, Some(description.into()));
                self.make_audible(caller);
            }
        }
        self.media(MediaEffect::Bridge(self.leg_id(caller), self.leg_id(leg)));
        self.record_ringing(number);
        self.record_early_media(leg);
    }

    pub(crate) fn ring_leg_answered(
        &mut self,
        now: Instant,
        number: u32,
        leg: u32,
        sdp: Option<Bytes>,
    ) {
        let agreed = match sdp {
            Some(sdp) => self.far_end_answers(leg, &sdp),
            // A 200 without a description is fine if a 183 brought one.
            None if self.legs.get(&leg).is_some_and(|leg| leg.agreed.is_some()) => Ok(()),
            None => Err(HangupCause::ProtocolError),
        };
        match agreed {
            Ok(()) => self.ring_won(now, number, leg),
            Err(cause) => self.lost(now, leg, cause),
        }
    }

    /// This leg is the one that answers; what is spoken with it may become known by its ACK only.
    pub(super) fn ring_won(&mut self, now: Instant, number: u32, leg: u32) {
        let Some(mut ring) = self.rings.remove(&number) else {
            return self.drop_leg(now, leg, HangupCause::AnsweredElsewhere);
        };
        self.timers.stop(CallTimer::Ring(number));
        self.timers.stop(CallTimer::Turn(number));
        if let Some(leg) = self.legs.get_mut(&leg) {
            leg.state = LegState::Answered;
            leg.before_early = None;
            let id = leg.id;
            self.publish(EventKind::LegAnswered { leg: id });
        }
        ring.legs.retain(|&other| other != leg);
        for other in ring.legs {
            self.drop_leg(now, other, HangupCause::AnsweredElsewhere);
        }
        match ring.purpose {
            Purpose::Originator => {
                self.set_caller(leg);
                self.publish(EventKind::CallAnswered { call: self.id });
                self.route(now);
            }
            Purpose::Destination => self.start_talking(now, leg, Answered::Dialled),
            Purpose::Attempt {
                attempt,
                queue,
                agent,
            } => {
                let (call, since) = (self.id, self.waiting_since(now));
                self.tell_queue(queue, CallToQueue::AttemptAnswered { call, attempt });
                self.cancel_rings(now);
                self.start_talking(
                    now,
                    leg,
                    Answered::Queue {
                        attempt,
                        queue,
                        by: Served::Rung(agent),
                        unconfirmed: Some(since),
                    },
                );
            }
        }
    }

    /// A leg of a ringing cannot answer any more.
    pub(crate) fn ring_leg_failed(
        &mut self,
        now: Instant,
        number: u32,
        leg: u32,
        failure: Failure,
    ) {
        let cause = failure.cause;
        let Some(ring) = self.rings.get_mut(&number) else {
            return;
        };
        ring.legs.retain(|&other| other != leg);
        ring.unplaced.remove(&leg);
        let worst = ring.cause.map_or(cause, |old| more_telling(old, cause));
        ring.cause = Some(worst);
        let next = failure.lets_others_try(&ring.target);
        if failure.ends_all() {
            // Nobody else shall be asked either (RFC 3261 section 16.7).
            ring.forward = None;
            self.ring_failed(now, number, cause);
        } else if ring.legs.is_empty() && !(next && self.ring_next_turn(now, number)) {
            self.ring_failed(now, number, worst);
        }
    }

    pub(crate) fn ring_expired(&mut self, now: Instant, number: u32) {
        self.ring_failed(now, number, HangupCause::NoAnswer);
    }

    /// Nobody answered this ringing, and nobody will.
    fn ring_failed(&mut self, now: Instant, number: u32, cause: HangupCause) {
        let ring = self.rings.get_mut(&number);
        let (purpose, forward) = match ring {
            Some(ring) => (Some(ring.purpose), ring.forward.take()),
            None => (None, None),
        };
        self.cancel_ring(now, number, cause);
        match purpose {
            None => {}
            Some(Purpose::Originator) => self.end(now, cause, EndedBy::System),
            Some(Purpose::Destination) => {
                if matches!(self.stage, Stage::Dialling(dialled) if dialled == number) {
                    self.drop_recording_of_ringing();
                    match forward {
                        Some(forward) => self.send_forward(now, forward, cause),
                        None => self.leads_nowhere(now, cause),
                    }
                }
            }
            Some(Purpose::Attempt { attempt, queue, .. }) => {
                let (call, outcome) = (self.id, outcome(cause));
                self.tell_queue(
                    queue,
                    CallToQueue::AttemptEnded {
                        call,
                        attempt,
                        outcome,
                    },
                );
            }
        }
    }

    /// Stops a ringing without asking what for.
    pub(crate) fn cancel_ring(&mut self, now: Instant, number: u32, cause: HangupCause) {
        let Some(ring) = self.rings.remove(&number) else {
            return;
        };
        self.timers.stop(CallTimer::Ring(number));
        self.timers.stop(CallTimer::Turn(number));
        for leg in ring.legs {
            self.drop_leg(now, leg, cause);
        }
    }

    /// Stops every ringing: somebody else has the caller.
    pub(crate) fn cancel_rings(&mut self, now: Instant) {
        for number in self.rings.keys().copied().collect::<Vec<_>>() {
            self.cancel_ring(now, number, HangupCause::AnsweredElsewhere);
        }
    }
}
