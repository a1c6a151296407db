//! Starts call actors, and starts them again when they fall.

use std::sync::Arc;

use ahash::AHashMap;
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::{CallId, HangupCause};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::CallEffect;
use super::actor::{Begin, CallActor, CallArgs};
use super::effect::MediaEffect;
use super::handle::Shared;
use super::slot::Slot;
use crate::alarm::now;
use crate::restart::Verdict;

/// What the supervisor receives.
#[derive(Debug)]
pub(crate) enum CallsMsg {
    /// Give this call an actor.
    Start(Arc<Slot>),
}

/// The supervisor.
#[derive(Debug)]
pub(crate) struct CallsActor;

/// What it has.
pub(crate) struct CallsState {
    shared: Arc<Shared>,
    calls: AHashMap<ActorId, Arc<Slot>>,
}

impl Actor for CallsActor {
    type Msg = CallsMsg;
    type State = CallsState;
    type Arguments = Arc<Shared>;

    async fn pre_start(
        &self,
        me: ActorRef<CallsMsg>,
        shared: Arc<Shared>,
    ) -> Result<CallsState, ActorProcessingErr> {
        let mut state = CallsState {
            shared,
            calls: AHashMap::new(),
        };
        // After a fall of this supervisor its calls have lost their actors, and nothing else.
        for slot in state.shared.slots() {
            state.start(&me, slot, Begin::Recovered).await;
        }
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<CallsMsg>,
        message: CallsMsg,
        state: &mut CallsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CallsMsg::Start(slot) => state.start(&me, slot, Begin::Fresh).await,
        }
        Ok(())
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<CallsMsg>,
        event: SupervisionEvent,
        state: &mut CallsState,
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorTerminated(actor, ..) => {
                if let Some(slot) = state.calls.remove(&actor.get_id()) {
                    state.shared.forget(slot.id);
                }
            }
            SupervisionEvent::ActorFailed(actor, error) => {
                if let Some(slot) = state.calls.remove(&actor.get_id()) {
                    state.fell(&me, slot, &error).await;
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl CallsState {
    async fn start(&mut self, me: &ActorRef<CallsMsg>, slot: Arc<Slot>, begin: Begin) {
        let Some(neighbours) = self.shared.neighbours() else {
            return;
        };
        let args = CallArgs {
            slot: Arc::clone(&slot),
            neighbours,
            begin,
        };
        match Actor::spawn_linked(None, CallActor, args, me.get_cell()).await {
            Ok((actor, _)) => {
                self.calls.insert(actor.get_id(), slot);
            }
            Err(error) => {
                tracing::error!(call = %slot.id, %error, "a call could not be kept alive");
                self.bury(&slot);
            }
        }
    }

    async fn fell(&mut self, me: &ActorRef<CallsMsg>, slot: Arc<Slot>, error: &ActorProcessingErr) {
        let begin = match slot.falls.lock().record(now()) {
            Verdict::Restart => Begin::Recovered,
            Verdict::GiveUp => Begin::Ending,
        };
        tracing::error!(call = %slot.id, %error, ?begin, "a call's actor fell");
        if let Some(neighbours) = self.shared.neighbours() {
            let recovered = EventKind::CallRecovered { call: slot.id };
            neighbours.perform(slot.id, CallEffect::Publish(recovered));
        }
        self.start(me, slot, begin).await;
    }

    /// The call's own machine cannot end it: give back by hand what it held.
    fn bury(&self, slot: &Slot) {
        let machine = slot.machine();
        let call: CallId = slot.id;
        if let Some(neighbours) = self.shared.neighbours() {
            for leg in machine.leg_ids() {
                neighbours.perform(call, CallEffect::Media(MediaEffect::RemoveLeg(leg)));
                neighbours.perform(call, CallEffect::CloseLeg(leg));
            }
            if !machine.is_over() {
                let (cause, ended_by) = (HangupCause::InternalError, EndedBy::System);
                let ended = EventKind::CallEnded {
                    call,
                    cause,
                    ended_by,
                };
                neighbours.perform(call, CallEffect::Publish(ended));
            }
            neighbours.call_gone(call);
        }
        self.shared.forget(call);
    }
}
