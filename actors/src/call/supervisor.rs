//! Starts call actors, and starts them again when they fall.

use std::sync::Arc;
use std::time::Duration;

use ahash::{AHashMap, AHashSet};
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::{CallId, HangupCause};
use ractor::{Actor, ActorId, ActorProcessingErr, ActorRef, SupervisionEvent};

use super::CallEffect;
use super::actor::{Begin, CallActor, CallArgs};
use super::effect::MediaEffect;
use super::handle::Shared;
use super::perform::Left;
use super::slot::Slot;
use crate::alarm::{Alarm, now};
use crate::restart::Verdict;

/// How long what others need not know at once may wait, so that they hear it together.
const REST: Duration = Duration::from_millis(50);

/// What the supervisor receives.
#[derive(Debug)]
pub(crate) enum CallsMsg {
    /// Give this call an actor.
    Start(Arc<Slot>),
    /// Calls have said all they have to say for the moment.
    Settle,
    /// What could wait has waited.
    Rest,
}

/// The supervisor.
#[derive(Debug)]
pub(crate) struct CallsActor;

/// What it has.
pub(crate) struct CallsState {
    shared: Arc<Shared>,
    alarm: Alarm<CallsMsg>,
    calls: AHashMap<ActorId, Arc<Slot>>,
    /// Calls that have an actor: one that begins while this supervisor starts is heard of twice.
    running: AHashSet<CallId>,
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
            alarm: Alarm::default(),
            calls: AHashMap::new(),
            running: AHashSet::new(),
        };
        // Before anything is looked at: what begins or moves from here on is told to this actor.
        state.shared.attach(me.clone());
        // After a fall of this supervisor its calls have lost their actors, and nothing else.
        for slot in state.shared.slots() {
            state.start(&me, slot, Begin::Recovered).await;
        }
        me.cast(CallsMsg::Settle)?;
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
            CallsMsg::Settle => state.settle(&me),
            CallsMsg::Rest => state.settle_rest(),
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
                if let Some(slot) = state.take(actor.get_id()) {
                    state.shared.forget(slot.id);
                }
            }
            SupervisionEvent::ActorFailed(actor, error) => {
                if let Some(slot) = state.take(actor.get_id()) {
                    state.fell(&me, slot, &error).await;
                }
            }
            SupervisionEvent::ActorStarted(_) | SupervisionEvent::ProcessGroupChanged(_) => {}
        }
        Ok(())
    }
}

impl CallsState {
    /// Has others look at what the calls of this turn told them.
    fn settle(&mut self, me: &ActorRef<CallsMsg>) {
        self.shared.settled();
        let neighbours = self.shared.neighbours();
        if neighbours.is_some_and(|neighbours| neighbours.settle() == Left::More) {
            self.alarm.rearm(me, Some(now() + REST), || CallsMsg::Rest);
        }
    }

    fn settle_rest(&mut self) {
        if let Some(neighbours) = self.shared.neighbours() {
            neighbours.settle_rest();
        }
    }

    async fn start(&mut self, me: &ActorRef<CallsMsg>, slot: Arc<Slot>, begin: Begin) {
        let Some(neighbours) = self.shared.neighbours() else {
            return;
        };
        if !self.running.insert(slot.id) {
            return;
        }
        let args = CallArgs {
            slot: Arc::clone(&slot),
            shared: Arc::clone(&self.shared),
            neighbours,
            begin,
        };
        match Actor::spawn_linked(None, CallActor, args, me.get_cell()).await {
            Ok((actor, _)) => {
                self.calls.insert(actor.get_id(), slot);
            }
            Err(error) => {
                tracing::error!(call = %slot.id, %error, "a call could not be kept alive");
                self.running.remove(&slot.id);
                self.bury(&slot);
            }
        }
    }

    /// The call whose actor is gone.
    fn take(&mut self, actor: ActorId) -> Option<Arc<Slot>> {
        let slot = self.calls.remove(&actor)?;
        self.running.remove(&slot.id);
        Some(slot)
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
