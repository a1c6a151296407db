//! The messages of one call: how it began, and the latest.

use std::collections::VecDeque;

use super::TracedMessage;

/// Keeps the first quarter of what it has room for, and of what follows the latest.
#[derive(Debug)]
pub(super) struct Ring {
    first: Vec<TracedMessage>,
    latest: VecDeque<TracedMessage>,
    room: usize,
    left_out: usize,
}

impl Ring {
    pub(super) fn new(room: usize) -> Self {
        Self {
            first: Vec::new(),
            latest: VecDeque::new(),
            room,
            left_out: 0,
        }
    }

    /// Adds a message; returns the one it displaces.
    pub(super) fn push(&mut self, message: TracedMessage) -> Option<TracedMessage> {
        let early = (self.room / 4).max(1);
        if self.first.len() < early && self.latest.is_empty() {
            self.first.push(message);
            return None;
        }
        self.latest.push_back(message);
        if self.first.len() + self.latest.len() <= self.room {
            return None;
        }
        self.left_out += 1;
        self.latest.pop_front()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &TracedMessage> {
        self.first.iter().chain(&self.latest)
    }

    pub(super) fn left_out(&self) -> usize {
        self.left_out
    }
}
