//! A queue's actor falls and is started again.

use offhook_core::directory::Strategy;
use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};

use super::fixture::{Fixture, seconds};
use crate::queue::{
    AgentToQueue, AttemptPhase, LiveAttempt, QueueInput, QueueToAgent, QueueToCall,
};

fn count(queue: &Fixture, wanted: fn(&EventKind) -> bool) -> usize {
    queue.published().iter().filter(|kind| wanted(kind)).count()
}

#[test]
fn callers_keep_their_place_in_whatever_order_they_return() {
    let mut queue = Fixture::new(Strategy::LongestIdle, 1);
    let start = queue.now;
    let calls: Vec<_> = (0..5).map(|_| queue.enqueue()).collect();
    queue.fall();
    assert_eq!(queue.waiting(), calls);
    queue.available(0);
    for call in calls.iter().rev() {
        assert!(queue.asked().is_empty(), "nobody overtakes a slower call");
        queue.rejoin(*call, start, Vec::new());
    }
    assert_eq!(queue.reserved(calls[0]).len(), 1);
    assert_eq!(
        count(&queue, |kind| matches!(kind, EventKind::CallQueued { .. })),
        0
    );
}

#[test]
fn a_ringing_attempt_goes_on_over_the_fall() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let start = queue.now;
    let (call, attempt, agent) = queue.ringing();
    queue.fall();
    let phase = AttemptPhase::Ringing;
    queue.rejoin(call, start, vec![LiveAttempt { attempt, phase }]);
    assert!(queue.asked().is_empty(), "somebody is being rung already");
    queue.answered(call, attempt);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    assert!(
        queue
            .told_agent(agent)
            .iter()
            .any(|told| matches!(told, QueueToAgent::Connected { .. }))
    );
    assert!(queue.ledger.is_empty());
}

#[test]
fn an_answer_the_predecessor_did_not_hear_of_counts_once() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let start = queue.now;
    let (call, attempt, _) = queue.ringing();
    queue.fall();
    // It lay in the mail, and the call says it again because it had no `Exit`.
    queue.answered(call, attempt);
    let phase = AttemptPhase::Answered;
    queue.rejoin(call, start, vec![LiveAttempt { attempt, phase }]);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    assert_eq!(
        count(&queue, |kind| matches!(
            kind,
            EventKind::CallDequeued { .. }
        )),
        1
    );
    assert_eq!(queue.waiting(), []);
}

#[test]
fn an_attempt_the_call_does_not_know_is_cancelled_and_the_agent_released() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let start = queue.now;
    let (call, attempt, agent) = queue.ringing();
    queue.fall();
    queue.rejoin(call, start, Vec::new());
    assert!(matches!(
        queue.told(call)[..],
        [QueueToCall::CancelAttempt { .. }]
    ));
    queue.ended(call, attempt, AttemptOutcome::Withdrawn);
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::Withdrawn)
    );
    queue.available(0);
    assert_eq!(queue.reserved(call).len(), 1);
}

#[test]
fn an_attempt_the_queue_does_not_know_is_cancelled() {
    let mut queue = Fixture::new(Strategy::LongestIdle, 1);
    let start = queue.now;
    let call = queue.enqueue();
    queue.fall();
    let attempt = offhook_core::AttemptId::new(&mut queue.ids);
    let phase = AttemptPhase::Dialling;
    queue.rejoin(call, start, vec![LiveAttempt { attempt, phase }]);
    assert!(matches!(
        queue.told(call)[..],
        [QueueToCall::CancelAttempt { .. }]
    ));
}

#[test]
fn a_grant_to_the_predecessor_is_given_back() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let call = queue.enqueue();
    let (attempt, agent) = queue.reserved(call)[0];
    queue.fall();
    queue.grant(attempt, agent);
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::Withdrawn)
    );
}

#[test]
fn agents_are_asked_how_they_are_after_a_fall() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 2);
    queue.fall();
    for agent in queue.agents.clone() {
        let id = queue.machine.queue().id;
        assert_eq!(
            queue.told_agent(agent),
            [QueueToAgent::Subscribe { queue: id }]
        );
    }
}

#[test]
fn a_caller_whose_arrival_made_the_queue_fall_is_not_lost() {
    let mut queue = Fixture::new(Strategy::LongestIdle, 1);
    let call = offhook_core::CallId::new(&mut queue.ids);
    let since = queue.now;
    let enqueue = crate::queue::CallToQueue::Enqueue { call, since };
    queue.ledger.note_input(&QueueInput::FromCall(enqueue));
    queue.fall();
    assert_eq!(
        count(&queue, |kind| matches!(kind, EventKind::CallQueued { .. })),
        1
    );
    queue.rejoin(call, since, Vec::new());
    queue.available(0);
    assert_eq!(queue.reserved(call).len(), 1);
}

#[test]
fn a_call_that_does_not_speak_holds_the_line_for_a_second_and_is_forgotten_after_ten() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 2);
    let start = queue.now;
    let (lost, attempt, agent) = queue.ringing();
    let returning = queue.enqueue();
    queue.fall();
    queue.available(1);
    queue.rejoin(returning, start, Vec::new());
    assert_eq!(queue.reserved(returning), []);
    queue.pass(seconds(1));
    assert_eq!(queue.reserved(returning).len(), 1);
    queue.pass(seconds(9));
    assert_eq!(queue.exit_of(lost), Some(QueueExit::Abandoned));
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::CallerGone)
    );
    assert_eq!(queue.waiting(), [returning]);
}

#[test]
fn a_withdrawal_while_the_queue_was_down_stops_the_ringing() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let (call, attempt, agent) = queue.ringing();
    queue.fall();
    queue.agent_says(AgentToQueue::Withdraw { attempt, agent });
    assert!(matches!(
        queue.told(call)[..],
        [QueueToCall::CancelAttempt { .. }]
    ));
}
