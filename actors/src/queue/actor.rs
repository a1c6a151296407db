//! The shell around a queue machine: mail in, effects out, one alarm.

use std::sync::Arc;

use offhook_core::id::IdSource;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::line::Line;
use super::machine::QueueMachine;
use super::message::QueueEffect;
use super::port::QueuePorts;
use super::view::{SeatView, WaitingCaller};
use crate::alarm::{self, Alarm};

/// What a queue actor understands; its input comes as mail.
#[derive(Debug)]
pub(super) enum QueueMsg {
    /// There is mail.
    Mail,
    /// It is time.
    Wake,
    /// Who waits?
    Callers(RpcReplyPort<Vec<WaitingCaller>>),
    /// Who serves?
    Agents(RpcReplyPort<Vec<SeatView>>),
    /// Fall, to prove that the queue gets up again.
    Panic,
}

pub(super) struct QueueActor;

pub(super) struct QueueState {
    machine: QueueMachine,
    line: Arc<Line>,
    ports: QueuePorts,
    alarm: Alarm<QueueMsg>,
}

impl Actor for QueueActor {
    type Msg = QueueMsg;
    type State = QueueState;
    type Arguments = (Arc<Line>, QueuePorts);

    async fn pre_start(
        &self,
        me: ActorRef<QueueMsg>,
        (line, ports): Self::Arguments,
    ) -> Result<QueueState, ActorProcessingErr> {
        let ledger = line.ledger.lock().clone();
        let rules = line.rules.lock().clone();
        let machine = QueueMachine::new(alarm::now(), rules, IdSource::from_entropy(), &ledger);
        let mut state = QueueState {
            machine,
            line,
            ports,
            alarm: Alarm::default(),
        };
        state.perform();
        state.rearm(&me);
        state.line.inbox.attach(me, || QueueMsg::Mail);
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<QueueMsg>,
        message: QueueMsg,
        state: &mut QueueState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            QueueMsg::Mail => {
                while let Some(input) = state.line.inbox.begin() {
                    state.line.ledger.lock().note_input(&input);
                    state.machine.handle(alarm::now(), input);
                    state.perform();
                    state.line.inbox.done();
                }
            }
            QueueMsg::Wake => {
                state.machine.handle_timeout(alarm::now());
                state.perform();
            }
            QueueMsg::Callers(reply) => {
                reply.send(state.machine.callers()).ok();
            }
            QueueMsg::Agents(reply) => {
                reply.send(state.machine.agents()).ok();
            }
            QueueMsg::Panic => std::panic::panic_any("a queue actor was told to fall"),
        }
        state.rearm(&me);
        if state.machine.is_finished() {
            me.stop(None);
        }
        Ok(())
    }
}

impl QueueState {
    fn perform(&mut self) {
        while let Some(effect) = self.machine.poll_effect() {
            self.line.ledger.lock().note_effect(&effect);
            match effect {
                QueueEffect::TellCall { call, message } => self.ports.calls.tell(call, message),
                QueueEffect::TellAgent { agent, message } => self.ports.agents.tell(agent, message),
                QueueEffect::Publish(kind) => self.ports.events.publish(kind),
            }
        }
    }

    fn rearm(&mut self, me: &ActorRef<QueueMsg>) {
        let at = self.machine.poll_timeout();
        self.alarm.rearm(me, at, || QueueMsg::Wake);
    }
}
