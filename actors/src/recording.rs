//! Recordings as the office wants them: what each is like, and what becomes of it in time.

use std::time::Duration;

use offhook_core::config::RecordingConfig;
use offhook_core::event::EventKind;
use offhook_core::recording::{RecordingEnd, RecordingStyle};
use offhook_core::{LegId, RecordingId};
use offhook_media::engine::{RecordSpec, file_name, recover_recordings};
use tokio::time::MissedTickBehavior;

use crate::alarm;
use crate::live::Live;
use crate::store::Store;

/// How often it is looked whether recordings are over their time, and whether keys wait to be taken
/// into the database.
const HOUSEKEEPING: Duration = Duration::from_secs(30);

/// What recordings are like.
#[derive(Debug, Clone)]
pub struct RecordingRules {
    style: RecordingStyle,
    /// None: files are in clear.
    sealed_by: Option<Store>,
}

impl RecordingRules {
    /// The rules of the configuration.
    #[must_use]
    pub fn new(config: &RecordingConfig, store: &Store) -> Self {
        Self {
            style: config.style(),
            sealed_by: config.encrypt.then(|| store.clone()),
        }
    }

    /// What the engine is to do for a recording of these two.
    #[must_use]
    pub fn spec(&self, recording: RecordingId, left: LegId, right: LegId) -> RecordSpec {
        let seal = self.sealed_by.as_ref().map(Store::new_seal);
        RecordSpec {
            recording,
            left,
            right: Some(right),
            style: self.style,
            file: file_name(recording, self.style, seal.as_ref()),
            seal,
        }
    }
}

/// Recordings that a crash cut short are whole again, and reported as saved and interrupted.
pub(crate) async fn announce_recovered(store: &Store, live: &Live) {
    let folder = store.recordings_folder();
    let scanned = {
        let folder = folder.clone();
        tokio::task::spawn_blocking(move || recover_recordings(&folder)).await
    };
    let recovered = match scanned {
        Ok(Ok(recovered)) => recovered,
        Ok(Err(error)) => {
            return tracing::error!(%error, "cannot look for unfinished recordings");
        }
        Err(error) => return tracing::error!(%error, "the look for unfinished recordings fell"),
    };
    for found in recovered {
        let file = found.file.strip_prefix(&folder).ok();
        let file = file.and_then(|file| file.to_str()).unwrap_or_default();
        let name = found.file.file_name().and_then(|name| name.to_str());
        let id = name.and_then(|name| name.split('.').next());
        let Some(Ok(recording)) = id.map(str::parse::<RecordingId>) else {
            tracing::warn!(file = %found.file.display(), "a recording of unknown origin was mended");
            continue;
        };
        match store.recordings().get(recording).await {
            Ok(known) => {
                live.publish(EventKind::RecordingSaved {
                    recording,
                    call: known.call,
                    file: file.to_owned(),
                    milliseconds: found.milliseconds,
                    bytes: found.bytes,
                    end: RecordingEnd::Interrupted,
                    missing_milliseconds: 0,
                });
            }
            Err(error) => tracing::warn!(%recording, %error, "a mended recording is not listed"),
        }
    }
}

/// Looks after recordings until the store is closed: takes keys into the database, and removes
/// what was kept for `keep`, which is for ever when it is zero.
pub(crate) fn look_after(store: &Store, live: &Live, keep: Duration) {
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
            if let Err(error) = store.recordings().adopt_keys().await {
                tracing::warn!(%error, "the keys of recordings wait to be taken into the database");
            }
            if !keep.is_zero() {
                expire(&store, &live, keep).await;
            }
        }
    });
}

/// Removes what is over its time, a few at once, so that nobody waits long for the database.
async fn expire(store: &Store, live: &Live, keep: Duration) {
    let Ok(before) = alarm::wall().checked_sub(keep) else {
        return;
    };
    let expired = match store.recordings().expire(before).await {
        Ok(expired) => expired,
        Err(error) => return tracing::warn!(%error, "old recordings cannot be removed"),
    };
    for (recording, call) in expired {
        tracing::info!(%recording, %call, "a recording was removed: it was kept long enough");
        live.publish(EventKind::RecordingExpired { recording, call });
    }
}
