//! The signalling task's place in the supervision tree.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::AbortHandle;

use super::handle::SipCoreArguments;
use super::signalling;

/// Owns the signalling task: starts it, and falls when it falls. Spawned again with the same
/// arguments it goes on with the same sockets, connections and dialogs.
#[derive(Debug, Clone, Copy, Default)]
pub struct SipCoreActor;

/// What happens to the actor.
#[derive(Debug)]
pub enum SipCoreMessage {
    /// The signalling task has fallen.
    Fell,
}

/// Ends the task when the actor ends, however that comes about.
#[derive(Debug)]
pub struct TaskGuard(AbortHandle);

impl Drop for TaskGuard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Actor for SipCoreActor {
    type Msg = SipCoreMessage;
    type State = (TaskGuard, SipCoreArguments);
    type Arguments = SipCoreArguments;

    #[expect(
        clippy::disallowed_methods,
        reason = "this actor owns the task: it is aborted with it and reports its fall"
    )]
    async fn pre_start(
        &self,
        me: ActorRef<SipCoreMessage>,
        arguments: SipCoreArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let task = tokio::spawn(signalling::run(Arc::clone(&arguments.shared)));
        let guard = TaskGuard(task.abort_handle());
        tokio::spawn(async move {
            // It never ends by itself: either it panicked or this actor is gone.
            if task.await.is_err_and(|error| error.is_panic()) {
                me.cast(SipCoreMessage::Fell).ok();
            }
        });
        Ok((guard, arguments))
    }

    async fn handle(
        &self,
        _: ActorRef<SipCoreMessage>,
        message: SipCoreMessage,
        (_, arguments): &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            SipCoreMessage::Fell => {
                arguments
                    .shared
                    .net
                    .counters
                    .falls
                    .fetch_add(1, Ordering::Relaxed);
                Err("the signalling task fell".into())
            }
        }
    }
}
