//! All calls that run: their machines, what each is woken for, and what becomes of one that falls.
//!
//! One actor runs every call. An actor for each would run on the same thread anyway (see
//! [`Decisions`](crate::decisions::Decisions)) and could do no more for the others' safety than
//! catching its panics here, but cost as much as the call's own work: its making and ending, its
//! mailbox, its timer.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::event::{EndedBy, EventKind};
use offhook_core::{CallId, HangupCause, RecordingId};

use super::effect::{CallEffect, MediaEffect};
use super::handle::{CallError, Shared};
use super::input::{CallCommand, CallInput};
use super::machine::CallMachine;
use super::perform::{Left, Neighbours};
use super::slot::Slot;
use crate::alarm::{now, rounded};
use crate::restart::Verdict;

/// Calls that get their turn, and deadlines that are looked at, before other actors do.
const TURN: usize = 64;

/// Inputs of one call before others get their turn: one that feeds itself keeps nobody waiting.
const INPUTS: usize = 32;

/// Deadlines of calls are kept to this; people hear none of it.
const STEP: Duration = Duration::from_millis(20);

/// How long what others need not know at once may wait, so that they hear it together.
const REST: Duration = Duration::from_millis(50);

/// The calls.
pub(crate) struct House {
    shared: Arc<Shared>,
    neighbours: Arc<dyn Neighbours>,
    running: AHashMap<CallId, Running>,
    /// When each call wants to be woken. A deadline that moved away since is found not due then;
    /// that spares an entry per input, since SIP's deadlines mostly move away.
    due: BTreeSet<(Instant, CallId)>,
    /// When others hear what they need not know at once.
    rest_at: Option<Instant>,
    /// Where the steps of deadlines begin.
    base: Instant,
}

/// One call.
struct Running {
    slot: Arc<Slot>,
    machine: Box<CallMachine>,
    /// Its entry in `due`.
    due: Option<Instant>,
}

/// Whether a call is still there after an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    GoesOn,
    Done,
}

impl House {
    /// The calls there are: none at first, those of a predecessor that fell later, each with its
    /// last good state.
    pub(crate) fn new(shared: Arc<Shared>, neighbours: Arc<dyn Neighbours>) -> Self {
        let mut house = Self {
            shared,
            neighbours,
            running: AHashMap::new(),
            due: BTreeSet::new(),
            rest_at: None,
            base: now(),
        };
        house.shared.forget_line();
        for slot in house.shared.slots() {
            slot.leave_line();
            house.visit(&slot);
        }
        house.settle();
        house
    }

    /// Gives calls that stand in line their turn.
    pub(crate) fn work(&mut self) -> Left {
        let line = self.shared.take_line(TURN);
        let left = if line.len() == TURN {
            Left::More
        } else {
            Left::Nothing
        };
        for slot in &line {
            slot.leave_line();
            self.visit(slot);
        }
        self.settle();
        left
    }

    /// Wakes the calls whose deadline has come.
    pub(crate) fn wake(&mut self, now: Instant) {
        if self.rest_at.is_some_and(|at| at <= now) {
            self.rest_at = None;
            self.neighbours.settle_rest();
        }
        for _ in 0..TURN {
            let Some((at, call)) = self.due.first().copied().filter(|(at, _)| *at <= now) else {
                break;
            };
            self.due.remove(&(at, call));
            let Some(running) = self.running.get_mut(&call) else {
                continue;
            };
            running.due = None;
            let is_due = |at: Instant| at <= now;
            if running.machine.poll_timeout().is_some_and(is_due) {
                let slot = Arc::clone(&running.slot);
                self.guarded(call, |machine| machine.handle_timeout(now));
                // What others answered to it at once lies in the inbox.
                self.visit(&slot);
            } else {
                self.rearm(call);
            }
        }
        self.settle();
    }

