//! How the rest of Offhook reaches calls.

use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::{CallId, HangupCause, IdSource, LegId, RecordingId};
use parking_lot::RwLock;
use ractor::rpc::CallResult;
use ractor::{Actor, ActorRef, SpawnErr};

use super::actor::CallMsg;
use super::input::{CallCommand, CallInput, IncomingCall, Originate};
use super::machine::{CallMachine, Office, Rules};
use super::media_rules::MediaRules;
use super::moved::Moved;
use super::perform::Neighbours;
use super::slot::Slot;
use super::supervisor::{CallsActor, CallsMsg};
use crate::alarm::now;
use crate::queue::QueueToCall;
use crate::restart::{Falls, RestartLimit};

/// The falls of one call's actor that are forgiven; one more, and the call is ended.
const FORGIVEN: RestartLimit = RestartLimit {
    falls: 1,
    within: Duration::from_secs(10),
};

/// How long an operator's wish may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a wish about a call cannot be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// There is no such call, or it is over.
    #[error("there is no such call")]
    NotFound,
    /// The call is not in a state that allows it: nobody talks.
    #[error("the call is not in conversation")]
    NotTalking,
    /// No new calls are taken: a limit is reached, or the server is shutting down.
    #[error("no new calls are taken at the moment")]
    NotAdmitted,
    /// The call did not answer in time.
    #[error("the call did not answer in time")]
    TimedOut,
}

/// All calls. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Calls {
    shared: Arc<Shared>,
}

/// What handle, supervisor and the calls' actors share.
pub(crate) struct Shared {
    slots: RwLock<AHashMap<CallId, Arc<Slot>>>,
    neighbours: OnceLock<Arc<dyn Neighbours>>,
    supervisor: RwLock<Option<ActorRef<CallsMsg>>>,
    /// Whether the supervisor was told that calls have told others something.
    unsettled: AtomicBool,
    base: Instant,
    /// Calls at once; more are refused.
    limit: usize,
    media: Arc<MediaRules>,
    /// Legs that changed from one call to another.
    moved: RwLock<Moved>,
    rules: Rules,
    draining: AtomicBool,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared")
            .field("calls", &self.slots.read().len())
            .finish_non_exhaustive()
    }
}

impl Shared {
    pub(crate) fn neighbours(&self) -> Option<Arc<dyn Neighbours>> {
        self.neighbours.get().cloned()
    }

    pub(crate) fn slots(&self) -> Vec<Arc<Slot>> {
        self.slots.read().values().cloned().collect()
    }

    pub(crate) fn forget(&self, call: CallId) {
        self.slots.write().remove(&call);
    }

    pub(crate) fn slot(&self, call: CallId) -> Option<Arc<Slot>> {
        self.slots.read().get(&call).cloned()
    }

    /// From now on this actor gives calls theirs.
    pub(crate) fn attach(&self, supervisor: ActorRef<CallsMsg>) {
        *self.supervisor.write() = Some(supervisor);
    }

    /// A call has told others something. They look at it when all calls that have something to say
    /// now have said it.
    pub(crate) fn unsettle(&self) {
        if !self.unsettled.swap(true, Ordering::AcqRel) {
            self.tell_supervisor(CallsMsg::Settle);
        }
    }

    /// Others are about to look.
    pub(crate) fn settled(&self) {
        self.unsettled.store(false, Ordering::Release);
    }

    /// Where the steps of deadlines begin.
    pub(crate) fn base(&self) -> Instant {
        self.base
    }

    /// Without a supervisor it waits: a new one starts what it finds.
    fn tell_supervisor(&self, message: CallsMsg) {
        if let Some(supervisor) = self.supervisor.read().as_ref() {
            supervisor.cast(message).ok();
        }
    }
}

impl Calls {
    /// A house for at most `limit` calls at once, still without its supervisor.
    #[must_use]
    pub fn new(limit: usize, media: MediaRules, rules: Rules) -> Self {
        let shared = Shared {
            slots: RwLock::default(),
            neighbours: OnceLock::new(),
            supervisor: RwLock::default(),
            unsettled: AtomicBool::new(false),
            base: now(),
            limit,
            media: Arc::new(media),
            moved: RwLock::default(),
            rules,
            draining: AtomicBool::new(false),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// Starts (or starts again) the supervisor under `parent`. The neighbours are those of the first start.
    ///
    /// # Errors
    /// When the actor cannot be spawned.
    pub async fn start(
        &self,
        neighbours: Arc<dyn Neighbours>,
        parent: ractor::ActorCell,
    ) -> Result<ractor::ActorCell, SpawnErr> {
        let _ = self.shared.neighbours.get_or_init(|| neighbours);
        let args = Arc::clone(&self.shared);
        let (supervisor, _) = Actor::spawn_linked(None, CallsActor, args, parent).await?;
        Ok(supervisor.get_cell())
    }

    /// Whether a new call would be taken.
    ///
    /// # Errors
    /// The cause to refuse it with.
    pub fn admits(&self) -> Result<(), HangupCause> {
        let full = self.shared.slots.read().len() >= self.shared.limit;
        if full || self.shared.draining.load(Ordering::Relaxed) {
            return Err(HangupCause::Congestion);
        }
        Ok(())
    }

    /// From now on no new call is taken.
    pub fn drain(&self) {
        self.shared.draining.store(true, Ordering::Relaxed);
    }

    /// Whether [`drain`](Self::drain) was called.
    #[must_use]
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Ordering::Relaxed)
    }

