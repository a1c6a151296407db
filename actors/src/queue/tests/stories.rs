//! What goes wrong in other products: the stories of ARCHITECTURE.md, and the races behind them.

use offhook_core::directory::Strategy;
use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};

use super::fixture::{Fixture, seconds};
use crate::queue::{AgentToQueue, Availability, QueueToAgent, QueueToCall};

#[test]
fn a_caller_is_offered_the_moment_an_agent_becomes_available() {
    let mut queue = Fixture::new(Strategy::LongestIdle, 1);
    let call = queue.enqueue();
    assert_eq!(queue.reserved(call), []);
    queue.available(0);
    assert_eq!(queue.reserved(call).len(), 1);
}

#[test]
fn free_agents_never_wait_while_callers_wait() {
    let mut queue = Fixture::new(Strategy::LongestIdle, 3);
    let calls = [queue.enqueue(), queue.enqueue(), queue.enqueue()];
    (0..3).for_each(|index| queue.available(index));
    for call in calls {
        assert_eq!(
            queue.reserved(call).len(),
            1,
            "all three at once, not only the head"
        );
    }
    assert_eq!(queue.asked(), [0, 1, 2]);
}

#[test]
fn the_head_of_the_line_comes_first() {
    let mut queue = Fixture::new(Strategy::LongestIdle, 1);
    let first = queue.enqueue();
    queue.pass(seconds(1));
    let second = queue.enqueue();
    queue.available(0);
    assert_eq!(queue.reserved(first).len(), 1);
    assert_eq!(queue.reserved(second), []);
}

#[test]
fn a_granted_agent_is_rung_and_an_answer_takes_the_caller_out() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let (call, attempt, agent) = queue.ringing();
    assert!(
        matches!(queue.told(call)[..], [QueueToCall::RingAgent { attempt: id, .. }] if id == attempt)
    );
    assert!(
        queue
            .told_agent(agent)
            .contains(&QueueToAgent::Ringing { attempt })
    );
    queue.answered(call, attempt);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    let wrap_up = seconds(10);
    assert!(
        queue
            .told_agent(agent)
            .contains(&QueueToAgent::Connected { attempt, wrap_up })
    );
    assert_eq!(queue.outcome_of(attempt), Some(AttemptOutcome::Answered));
    assert_eq!(queue.waiting(), []);
    assert!(queue.ledger.is_empty());
    assert_eq!(queue.machine.poll_timeout(), None);
}

#[test]
fn a_caller_who_hangs_up_while_the_agent_is_rung_leaves_no_zombie() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let (call, attempt, agent) = queue.ringing();
    queue.effects();
    queue.hang_up(call);
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::CallerGone)
    );
    assert_eq!(queue.outcome_of(attempt), Some(AttemptOutcome::CallerGone));
    assert_eq!(queue.exit_of(call), Some(QueueExit::Abandoned));
    // The phone was picked up in the same moment: the queue does not know the attempt any more.
    queue.effects();
    queue.answered(call, attempt);
    assert_eq!(queue.told_agent(agent), []);
    assert!(matches!(queue.told(call)[..], [QueueToCall::Disown { .. }]));
    assert!(queue.ledger.is_empty());
}

#[test]
fn a_caller_who_hangs_up_before_the_agent_grants_releases_the_reservation() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 1);
    let call = queue.enqueue();
    let (attempt, agent) = queue.reserved(call)[0];
    queue.hang_up(call);
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::CallerGone)
    );
    queue.effects();
    queue.grant(attempt, agent);
    assert!(
        queue.released(agent, attempt).is_some(),
        "a late grant is given back"
    );
    assert_eq!(queue.told(call), []);
    assert!(
        queue.published().is_empty(),
        "never rung, so never an attempt"
    );
}

#[test]
fn agents_are_not_stuck_when_another_answers_first_in_ring_all() {
    let mut queue = Fixture::staffed(Strategy::RingAll, 3);
    let call = queue.enqueue();
    let attempts = queue.reserved(call);
    // The third has not granted yet.
    for (attempt, agent) in &attempts[..2] {
        queue.grant(*attempt, *agent);
        queue.rings(call, *attempt);
    }
    queue.effects();
    queue.answered(call, attempts[1].0);
    let elsewhere = Some(AttemptOutcome::AnsweredElsewhere);
    assert_eq!(queue.released(attempts[0].1, attempts[0].0), elsewhere);
    assert_eq!(queue.released(attempts[1].1, attempts[1].0), None);
    assert_eq!(queue.released(attempts[2].1, attempts[2].0), elsewhere);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    assert_eq!(queue.outcome_of(attempts[2].0), None, "asked, never rung");
    assert!(queue.ledger.is_empty());
}

#[test]
fn the_last_agent_in_the_list_being_away_stalls_nobody() {
    for strategy in [
        Strategy::TopDown,
        Strategy::RoundRobin,
        Strategy::LongestIdle,
    ] {
        let mut queue = Fixture::staffed(strategy, 3);
        queue.says_availability(2, Availability::LoggedOut);
        for caller in 0..6 {
            let call = queue.enqueue();
            let reserved = queue.reserved(call);
            assert_eq!(reserved.len(), 1, "{strategy}, caller {caller}");
            let (attempt, agent) = reserved[0];
            queue.grant(attempt, agent);
            queue.answered(call, attempt);
            let index = queue
                .agents
                .iter()
                .position(|known| *known == agent)
                .unwrap();
            queue.available(index);
            queue.effects();
        }
    }
}

