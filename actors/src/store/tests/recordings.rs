//! What becomes of recordings in time: keys taken in, old ones removed.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
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

fn a_second_from_now() -> Timestamp {
    crate::alarm::wall() + SignedDuration::from_secs(1)
}

/// What is removed of those that began before then.
async fn expired(store: &Store, before: Timestamp) -> Vec<(RecordingId, CallId)> {
    let keep = Duration::from_hours(24);
    let retention = Retention {
        usual: keep,
        ..Retention::default()
    };
    let mut gone = Vec::new();
    let removed = |recording, call| gone.push((recording, call));
    let expiry = store
        .recordings()
        .expire(before + keep, &retention, removed)
        .await;
    expiry.unwrap();
    gone
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
    assert_eq!(expired(&running.store, first).await, [], "none is older");
    assert!(kept_for.iter().all(|(_, audio)| audio.exists()));

    let later = crate::alarm::wall() + SignedDuration::from_secs(1);
    let gone = expired(&running.store, later).await;
    let wanted: Vec<_> = kept_for.iter().map(|(id, _)| (*id, call)).collect();
    assert_eq!(gone, wanted, "the oldest first, and none that goes on");
    for (id, audio) in &kept_for {
        assert!(!remains(audio), "{}", audio.display());
        let row = recordings.get(*id).await.unwrap();
        assert_eq!(row.state, RecordingState::Expired);
        assert_eq!((row.file, row.sealed_key), (None, None));
    }
    let goes_on = recordings.get(going_on).await.unwrap();
    assert_eq!(goes_on.state, RecordingState::Recording);
    assert_eq!(expired(&running.store, later).await, [], "only once");
    running.stop().await;
}

#[tokio::test]
async fn all_that_are_old_enough_go_at_once() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    for _ in 0..110 {
        let recording = story::record(&running.live, call);
        story::save(&running.live, call, recording);
    }
    running.settle().await;
    // Files that are gone already are no reason to stop.
    let gone = expired(&running.store, a_second_from_now()).await;
    assert_eq!(gone.len(), 110);
    running.stop().await;
}

#[tokio::test]
async fn one_that_cannot_be_removed_holds_up_no_other() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    let (stuck, audio) = kept(&running, call, None).await;
    std::fs::remove_file(&audio).unwrap();
    std::fs::create_dir(&audio).unwrap();
    let (next, other) = kept(&running, call, None).await;
    let gone = expired(&running.store, a_second_from_now()).await;
    assert_eq!(gone, [(next, call)]);
    assert!(!remains(&other));
    let row = running.store.recordings().get(stuck).await.unwrap();
    assert_eq!(row.state, RecordingState::Saved, "tried again");
    std::fs::remove_dir(&audio).unwrap();
    let gone = expired(&running.store, a_second_from_now()).await;
    assert_eq!(gone, [(stuck, call)]);
    running.stop().await;
}

#[tokio::test]
async fn a_queue_keeps_its_recordings_for_a_time_of_its_own() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let recordings = running.store.recordings();
    let mut through_queues = Vec::new();
    for _ in 0..3 {
        let call = story::begin(&running.live);
        let (recording, _) = kept(&running, call, None).await;
        story::end(&running.live, call);
        running.settle().await;
        let queue = recordings.get(recording).await.unwrap().queue.unwrap();
        through_queues.push((recording, queue));
    }
    let (none, _) = kept(&running, story::begin(&running.live), None).await;
    let now = crate::alarm::wall() + SignedDuration::from_hours(3);
    let hours = Duration::from_hours;
    let retention = Retention {
        usual: Duration::ZERO,
        queues: [
            (through_queues[0].1, hours(2)),
            (through_queues[1].1, hours(4)),
        ]
        .into(),
    };
    let mut gone = Vec::new();
    let removed = |recording, _| gone.push(recording);
    recordings.expire(now, &retention, removed).await.unwrap();
    assert_eq!(
        gone,
        [through_queues[0].0],
        "the others are kept longer, or for ever"
    );
    let retention = Retention {
        usual: hours(1),
        queues: [(through_queues[1].1, Duration::ZERO)].into(),
    };
    let mut gone = Vec::new();
    let removed = |recording, _| gone.push(recording);
    recordings.expire(now, &retention, removed).await.unwrap();
    assert_eq!(gone, [none, through_queues[2].0]);
    running.stop().await;
}

#[tokio::test]
async fn one_that_failed_at_its_end_is_removed_with_all_it_left() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    let failed = story::record(&running.live, call);
    running.live.publish(EventKind::RecordingFailed {
        recording: failed,
        call,
        reason: "cannot finish the file".to_owned(),
    });
    running.settle().await;
    let inside = running.store.recordings_folder();
    for ending in ["part", "key", "peaks", "peaks.part"] {
        let file = format!("{failed}.mp3.sealed.{ending}");
        std::fs::write(inside.join(file), "left").unwrap();
    }
    running.store.recordings().delete(failed).await.unwrap();
    assert_eq!(std::fs::read_dir(&inside).unwrap().count(), 0);
    running.stop().await;
}

#[tokio::test]
async fn a_removed_recording_leaves_no_key_in_the_database() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    let recordings = running.store.recordings();
    let seals = [running.store.new_seal(), running.store.new_seal()];
    let (removed, _) = kept(&running, call, Some(&seals[0].wrapped)).await;
    let (expires, _) = kept(&running, call, Some(&seals[1].wrapped)).await;
    recordings.adopt_keys().await.unwrap();
    let holds = |seal: &Seal| {
        let files = ["offhook.db", "offhook.db-wal"].map(|name| folder.path().join(name));
        let bytes: Vec<u8> = files
            .iter()
            .flat_map(|file| std::fs::read(file).unwrap())
            .collect();
        let key = seal.wrapped.as_bytes();
        bytes.windows(key.len()).any(|window| window == key)
    };
    assert!(seals.iter().all(holds));
    recordings.delete(removed).await.unwrap();
    assert!(!holds(&seals[0]) && holds(&seals[1]));
    let gone = expired(&running.store, a_second_from_now()).await;
    assert_eq!(gone, [(expires, call)]);
    assert!(!holds(&seals[1]));
    running.stop().await;
}

#[tokio::test]
async fn a_key_that_cannot_be_read_holds_up_no_other_and_one_just_taken_in_is_found() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    let recordings = running.store.recordings();
    let seal = running.store.new_seal();
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(kept(&running, call, Some(&seal.wrapped)).await);
    }
    all.sort();
    let unreadable = key_path(&all[0].1);
    std::fs::remove_file(&unreadable).unwrap();
    std::fs::create_dir(&unreadable).unwrap();
    let before = recordings.get(all[1].0).await.unwrap();
    recordings.adopt_keys().await.unwrap();
    for (_, audio) in &all[1..] {
        assert!(!key_path(audio).exists());
    }
    assert!(before.sealed_key.is_none());
    assert!(recordings.key(&before).await.unwrap().is_some());
    std::fs::remove_dir(&unreadable).unwrap();
    std::fs::write(&unreadable, &seal.wrapped).unwrap();
    recordings.adopt_keys().await.unwrap();
    assert!(!unreadable.exists(), "tried again");
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