    /// Calls that are not over, and calls whose dialogs still say good-bye.
    #[must_use]
    pub fn count(&self) -> usize {
        self.shared.slots.read().len()
    }

    /// Calls whose conversation is not over.
    #[must_use]
    pub fn live(&self) -> Vec<CallId> {
        let slots = self.shared.slots();
        slots
            .iter()
            .filter(|slot| !slot.is_over())
            .map(|slot| slot.id)
            .collect()
    }

    /// Takes a call that came in; answers the id of its first leg.
    ///
    /// # Errors
    /// The cause to refuse it with.
    pub fn incoming(&self, incoming: &IncomingCall) -> Result<LegId, HangupCause> {
        self.admits()?;
        let neighbours = self.shared.neighbours().ok_or(HangupCause::Congestion)?;
        let (id, ids) = (CallId::random(), IdSource::from_entropy());
        let machine = CallMachine::incoming(id, self.office(&*neighbours), ids, incoming)?;
        self.begin(machine)?;
        Ok(LegId::new(id, 0))
    }

    /// Sets up a call: rings `wish.from`, and dials for it once it answered.
    ///
    /// # Errors
    /// [`CallError::NotAdmitted`] when no calls are taken.
    pub fn originate(&self, wish: Originate) -> Result<CallId, CallError> {
        self.admits().map_err(|_| CallError::NotAdmitted)?;
        let neighbours = self.shared.neighbours().ok_or(CallError::NotAdmitted)?;
        let (id, ids) = (CallId::random(), IdSource::from_entropy());
        let machine = CallMachine::originate(id, self.office(&*neighbours), ids, now(), wish);
        self.begin(machine).map_err(|_| CallError::NotAdmitted)?;
        Ok(id)
    }

    fn office(&self, neighbours: &dyn Neighbours) -> Office {
        Office {
            directory: neighbours.directory(),
            media: Arc::clone(&self.shared.media),
            rules: self.shared.rules.clone(),
        }
    }

    /// Takes a new call in, counting it in the same moment: however many come at once, there are
    /// never more than the limit.
    fn begin(&self, machine: CallMachine) -> Result<(), HangupCause> {
        let slot = Arc::new(Slot::new(machine, Falls::new(FORGIVEN)));
        let mut slots = self.shared.slots.write();
        if slots.len() >= self.shared.limit || self.is_draining() {
            return Err(HangupCause::Congestion);
        }
        slots.insert(slot.id, Arc::clone(&slot));
        drop(slots);
        self.shared.tell_supervisor(CallsMsg::Start(slot));
        Ok(())
    }

    /// Tells a call something; false if there is no such call.
    pub fn tell(&self, call: CallId, input: CallInput) -> bool {
        let slot = self.shared.slot(call);
        if let Some(slot) = &slot {
            slot.post(input);
        }
        slot.is_some()
    }

    /// Tells a leg's call something, under the name the leg has by now; false if there is no such
    /// call.
    pub fn tell_leg(&self, leg: LegId, input: impl FnOnce(LegId) -> CallInput) -> bool {
        let leg = self.name_of(leg);
        self.tell(leg.call, input(leg))
    }

    /// What a leg is called by now, if it went to another call.
    #[must_use]
    pub fn name_of(&self, leg: LegId) -> LegId {
        self.shared.moved.read().now(leg)
    }

    /// A leg has gone to another call.
    pub(crate) fn note_move(&self, from: LegId, to: LegId) {
        self.shared.moved.write().note(from, to);
    }

    /// Tells every call what a queue says to all: that it was restarted.
    pub fn tell_all(&self, message: &QueueToCall) {
        for slot in self.shared.slots() {
            slot.post(CallInput::Queue(message.clone()));
        }
    }

    /// An operator's wish; answers the recording that runs once it is met.
    ///
    /// # Errors
    /// Why it cannot be met. Nothing has changed then.
    pub async fn command(
        &self,
        call: CallId,
        command: CallCommand,
    ) -> Result<Option<RecordingId>, CallError> {
        let slot = self.shared.slot(call).ok_or(CallError::NotFound)?;
        let actor = slot.actor().ok_or(CallError::NotFound)?;
        let ask = actor
            .call(|reply| CallMsg::Ask(command, reply), Some(PATIENCE))
            .await;
        match ask {
            Ok(CallResult::Success(answer)) => answer,
            Ok(CallResult::Timeout) => Err(CallError::TimedOut),
            Ok(CallResult::SenderError) | Err(_) => Err(CallError::NotFound),
        }
    }

    /// Makes a call's actor panic over the next leg of another call that comes to it, to prove that
    /// the leg is not lost.
    #[doc(hidden)]
    pub fn inject_fault_on_arrival(&self, call: CallId) -> bool {
        let slot = self.shared.slot(call);
        if let Some(slot) = &slot {
            slot.stumble_over_arrival();
        }
        slot.is_some()
    }

    /// Makes a call's machine panic, to prove that its supervision works.
    #[doc(hidden)]
    pub fn inject_fault(&self, call: CallId) -> bool {
        self.tell(call, CallInput::Fault)
    }
}
