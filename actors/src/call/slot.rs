//! What of a call outlives its actor: the inbox and the last good machine.

use offhook_core::CallId;
use parking_lot::Mutex;
use ractor::ActorRef;

use super::actor::CallMsg;
use super::input::CallInput;
use super::machine::CallMachine;
use crate::inbox::Inbox;
use crate::restart::Falls;

/// One call's place, kept by the supervisor from its first input to its last.
pub(crate) struct Slot {
    pub(crate) id: CallId,
    inbox: Inbox<CallMsg, CallInput>,
    machine: Mutex<CallMachine>,
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

    pub(crate) fn take(&self) -> Option<CallInput> {
        self.inbox.take()
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

    /// From now on this actor has the call; it is woken for what lies in the inbox already.
    pub(crate) fn attach(&self, actor: ActorRef<CallMsg>) {
        self.inbox.attach(actor, || CallMsg::Look);
    }

    pub(crate) fn actor(&self) -> Option<ActorRef<CallMsg>> {
        self.inbox.actor()
    }
}
