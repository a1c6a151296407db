//! Two legs that talk: bridge and hold.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use offhook_core::event::EventKind;
use offhook_core::{AgentId, AttemptId, ExtensionId, HangupCause, QueueId};
use offhook_media::engine::Source;

use super::effect::{CallToAgent, MediaEffect};
use super::machine::{CallMachine, Stage};
use crate::queue::{AttemptPhase, LiveAttempt};

/// Who wants the talk to pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Holder {
    /// The phone of this leg, by re-INVITE.
    Leg(u32),
    /// An operator, over REST.
    Operator,
}

/// How the callee came to be rung.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// They were dialled.
    Dialled,
    /// They serve a queue.
    Queue {
        /// The attempt that was rung.
        attempt: AttemptId,
        /// The queue.
        queue: QueueId,
        /// Who they are.
        by: Served,
        /// Since when the caller waited, until the queue has confirmed the answer.
        unconfirmed: Option<Instant>,
    },
}

/// Who serves a queue's caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Served {
    /// The agent the queue reserved.
    Rung(AgentId),
    /// Somebody who picked the call up, and the agent they are if they serve in that queue.
    PickedUp(Option<AgentId>),
}

impl Served {
    /// The agent the queue reserved.
    pub(super) fn rung(self) -> Option<AgentId> {
        match self {
            Self::Rung(agent) => Some(agent),
            Self::PickedUp(_) => None,
        }
    }

    fn agent(self) -> Option<AgentId> {
        match self {
            Self::Rung(agent) => Some(agent),
            Self::PickedUp(agent) => agent,
        }
    }
}

/// Two legs that talk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Talk {
    /// The leg that was rung.
    pub(crate) callee: u32,
    /// How it came to be rung.
    pub(super) answered: Answered,
    /// Who holds; both talk when nobody does.
    pub(super) holders: BTreeSet<Holder>,
}

impl Talk {
    /// The queue the caller came through.
    pub(super) fn queue(&self) -> Option<QueueId> {
        match self.answered {
            Answered::Dialled => None,
            Answered::Queue { queue, .. } => Some(queue),
        }
    }

    /// Whether this leg waits for somebody to take it back. An operator holds the caller.
    pub(super) fn is_held(&self, leg: u32, caller: u32) -> bool {
        if leg == caller {
            self.holders.contains(&Holder::Leg(self.callee))
                || self.holders.contains(&Holder::Operator)
        } else {
            self.holders.contains(&Holder::Leg(caller))
        }
    }
}

pub(super) const DEFAULT_MUSIC: &str = "default";

impl CallMachine {
    /// Whether this leg is the one the caller talks with.
    pub(crate) fn talks_with(&self, number: u32) -> bool {
        matches!(&self.stage, Stage::Talking(talk) if talk.callee == number)
    }

    pub(crate) fn start_talking(&mut self, now: Instant, callee: u32, answered: Answered) {
        self.stop_playing();
        if !self.answer_caller(now) {
            return;
        }
        let Some(caller) = self.caller_number() else {
            return;
        };
        if answered == Answered::Dialled
            && let Some(extension) = self.extension_of(callee)
        {
            self.engage(extension);
        }
        let holders = BTreeSet::new();
        self.stage = Stage::Talking(Talk {
            callee,
            answered,
            holders,
        });
        let (agent, queue) = match answered {
            Answered::Dialled => (None, None),
            Answered::Queue { queue, by, .. } => (by.rung(), Some(queue)),
        };
        let (record, _) = self.is_to_be_recorded(self.extension_of(callee), queue);
        let (caller, callee) = (self.leg_id(caller), self.leg_id(callee));
        self.media(MediaEffect::Bridge(caller, callee));
        self.publish(EventKind::Bridged {
            call: self.id,
            caller,
            callee,
            agent,
        });
        // A caller may have held while it waited, or somebody answers with the hold button down.
        self.heed_hold(caller.number);
        self.heed_hold(callee.number);
        self.transfer_succeeded(now);
        if record {
            self.start_recording(now);
        } else {
            self.drop_recording_of_ringing();
        }
        self.tune(now);
    }

    pub(super) fn extension_of(&self, leg: u32) -> Option<ExtensionId> {
        let number = self.legs.get(&leg)?.extension.as_deref()?;
        Some(self.directory.extension_numbered(number)?.id)
    }

    pub(crate) fn stop_talking(&mut self, talk: &Talk) {
        if let Answered::Queue {
            attempt,
            queue,
            by,
            unconfirmed,
        } = talk.answered
        {
            if unconfirmed.is_some() {
                self.tell_departure(queue);
            }
            if let Some(agent) = by.agent() {
                self.tell_agent(agent, CallToAgent::CallEnded(attempt));
            }
        }
    }

    /// The attempt whose agent the caller talks with.
    pub(crate) fn answered_attempt(&self) -> Option<AttemptId> {
        match self.answered()? {
            Answered::Queue { attempt, .. } => Some(attempt),
            Answered::Dialled => None,
        }
    }

    /// How the one the caller talks with came to be rung.
    fn answered(&self) -> Option<Answered> {
        if let Stage::Talking(talk) = &self.stage {
            Some(talk.answered)
        } else {
            None
        }
    }

    /// Whether this leg is that of the agent whom a queue reserved for the caller.
    pub(crate) fn is_served_by(&self, number: u32) -> bool {
        let rung = matches!(
            self.answered(),
            Some(Answered::Queue {
                by: Served::Rung(_),
                ..
            })
        );
        rung && self.talks_with(number)
    }

