//! What becomes of recordings in time: keys taken in, old ones removed.

use std::path::{Path, PathBuf};

use jiff::SignedDuration;
use offhook_core::EventKind;
use offhook_core::id::{CallId, RecordingId};
use offhook_core::recording::RecordingEnd;
use offhook_media::container::sealed::SealKey;
use offhook_media::engine::{key_path, peaks_path};

use super::*;

/// A recording that is saved, with the files that belong to it.
async fn kept(running: &Running, call: CallId, wrapped: Option<&str>) -> (RecordingId, PathBuf) {
    let recording = story::record(&running.live, call);
    let ending = wrapped.map_or("wav", |_| "wav.sealed");
    let name = format!("{recording}.{ending}");
    let folder = running.store.recordings_folder();
    std::fs::create_dir_all(&folder).unwrap();
    let audio = folder.join(&name);
    std::fs::write(&audio, "audio").unwrap();
    std::fs::write(peaks_path(&audio), "peaks").unwrap();
    if let Some(wrapped) = wrapped {
        std::fs::write(key_path(&audio), wrapped).unwrap();
    }
    running.live.publish(EventKind::RecordingSaved {
        recording,
        call,
        file: name,
        milliseconds: 1_000,
        bytes: 16_044,
        end: RecordingEnd::Complete,
        missing_milliseconds: 0,
    });
    running.settle().await;
    (recording, audio)
}

fn remains(audio: &Path) -> bool {
    [audio.to_owned(), peaks_path(audio), key_path(audio)]
        .iter()
        .any(|path| path.exists())
}

async fn key_of(store: &Store, recording: RecordingId) -> Result<Option<SealKey>, StoreError> {
    let recording = store.recordings().get(recording).await.unwrap();
    store.recordings().key(&recording).await
}

#[tokio::test]
async fn a_key_is_taken_into_the_database_and_its_file_goes() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let seal = running.store.new_seal();
    let call = story::begin(&running.live);
    let (recording, audio) = kept(&running, call, Some(&seal.wrapped)).await;
    let recordings = running.store.recordings();
    let exposed = |key: Option<SealKey>| key.map(|key| *key.expose());
    let key = Some(*seal.key.expose());

    let beside = key_of(&running.store, recording).await.unwrap();
    assert_eq!(exposed(beside), key, "as long as it lies beside the audio");
    // One whose recording goes on stays where no crash can part the two.
    let going_on = story::record(&running.live, call);
    let waiting = running
        .store
        .recordings_folder()
        .join(format!("{going_on}.wav.sealed.key"));
    std::fs::write(&waiting, &seal.wrapped).unwrap();
    running.settle().await;
    for _ in 0..2 {
        recordings.adopt_keys().await.unwrap();
        assert!(!key_path(&audio).exists() && audio.exists());
        assert!(waiting.exists());
        let inside = key_of(&running.store, recording).await.unwrap();
        assert_eq!(exposed(inside), key, "out of the database");
    }
    running.stop().await;
}

#[tokio::test]
async fn what_was_kept_long_enough_goes_with_its_key_and_its_row_says_so() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let recordings = running.store.recordings();
    let call = story::begin(&running.live);
    let seal = running.store.new_seal();
    let mut kept_for = Vec::new();
    // One with its key in the database, one with it beside the audio, one in clear.
    kept_for.push(kept(&running, call, Some(&seal.wrapped)).await);
    recordings.adopt_keys().await.unwrap();
    kept_for.push(kept(&running, call, Some(&seal.wrapped)).await);
    kept_for.push(kept(&running, call, None).await);
    let going_on = story::record(&running.live, call);
    running.settle().await;

    let first = recordings.get(kept_for[0].0).await.unwrap().started_at;
    assert_eq!(recordings.expire(first).await.unwrap(), [], "none is older");
    assert!(kept_for.iter().all(|(_, audio)| audio.exists()));

    let later = crate::alarm::wall() + SignedDuration::from_secs(1);
    let expired = recordings.expire(later).await.unwrap();
    let wanted: Vec<_> = kept_for.iter().map(|(id, _)| (*id, call)).collect();
    assert_eq!(expired, wanted, "the oldest first, and none that goes on");
    for (id, audio) in &kept_for {
        assert!(!remains(audio), "{}", audio.display());
        let row = recordings.get(*id).await.unwrap();
        assert_eq!(row.state, RecordingState::Expired);
        assert_eq!((row.file, row.sealed_key), (None, None));
    }
    let goes_on = recordings.get(going_on).await.unwrap();
    assert_eq!(goes_on.state, RecordingState::Recording);
    assert_eq!(recordings.expire(later).await.unwrap(), [], "only once");
    running.stop().await;
}

#[tokio::test]
async fn old_recordings_go_in_steps_of_fifty() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    for _ in 0..60 {
        let recording = story::record(&running.live, call);
        story::save(&running.live, call, recording);
    }
    running.settle().await;
    let recordings = running.store.recordings();
    let later = crate::alarm::wall() + SignedDuration::from_secs(1);
    let mut steps = Vec::new();
    for _ in 0..3 {
        steps.push(recordings.expire(later).await.unwrap().len());
    }
    // Files that are gone already are no reason to stop.
    assert_eq!(steps, [50, 10, 0]);
    running.stop().await;
}

#[tokio::test]
async fn without_its_key_an_encrypted_recording_is_gone() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let seal = running.store.new_seal();
    let call = story::begin(&running.live);
    let (recording, audio) = kept(&running, call, Some(&seal.wrapped)).await;
    std::fs::write(key_path(&audio), "nonsense").unwrap();
    let foreign = key_of(&running.store, recording).await;
    assert!(foreign.is_err(), "a key under another secret.key");
    std::fs::remove_file(key_path(&audio)).unwrap();
    let gone = key_of(&running.store, recording).await;
    assert!(
        matches!(gone, Err(StoreError::NotFound { .. })),
        "no key at all"
    );
    running.stop().await;
}
