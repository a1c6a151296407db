//! Limits, overflow, announcements, and rules that change.

use offhook_core::directory::{Queue, Strategy};
use offhook_core::event::{AttemptOutcome, EventKind, QueueExit};

use super::fixture::{Fixture, seconds};
use crate::queue::{Availability, QueueInput, QueueToAgent, QueueToCall};

fn announced(queue: &Fixture, call: offhook_core::CallId) -> Vec<usize> {
    let told = queue.told(call);
    let places = told.iter().filter_map(|message| match message {
        QueueToCall::Announce { position, .. } => Some(*position),
        _ => None,
    });
    places.collect()
}

fn change(queue: &mut Fixture, change: impl FnOnce(&mut Queue)) {
    let mut rules = queue.machine.queue().clone();
    change(&mut rules);
    queue.input(QueueInput::Reconfigure(Box::new(rules)));
}

#[test]
fn whoever_has_waited_long_enough_goes_where_the_queue_overflows() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| rules.max_wait = seconds(60));
    let call = queue.enqueue();
    queue.pass(seconds(59));
    assert_eq!(queue.exit_of(call), None);
    queue.pass(seconds(1));
    assert_eq!(queue.exit_of(call), Some(QueueExit::TimedOut));
    let overflow = queue.machine.queue().overflow.clone();
    let told = queue.told(call);
    assert!(matches!(&told[..], [QueueToCall::Exit { overflow: to, .. }] if *to == overflow));
}

#[test]
fn whoever_is_being_served_leaves_when_the_phone_is_confirmed_silent() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| rules.max_wait = seconds(10));
    queue.available(0);
    let (call, attempt, agent) = queue.ringing();
    queue.pass(seconds(10));
    assert_eq!(queue.exit_of(call), None);
    queue.ended(call, attempt, AttemptOutcome::CallerGone);
    assert_eq!(queue.exit_of(call), Some(QueueExit::TimedOut));
    assert_eq!(
        queue.released(agent, attempt),
        Some(AttemptOutcome::CallerGone)
    );
    assert!(queue.ledger.is_empty());
}

#[test]
fn an_answer_in_the_moment_of_the_longest_wait_keeps_the_caller() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| rules.max_wait = seconds(10));
    queue.available(0);
    let (call, attempt, _) = queue.ringing();
    queue.pass(seconds(10));
    queue.answered(call, attempt);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
}

#[test]
fn whoever_hangs_up_in_the_moment_of_the_longest_wait_leaves_once() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| rules.max_wait = seconds(10));
    queue.available(0);
    let (call, _, _) = queue.ringing();
    queue.pass(seconds(10));
    queue.hang_up(call);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Abandoned));
    assert!(queue.ledger.is_empty());
}

#[test]
fn a_full_queue_turns_callers_away() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| rules.max_length = 2);
    let first = queue.enqueue();
    let second = queue.enqueue();
    let third = queue.enqueue();
    assert_eq!(queue.exit_of(third), Some(QueueExit::Full));
    assert_eq!(queue.waiting(), [first, second]);
    queue.hang_up(first);
    let fourth = queue.enqueue();
    assert_eq!(queue.exit_of(fourth), None);
}

#[test]
fn the_last_agent_logs_out_with_callers_waiting() {
    let mut queue = Fixture::with(Strategy::TopDown, 2, |rules| {
        rules.max_wait_no_agent = seconds(30);
    });
    queue.says_availability(0, Availability::Unavailable);
    queue.says_availability(1, Availability::Unavailable);
    let call = queue.enqueue();
    queue.says_availability(0, Availability::LoggedOut);
    queue.pass(seconds(300));
    assert_eq!(queue.exit_of(call), None, "one is still logged in");
    queue.says_availability(1, Availability::LoggedOut);
    queue.pass(seconds(29));
    assert_eq!(queue.exit_of(call), None);
    queue.pass(seconds(1));
    assert_eq!(queue.exit_of(call), Some(QueueExit::NoAgents));
}

#[test]
fn somebody_logging_in_in_time_keeps_the_callers() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| {
        rules.max_wait_no_agent = seconds(30);
    });
    let call = queue.enqueue();
    queue.pass(seconds(29));
    queue.says_availability(0, Availability::Unavailable);
    queue.pass(seconds(300));
    assert_eq!(queue.exit_of(call), None);
}

