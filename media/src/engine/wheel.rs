//! The wheel: 20 slots of a millisecond, so that the frames of many legs do not all go out at once.

use std::time::{Duration, Instant};

const SLOTS: usize = 20;

/// A thread later than this leaves out the slots it missed.
const MAX_LATE: u64 = 3 * SLOTS as u64;

/// Which legs have their frame made when. Every slot comes round each 20 ms.
#[derive(Debug)]
pub(crate) struct Wheel {
    started: Instant,
    /// The next slot to run, counted from the start.
    next: u64,
    slots: [Vec<usize>; SLOTS],
    legs: usize,
    /// The slot that was handed out.
    running: Option<usize>,
}

/// A slot that is due.
#[derive(Debug)]
pub(crate) struct Due {
    /// Which of the slots.
    pub(crate) slot: usize,
    /// The turn of the wheel it is part of.
    pub(crate) tick: u64,
    /// When it should have run.
    pub(crate) at: Instant,
    /// The legs in it; to be given back.
    pub(crate) legs: Vec<usize>,
}

impl Wheel {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            next: 0,
            slots: Default::default(),
            legs: 0,
            running: None,
        }
    }

    /// Time has passed: an empty wheel has nothing to catch up on.
    pub(crate) fn pass(&mut self, now: Instant) {
        if self.legs == 0 {
            self.next = self.next.max(self.number(now));
        }
    }

    /// Puts a leg into the emptiest slot.
    pub(crate) fn add(&mut self, leg: usize) -> usize {
        let lengths = self.slots.iter().map(Vec::len).enumerate();
        let slot = lengths
            .min_by_key(|(_, length)| *length)
            .map_or(0, |(slot, _)| slot);
        self.slots[slot].push(leg);
        self.legs += 1;
        slot
    }

    /// Takes a leg out of its slot.
    pub(crate) fn remove(&mut self, slot: usize, leg: usize) {
        let before = self.slots[slot].len();
        self.slots[slot].retain(|other| *other != leg);
        self.legs -= before - self.slots[slot].len();
    }

    /// The next slot with legs that is due; afterwards [`Wheel::give_back`] its legs. Slots missed
    /// for being too late are added to `skipped`.
    pub(crate) fn pop_due(&mut self, now: Instant, skipped: &mut u64) -> Option<Due> {
        self.pass(now);
        if self.legs == 0 {
            return None;
        }
        let current = self.number(now);
        if current > self.next + MAX_LATE {
            *skipped += current - self.next;
            self.next = current;
        }
        while self.next <= current {
            let number = self.next;
            self.next += 1;
            let slot = usize::try_from(number % SLOTS as u64).unwrap_or(0);
            if !self.slots[slot].is_empty() {
                self.running = Some(slot);
                return Some(Due {
                    slot,
                    tick: number / SLOTS as u64,
                    at: self.started + Duration::from_millis(number),
                    legs: std::mem::take(&mut self.slots[slot]),
                });
            }
        }
        None
    }

    /// Takes the legs of a slot back, those that stay in it.
    pub(crate) fn give_back(&mut self, slot: usize, mut staying: Vec<usize>, left: usize) {
        // Whoever was added meanwhile stays too; the room for all of them is kept.
        staying.append(&mut self.slots[slot]);
        self.slots[slot] = staying;
        self.legs -= left;
        self.running = None;
    }

    /// Whether a slot was handed out and is still to be given back.
    pub(crate) fn runs(&self, slot: usize) -> bool {
        self.running == Some(slot)
    }

    fn number(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.started).as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX)
    }

    /// When the next slot with legs is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        if self.legs == 0 {
            return None;
        }
        let ahead = (self.next..).take(SLOTS).find(|number| {
            let slot = usize::try_from(number % SLOTS as u64).unwrap_or(0);
            !self.slots[slot].is_empty()
        });
        ahead.map(|number| self.started + Duration::from_millis(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_time::epoch;

    fn at(milliseconds: u64) -> Instant {
        epoch() + Duration::from_millis(milliseconds)
    }

    fn run(wheel: &mut Wheel, until: u64) -> Vec<(u64, usize)> {
        let mut ran = Vec::new();
        while let Some(due) = wheel.pop_due(at(until), &mut 0) {
            ran.extend(due.legs.iter().map(|leg| (due.tick, *leg)));
            wheel.give_back(due.slot, due.legs, 0);
        }
        ran
    }

    #[test]
    fn each_leg_has_its_slot_once_a_turn() {
        let mut wheel = Wheel::new(epoch());
        for leg in 0..40 {
            wheel.add(leg);
        }
        let mut first = run(&mut wheel, 19);
        assert!(first.iter().all(|(tick, _)| *tick == 0));
        first.sort_unstable();
        assert_eq!(first.len(), 40);
        assert_eq!(run(&mut wheel, 29).len(), 20);
        assert_eq!(wheel.next_due(), Some(at(30)));
    }

    #[test]
    fn an_empty_wheel_needs_nobody_awake_and_catches_nothing_up() {
        let mut wheel = Wheel::new(epoch());
        assert_eq!(wheel.next_due(), None);
        assert!(run(&mut wheel, 5000).is_empty());
        let slot = wheel.add(7);
        assert_eq!(run(&mut wheel, 5019).len(), 1);
        wheel.remove(slot, 7);
        assert_eq!(wheel.next_due(), None);
    }

    #[test]
    fn a_wheel_that_has_turned_for_two_months_still_waits() {
        let mut wheel = Wheel::new(epoch());
        wheel.pass(at(5_000_000_000));
        wheel.add(7);
        assert_eq!(run(&mut wheel, 5_000_000_019).len(), 1);
        assert!(wheel.next_due() >= Some(at(5_000_000_020)));
    }

    #[test]
    fn a_late_thread_catches_up_a_little_and_skips_the_rest() {
        let mut wheel = Wheel::new(epoch());
        wheel.add(7);
        assert_eq!(run(&mut wheel, 40).len(), 3);
        let mut skipped = 0;
        assert!(wheel.pop_due(at(1000), &mut skipped).is_some());
        assert_eq!(skipped, 959);
    }
}
