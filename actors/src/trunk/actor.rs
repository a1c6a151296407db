//! The shell around a trunk machine: mail in, effects out, one alarm, and a copy of the state after
//! each input.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::handle::Shared;
use super::machine::TrunkMachine;
use super::message::{TrunkEffect, TrunkInput};
use super::port::TrunkPorts;
use super::slot::Slot;
use crate::alarm::{self, Alarm};
use crate::edge::Reply;

/// What a trunk actor understands; its input comes as mail.
#[derive(Debug)]
pub(super) enum TrunkMsg {
    /// There is mail.
    Mail,
    /// It is time.
    Wake,
    /// Fall, to prove that the trunk goes on.
    Panic,
}

pub(super) struct TrunkActor;

pub(super) struct TrunkShell {
    machine: TrunkMachine,
    slot: Arc<Slot>,
    shared: Arc<Shared>,
    ports: TrunkPorts,
    alarm: Alarm<TrunkMsg>,
}

impl Actor for TrunkActor {
    type Msg = TrunkMsg;
    type State = TrunkShell;
    type Arguments = (Arc<Slot>, Arc<Shared>, TrunkPorts);

    async fn pre_start(
        &self,
        me: ActorRef<TrunkMsg>,
        (slot, shared, ports): Self::Arguments,
    ) -> Result<TrunkShell, ActorProcessingErr> {
        let mut shell = TrunkShell {
            machine: slot.machine(),
            slot,
            shared,
            ports,
            alarm: Alarm::default(),
        };
        // Whatever became due, or has to be sent, while nobody was here.
        shell.machine.handle_timeout(alarm::now());
        shell.perform();
        shell.rearm(&me);
        shell.slot.inbox.attach(me, || TrunkMsg::Mail);
        Ok(shell)
    }

    async fn handle(
        &self,
        me: ActorRef<TrunkMsg>,
        message: TrunkMsg,
        shell: &mut TrunkShell,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            TrunkMsg::Mail => {
                while let Some(input) = shell.slot.inbox.begin() {
                    shell.machine.handle(alarm::now(), input);
                    shell.perform();
                    shell.slot.inbox.done();
                }
            }
            TrunkMsg::Wake => {
                shell.machine.handle_timeout(alarm::now());
                shell.perform();
            }
            TrunkMsg::Panic => std::panic::panic_any("a trunk actor was told to fall"),
        }
        shell.rearm(&me);
        if shell.machine.is_finished() {
            shell.shared.changed.notify_waiters();
            me.stop(None);
        }
        Ok(())
    }
}

impl TrunkShell {
    /// Keeps the new state, then does what it asks for.
    fn perform(&mut self) {
        let mut effects = Vec::new();
        while let Some(effect) = self.machine.poll_effect() {
            effects.push(effect);
        }
        self.slot.keep(&self.machine);
        for effect in effects {
            match effect {
                TrunkEffect::Ask {
                    tag,
                    request,
                    next_hop,
                } => {
                    let slot = Arc::clone(&self.slot);
                    let reply = Reply::new(move |answer| {
                        slot.deliver(TrunkInput::Answer(tag, answer));
                    });
                    self.ports.sip.ask(*request, next_hop, reply);
                }
                TrunkEffect::Publish(kind) => self.ports.events.publish(kind),
            }
        }
    }

    fn rearm(&mut self, me: &ActorRef<TrunkMsg>) {
        let at = self.machine.poll_timeout();
        self.alarm.rearm(me, at, || TrunkMsg::Wake);
    }
}
