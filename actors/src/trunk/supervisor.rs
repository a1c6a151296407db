//! Keeps one actor per trunk alive.
//!
//! A trunk's actor that fell goes on with the last good state and the undelivered mail. If that
//! state makes it fall again and again, the trunk begins anew: it registers as if it had never been.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ahash::AHashMap;
use offhook_core::directory::Trunk;
use offhook_core::{Directory, TrunkId};
use ractor::{
    Actor, ActorCell, ActorId, ActorProcessingErr, ActorRef, RpcReplyPort, SpawnErr,
    SupervisionEvent,
};

use super::actor::TrunkActor;
use super::handle::Trunks;
use super::message::TrunkInput;
use super::port::TrunkPorts;
use super::slot::Slot;
use crate::alarm;
use crate::restart::{Falls, RestartLimit, Verdict};

/// Falls of one trunk's actor after which its state is not trusted any more.
const LIMIT: RestartLimit = RestartLimit {
    falls: 3,
    within: Duration::from_secs(10),
};

/// When an actor that could not be started, or falls again and again, is tried again.
const PAUSE: Duration = Duration::from_secs(5);

/// What the supervisor understands.
#[derive(Debug)]
pub(super) enum TrunksMsg {
    Reconfigure(Arc<Directory>, RpcReplyPort<()>),
    Revive(TrunkId),
}

struct TrunksActor;

struct Supervisor {
    trunks: Trunks,
    ports: TrunkPorts,
    directory: Arc<Directory>,
    falls: AHashMap<TrunkId, Falls>,
    actors: AHashMap<ActorId, TrunkId>,
}

pub(super) async fn start(
    trunks: Trunks,
    ports: TrunkPorts,
    directory: Arc<Directory>,
    above: Option<ActorCell>,
) -> Result<ActorCell, SpawnErr> {
    let arguments = (trunks, ports, directory);
    let (actor, _) = match above {
        Some(above) => Actor::spawn_linked(None, TrunksActor, arguments, above).await?,
        None => Actor::spawn(None, TrunksActor, arguments).await?,
    };
    Ok(actor.get_cell())
}

impl Actor for TrunksActor {
    type Msg = TrunksMsg;
    type State = Supervisor;
    type Arguments = (Trunks, TrunkPorts, Arc<Directory>);

    async fn pre_start(
        &self,
        me: ActorRef<TrunksMsg>,
        (trunks, ports, directory): Self::Arguments,
    ) -> Result<Supervisor, ActorProcessingErr> {
        trunks.0.supervisor.store(Some(Arc::new(me.clone())));
        let mut supervisor = Supervisor {
            trunks,
            ports,
            directory: Arc::clone(&directory),
            falls: AHashMap::new(),
            actors: AHashMap::new(),
        };
        // Slots that are here already were left by a supervisor that fell, their actors with it.
        let slots = supervisor.trunks.0.slots.load_full();
        for slot in slots.values() {
            supervisor.spawn(&me, slot).await;
        }
        supervisor.take_over(&me, directory).await;
        Ok(supervisor)
    }

    async fn handle(
        &self,
        me: ActorRef<TrunksMsg>,
        message: TrunksMsg,
        state: &mut Supervisor,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TrunksMsg::Reconfigure(directory, done) => {
                state.take_over(&me, directory).await;
                done.send(()).ok();
            }
            TrunksMsg::Revive(trunk) => state.revive(&me, trunk).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<TrunksMsg>,
        event: SupervisionEvent,
        state: &mut Supervisor,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(child, error) => {
                let Some(trunk) = state.actors.remove(&child.get_id()) else {
                    return Ok(());
                };
                tracing::error!(%trunk, %error, "a trunk actor fell");
                state.fell(&me, trunk).await;
            }
            SupervisionEvent::ActorTerminated(child, _, _) => {
                if let Some(trunk) = state.actors.remove(&child.get_id()) {
                    state.falls.remove(&trunk);
                    state.change_slots(|slots| {
                        slots.remove(&trunk);
                    });
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl Supervisor {
    async fn take_over(&mut self, me: &ActorRef<TrunksMsg>, directory: Arc<Directory>) {
        self.directory = directory;
        if self.trunks.0.leaving.load(Ordering::Relaxed) {
            return;
        }
        let known = self.trunks.0.slots.load_full();
        for slot in known.values() {
            if self.directory.trunk(slot.id).is_none() {
                slot.deliver(TrunkInput::Leave);
            }
        }
        let mut new = Vec::new();
        for trunk in &self.directory.office().trunks {
            let ways = self.ports.sip.ways(trunk);
            let trunk = Arc::new(trunk.clone());
            match known.get(&trunk.id) {
                Some(slot) => slot.deliver(TrunkInput::Reconfigure(trunk, ways)),
                None => new.push(Arc::new(Slot::new(trunk, &ways))),
            }
        }
        self.change_slots(|slots| {
            slots.extend(new.iter().map(|slot| (slot.id, Arc::clone(slot))));
        });
        for slot in new {
            self.spawn(me, &slot).await;
        }
    }

    async fn spawn(&mut self, me: &ActorRef<TrunksMsg>, slot: &Arc<Slot>) {
        let shared = Arc::clone(&self.trunks.0);
        let arguments = (Arc::clone(slot), shared, self.ports.clone());
        match Actor::spawn_linked(None, TrunkActor, arguments, me.get_cell()).await {
            Ok((actor, _)) => {
                self.actors.insert(actor.get_id(), slot.id);
            }
            Err(error) => {
                let trunk = slot.id;
                tracing::error!(%trunk, %error, "a trunk actor did not start");
                me.send_after(PAUSE, move || TrunksMsg::Revive(trunk));
            }
        }
    }

    async fn fell(&mut self, me: &ActorRef<TrunksMsg>, trunk: TrunkId) {
        let falls = self.falls.entry(trunk);
        let falls = falls.or_insert_with(|| Falls::new(LIMIT));
        if falls.record(alarm::now()) == Verdict::Restart {
            return self.revive(me, trunk).await;
        }
        tracing::error!(%trunk, "begins anew: the trunk's state makes its actor fall");
        self.falls.remove(&trunk);
        let slot = self.trunks.0.slots.load().get(&trunk).cloned();
        if let (Some(slot), Some(settings)) = (slot, self.settings(trunk)) {
            let ways = self.ports.sip.ways(&settings);
            slot.begin_anew(settings, &ways);
        }
        me.send_after(PAUSE, move || TrunksMsg::Revive(trunk));
    }

    async fn revive(&mut self, me: &ActorRef<TrunksMsg>, trunk: TrunkId) {
        let slot = self.trunks.0.slots.load().get(&trunk).cloned();
        if let Some(slot) = slot {
            self.spawn(me, &slot).await;
        }
    }

    fn settings(&self, trunk: TrunkId) -> Option<Arc<Trunk>> {
        self.directory.trunk(trunk).cloned().map(Arc::new)
    }

    fn change_slots(&self, change: impl Fn(&mut AHashMap<TrunkId, Arc<Slot>>)) {
        self.trunks.0.slots.rcu(|slots| {
            let mut slots = AHashMap::clone(slots);
            change(&mut slots);
            slots
        });
    }
}
