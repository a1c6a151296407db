//! The neighbours a queue tells things to.

use std::sync::Arc;

use offhook_core::event::EventKind;
use offhook_core::id::{AgentId, CallId, QueueId};

use super::message::{QueueToAgent, QueueToCall};

/// Where events are published.
pub trait Publish: Send + Sync + 'static {
    /// It happened. Returns at once; events of one caller keep their order.
    fn publish(&self, kind: EventKind);
}

/// The calls.
pub trait CallsPort: Send + Sync + 'static {
    /// Tells one call. Nothing happens if there is no such call.
    fn tell(&self, call: CallId, message: QueueToCall);

    /// Tells every call that goes on that this queue has lost its memory
    /// ([`QueueToCall::QueueRestarted`]); those in it rejoin.
    fn queue_restarted(&self, queue: QueueId);
}

/// The agents.
pub trait AgentsPort: Send + Sync + 'static {
    /// Tells one agent. If there is no such agent, a reservation is refused on their behalf.
    fn tell(&self, agent: AgentId, message: QueueToAgent);
}

/// All neighbours of the queues.
#[derive(Clone)]
pub struct QueuePorts {
    /// The calls.
    pub calls: Arc<dyn CallsPort>,
    /// The agents.
    pub agents: Arc<dyn AgentsPort>,
    /// Where events are published.
    pub events: Arc<dyn Publish>,
}

impl std::fmt::Debug for QueuePorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("QueuePorts").finish_non_exhaustive()
    }
}
