//! The shell around one call's machine.

use std::sync::Arc;
use std::time::Duration;

use offhook_core::{HangupCause, RecordingId};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::handle::Shared;
use super::input::{CallCommand, CallInput};
use super::machine::CallMachine;
use super::perform::{Left, Neighbours};
use super::slot::Slot;
use super::{CallEffect, CallError};
use crate::alarm::{Alarm, now, rounded};

/// Inputs of one call before others get their turn: one that feeds itself keeps nobody waiting.
const INPUTS: usize = 32;

/// Deadlines of calls are kept to this, so that those of many fall together; people hear none of
/// it.
const STEP: Duration = Duration::from_millis(20);

/// What a call's actor receives. Inputs themselves wait in the slot's inbox.
#[derive(Debug)]
pub(crate) enum CallMsg {
    /// Something is in the inbox.
    Look,
    /// A deadline has come.
    Wake,
    /// An operator wants something and waits for the answer: the recording that runs then, if any.
    Ask(
        CallCommand,
        RpcReplyPort<Result<Option<RecordingId>, CallError>>,
    ),
}

/// How an actor begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begin {
    /// With a new call.
    Fresh,
    /// With the last good state of an actor that fell.
    Recovered,
    /// With a call that fell too often: end it cleanly.
    Ending,
}

/// The actor.
#[derive(Debug)]
pub(crate) struct CallActor;

/// What it is started with.
pub(crate) struct CallArgs {
    pub(crate) slot: Arc<Slot>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) neighbours: Arc<dyn Neighbours>,
    pub(crate) begin: Begin,
}

/// What it has.
pub(crate) struct CallState {
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    neighbours: Arc<dyn Neighbours>,
    machine: Box<CallMachine>,
    alarm: Alarm<CallMsg>,
}

impl Actor for CallActor {
    type Msg = CallMsg;
    type State = CallState;
    type Arguments = CallArgs;

    async fn pre_start(
        &self,
        me: ActorRef<CallMsg>,
        args: CallArgs,
    ) -> Result<CallState, ActorProcessingErr> {
        let CallArgs {
            slot,
            shared,
            neighbours,
            begin,
        } = args;
        let arriving = slot.take_arriving();
        let mut state = CallState {
            machine: Box::new(slot.machine()),
            slot,
            shared,
            neighbours,
            alarm: Alarm::default(),
        };
        if let Some(arrival) = arriving {
            state.machine.handle(now(), CallInput::Salvage(arrival));
        }
        if begin == Begin::Ending {
            let end = CallCommand::HangUp(HangupCause::InternalError);
            state.machine.handle(now(), CallInput::Command(end));
        }
        state.perform(&me);
        state.slot.attach(me);
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<CallMsg>,
        message: CallMsg,
        state: &mut CallState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CallMsg::Look => {}
            CallMsg::Wake => {
                state.machine.handle_timeout(now());
                state.perform(&me);
            }
            CallMsg::Ask(command, reply) => {
                let permitted = state.machine.permits(&command);
                if permitted.is_ok() {
                    state.input(&me, CallInput::Command(command));
                }
                // The operator may have stopped waiting.
                reply
                    .send(permitted.map(|()| state.machine.recording()))
                    .ok();
            }
        }
        let left = state.read(&me);
        state.rearm(&me);
        if left == Left::More {
            me.cast(CallMsg::Look)?;
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

impl CallState {
    /// Works on what lies in the inbox.
    fn read(&mut self, me: &ActorRef<CallMsg>) -> Left {
        for _ in 0..INPUTS {
            let Some(input) = self.slot.take() else {
                return Left::Nothing;
            };
            self.input(me, input);
        }
        Left::More
    }

    #[expect(clippy::panic, reason = "the fault that supervision is tested with")]
    fn input(&mut self, me: &ActorRef<CallMsg>, input: CallInput) {
        if self.slot.stumbles_over(&input) {
            panic!("a fault was injected into {}", self.slot.id);
        }
        self.machine.set_directory(self.neighbours.directory());
        self.machine.handle(now(), input);
        self.perform(me);
    }

    /// Does what the machine wants, and only then counts its state as good.
    fn perform(&mut self, me: &ActorRef<CallMsg>) {
        let mut answers = Vec::new();
        while let Some(effect) = self.machine.poll_effect() {
            if matches!(effect, CallEffect::Done) {
                me.stop(None);
            } else {
                answers.extend(self.neighbours.perform(self.slot.id, effect));
            }
        }
        self.slot.keep(&self.machine);
        self.slot.post_first(answers);
        self.shared.unsettle();
    }

    fn rearm(&mut self, me: &ActorRef<CallMsg>) {
        let at = self.machine.poll_timeout();
        let at = at.map(|at| rounded(at, self.shared.base(), STEP));
        self.alarm.rearm(me, at, || CallMsg::Wake);
    }
}
