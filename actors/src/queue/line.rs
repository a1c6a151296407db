//! What of a queue outlives its actor: its rules, its mail and its ledger.

use std::sync::atomic::{AtomicBool, Ordering};

use offhook_core::directory::Queue;
use offhook_core::id::QueueId;
use parking_lot::Mutex;

use super::actor::QueueMsg;
use super::ledger::Ledger;
use super::message::QueueInput;
use crate::inbox::Inbox;

/// Shared by the handle, the supervisor and the actor of one queue.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) id: QueueId,
    pub(super) rules: Mutex<Queue>,
    pub(super) inbox: Inbox<QueueMsg, QueueInput>,
    pub(super) ledger: Mutex<Ledger>,
    closed: AtomicBool,
}

impl Line {
    pub(super) fn new(queue: Queue) -> Self {
        Self {
            id: queue.id,
            rules: Mutex::new(queue),
            inbox: Inbox::default(),
            ledger: Mutex::default(),
            closed: AtomicBool::new(false),
        }
    }

    /// The queue is no more in the directory; it ends when its callers have left, also after a fall.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.deliver(QueueInput::Close);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    pub(super) fn deliver(&self, input: QueueInput) {
        self.inbox.deliver(input, || QueueMsg::Mail);
    }
}
