//! What of a call outlives whoever runs it: the inbox and the last good machine.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use offhook_core::CallId;
use parking_lot::Mutex;

use super::input::CallInput;
use super::machine::CallMachine;
use crate::restart::Falls;

/// One call's place, from its first input to its last.
pub(crate) struct Slot {
    pub(crate) id: CallId,
    inbox: Mutex<VecDeque<CallInput>>,
    /// Whether it stands in the line of calls that have something to do.
    in_line: AtomicBool,
    machine: Mutex<CallMachine>,
    /// How often the machine fell lately.
    pub(crate) falls: Mutex<Falls>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Slot {
    pub(crate) fn new(machine: CallMachine, falls: Falls) -> Self {
        Self {
            id: machine.id(),
            inbox: Mutex::default(),
            in_line: AtomicBool::new(false),
            machine: Mutex::new(machine),
            falls: Mutex::new(falls),
        }
    }

    /// Puts an input behind all others.
    pub(crate) fn put(&self, input: CallInput) {
        self.inbox.lock().push_back(input);
    }

    /// Puts answers to what was just done before everything that came meanwhile, in their order.
    pub(crate) fn put_first(&self, answers: Vec<CallInput>) {
        if answers.is_empty() {
            return;
        }
        let mut inbox = self.inbox.lock();
        for answer in answers.into_iter().rev() {
            inbox.push_front(answer);
        }
    }

    /// The oldest input, which is out of here from now on: if the machine falls over it, it is lost.
    pub(crate) fn take(&self) -> Option<CallInput> {
        self.inbox.lock().pop_front()
    }

    /// Notes that it stands in line; false when it did already.
    pub(crate) fn line_up(&self) -> bool {
        !self.in_line.swap(true, Ordering::AcqRel)
    }

    /// Its turn has come: whatever is put in from now on needs a place in line again.
    pub(crate) fn leave_line(&self) {
        self.in_line.store(false, Ordering::Release);
    }

    /// The machine as it was after the last input that went well.
    pub(crate) fn machine(&self) -> CallMachine {
        self.machine.lock().clone()
    }

    /// Whether the conversation is over.
    pub(crate) fn is_over(&self) -> bool {
        self.machine.lock().is_over()
    }

    pub(crate) fn keep(&self, machine: &CallMachine) {
        self.machine.lock().clone_from(machine);
    }
}
