//! What of a call outlives its actor: the inbox and the last good machine.

use std::sync::atomic::{AtomicBool, Ordering};

use offhook_core::CallId;
use parking_lot::Mutex;
use ractor::ActorRef;

use super::actor::CallMsg;
use super::input::CallInput;
use super::machine::CallMachine;
use super::moving::Arrival;
use crate::inbox::Inbox;
use crate::restart::Falls;

/// One call's place, kept by the supervisor from its first input to its last.
pub(crate) struct Slot {
    pub(crate) id: CallId,
    inbox: Inbox<CallMsg, CallInput>,
    machine: Mutex<CallMachine>,
    /// A leg of another call that the actor is taking in: it lives nowhere else, and must not be
    /// lost if the actor falls over it.
    arriving: Mutex<Option<Box<Arrival>>>,
    /// A fault for tests: the actor falls over the next leg that comes.
    stumbles: AtomicBool,
    /// How often the actor fell lately.
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
            inbox: Inbox::default(),
            machine: Mutex::new(machine),
            arriving: Mutex::default(),
            stumbles: AtomicBool::new(false),
            falls: Mutex::new(falls),
        }
    }

    /// Puts an input in the inbox and wakes the actor.
    pub(crate) fn post(&self, input: CallInput) {
        self.inbox.deliver(input, || CallMsg::Look);
    }

    /// Puts answers to what was just done before everything that came meanwhile.
    pub(crate) fn post_first(&self, answers: Vec<CallInput>) {
        self.inbox.put_first(answers);
    }

    /// The oldest input. A leg that comes with it is remembered until the next [`keep`](Self::keep).
    pub(crate) fn take(&self) -> Option<CallInput> {
        let input = self.inbox.take()?;
        if let CallInput::Arrives(arrival) | CallInput::Salvage(arrival) = &input {
            *self.arriving.lock() = Some(arrival.clone());
        }
        Some(input)
    }

    /// The leg over which the last actor fell.
    pub(crate) fn take_arriving(&self) -> Option<Box<Arrival>> {
        self.arriving.lock().take()
    }

    pub(crate) fn stumble_over_arrival(&self) {
        self.stumbles.store(true, Ordering::Relaxed);
    }

    /// Whether the actor is to fall over this input, once.
    pub(crate) fn stumbles_over(&self, input: &CallInput) -> bool {
        matches!(input, CallInput::Arrives(_)) && self.stumbles.swap(false, Ordering::Relaxed)
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
        *self.arriving.lock() = None;
    }

    /// From now on this actor has the call; it is woken for what lies in the inbox already.
    pub(crate) fn attach(&self, actor: ActorRef<CallMsg>) {
        self.inbox.attach(actor, || CallMsg::Look);
    }

    pub(crate) fn actor(&self) -> Option<ActorRef<CallMsg>> {
        self.inbox.actor()
    }
}
