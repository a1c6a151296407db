//! A queue as its own actor sees it at one moment.

use std::time::Instant;

use offhook_core::id::{AgentId, AttemptId, CallId};

use super::attempts::Phase;
use super::machine::QueueMachine;
use super::message::Availability;

/// Somebody who waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingCaller {
    /// The call.
    pub call: CallId,
    /// The place in the line, from 1.
    pub position: usize,
    /// Since when; [`alarm::wall_at`](crate::alarm::wall_at) makes it a time of day.
    pub since: Instant,
    /// The agents being asked or rung for this caller.
    pub attempts: Vec<WaitingAttempt>,
}

/// An attempt on behalf of somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WaitingAttempt {
    /// The attempt.
    pub attempt: AttemptId,
    /// The agent.
    pub agent: AgentId,
    /// Whether the agent's phone rings already.
    pub ringing: bool,
}

/// An agent's seat in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeatView {
    /// The agent.
    pub agent: AgentId,
    /// Its tier.
    pub level: u32,
    /// Its place within the tier.
    pub position: u32,
    /// What the agent last said of themselves; none before the first word.
    pub availability: Option<Availability>,
    /// The attempt of this queue the agent is asked or rung for.
    pub attempt: Option<AttemptId>,
    /// Left alone by this queue until then, after a missed or refused attempt.
    pub retry_at: Option<Instant>,
}

impl QueueMachine {
    /// Who waits, in the order in which they are served.
    #[must_use]
    pub fn callers(&self) -> Vec<WaitingCaller> {
        let waiting = self.callers.iter().enumerate();
        let views = waiting.map(|(index, (place, caller))| WaitingCaller {
            call: caller.call,
            position: index + 1,
            since: place.since,
            attempts: caller
                .attempts
                .iter()
                .filter_map(|id| {
                    let attempt = self.attempts.get(id)?;
                    Some(WaitingAttempt {
                        attempt: *id,
                        agent: attempt.agent,
                        ringing: attempt.phase == Phase::Ringing,
                    })
                })
                .collect(),
        });
        views.collect()
    }

    /// Who serves the queue, by tier and place.
    #[must_use]
    pub fn agents(&self) -> Vec<SeatView> {
        let views = self.seats.iter().map(|seat| SeatView {
            agent: seat.place.agent,
            level: seat.place.level,
            position: seat.place.position,
            availability: seat.availability,
            attempt: seat.attempt,
            retry_at: seat.retry_at,
        });
        let mut views: Vec<_> = views.collect();
        views.sort_by_key(|view| (view.level, view.position, view.agent));
        views
    }
}
