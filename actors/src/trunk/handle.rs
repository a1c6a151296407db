//! The trunks as their neighbours see them.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ahash::AHashMap;
use arc_swap::{ArcSwap, ArcSwapOption};
use bytes::Bytes;
use offhook_core::directory::Trunk;
use offhook_core::{Directory, TrunkId};
use ractor::rpc::CallResult;
use ractor::{ActorCell, ActorRef, SpawnErr};
use tokio::sync::Notify;

use super::actor::TrunkMsg;
use super::message::TrunkInput;
use super::port::TrunkPorts;
use super::slot::Slot;
use super::status::{TrunkState, TrunkStatus};
use super::supervisor::{self, TrunksMsg};
use crate::alarm;

/// How long a change of the directory may take.
const ANSWER: Duration = Duration::from_secs(2);

/// All trunks: a cheap clone. May be handed out before [`start`](Self::start); until then every trunk
/// counts as up.
#[derive(Debug, Clone, Default)]
pub struct Trunks(pub(super) Arc<Shared>);

#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) slots: ArcSwap<AHashMap<TrunkId, Arc<Slot>>>,
    pub(super) supervisor: ArcSwapOption<ActorRef<TrunksMsg>>,
    pub(super) ports: OnceLock<TrunkPorts>,
    /// The server stops: nobody registers any more.
    pub(super) leaving: AtomicBool,
    /// A trunk has left.
    pub(super) changed: Notify,
}

impl Trunks {
    /// Starts the supervisor and one actor per trunk of the directory. Called again after the
    /// supervisor fell, every trunk goes on in the last good state.
    ///
    /// # Errors
    /// When the actors cannot be spawned.
    pub async fn start(
        &self,
        ports: TrunkPorts,
        directory: Arc<Directory>,
        above: Option<ActorCell>,
    ) -> Result<ActorCell, SpawnErr> {
        let ports = self.0.ports.get_or_init(|| ports).clone();
        supervisor::start(self.clone(), ports, directory, above).await
    }

    /// Takes over the trunks of a new directory: new ones register, removed ones take their
    /// registration back, changed ones do what the change asks for. Returns when that is under way.
    pub async fn reconfigure(&self, directory: Arc<Directory>) {
        let Some(supervisor) = self.0.supervisor.load_full() else {
            return;
        };
        let told = supervisor.call(|done| TrunksMsg::Reconfigure(directory, done), Some(ANSWER));
        if !matches!(told.await, Ok(CallResult::Success(()))) {
            tracing::error!("the trunks did not take over the new directory in time");
        }
    }

    /// Takes every registration back, for good. Returns when all carriers have answered, or after
    /// `limit`.
    pub async fn leave(&self, limit: Duration) {
        self.0.leaving.store(true, Ordering::Relaxed);
        let slots = self.0.slots.load_full();
        for slot in slots.values() {
            slot.deliver(TrunkInput::Leave);
        }
        let deadline = tokio::time::Instant::from_std(alarm::now() + limit);
        loop {
            let changed = self.0.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if slots.values().all(|slot| slot.is_finished()) {
                return;
            }
            if tokio::time::timeout_at(deadline, changed).await.is_err() {
                return tracing::warn!("not every trunk could take its registration back");
            }
        }
    }

    /// Whether calls can go out by this trunk.
    #[must_use]
    pub fn state(&self, trunk: TrunkId) -> TrunkState {
        match self.slot(trunk) {
            Some(slot) => slot.state(),
            None if self.0.ports.get().is_none() => TrunkState::Up,
            None => TrunkState::Disabled,
        }
    }

    /// The trunk at this moment; its calls are the edge's to count.
    #[must_use]
    pub fn status(&self, trunk: TrunkId) -> TrunkStatus {
        match self.slot(trunk) {
            Some(slot) => slot.status(),
            None => TrunkStatus::unknown(self.state(trunk)),
        }
    }

    /// The routes its registrar wants calls to take (RFC 3608), while it is registered.
    #[must_use]
    pub fn service_route(&self, trunk: TrunkId) -> Vec<Bytes> {
        let slot = self.slot(trunk);
        slot.map(|slot| slot.service_route()).unwrap_or_default()
    }

    /// Counts a call that came in, if it fits into the trunk's calls per second.
    ///
    /// # Errors
    /// How long it takes until one fits.
    pub fn take_inbound(&self, trunk: &Trunk) -> Result<(), Duration> {
        match self.slot(trunk.id) {
            Some(slot) => slot.take_inbound(trunk.calls_per_second),
            None => Ok(()),
        }
    }

    /// Whether one more call out fits into the trunk's calls per second.
    #[must_use]
    pub fn has_outbound(&self, trunk: &Trunk) -> bool {
        let slot = self.slot(trunk.id);
        slot.is_none_or(|slot| slot.has_outbound(trunk.calls_per_second))
    }

    /// Counts a call that went out, whether it fits or not.
    pub fn count_outbound(&self, trunk: &Trunk) {
        if let Some(slot) = self.slot(trunk.id) {
            slot.count_outbound(trunk.calls_per_second);
        }
    }

    /// Makes a trunk's actor panic, for tests of what a fall costs.
    #[doc(hidden)]
    pub fn crash(&self, trunk: TrunkId) {
        if let Some(slot) = self.slot(trunk) {
            slot.inbox.send(TrunkMsg::Panic);
        }
    }

    fn slot(&self, trunk: TrunkId) -> Option<Arc<Slot>> {
        self.0.slots.load().get(&trunk).cloned()
    }
}
