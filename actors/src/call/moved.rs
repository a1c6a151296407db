//! Legs that went to another call: what is still addressed to their old name finds them.

use std::collections::VecDeque;

use ahash::AHashMap;
use offhook_core::LegId;

/// Moves that are remembered. What was on its way when a leg moved arrives within milliseconds.
const REMEMBERED: usize = 1024;

/// How often a leg is followed; each time takes a transfer, so nobody goes further in such a time.
const FOLLOWED: usize = 8;

/// Former names of legs.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    names: AHashMap<LegId, LegId>,
    order: VecDeque<LegId>,
}

impl Moved {
    /// A leg has a new name.
    pub(crate) fn note(&mut self, from: LegId, to: LegId) {
        // Who comes back has its old name again.
        self.names.remove(&to);
        if self.names.insert(from, to).is_none() {
            self.order.push_back(from);
        }
        while self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.names.remove(&oldest);
            }
        }
    }

    /// What a leg is called now.
    pub(crate) fn now(&self, leg: LegId) -> LegId {
        let mut leg = leg;
        for _ in 0..FOLLOWED {
            match self.names.get(&leg) {
                Some(next) => leg = *next,
                None => break,
            }
        }
        leg
    }
}

#[cfg(test)]
mod tests {
    use offhook_core::{CallId, IdSource};

    use super::*;

    fn legs() -> [LegId; 3] {
        let ids = &mut IdSource::seeded(1);
        [0, 1, 2].map(|number| LegId::new(CallId::new(ids), number))
    }

    #[test]
    fn a_leg_is_found_by_every_name_it_had() {
        let [a, b, c] = legs();
        let mut moved = Moved::default();
        moved.note(a, b);
        moved.note(b, c);
        assert_eq!([a, b, c].map(|leg| moved.now(leg)), [c, c, c]);
    }

    #[test]
    fn a_leg_that_came_back_has_its_old_name() {
        let [a, b, _] = legs();
        let mut moved = Moved::default();
        moved.note(a, b);
        moved.note(b, a);
        assert_eq!([a, b].map(|leg| moved.now(leg)), [a, a]);
    }

    #[test]
    fn old_moves_are_forgotten() {
        let mut moved = Moved::default();
        let call = CallId::new(&mut IdSource::seeded(1));
        for number in 0..5_000 {
            let to = LegId::new(call, number + 1_000_000);
            moved.note(LegId::new(call, number), to);
        }
        assert!(moved.names.len() <= REMEMBERED && moved.order.len() <= REMEMBERED);
    }
}
