//! The actor that carries the journal into the database.

use std::time::{Duration, Instant};

use ractor::{Actor, ActorProcessingErr, ActorRef};

use crate::alarm::{Alarm, now};
use crate::store::Store;
use crate::store::journal::Journal;
use crate::store::records::apply::Applier;

/// How long to wait before a failed write to the database is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(250);

/// The least time between two carryings that were not short of time. What a quiet moment brings is
/// carried at once; of a busy one, so much gathers that a record costs a tenth of one alone.
const CARRY_EVERY: Duration = Duration::from_millis(200);

/// Carries the journal into the database. Supervised: a restart reads the journal anew from the
/// oldest segment that is left, and writes nothing twice.
#[derive(Debug, Clone, Copy, Default)]
pub struct StoreActor;

/// What the actor is told.
#[derive(Debug)]
#[non_exhaustive]
pub enum StoreMsg {
    /// There is more in the journal, or it is time to try again.
    Wake,
    /// Fail, as a test of supervision.
    #[cfg(test)]
    Panic,
}

/// The actor's state.
#[derive(Debug)]
pub struct State {
    store: Store,
    journal: Journal,
    applier: Applier,
    alarm: Alarm<StoreMsg>,
    /// Not before.
    next_at: Option<Instant>,
}

impl Actor for StoreActor {
    type Msg = StoreMsg;
    type State = State;
    type Arguments = Store;

    async fn pre_start(
        &self,
        me: ActorRef<StoreMsg>,
        store: Store,
    ) -> Result<State, ActorProcessingErr> {
        let journal = store
            .journal()
            .ok_or("the store was opened beside a server and has no journal")?
            .clone();
        let listener = me.clone();
        journal.listen(move || {
            // Fails only when the actor has ended; its successor listens then.
            listener.cast(StoreMsg::Wake).ok();
        });
        me.cast(StoreMsg::Wake)?;
        Ok(State {
            applier: Applier::new(journal.clone(), store.first_seq()),
            store,
            journal,
            alarm: Alarm::default(),
            next_at: None,
        })
    }

    async fn handle(
        &self,
        me: ActorRef<StoreMsg>,
        message: StoreMsg,
        state: &mut State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            StoreMsg::Wake => {}
            #[cfg(test)]
            StoreMsg::Panic => panic!("told to"),
        }
        let early = state.next_at.filter(|at| now() < *at);
        if early.is_none() {
            state.carry(&me).await?;
        }
        if early.is_some() || state.store.0.database.problem().is_some() {
            state.alarm.rearm(&me, state.next_at, || StoreMsg::Wake);
        }
        Ok(())
    }
}

impl State {
    async fn carry(&mut self, me: &ActorRef<StoreMsg>) -> Result<(), ActorProcessingErr> {
        let problem = match self.applier.step(&self.store).await {
            Ok(progress) => {
                self.journal.set_applied(progress.applied_seq);
                if progress.has_more {
                    me.cast(StoreMsg::Wake)?;
                    self.next_at = None;
                } else {
                    self.next_at = Some(now() + CARRY_EVERY);
                }
                None
            }
            Err(error) => {
                self.next_at = Some(now() + RETRY_AFTER);
                Some(error.to_string())
            }
        };
        self.store.0.database.set_problem(problem);
        Ok(())
    }
}
