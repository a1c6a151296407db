//! A queue's agents: what it knows of each, and who can be asked now.

use std::collections::BTreeMap;
use std::time::Instant;

use offhook_core::directory::{QueueAgent, Strategy};
use offhook_core::id::{AgentId, AttemptId};

use super::message::Availability;
use super::strategy::{Candidate, Picker, picker};

/// An agent's seat in a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) place: QueueAgent,
    /// What the agent last said; none before the first word.
    pub(super) availability: Option<Availability>,
    /// The attempt of this queue that the agent is asked or rung for.
    pub(super) attempt: Option<AttemptId>,
    /// Left alone until then, after a missed or refused attempt.
    pub(super) retry_at: Option<Instant>,
}

/// Every seat, and the picker with those whose agents can be asked.
#[derive(Debug)]
pub(super) struct Seats {
    seats: BTreeMap<AgentId, Seat>,
    strategy: Strategy,
    picker: Box<dyn Picker>,
    logged_in: usize,
}

impl Seats {
    pub(super) fn new(strategy: Strategy) -> Self {
        Self {
            seats: BTreeMap::new(),
            strategy,
            picker: picker(strategy),
            logged_in: 0,
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Seat> {
        self.seats.values()
    }

    pub(super) fn contains(&self, agent: AgentId) -> bool {
        self.seats.contains_key(&agent)
    }

    /// Whether any agent is logged in.
    pub(super) fn anybody_logged_in(&self) -> bool {
        self.logged_in > 0
    }

    pub(super) fn rings_all(&self) -> bool {
        self.picker.rings_all()
    }

    /// Whether this agent serves here and was at work when last heard of.
    pub(super) fn is_logged_in(&self, agent: AgentId) -> bool {
        self.seats.get(&agent).is_some_and(is_logged_in)
    }

    /// Whose turn it is, and their level.
    pub(super) fn pick(&self) -> Option<(AgentId, u32)> {
        self.picker.pick()
    }

    /// The agent, just picked, is asked for `attempt`.
    pub(super) fn ask(&mut self, agent: AgentId, attempt: AttemptId) {
        self.picker.asked(agent);
        self.change(agent, |seat| seat.attempt = Some(attempt));
    }

    /// Adds a seat, or moves it to another place, keeping what is known of its agent.
    pub(super) fn seat(&mut self, place: QueueAgent, attempt: Option<AttemptId>) {
        if self.contains(place.agent) {
            self.change(place.agent, |seat| seat.place = place);
        } else {
            let seat = Seat {
                place,
                availability: None,
                attempt,
                retry_at: None,
            };
            self.seats.insert(place.agent, seat);
        }
    }

    pub(super) fn unseat(&mut self, agent: AgentId) {
        self.picker.remove(agent);
        if let Some(seat) = self.seats.remove(&agent)
            && is_logged_in(&seat)
        {
            self.logged_in -= 1;
        }
    }

    /// Takes over another strategy; who was asked last is forgotten.
    pub(super) fn set_strategy(&mut self, strategy: Strategy) {
        if strategy == self.strategy {
            return;
        }
        self.strategy = strategy;
        self.picker = picker(strategy);
        for seat in self.seats.values() {
            sort_in(self.picker.as_mut(), seat);
        }
    }

    pub(super) fn set_availability(&mut self, agent: AgentId, availability: Availability) {
        self.change(agent, |seat| seat.availability = Some(availability));
    }

    pub(super) fn free(&mut self, agent: AgentId, attempt: AttemptId) {
        self.change(agent, |seat| {
            if seat.attempt == Some(attempt) {
                seat.attempt = None;
            }
        });
    }

    pub(super) fn set_retry(&mut self, agent: AgentId, at: Option<Instant>) {
        self.change(agent, |seat| seat.retry_at = at);
    }

    fn change(&mut self, agent: AgentId, change: impl FnOnce(&mut Seat)) {
        let Some(seat) = self.seats.get_mut(&agent) else {
            return;
        };
        let was_in = is_logged_in(seat);
        change(seat);
        match (was_in, is_logged_in(seat)) {
            (false, true) => self.logged_in += 1,
            (true, false) => self.logged_in -= 1,
            (true, true) | (false, false) => {}
        }
        sort_in(self.picker.as_mut(), seat);
    }
}

fn is_logged_in(seat: &Seat) -> bool {
    match seat.availability {
        Some(Availability::Available { .. } | Availability::Unavailable) => true,
        Some(Availability::LoggedOut) | None => false,
    }
}

/// Puts the seat's agent where it belongs: into the picker exactly if it can be asked now.
fn sort_in(picker: &mut dyn Picker, seat: &Seat) {
    match *seat {
        Seat {
            place,
            availability: Some(Availability::Available { since }),
            attempt: None,
            retry_at: None,
        } => picker.insert(Candidate {
            seat: place,
            idle_since: since,
        }),
        Seat { place, .. } => picker.remove(place.agent),
    }
}
