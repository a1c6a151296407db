//! The neighbours a trunk needs.

use std::sync::Arc;

use offhook_core::directory::Trunk;
use offhook_core::sip::invite::NextHop;
use offhook_core::sip::message::Request;

use super::message::TrunkWays;
use crate::edge::Reply;
use crate::queue::Publish;

/// Signalling.
pub trait TrunkSip: Send + Sync + 'static {
    /// Sends a request; `reply` is told once what became of it. Returns at once.
    fn ask(&self, request: Request, next_hop: NextHop, reply: Reply);

    /// How a trunk reaches its carrier now.
    fn ways(&self, trunk: &Trunk) -> TrunkWays;
}

/// All neighbours of the trunks.
#[derive(Clone)]
pub struct TrunkPorts {
    /// Signalling.
    pub sip: Arc<dyn TrunkSip>,
    /// Where events are published.
    pub events: Arc<dyn Publish>,
}

impl std::fmt::Debug for TrunkPorts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrunkPorts").finish_non_exhaustive()
    }
}
