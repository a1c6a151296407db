//! Answering what rings at another's phone: an INVITE whose `Replaces` names an early dialog of ours
//! (RFC 3891 section 3).
//!
//! A call that rings at an agent's phone for a queue leaves the queue as answered. Who answers counts
//! as the agent they are, if that agent serves in the queue; the one who was rung is free again.

use std::time::Instant;

use offhook_core::event::EventKind;
use offhook_core::{AgentId, AttemptId, HangupCause, QueueId};

use super::effect::CallToAgent;
use super::leg::Role;
use super::machine::CallMachine;
use super::ring::Purpose;
use super::talk::{Answered, Served};
use crate::queue::CallToQueue;

impl CallMachine {
    /// The leg `new` answers what rings at the leg `old`.
    pub(super) fn pick_up(&mut self, now: Instant, ring: u32, old: u32, new: u32) {
        let purpose = self.rings.get(&ring).map(|ring| ring.purpose);
        let can = matches!(
            purpose,
            Some(Purpose::Destination | Purpose::Attempt { .. })
        );
        if !can || !self.answer_leg(now, new) {
            return self.drop_leg(now, new, HangupCause::NoCommonCodec);
        }
        tracing::debug!(call = %self.id, old, new, "picked up");
        let own =
            self.extension_of(new).is_some() && self.extension_of(old) == self.extension_of(new);
        match purpose {
            Some(Purpose::Attempt { attempt, queue, .. }) if !own => {
                return self.serve_instead(now, new, attempt, queue);
            }
            Some(Purpose::Destination) if !own => self.publish(EventKind::CallPickedUp {
                call: self.id,
                by: self.leg_id(new),
                agent: None,
            }),
            Some(Purpose::Destination | Purpose::Attempt { .. } | Purpose::Originator) | None => {}
        }
        if let Some(leg) = self.legs.get_mut(&new) {
            leg.role = Role::Rung(ring);
        }
        if let Some(ring) = self.rings.get_mut(&ring) {
            ring.legs.push(new);
        }
        self.ring_won(now, ring, new);
    }

    /// A queue's call is answered by somebody other than the agent it is rung for.
    fn serve_instead(&mut self, now: Instant, callee: u32, attempt: AttemptId, queue: QueueId) {
        let agent = self.serves_at(queue, callee);
        let picked_up = CallToQueue::PickedUp {
            call: self.id,
            attempt,
            by: self.leg_id(callee),
            agent,
        };
        let since = self.waiting_since(now);
        self.tell_queue(queue, picked_up);
        if let (Some(agent), Some(rules)) = (agent, self.directory.queue(queue)) {
            let wrap_up = rules.wrap_up;
            let tell = CallToAgent::PickedUp {
                attempt,
                queue,
                wrap_up,
            };
            self.tell_agent(agent, tell);
        }
        self.cancel_rings(now);
        self.rung_no_more(callee);
        self.start_talking(
            now,
            callee,
            Answered::Queue {
                attempt,
                queue,
                by: Served::PickedUp(agent),
                unconfirmed: Some(since),
            },
        );
    }

    /// The agent at the far end of this leg, if they serve in this queue.
    fn serves_at(&self, queue: QueueId, leg: u32) -> Option<AgentId> {
        let agent = self.directory.agent_at(self.extension_of(leg)?)?.id;
        let mut seats = self.directory.queue(queue)?.agents.iter();
        seats.any(|seat| seat.agent == agent).then_some(agent)
    }
}
