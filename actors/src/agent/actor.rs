//! The shell around an agent machine: mail in, effects out, one alarm, and a copy of the state after
//! each input.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::desk::{AgentView, Desk};
use super::machine::AgentMachine;
use super::message::{AgentCommand, AgentEffect, AgentInput};
use super::port::AgentPorts;
use crate::alarm::{self, Alarm};

/// What an agent actor understands; its input comes as mail.
#[derive(Debug)]
pub(super) enum AgentMsg {
    /// There is mail.
    Mail,
    /// It is time.
    Wake,
    /// Set the state, and say what it is then.
    SetState(AgentCommand, RpcReplyPort<AgentView>),
    /// Fall, to prove that the agent's state survives.
    Panic,
}

pub(super) struct AgentActor;

pub(super) struct AgentShell {
    machine: AgentMachine,
    desk: Arc<Desk>,
    ports: AgentPorts,
    alarm: Alarm<AgentMsg>,
}

impl Actor for AgentActor {
    type Msg = AgentMsg;
    type State = AgentShell;
    type Arguments = (Arc<Desk>, AgentPorts);

    async fn pre_start(
        &self,
        me: ActorRef<AgentMsg>,
        (desk, ports): Self::Arguments,
    ) -> Result<AgentShell, ActorProcessingErr> {
        let mut state = AgentShell {
            machine: desk.machine(),
            desk,
            ports,
            alarm: Alarm::default(),
        };
        // Whatever became due, or has to be said, while nobody was here.
        state.machine.handle_timeout(alarm::now());
        state.perform();
        state.rearm(&me);
        state.desk.inbox.attach(me, || AgentMsg::Mail);
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<AgentMsg>,
        message: AgentMsg,
        state: &mut AgentShell,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AgentMsg::Mail => {
                while let Some(input) = state.desk.inbox.begin() {
                    state.machine.handle(alarm::now(), input);
                    state.perform();
                    state.desk.inbox.done();
                }
            }
            AgentMsg::Wake => {
                state.machine.handle_timeout(alarm::now());
                state.perform();
            }
            AgentMsg::SetState(command, reply) => {
                let input = AgentInput::SetState(command);
                state.machine.handle(alarm::now(), input);
                state.perform();
                reply.send(state.desk.view()).ok();
            }
            AgentMsg::Panic => std::panic::panic_any("an agent actor was told to fall"),
        }
        state.rearm(&me);
        if state.machine.is_finished() {
            me.stop(None);
        }
        Ok(())
    }
}

impl AgentShell {
    /// Keeps the new state, then does what it asks for: an agent who falls in between is asked
    /// again by the queue, never promised twice.
    fn perform(&mut self) {
        let mut effects = Vec::new();
        while let Some(effect) = self.machine.poll_effect() {
            effects.push(effect);
        }
        self.desk.keep(&self.machine);
        for effect in effects {
            match effect {
                AgentEffect::TellQueue { queue, message } => self.ports.queues.tell(queue, message),
                AgentEffect::Publish(kind) => self.ports.events.publish(kind),
            }
        }
    }

    fn rearm(&mut self, me: &ActorRef<AgentMsg>) {
        let at = self.machine.poll_timeout();
        self.alarm.rearm(me, at, || AgentMsg::Wake);
    }
}
