//! Waiting in a queue, and the agents that are rung meanwhile.

use std::time::Instant;

use offhook_core::directory::Destination;
use offhook_core::event::{AttemptOutcome, EndedBy, QueueExit};
use offhook_core::{AttemptId, HangupCause, QueueId};
use offhook_media::engine::Source;

use offhook_sounds::queue_position;

use super::effect::CallToAgent;
use super::machine::{CallMachine, Stage};
use super::prompts;
use super::ring::Purpose;
use super::speak::After;
use super::talk::{Answered, Served};
use crate::queue::{AttemptPhase, CallToQueue, Departure, LiveAttempt, QueueToCall};

/// A caller's wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wait {
    /// Where.
    pub(crate) queue: QueueId,
    /// Since when; kept when the queue has to be told again.
    pub(crate) since: Instant,
}

impl CallMachine {
    pub(crate) fn enter_queue(&mut self, now: Instant, queue: QueueId) {
        if self.directory.queue(queue).is_none() {
            return self.leads_nowhere(now, HangupCause::UnallocatedNumber);
        }
        if !self.answer_caller(now) {
            return;
        }
        self.came_from = None;
        self.wait(Wait { queue, since: now });
        self.tell_queue(
            queue,
            CallToQueue::Enqueue {
                call: self.id,
                since: now,
            },
        );
    }

    /// The caller hears the queue's music and waits.
    fn wait(&mut self, wait: Wait) {
        let music = self
            .directory
            .queue(wait.queue)
            .map(|queue| queue.hold_music.clone());
        self.caller_hears(music.map_or(Source::Silence, Source::HoldMusic));
        self.stage = Stage::Waiting(wait);
    }

    /// Since when the caller waits.
    pub(crate) fn waiting_since(&self, now: Instant) -> Instant {
        if let Stage::Waiting(wait) = self.stage {
            wait.since
        } else {
            now
        }
    }

    /// The caller waits no longer, by their own decision.
    pub(crate) fn tell_departure(&mut self, queue: QueueId) {
        let departure = Departure::HungUp;
        self.tell_queue(
            queue,
            CallToQueue::Leave {
                call: self.id,
                departure,
            },
        );
    }

