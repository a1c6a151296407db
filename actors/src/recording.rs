//! Recordings as the office wants them: what each is like, and what becomes of it in time.

use std::path::Path;
use std::time::Duration;

use offhook_core::config::RecordingConfig;
use offhook_core::event::EventKind;
use offhook_core::recording::{Keys, OwnStyle, RecordingEnd, RecordingStyle};
use offhook_core::{LegId, RecordingId};
use offhook_media::engine::{RecordSpec, Recovered, file_name, recover_recordings};
use tokio::time::MissedTickBehavior;

use crate::alarm;
use crate::live::Live;
use crate::store::{Retention, Store, StoreError};

/// How often it is looked whether recordings are over their time, and whether keys wait to be taken
/// into the database.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// What recordings are like.
#[derive(Debug, Clone)]
pub struct RecordingRules {
    style: RecordingStyle,
    keys: Keys,
    /// None: files are in clear.
    sealed_by: Option<Store>,
}

impl RecordingRules {
    /// The rules of the configuration.
    #[must_use]
    pub fn new(config: &RecordingConfig, store: &Store) -> Self {
        Self {
            style: config.style(),
            keys: config.keys(),
            sealed_by: config.encrypt.then(|| store.clone()),
        }
    }

    /// What the engine is to do for a recording of these two, or of one of them so far.
    #[must_use]
    pub fn spec(
        &self,
        recording: RecordingId,
        left: LegId,
        right: Option<LegId>,
        own: OwnStyle,
    ) -> RecordSpec {
        let seal = self.sealed_by.as_ref().map(Store::new_seal);
        let style = own.over(self.style);
        RecordSpec {
            recording,
            left,
            right,
            style,
            keys: self.keys,
            file: file_name(recording, style, seal.as_ref()),
            seal,
        }
    }
}

/// A recording that a crash cut short and that is whole again.
#[derive(Debug)]
pub(crate) struct Mended {
    recording: RecordingId,
    file: String,
    milliseconds: u64,
    bytes: u64,
}

impl Mended {
    fn of(found: &Recovered, folder: &Path) -> Option<Self> {
        let name = found.file.file_name().and_then(|name| name.to_str());
        let id = name.and_then(|name| name.split('.').next());
        let file = found.file.strip_prefix(folder).ok();
        Some(Self {
            recording: id?.parse().ok()?,
            file: file?.to_str()?.to_owned(),
            milliseconds: found.milliseconds,
            bytes: found.bytes,
        })
    }

    /// Reports it as saved and interrupted; false if it is not listed.
    async fn announce(&self, store: &Store, live: &Live) -> Result<bool, StoreError> {
        let known = match store.recordings().get(self.recording).await {
            Ok(known) => known,
            Err(StoreError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        live.publish(EventKind::RecordingSaved {
            recording: self.recording,
            call: known.call,
            file: self.file.clone(),
            milliseconds: self.milliseconds,
            bytes: self.bytes,
            end: RecordingEnd::Interrupted,
            missing_milliseconds: 0,
        });
        Ok(true)
    }
}

/// Recordings that a crash cut short are whole again, and reported as saved and interrupted; those
/// that are not, since their beginnings are still in the journal of the last run.
pub(crate) async fn announce_recovered(store: &Store, live: &Live) -> Vec<Mended> {
    let folder = store.recordings_folder();
    let scanned = {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || recover_recordings(&folder)).await
    };
    let mut unlisted = Vec::new();
    let recovered = match scanned {
        Ok(Ok(recovered)) => recovered,
        Ok(Err(error)) => {
            tracing::error!(%error, "cannot look for unfinished recordings");
            return unlisted;
        }
        Err(error) => {
            tracing::error!(%error, "the look for unfinished recordings fell");
            return unlisted;
        }
    };
    for found in recovered {
        let Some(mended) = Mended::of(&found, &folder) else {
            tracing::warn!(file = %found.file.display(), "a recording of unknown origin was mended");
            continue;
        };
        store.note_interrupted(mended.recording);
        if !matches!(mended.announce(store, live).await, Ok(true)) {
            unlisted.push(mended);
        }
    }
    unlisted
}

/// Looks after recordings until the store is closed: reports those that were mended as soon as they
/// are listed, takes keys into the database, and removes what was kept for `keep`, which is for ever
/// when it is zero, unless its queue says otherwise.
pub(crate) fn look_after(store: &Store, live: &Live, keep: Duration, mut unlisted: Vec<Mended>) {
    let (weak, live) = (store.weak(), live.clone());
    // Not an actor: it has no state that could be lost and nobody speaks to it.
    store.runtime().spawn(async move {
        let mut rounds = tokio::time::interval(HOUSEKEEPING);
        rounds.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            rounds.tick().await;
            let Some(store) = weak() else {
                return;
            };
            announce_late(&store, &live, &mut unlisted).await;
            if let Err(error) = store.recordings().adopt_keys().await {
                tracing::warn!(%error, "the keys of recordings wait to be taken into the database");
            }
            expire(&store, &live, keep).await;
            store.forget_removed().await;
        }
    });
}

/// Reports what is listed by now.
async fn announce_late(store: &Store, live: &Live, unlisted: &mut Vec<Mended>) {
    // Asked first: what is not listed after that never will be.
    let all_is_there = store.has_ended_last_run();
    for mended in std::mem::take(unlisted) {
        match mended.announce(store, live).await {
            Ok(true) => {}
            Ok(false) if all_is_there => {
                tracing::warn!(recording = %mended.recording, "a mended recording is not listed");
            }
            Ok(false) | Err(_) => unlisted.push(mended),
        }
    }
}

/// Removes what is over its time.
async fn expire(store: &Store, live: &Live, keep: Duration) {
    let directory = store.directory().load();
    let own = directory
        .office()
        .queues
        .iter()
        .filter_map(|queue| Some((queue.id, queue.record_keep?)));
    let retention = Retention {
        usual: keep,
        queues: own.collect(),
    };
    let removed = |recording, call| {
        tracing::info!(%recording, %call, "a recording was removed: it was kept long enough");
        live.publish(EventKind::RecordingExpired { recording, call });
    };
    let recordings = store.recordings();
    if let Err(error) = recordings.expire(alarm::wall(), &retention, removed).await {
        tracing::warn!(%error, "old recordings cannot be removed");
    }
}
