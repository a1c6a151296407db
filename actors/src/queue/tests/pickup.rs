//! Calls that are picked up by somebody whom the queue has not sent.

use offhook_core::directory::Strategy;
use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};
use offhook_core::id::{AgentId, AttemptId, CallId, LegId};

use super::fixture::{Fixture, seconds};
use crate::queue::{AttemptPhase, Availability, CallToQueue, LiveAttempt, QueueToCall};

impl Fixture {
    fn picked_up(&mut self, call: CallId, attempt: AttemptId, agent: Option<AgentId>) {
        let by = LegId::new(call, 7);
        self.call_says(CallToQueue::PickedUp {
            call,
            attempt,
            by,
            agent,
        });
    }

    /// The agents the events name as those who picked up.
    fn pickers(&self) -> Vec<Option<AgentId>> {
        let published = self.published().into_iter();
        let pickers = published.filter_map(|kind| {
            let EventKind::CallPickedUp { agent, .. } = kind else {
                return None;
            };
            Some(agent)
        });
        pickers.collect()
    }
}

#[test]
fn the_caller_is_answered_and_the_agent_is_free_without_a_miss() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let (call, attempt, agent) = queue.ringing();
    queue.effects();
    queue.picked_up(call, attempt, None);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    assert_eq!(queue.pickers(), [None]);
    let elsewhere = Some(AttemptOutcome::AnsweredElsewhere);
    assert_eq!(queue.outcome_of(attempt), elsewhere);
    assert_eq!(queue.released(agent, attempt), elsewhere);
    // Nobody has missed anything, so the next caller is served at once.
    queue.available(0);
    queue.effects();
    let next = queue.enqueue();
    assert_eq!(queue.reserved(next).len(), 1);
    assert!(!queue.waiting().contains(&call));
}

#[test]
fn who_picks_up_counts_as_an_agent_only_when_at_work() {
    for (availability, counts) in [
        (Some(Availability::Unavailable), true),
        (Some(Availability::LoggedOut), false),
        (None, false),
    ] {
        let mut queue = Fixture::new(Strategy::LongestIdle, 2);
        queue.available(0);
        if let Some(availability) = availability {
            queue.says_availability(1, availability);
        }
        let (call, attempt, _) = queue.ringing();
        queue.effects();
        let colleague = queue.agents[1];
        queue.picked_up(call, attempt, Some(colleague));
        assert_eq!(queue.pickers(), [counts.then_some(colleague)]);
    }
}

#[test]
fn all_who_were_rung_for_the_caller_are_free() {
    let mut queue = Fixture::staffed(Strategy::RingAll, 3);
    let call = queue.enqueue();
    let reserved = queue.reserved(call);
    for &(attempt, agent) in &reserved {
        queue.grant(attempt, agent);
    }
    // One has not said yes when it happens.
    queue.effects();
    queue.picked_up(call, reserved[1].0, None);
    for (attempt, agent) in reserved {
        let elsewhere = Some(AttemptOutcome::AnsweredElsewhere);
        assert_eq!(queue.released(agent, attempt), elsewhere);
    }
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
}

/// The queue wants to stop the ringing in the moment somebody picks up.
#[test]
fn a_pickup_overrules_a_cancel_as_an_answer_does() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let (call, attempt, _) = queue.ringing();
    queue.pass(seconds(20));
    queue.effects();
    queue.picked_up(call, attempt, None);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    // What the call still answers to the cancel changes nothing.
    queue.ended(call, attempt, AttemptOutcome::NoAnswer);
    assert_eq!(
        queue.outcome_of(attempt),
        Some(AttemptOutcome::AnsweredElsewhere)
    );
}

#[test]
fn a_pickup_of_an_attempt_that_is_over_is_disowned_and_the_caller_waits_on() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let (call, attempt, _) = queue.ringing();
    queue.ended(call, attempt, AttemptOutcome::Busy);
    queue.effects();
    queue.picked_up(call, attempt, None);
    let id = queue.machine.queue().id;
    let disown = QueueToCall::Disown { attempt, queue: id };
    assert!(queue.told(call).contains(&disown));
    assert_eq!(queue.exit_of(call), None);
    assert_eq!(queue.waiting(), [call]);
    assert_eq!(queue.pickers(), []);
}

#[test]
fn a_pickup_is_told_again_to_a_queue_that_fell() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let (call, attempt, agent) = queue.ringing();
    let since = queue.now;
    queue.fall();
    queue.effects();
    let phase = AttemptPhase::PickedUp {
        by: LegId::new(call, 7),
        agent: None,
    };
    queue.rejoin(call, since, vec![LiveAttempt { attempt, phase }]);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::AnsweredElsewhere)
    );
    assert!(queue.ledger.is_empty());
}
