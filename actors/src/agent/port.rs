//! The neighbours an agent tells things to.

use std::sync::Arc;

use offhook_core::id::QueueId;

use crate::queue::{AgentToQueue, Publish};

/// The queues.
pub trait QueuesPort: Send + Sync + 'static {
    /// Tells one queue. If there is no such queue, a reservation is released on its behalf.
    fn tell(&self, queue: QueueId, message: AgentToQueue);
}

/// All neighbours of the agents.
#[derive(Clone)]
pub struct AgentPorts {
    /// The queues.
    pub queues: Arc<dyn QueuesPort>,
    /// Where events are published.
    pub events: Arc<dyn Publish>,
}

impl std::fmt::Debug for AgentPorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentPorts").finish_non_exhaustive()
    }
}
