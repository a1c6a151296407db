//! Where a call can go.

use serde::{Deserialize, Serialize};

use crate::id::{ExtensionId, IvrMenuId, QueueId};

/// Where a call goes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "id", rename_all = "snake_case")]
pub enum Destination {
    /// Ring an extension.
    Extension(ExtensionId),
    /// Wait in a queue.
    Queue(QueueId),
    /// Hear a menu.
    IvrMenu(IvrMenuId),
    /// A number outside, through a trunk.
    External(String),
    /// Hear oneself: the echo test.
    Echo,
    /// The calling extension's agent becomes ready.
    AgentLogin,
    /// The calling extension's agent logs out.
    AgentLogout,
    /// End the call politely.
    HangUp,
}