#[test]
fn a_refused_reservation_asks_the_next_agent_at_once_and_this_one_when_they_speak() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 2);
    let call = queue.enqueue();
    let (attempt, agent) = queue.reserved(call)[0];
    queue.effects();
    queue.refuse(attempt, agent);
    assert_eq!(queue.asked(), [1]);
    let second = queue.enqueue();
    assert_eq!(queue.reserved(second), [], "not the one who refused");
    queue.available(0);
    assert_eq!(queue.asked(), [0]);
}

#[test]
fn a_busy_agent_is_left_alone_and_the_next_one_is_asked_at_once() {
    let failures = [
        AttemptOutcome::Busy,
        AttemptOutcome::Rejected,
        AttemptOutcome::Unreachable,
        AttemptOutcome::NoAnswer,
    ];
    for outcome in failures {
        let mut queue = Fixture::staffed(Strategy::TopDown, 2);
        let (call, attempt, agent) = queue.ringing();
        queue.effects();
        queue.ended(call, attempt, outcome);
        assert_eq!(queue.released(agent, attempt), Some(outcome));
        assert_eq!(queue.outcome_of(attempt), Some(outcome));
        assert_eq!(queue.asked(), [1], "{outcome:?}");
        queue.available(0);
        queue.enqueue();
        assert!(queue.asked().is_empty(), "left alone for the retry delay");
        queue.pass(seconds(5));
        assert_eq!(queue.asked(), [0]);
    }
}

#[test]
fn a_phone_that_rings_out_is_cancelled_and_only_then_is_the_agent_let_go() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 2);
    let (call, attempt, agent) = queue.ringing();
    queue.effects();
    queue.pass(seconds(20));
    let outcome = AttemptOutcome::NoAnswer;
    let id = queue.machine.queue().id;
    let cancel = QueueToCall::CancelAttempt {
        attempt,
        queue: id,
        outcome,
    };
    assert_eq!(queue.told(call), [cancel]);
    assert_eq!(queue.released(agent, attempt), None);
    queue.ended(call, attempt, outcome);
    assert_eq!(queue.released(agent, attempt), Some(outcome));
    assert_eq!(queue.asked(), [1]);
}

#[test]
fn an_answer_in_the_moment_of_the_ring_timeout_wins() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 1);
    let (call, attempt, agent) = queue.ringing();
    queue.pass(seconds(20));
    queue.effects();
    queue.answered(call, attempt);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    assert_eq!(queue.released(agent, attempt), None);
}

#[test]
fn a_call_that_never_confirms_a_cancel_does_not_hold_the_agent_for_ever() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 1);
    let (call, attempt, agent) = queue.ringing();
    queue.pass(seconds(20));
    queue.effects();
    queue.pass(seconds(5));
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::NoAnswer)
    );
    // If it was answered after all, the call hears that it is not this queue's any more.
    queue.answered(call, attempt);
    assert!(
        queue
            .told(call)
            .iter()
            .any(|told| matches!(told, QueueToCall::Disown { .. }))
    );
    assert_eq!(queue.waiting(), [call]);
}

#[test]
fn an_agent_who_never_answers_a_reservation_is_asked_how_they_are() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 2);
    let call = queue.enqueue();
    let (attempt, agent) = queue.reserved(call)[0];
    queue.effects();
    queue.pass(seconds(5));
    let id = queue.machine.queue().id;
    assert!(
        queue
            .told_agent(agent)
            .contains(&QueueToAgent::Subscribe { queue: id })
    );
    assert!(queue.released(agent, attempt).is_some());
    assert_eq!(queue.asked(), [1]);
}

#[test]
fn an_agent_who_logs_out_while_rung_is_replaced() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 2);
    let (call, attempt, agent) = queue.ringing();
    queue.effects();
    queue.agent_says(AgentToQueue::Withdraw { attempt, agent });
    queue.says_availability(0, Availability::LoggedOut);
    let outcome = AttemptOutcome::Withdrawn;
    assert!(matches!(
        queue.told(call)[..],
        [QueueToCall::CancelAttempt { .. }]
    ));
    queue.ended(call, attempt, outcome);
    assert_eq!(queue.released(agent, attempt), Some(outcome));
    assert_eq!(queue.asked(), [1]);
}

#[test]
fn a_queue_lets_go_whom_it_does_not_know() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 1);
    let (_, attempt, agent) = queue.ringing();
    queue.effects();
    queue.agent_says(AgentToQueue::StillHeld { attempt, agent });
    assert_eq!(queue.released(agent, attempt), None);
    let unknown = offhook_core::AttemptId::new(&mut queue.ids);
    let attempt = unknown;
    queue.agent_says(AgentToQueue::StillHeld { attempt, agent });
    assert!(queue.released(agent, unknown).is_some());
    queue.effects();
    queue.agent_says(AgentToQueue::Withdraw { attempt, agent });
    assert!(queue.released(agent, unknown).is_some());
}

#[test]
fn every_caller_who_comes_is_published_once_and_leaves_once() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 1);
    let (call, attempt, _) = queue.ringing();
    queue.answered(call, attempt);
    queue.hang_up(call);
    queue.answered(call, attempt);
    queue.pass(seconds(600));
    let queued = queue.published().into_iter();
    let queued = queued.filter(|kind| matches!(kind, EventKind::CallQueued { .. }));
    assert_eq!(queued.count(), 1);
    let left = queue.published().into_iter();
    let left = left.filter(|kind| matches!(kind, EventKind::CallDequeued { .. }));
    assert_eq!(left.count(), 1);
}