#[test]
fn places_are_told_at_once_and_then_at_each_interval() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| rules.announce_position = true);
    let first = queue.enqueue();
    let second = queue.enqueue();
    assert_eq!(announced(&queue, first), [1]);
    assert_eq!(announced(&queue, second), [2]);
    queue.effects();
    queue.hang_up(first);
    queue.pass(seconds(30));
    assert_eq!(announced(&queue, second), [1]);
    queue.pass(seconds(30));
    assert_eq!(announced(&queue, second), [1, 1]);
}

#[test]
fn nobody_is_told_their_place_while_an_agent_is_rung_for_them() {
    let mut queue = Fixture::with(Strategy::TopDown, 1, |rules| {
        rules.announce_position = true;
        rules.ring_timeout = seconds(45);
    });
    queue.available(0);
    let (call, attempt, _) = queue.ringing();
    assert_eq!(announced(&queue, call), [1]);
    queue.pass(seconds(30));
    assert_eq!(announced(&queue, call), [1]);
    queue.ended(call, attempt, AttemptOutcome::Rejected);
    queue.pass(seconds(30));
    assert_eq!(announced(&queue, call), [1, 1]);
}

#[test]
fn the_order_is_that_of_the_beginning_of_the_wait() {
    let mut queue = Fixture::new(Strategy::TopDown, 1);
    let late = queue.enqueue();
    let early = offhook_core::CallId::new(&mut queue.ids);
    let since = queue.now - seconds(60);
    queue.call_says(crate::queue::CallToQueue::Enqueue { call: early, since });
    assert_eq!(queue.waiting(), [early, late]);
    assert_eq!(queue.machine.position(late), Some(2));
    queue.available(0);
    assert_eq!(queue.reserved(early).len(), 1);
}

#[test]
fn an_agent_added_while_callers_wait_serves_them() {
    let mut queue = Fixture::new(Strategy::TopDown, 1);
    let call = queue.enqueue();
    let new = offhook_core::AgentId::new(&mut queue.ids);
    queue.agents.push(new);
    change(&mut queue, |rules| {
        let mut seat = rules.agents[0];
        seat.agent = new;
        rules.agents.push(seat);
    });
    let id = queue.machine.queue().id;
    assert!(
        queue
            .told_agent(new)
            .contains(&QueueToAgent::Subscribe { queue: id })
    );
    queue.available(1);
    assert_eq!(queue.reserved(call).len(), 1);
}

#[test]
fn an_agent_removed_while_rung_may_still_answer_and_is_then_forgotten() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 1);
    let (call, attempt, agent) = queue.ringing();
    change(&mut queue, |rules| rules.agents.clear());
    let id = queue.machine.queue().id;
    assert!(
        queue
            .told_agent(agent)
            .contains(&QueueToAgent::Unsubscribe { queue: id })
    );
    queue.answered(call, attempt);
    assert_eq!(queue.exit_of(call), Some(QueueExit::Answered));
    queue.available(0);
    let call = queue.enqueue();
    assert_eq!(queue.reserved(call), []);
}

#[test]
fn a_shorter_wait_holds_for_those_who_wait_already() {
    let mut queue = Fixture::new(Strategy::TopDown, 1);
    let call = queue.enqueue();
    queue.pass(seconds(50));
    change(&mut queue, |rules| rules.max_wait = seconds(40));
    queue.pass(seconds(0));
    assert_eq!(queue.exit_of(call), Some(QueueExit::TimedOut));
}

#[test]
fn a_closed_queue_sends_everybody_on_and_is_finished() {
    let mut queue = Fixture::staffed(Strategy::TopDown, 1);
    let (served, attempt, agent) = queue.ringing();
    let waiting = queue.enqueue();
    queue.input(QueueInput::Close);
    assert_eq!(queue.exit_of(waiting), Some(QueueExit::NoAgents));
    assert!(!queue.machine.is_finished());
    queue.ended(served, attempt, AttemptOutcome::CallerGone);
    assert_eq!(queue.exit_of(served), Some(QueueExit::NoAgents));
    assert!(queue.released(agent, attempt).is_some());
    assert!(queue.machine.is_finished());
    let late = queue.enqueue();
    assert_eq!(queue.exit_of(late), Some(QueueExit::NoAgents));
    let exits = queue.published().into_iter();
    let exits = exits.filter(|kind| matches!(kind, EventKind::CallDequeued { .. }));
    assert_eq!(exits.count(), 3);
}
