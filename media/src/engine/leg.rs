//! A leg as its shard keeps it: sockets, media and neighbours.

use offhook_core::LegId;

use crate::engine::socket::LegSockets;

/// A leg on its way to its shard.
#[derive(Debug)]
pub(crate) struct NewLeg {
    pub(crate) id: LegId,
    pub(crate) port: u16,
    pub(crate) sockets: LegSockets,
}

impl NewLeg {
    pub(crate) fn new(id: LegId, port: u16, sockets: LegSockets) -> Self {
        Self { id, port, sockets }
    }
}
