//! What of a call outlives its actor: the inbox and the last good machine.

use std::collections::VecDeque;

use offhook_core::CallId;
use parking_lot::Mutex;
use ractor::ActorRef;

use super::actor::CallMsg;
use super::input::CallInput;
use super::machine::CallMachine;
use crate::restart::Falls;

/// One call's place, kept by the supervisor from its first input to its last.
pub(crate) struct Slot {
    pub(crate) id: CallId,
    inbox: Mutex<VecDeque<CallInput>>,
    machine: Mutex<CallMachine>,
    actor: Mutex<Option<ActorRef<CallMsg>>>,
    /// How often the actor fell lately.
    pub(crate) falls: Mutex<Falls>,
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Slot").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Slot {
    pub(crate) fn new(machine: CallMachine, falls: Falls) -> Self {
        Self {
            id: machine.id(),
            inbox: Mutex::default(),
            machine: Mutex::new(machine),
            actor: Mutex::default(),
            falls: Mutex::new(falls),
        }
    }

    /// Puts an input in the inbox, and wakes the actor if it had nothing to do.
    pub(crate) fn post(&self, input: CallInput) {
        let was_empty = {
            let mut inbox = self.inbox.lock();
            inbox.push_back(input);
            inbox.len() == 1
        };
        if was_empty {
            self.cast(CallMsg::Look);
        }
    }

    /// Puts answers to what was just done before everything that came meanwhile.
    pub(crate) fn post_first(&self, answers: Vec<CallInput>) {
        let mut inbox = self.inbox.lock();
        for answer in answers.into_iter().rev() {
            inbox.push_front(answer);
        }
    }

    pub(crate) fn take(&self) -> Option<CallInput> {
        self.inbox.lock().pop_front()
    }

    /// The machine as it was after the last input that went well.
    pub(crate) fn machine(&self) -> CallMachine {
        self.machine.lock().clone()
    }

    pub(crate) fn keep(&self, machine: &CallMachine) {
        self.machine.lock().clone_from(machine);
    }

    pub(crate) fn set_actor(&self, actor: ActorRef<CallMsg>) {
        *self.actor.lock() = Some(actor);
    }

    pub(crate) fn actor(&self) -> Option<ActorRef<CallMsg>> {
        self.actor.lock().clone()
    }

    /// Lost while the actor is being restarted; a new actor looks into the inbox by itself.
    fn cast(&self, message: CallMsg) {
        if let Some(actor) = self.actor()
            && actor.cast(message).is_err()
        {
            tracing::debug!(call = %self.id, "the call's actor is being restarted");
        }
    }
}
