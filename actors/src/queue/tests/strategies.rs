//! Who is asked, and in which order.

use offhook_core::directory::Strategy;
use offhook_core::event::AttemptOutcome;

use super::fixture::{Fixture, seconds};
use crate::queue::{Availability, QueueInput};

/// Serves one caller after another, each by whoever is asked first; that agent is available again
/// at once.
fn order_of(strategy: Strategy, callers: usize) -> Vec<usize> {
    let mut queue = Fixture::staffed(strategy, 3);
    let mut order = Vec::new();
    for _ in 0..callers {
        queue.pass(seconds(1));
        let call = queue.enqueue();
        let (attempt, agent) = queue.reserved(call)[0];
        order.extend(queue.asked());
        queue.grant(attempt, agent);
        queue.answered(call, attempt);
        queue.available(*order.last().unwrap());
    }
    order
}

#[test]
fn longest_idle_asks_who_has_waited_longest_for_a_call() {
    assert_eq!(order_of(Strategy::LongestIdle, 5), [0, 1, 2, 0, 1]);
    // Idleness counts, not the place in the list.
    let mut queue = Fixture::new(Strategy::LongestIdle, 3);
    for index in [2, 0, 1] {
        queue.pass(seconds(1));
        queue.available(index);
    }
    queue.enqueue();
    queue.enqueue();
    queue.enqueue();
    assert_eq!(queue.asked(), [2, 0, 1]);
}

#[test]
fn top_down_always_begins_at_the_top() {
    assert_eq!(order_of(Strategy::TopDown, 4), [0, 0, 0, 0]);
}

#[test]
fn round_robin_goes_on_where_it_stopped() {
    assert_eq!(order_of(Strategy::RoundRobin, 5), [0, 1, 2, 0, 1]);
}

#[test]
fn round_robin_passes_over_who_is_away_and_keeps_its_place() {
    let mut queue = Fixture::staffed(Strategy::RoundRobin, 4);
    queue.ringing();
    assert_eq!(queue.asked(), [0]);
    queue.says_availability(1, Availability::Unavailable);
    queue.ringing();
    assert_eq!(queue.asked(), [2]);
    queue.available(1);
    queue.ringing();
    assert_eq!(queue.asked(), [3]);
    queue.ringing();
    assert_eq!(queue.asked(), [1]);
}

#[test]
fn ring_all_asks_everybody_for_the_first_caller() {
    let mut queue = Fixture::staffed(Strategy::RingAll, 3);
    let call = queue.enqueue();
    let attempts = queue.reserved(call);
    assert_eq!(queue.asked(), [0, 1, 2]);
    for (attempt, agent) in attempts {
        queue.grant(attempt, agent);
        queue.rings(call, attempt);
    }
    // Whoever becomes free joins in.
    queue.ended(
        call,
        queue.machine.callers()[0].attempts[0].attempt,
        AttemptOutcome::Busy,
    );
    queue.effects();
    queue.pass(seconds(5));
    assert!(queue.asked().is_empty());
    queue.available(0);
    assert_eq!(queue.asked(), [0]);
}

#[test]
fn the_first_tier_is_asked_before_the_second_whatever_the_strategy() {
    for strategy in Strategy::ALL {
        let mut queue = Fixture::with(*strategy, 4, |rules| {
            rules.agents[0].level = 2;
            rules.agents[1].level = 2;
        });
        for index in 0..4 {
            queue.pass(seconds(1));
            queue.available(index);
        }
        queue.effects();
        let call = queue.enqueue();
        let first: Vec<_> = queue.reserved(call);
        let asked = queue.asked();
        assert!(
            asked.iter().all(|index| *index >= 2),
            "{strategy}: {asked:?}"
        );
        // All of the first tier refuse: now the second is asked, at once.
        for (attempt, agent) in first {
            queue.refuse(attempt, agent);
        }
        let mut rest = queue.asked();
        if !strategy.eq(&Strategy::RingAll) {
            assert_eq!(
                rest,
                [5 - asked[0]],
                "{strategy}: the other of the first tier"
            );
            let other = queue.machine.callers()[0].attempts[0];
            queue.refuse(other.attempt, other.agent);
            rest = queue.asked();
        }
        assert!(rest.iter().all(|index| *index < 2), "{strategy}: {rest:?}");
        assert!(!rest.is_empty(), "{strategy}");
    }
}

#[test]
fn ring_all_offers_the_second_tier_to_the_second_caller() {
    let mut queue = Fixture::with(Strategy::RingAll, 3, |rules| rules.agents[2].level = 2);
    (0..3).for_each(|index| queue.available(index));
    queue.effects();
    let first = queue.enqueue();
    assert_eq!(queue.reserved(first).len(), 2);
    let second = queue.enqueue();
    assert_eq!(queue.reserved(first).len(), 2, "its tier is not exhausted");
    assert_eq!(queue.reserved(second).len(), 1);
}

#[test]
fn another_strategy_takes_over_while_the_queue_runs() {
    let mut queue = Fixture::staffed(Strategy::LongestIdle, 3);
    queue.says_availability(0, Availability::Unavailable);
    queue.pass(seconds(1));
    queue.available(0);
    let mut rules = queue.machine.queue().clone();
    rules.strategy = Strategy::TopDown;
    queue.input(QueueInput::Reconfigure(Box::new(rules)));
    queue.effects();
    queue.enqueue();
    assert_eq!(queue.asked(), [0]);
}
