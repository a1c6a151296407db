//! What the defence does that takes time: telling, writing down, following the office.

use std::time::{Duration, Instant};

use offhook_core::event::EventKind;
use offhook_core::pii::Pii;
use offhook_core::sip::defence::{Ban, DefenceEffect, show};
use ractor::{Actor, ActorProcessingErr, ActorRef};

use super::countries::Countries;
use super::guard::Guard;
use crate::alarm::{self, Alarm};
use crate::directory::{DirectoryHandle, Follower};
use crate::live::Live;
use crate::store::{BanRow, BanWrite, Store};

/// How long to wait before bans are written again that the database did not take.
const RETRY_AFTER: Duration = Duration::from_secs(5);

/// How often the file of countries is looked at.
const LOOK_AGAIN: Duration = Duration::from_secs(30);

/// Serves one [`Guard`].
#[derive(Debug, Clone, Copy, Default)]
pub struct DefenceActor;

/// What [`DefenceActor`] is started with, the first time and again.
#[derive(Debug, Clone)]
pub struct DefenceArguments {
    /// The guard it serves.
    pub guard: Guard,
    /// Where countries are looked up.
    pub countries: Countries,
    /// Where bans are kept.
    pub store: Store,
    /// Where they are published.
    pub live: Live,
    /// Whose trunks are trusted.
    pub directory: DirectoryHandle,
}

/// What happens to the actor.
#[derive(Debug)]
pub enum DefenceMessage {
    /// Something happened to the guard.
    Look,
    /// A ban may be over, or it is time to try again.
    Wake,
    /// The office has changed.
    OfficeChanged,
}

/// The actor while it runs.
#[derive(Debug)]
pub struct Serving {
    arguments: DefenceArguments,
    alarm: Alarm<DefenceMessage>,
    /// When the database may be tried again.
    write_at: Option<Instant>,
    countries_at: Instant,
    /// Tells of changes of the office while this lives.
    _follower: Follower,
}

impl Actor for DefenceActor {
    type Msg = DefenceMessage;
    type State = Serving;
    type Arguments = DefenceArguments;

    async fn pre_start(
        &self,
        me: ActorRef<DefenceMessage>,
        arguments: DefenceArguments,
    ) -> Result<Serving, ActorProcessingErr> {
        let changed = || DefenceMessage::OfficeChanged;
        let follower = arguments.directory.tell(me.clone(), changed);
        arguments.guard.trust(&arguments.directory.load());
        let guard = arguments.guard.clone();
        let serving = Serving {
            arguments,
            alarm: Alarm::default(),
            write_at: None,
            countries_at: alarm::now() + LOOK_AGAIN,
            _follower: follower,
        };
        guard.told().attach(me, || DefenceMessage::Look);
        Ok(serving)
    }

    async fn handle(
        &self,
        me: ActorRef<DefenceMessage>,
        message: DefenceMessage,
        serving: &mut Serving,
    ) -> Result<(), ActorProcessingErr> {
        let arguments = &serving.arguments;
        match message {
            DefenceMessage::Look | DefenceMessage::Wake => {}
            DefenceMessage::OfficeChanged => arguments.guard.trust(&arguments.directory.load()),
        }
        if alarm::now() >= serving.countries_at {
            serving.countries_at = alarm::now() + LOOK_AGAIN;
            arguments.countries.refresh().await;
        }
        let guard = arguments.guard.clone();
        let next_end = guard.expire();
        while let Some(effect) = guard.told().take() {
            serving.tell(effect);
        }
        serving.write().await;
        let times = [next_end, serving.write_at, Some(serving.countries_at)];
        let next = times.into_iter().flatten().min();
        serving.alarm.rearm(&me, next, || DefenceMessage::Wake);
        Ok(())
    }
}

impl Serving {
    /// Publishes what happened, and notes what is to be written down.
    fn tell(&self, effect: DefenceEffect) {
        let DefenceArguments { guard, live, .. } = &self.arguments;
        if let DefenceEffect::Banned(ban) = effect {
            let address = show(ban.network);
            let (reason, until) = (ban.reason, alarm::wall_at(ban.until));
            guard.note(BanWrite::Keep(row(ban)));
            tracing::warn!(
                address,
                reason = reason.as_str(),
                %until,
                "SIP from there is not listened to"
            );
            live.publish(EventKind::SourceBanned {
                address,
                reason,
                until,
            });
        } else if let DefenceEffect::Unbanned { network, reason } = effect {
            let address = show(network);
            guard.note(BanWrite::Forget(network));
            tracing::info!(address, ?reason, "SIP from there is listened to again");
            live.publish(EventKind::SourceUnbanned { address, reason });
        } else if let DefenceEffect::LoginFailed {
            from,
            user,
            failure,
        } = effect
        {
            tracing::info!(address = %from, user = ?Pii(user.clone()), reason = ?failure, "login failed");
            live.publish(EventKind::LoginFailed {
                address: from.to_string(),
                user,
                reason: failure,
            });
        }
    }

    /// Writes down what is not yet.
    async fn write(&mut self) {
        let DefenceArguments { guard, store, .. } = &self.arguments;
        let changes = guard.unwritten();
        let waits = self.write_at.is_some_and(|at| alarm::now() < at);
        if changes.is_empty() || waits {
            return;
        }
        match store.bans().write(&changes).await {
            Ok(()) => {
                guard.written(changes.len());
                self.write_at = None;
            }
            Err(error) => {
                tracing::warn!(%error, "bans are not written down yet");
                self.write_at = Some(alarm::now() + RETRY_AFTER);
            }
        }
    }
}

fn row(ban: Ban) -> BanRow {
    BanRow {
        network: ban.network,
        reason: ban.reason,
        note: ban.note,
        since: alarm::wall_at(ban.since),
        until: alarm::wall_at(ban.until),
        count: ban.count,
    }
}

impl Guard {
    /// Takes over the bans the store holds; those whose time is over are forgotten there.
    pub(crate) async fn load(&self, store: &Store) {
        let rows = match store.bans().all().await {
            Ok(rows) => rows,
            Err(error) => return tracing::error!(%error, "bans cannot be read: nobody is banned"),
        };
        let (now, wall) = (alarm::now(), alarm::wall());
        let (over, held): (Vec<BanRow>, _) = rows.into_iter().partition(|row| row.until <= wall);
        let bans = held.into_iter().map(|row| {
            let left = Duration::try_from(row.until.duration_since(wall)).unwrap_or_default();
            let ago = Duration::try_from(wall.duration_since(row.since)).unwrap_or_default();
            Ban {
                network: row.network,
                reason: row.reason,
                note: row.note,
                since: now.checked_sub(ago).unwrap_or(now),
                until: now + left,
                count: row.count,
            }
        });
        self.restore(bans.collect());
        let forget: Vec<_> = over
            .into_iter()
            .map(|row| BanWrite::Forget(row.network))
            .collect();
        if let Err(error) = store.bans().write(&forget).await {
            tracing::warn!(%error, "bans that are over stay in the database");
        }
    }
}
