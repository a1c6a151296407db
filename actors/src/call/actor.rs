//! The actor that runs all calls.

use std::sync::Arc;

use offhook_core::{CallId, RecordingId};
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort};

use super::CallError;
use super::handle::Shared;
use super::house::House;
use super::input::CallCommand;
use super::perform::Left;
use crate::alarm::{Alarm, now};

/// What the actor receives. Inputs themselves wait in the inboxes of the calls' slots.
#[derive(Debug)]
pub(crate) enum CallsMsg {
    /// Calls stand in line.
    Look,
    /// A deadline has come.
    Wake,
    /// An operator wants something of a call and waits for the answer: the recording that runs then,
    /// if any.
    Ask(
        CallId,
        CallCommand,
        RpcReplyPort<Result<Option<RecordingId>, CallError>>,
    ),
}

/// The actor.
#[derive(Debug)]
pub(crate) struct CallsActor;

/// What it has.
pub(crate) struct CallsState {
    house: House,
    alarm: Alarm<CallsMsg>,
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
        let neighbours = shared.neighbours().ok_or("calls have no neighbours")?;
        // Before anything is looked at: what is put in line from here on nudges this actor.
        shared.attach(me.clone());
        let state = CallsState {
            house: House::new(shared, neighbours),
            alarm: Alarm::default(),
        };
        // For the alarm.
        me.cast(CallsMsg::Look)?;
        Ok(state)
    }

    async fn handle(
        &self,
        me: ActorRef<CallsMsg>,
        message: CallsMsg,
        CallsState { house, alarm }: &mut CallsState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            CallsMsg::Look => {
                if house.work() == Left::More {
                    me.cast(CallsMsg::Look)?;
                }
            }
            CallsMsg::Wake => house.wake(now()),
            CallsMsg::Ask(call, command, reply) => {
                // The operator may have stopped waiting.
                reply.send(house.ask(call, command)).ok();
            }
        }
        alarm.rearm(&me, house.next_due(), || CallsMsg::Wake);
        Ok(())
    }
}