    /// When to be woken.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        let first = self.due.first();
        let first = first.map(|(at, _)| rounded(*at, self.base, STEP));
        first.into_iter().chain(self.rest_at).min()
    }

    /// Has others look at what they were told in this turn.
    fn settle(&mut self) {
        if self.neighbours.settle() == Left::More && self.rest_at.is_none() {
            self.rest_at = Some(now() + REST);
        }
    }

    /// What an operator wants; answers the recording that runs once it is done.
    pub(crate) fn ask(
        &mut self,
        call: CallId,
        command: CallCommand,
    ) -> Result<Option<RecordingId>, CallError> {
        let slot = self.shared.slot(call).ok_or(CallError::NotFound)?;
        self.enter(&slot);
        let running = self.running.get(&call).ok_or(CallError::NotFound)?;
        running.machine.permits(&command)?;
        self.input(call, CallInput::Command(command));
        let running = self.running.get(&call);
        let recording = running.and_then(|running| running.machine.recording());
        self.visit(&slot);
        self.settle();
        Ok(recording)
    }

    /// Takes a call in, if it is new here, and works on what lies in its inbox.
    fn visit(&mut self, slot: &Arc<Slot>) {
        self.enter(slot);
        for _ in 0..INPUTS {
            if !self.running.contains_key(&slot.id) {
                return;
            }
            let Some(input) = slot.take() else {
                return;
            };
            self.input(slot.id, input);
        }
        self.shared.nudge(slot);
    }

    fn enter(&mut self, slot: &Arc<Slot>) {
        // One that is over may still stand in line.
        if self.running.contains_key(&slot.id) || self.shared.slot(slot.id).is_none() {
            return;
        }
        let running = Running {
            slot: Arc::clone(slot),
            machine: Box::new(slot.machine()),
            due: None,
        };
        self.running.insert(slot.id, running);
        self.guarded(slot.id, |_| {});
    }

    fn input(&mut self, call: CallId, input: CallInput) {
        let directory = self.neighbours.directory();
        self.guarded(call, |machine| {
            machine.set_directory(directory);
            machine.handle(now(), input);
        });
    }

    /// Has a machine do something, and does what it wants of others. Should one of the two panic,
    /// the call goes on from its last good state.
    fn guarded(&mut self, call: CallId, work: impl FnOnce(&mut CallMachine)) {
        match self.attempt(call, work) {
            Some(After::GoesOn) => self.rearm(call),
            Some(After::Done) => self.forget(call),
            None => self.fell(call),
        }
    }

    /// As [`guarded`](Self::guarded), but only tells of a fall, by `None`.
    fn attempt(&mut self, call: CallId, work: impl FnOnce(&mut CallMachine)) -> Option<After> {
        let Some(running) = self.running.get_mut(&call) else {
            return Some(After::Done);
        };
        let neighbours = &*self.neighbours;
        // What is left half done is replaced by the last good state.
        catch_unwind(AssertUnwindSafe(|| {
            work(&mut running.machine);
            running.perform(neighbours)
        }))
        .ok()
    }

    fn rearm(&mut self, call: CallId) {
        let Some(running) = self.running.get_mut(&call) else {
            return;
        };
        let Some(at) = running.machine.poll_timeout() else {
            return;
        };
        if running.due.is_some_and(|due| due <= at) {
            return;
        }
        if let Some(later) = running.due.replace(at) {
            self.due.remove(&(later, call));
        }
        self.due.insert((at, call));
    }

    fn forget(&mut self, call: CallId) {
        if let Some(running) = self.running.remove(&call)
            && let Some(at) = running.due
        {
            self.due.remove(&(at, call));
        }
        self.shared.forget(call);
    }

    fn fell(&mut self, call: CallId) {
        let Some(running) = self.running.get_mut(&call) else {
            return;
        };
        let verdict = running.slot.falls.lock().record(now());
        tracing::error!(%call, ?verdict, "a call fell");
        *running.machine = running.slot.machine();
        let recovered = EventKind::CallRecovered { call };
        self.neighbours
            .perform(call, CallEffect::Publish(recovered));
        match verdict {
            Verdict::Restart => self.rearm(call),
            Verdict::GiveUp => {
                let end = CallInput::Command(CallCommand::HangUp(HangupCause::InternalError));
                match self.attempt(call, |machine| machine.handle(now(), end)) {
                    Some(After::GoesOn) => self.rearm(call),
                    Some(After::Done) => self.forget(call),
                    None => self.bury(call),
                }
            }
        }
    }

    /// The call's own machine cannot end it: give back by hand what it held.
    fn bury(&mut self, call: CallId) {
        tracing::error!(%call, "a call could not be kept alive");
        let Some(running) = self.running.get(&call) else {
            return;
        };
        let machine = running.slot.machine();
        for leg in machine.leg_ids() {
            let remove = CallEffect::Media(MediaEffect::RemoveLeg(leg));
            self.neighbours.perform(call, remove);
            self.neighbours.perform(call, CallEffect::CloseLeg(leg));
        }
        if !machine.is_over() {
            let (cause, ended_by) = (HangupCause::InternalError, EndedBy::System);
            let ended = EventKind::CallEnded {
                call,
                cause,
                ended_by,
            };
            self.neighbours.perform(call, CallEffect::Publish(ended));
        }
        self.neighbours.call_gone(call);
        self.forget(call);
    }
}

impl Running {
    /// Does what the machine wants, and only then counts its state as good.
    fn perform(&mut self, neighbours: &dyn Neighbours) -> After {
        let mut answers = Vec::new();
        let mut after = After::GoesOn;
        while let Some(effect) = self.machine.poll_effect() {
            if matches!(effect, CallEffect::Done) {
                after = After::Done;
            } else {
                answers.extend(neighbours.perform(self.slot.id, effect));
            }
        }
        if after == After::GoesOn {
            self.slot.keep(&self.machine);
            self.slot.put_first(answers);
        }
        after
    }
}