    /// Since when the caller waited, and the attempt that won, while the queue has not confirmed.
    pub(crate) fn unconfirmed(&self, wanted: QueueId) -> Option<(Instant, LiveAttempt)> {
        let Stage::Talking(talk) = &self.stage else {
            return None;
        };
        match talk.answered {
            Answered::Queue {
                attempt,
                queue,
                by,
                unconfirmed,
            } if queue == wanted => {
                let phase = match by {
                    Served::Rung(_) => AttemptPhase::Answered,
                    Served::PickedUp(agent) => AttemptPhase::PickedUp {
                        by: self.leg_id(talk.callee),
                        agent,
                    },
                };
                Some((unconfirmed?, LiveAttempt { attempt, phase }))
            }
            Answered::Queue { .. } | Answered::Dialled => None,
        }
    }

    /// The queue knows that the caller was answered.
    pub(crate) fn confirm(&mut self, wanted: QueueId) {
        if let Stage::Talking(Talk {
            answered: Answered::Queue {
                queue, unconfirmed, ..
            },
            ..
        }) = &mut self.stage
            && *queue == wanted
        {
            *unconfirmed = None;
        }
    }

    /// Ends the callee's leg alone; the caller stays.
    pub(crate) fn hang_up_callee(&mut self, now: Instant, cause: HangupCause) {
        let Stage::Talking(talk) = &self.stage else {
            return;
        };
        let callee = talk.callee;
        self.stop_recording();
        self.drop_leg(now, callee, cause);
    }

    /// The far end sends a new offer: hold, resume, or another codec or address.
    pub(crate) fn far_end_reoffers(&mut self, now: Instant, number: u32, sdp: Option<&Bytes>) {
        let result = match sdp {
            Some(offer) => self.far_end_offers(number, offer),
            None => {
                self.give_way(number);
                Ok(())
            }
        };
        let wish = self.wish_for(number);
        let Some(leg) = self.legs.get_mut(&number) else {
            return;
        };
        let description = match (sdp, &result) {
            (Some(_), Ok(())) => leg.description.clone().ok_or(HangupCause::InternalError),
            (None, _) => leg.offer(wish),
            (Some(_), Err(cause)) => Err(*cause),
        };
        let Some(usage) = leg.usage.as_mut() else {
            return;
        };
        match description {
            Ok(description) => usage.accept_reinvite(now, description.into()),
            // A refused re-INVITE leaves the talk as it was (RFC 3261 section 14.2).
            Err(cause) => usage.reject_reinvite(now, cause.sip_status()),
        }
        self.heed_hold(number);
        self.tune(now);
    }

    /// Whether this leg's phone holds is as it said last.
    pub(crate) fn heed_hold(&mut self, number: u32) {
        let agreed = self.legs.get(&number).and_then(|leg| leg.agreed.as_ref());
        let holds = agreed.is_some_and(|agreed| agreed.held_by_remote);
        self.set_holder(Holder::Leg(number), holds);
    }

    pub(crate) fn operator_holds(&mut self) {
        self.set_holder(Holder::Operator, true);
    }

    pub(crate) fn operator_resumes(&mut self) {
        self.set_holder(Holder::Operator, false);
    }

    fn set_holder(&mut self, holder: Holder, holds: bool) {
        let Some(caller) = self.caller_number() else {
            return;
        };
        let Stage::Talking(talk) = &mut self.stage else {
            return;
        };
        let callee = talk.callee;
        let before = [caller, callee].map(|leg| talk.is_held(leg, caller));
        let changed = if holds {
            talk.holders.insert(holder)
        } else {
            talk.holders.remove(&holder)
        };
        if !changed {
            return;
        }
        let after = [caller, callee].map(|leg| talk.is_held(leg, caller));
        // Who is held by two is taken back when the second lets go.
        for (number, (was, is)) in [caller, callee]
            .into_iter()
            .zip(before.into_iter().zip(after))
        {
            let leg = self.leg_id(number);
            match (was, is) {
                (false, true) => self.publish(EventKind::LegHeld { leg }),
                (true, false) => self.publish(EventKind::LegResumed { leg }),
                (true, true) | (false, false) => {}
            }
        }
        self.apply_holds(caller, callee);
    }

    /// Who holds hears nothing; who is held hears music; with nobody holding both talk.
    pub(super) fn apply_holds(&mut self, caller: u32, callee: u32) {
        let Stage::Talking(talk) = &self.stage else {
            return;
        };
        let (caller_id, callee_id) = (self.leg_id(caller), self.leg_id(callee));
        if talk.holders.is_empty() {
            return self.media(MediaEffect::Bridge(caller_id, callee_id));
        }
        let (caller_held, callee_held) =
            (talk.is_held(caller, caller), talk.is_held(callee, caller));
        let hears = |held: bool, by: u32| {
            if held {
                Source::HoldMusic(self.music_of(by))
            } else {
                Source::Silence
            }
        };
        let caller_source = hears(caller_held, callee);
        let callee_source = hears(callee_held, caller);
        self.media(MediaEffect::Unbridge(caller_id));
        self.media(MediaEffect::SetSource(caller_id, caller_source));
        self.media(MediaEffect::SetSource(callee_id, callee_source));
    }

    /// What is heard of a party who holds the other one: the music of their extension, or else of the
    /// call.
    fn music_of(&self, holder: u32) -> String {
        let extension = self.extension_of(holder);
        let extension = extension.and_then(|id| self.directory.extension(id));
        let own = extension.and_then(|extension| extension.hold_music.clone());
        own.unwrap_or_else(|| self.hold_music())
    }

    pub(super) fn hold_music(&self) -> String {
        let queue = match self.answered() {
            Some(Answered::Queue { queue, .. }) => self.directory.queue(queue),
            Some(Answered::Dialled) | None => None,
        };
        queue.map_or_else(
            || DEFAULT_MUSIC.to_owned(),
            |queue| queue.hold_music.clone(),
        )
    }
}