    pub(crate) fn queue_input(&mut self, now: Instant, tell: QueueToCall) {
        let call = self.id;
        match tell {
            QueueToCall::RingAgent {
                attempt,
                queue,
                agent,
                extension,
                ring_timeout,
                ..
            } => {
                if self.waits_in(queue) {
                    let purpose = Purpose::Attempt {
                        attempt,
                        queue,
                        agent,
                    };
                    self.ring_agent(purpose, extension, ring_timeout);
                } else if self.unconfirmed(queue).is_none() {
                    self.tell_departure(queue);
                }
            }
            QueueToCall::CancelAttempt {
                attempt,
                queue,
                outcome,
            } => {
                if self.answered_attempt() != Some(attempt) {
                    self.cancel_attempt(now, attempt, outcome);
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
            QueueToCall::Disown { attempt, queue } => self.disowned(now, queue, attempt),
            QueueToCall::Announce { queue, position } => {
                if self.waits_in(queue) {
                    self.announce(position);
                }
            }
            QueueToCall::Exit {
                queue,
                exit,
                overflow,
            } => self.exit(now, queue, exit, overflow),
            QueueToCall::QueueRestarted { queue } => self.rejoin(queue),
        }
    }

    fn waits_in(&self, queue: QueueId) -> bool {
        matches!(self.stage, Stage::Waiting(wait) if wait.queue == queue)
    }

    fn exit(&mut self, now: Instant, queue: QueueId, exit: QueueExit, to: Option<Destination>) {
        if exit == QueueExit::Answered {
            return self.confirm(queue);
        }
        if self.waits_in(queue) {
            self.cancel_rings(now);
            self.stop_playing();
            self.drop_recording_of_ringing();
            self.leave_queue(now, exit, to);
        }
    }

    /// The queue has lost its memory: it is told who waits, since when, and who is being rung.
    fn rejoin(&mut self, queue: QueueId) {
        let (since, attempts) = if let Some((since, answered)) = self.unconfirmed(queue) {
            (since, vec![answered])
        } else if let Stage::Waiting(wait) = self.stage
            && wait.queue == queue
        {
            (wait.since, self.live_attempts())
        } else {
            return;
        };
        self.tell_queue(
            queue,
            CallToQueue::Rejoin {
                call: self.id,
                since,
                attempts,
            },
        );
    }

    fn live_attempts(&self) -> Vec<LiveAttempt> {
        let attempts = self.rings.values().filter_map(|ring| {
            let phase = if ring.rang {
                AttemptPhase::Ringing
            } else {
                AttemptPhase::Dialling
            };
            Some(LiveAttempt {
                attempt: ring.attempt()?,
                phase,
            })
        });
        attempts.collect()
    }

    /// An agent answered whom the queue had given away: the caller goes on waiting.
    fn disowned(&mut self, now: Instant, queue: QueueId, attempt: AttemptId) {
        let answered = self.unconfirmed(queue);
        let Some((since, _)) = answered.filter(|(_, own)| own.attempt == attempt) else {
            return;
        };
        self.release_picker();
        self.hang_up_callee(now, HangupCause::AnsweredElsewhere);
        self.wait(Wait { queue, since });
    }

    /// Who picked the call up is in it no longer. The queue tells those it has reserved itself.
    fn release_picker(&mut self) {
        let Stage::Talking(talk) = &self.stage else {
            return;
        };
        if let Answered::Queue {
            attempt,
            by: Served::PickedUp(agent),
            ..
        } = talk.answered
        {
            let extension = self.extension_of(talk.callee);
            if let Some(agent) = agent {
                self.tell_agent(agent, CallToAgent::CallEnded(attempt));
            }
            self.disengage(extension);
        }
    }

    /// The place is spoken over the music, unless something is being said already.
    fn announce(&mut self, position: usize) {
        if self.playing.is_none() {
            let words = queue_position(self.language, position);
            self.play(words.into_iter().map(Into::into).collect(), false);
        }
    }

    fn leave_queue(&mut self, now: Instant, exit: QueueExit, overflow: Option<Destination>) {
        if let Some(destination) = overflow {
            self.stage = Stage::Starting;
            return self.go(now, "", destination);
        }
        let (prompt, cause) = match exit {
            QueueExit::TimedOut => (prompts::ALL_BUSY, HangupCause::QueueTimeout),
            QueueExit::Full => (prompts::FULL, HangupCause::Congestion),
            QueueExit::NoAgents => (prompts::NO_AGENTS, HangupCause::SubscriberAbsent),
            QueueExit::Answered | QueueExit::Abandoned | QueueExit::Moved => {
                return self.end(now, HangupCause::NormalClearing, EndedBy::System);
            }
        };
        self.speak(now, &[prompt, prompts::GOOD_BYE], After::HangUp(cause));
    }

    /// Stops ringing an agent.
    fn cancel_attempt(&mut self, now: Instant, wanted: AttemptId, outcome: AttemptOutcome) {
        let ring = self
            .rings
            .iter()
            .find(|(_, ring)| ring.attempt() == Some(wanted));
        let Some((&number, _)) = ring else { return };
        let cause = match outcome {
            AttemptOutcome::AnsweredElsewhere | AttemptOutcome::Answered => {
                HangupCause::AnsweredElsewhere
            }
            AttemptOutcome::CallerGone => HangupCause::OriginatorCancel,
            AttemptOutcome::NoAnswer
            | AttemptOutcome::Rejected
            | AttemptOutcome::Busy
            | AttemptOutcome::Unreachable
            | AttemptOutcome::Withdrawn => HangupCause::NoAnswer,
        };
        self.cancel_ring(now, number, cause);
    }
}
