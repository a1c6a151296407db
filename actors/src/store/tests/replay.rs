//! Crashes: of the process, of the actor, in the middle of a line.

use std::io::Write as _;

use offhook_core::EventKind;
use offhook_core::cause::HangupCause;
use offhook_core::event::EndedBy;
use offhook_core::recording::RecordingEnd;

use super::*;

/// A folder in which a call was made, recorded in the journal, and not brought to the database.
async fn killed(tell: impl FnOnce(&Live)) -> TempDir {
    let folder = TempDir::new().unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    tell(&Live::new(&store));
    let journal = store.journal().unwrap();
    journal.wait_durable().await;
    let left = TempDir::new().unwrap();
    copy_folder(folder.path(), left.path());
    left
}

async fn count(store: &Store) -> u64 {
    store.cdrs().count(&CdrFilter::default()).await.unwrap()
}

fn segments(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder.join("journal")).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[tokio::test]
async fn a_call_in_the_journal_survives_kill_9_once() {
    let mut calls = Vec::new();
    let folder = killed(|live| calls = (0..20).map(|_| story::whole(live)).collect()).await;
    for _restart in 0..3 {
        let running = Running::start(folder.path()).await;
        running.actor.cast(StoreMsg::Wake).unwrap();
        story::whole(&running.live);
        running.settle().await;
        for call in &calls {
            running.store.cdrs().get(*call).await.unwrap();
        }
        running.stop().await;
    }
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(count(&store).await, 23);
}

#[tokio::test]
async fn positions_go_on_where_the_last_run_ended() {
    let folder = killed(|live| {
        story::whole(live);
    })
    .await;
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.first_seq(), 7);
    drop(store);
    // Applied and the journal gone: the database knows it too.
    let running = Running::start(folder.path()).await;
    story::whole(&running.live);
    running.stop().await;
    std::fs::remove_dir_all(folder.path().join("journal")).unwrap();
    let store = Store::open(folder.path()).await.unwrap();
    assert_eq!(store.first_seq(), 13);
}

#[tokio::test]
async fn a_line_cut_off_by_a_crash_costs_nothing_else() {
    let mut call = None;
    let folder = killed(|live| call = Some(story::whole(live))).await;
    let segment = segments(folder.path()).pop().unwrap();
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(segment)
        .unwrap();
    file.write_all(br#"{"seq":7,"at":"2026-09-21T14:13:2"#)
        .unwrap();
    drop(file);
    let running = Running::start(folder.path()).await;
    let next = story::whole(&running.live);
    running.settle().await;
    running.store.cdrs().get(call.unwrap()).await.unwrap();
    running.store.cdrs().get(next).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn calls_cut_off_by_a_crash_get_their_records() {
    let mut call = None;
    let folder = killed(|live| call = Some(story::begin(live))).await;
    let call = call.unwrap();
    let running = Running::start(folder.path()).await;
    running.actor.cast(StoreMsg::Wake).unwrap();
    // Something new, to know when all before it is through.
    story::whole(&running.live);
    running.settle().await;
    let cdr = running.store.cdrs().get(call).await.unwrap();
    assert_eq!(cdr.hangup_cause, HangupCause::InternalError);
    assert_eq!(cdr.ended_by, EndedBy::System);
    assert_eq!(
        running.store.timelines().of_call(call).await.unwrap().len(),
        5
    );
    running.stop().await;
}

#[tokio::test]
async fn a_start_with_the_database_locked_skips_nothing() {
    let mut call = None;
    let folder = killed(|live| call = Some(story::begin(live))).await;
    let store = Store::open(folder.path()).await.unwrap();
    let mut lock = outage::lock(folder.path()).await;
    let (actor, _) = Actor::spawn(None, StoreActor, store.clone()).await.unwrap();
    let live = Live::new(&store);
    let running = Running { store, live, actor };
    let next = story::whole(&running.live);
    running.store.0.database.wait_problem().await;
    outage::unlock(&mut lock).await;
    running.settle().await;
    let cdr = running.store.cdrs().get(call.unwrap()).await.unwrap();
    assert_eq!(cdr.hangup_cause, HangupCause::InternalError);
    running.store.cdrs().get(next).await.unwrap();
    running.stop().await;
}

#[tokio::test]
async fn recordings_cut_off_by_a_crash_are_saved_if_their_file_is_there() {
    let (mut call, mut there, mut gone) = (None, None, None);
    let folder = killed(|live| {
        let begun = story::begin(live);
        there = Some(story::record(live, begun));
        gone = Some(story::record(live, begun));
        call = Some(begun);
    })
    .await;
    let (there, gone) = (there.unwrap(), gone.unwrap());
    let day = folder.path().join("recordings/2026-11-21");
    std::fs::create_dir_all(&day).unwrap();
    let mut wav = vec![0_u8; 44 + 32_000 * 3];
    let header = offhook_media::container::wav::WavHeader::pcm16(2, 8000);
    wav[..44].copy_from_slice(&header.to_bytes());
    std::fs::write(day.join(format!("{there}.wav")), wav).unwrap();

    let running = Running::start(folder.path()).await;
    story::whole(&running.live);
    running.settle().await;
    let saved = running.store.recordings().get(there).await.unwrap();
    assert_eq!(saved.state, RecordingState::Saved);
    assert_eq!(saved.milliseconds, 3_000);
    assert!(running.store.recordings().path(&saved).unwrap().exists());
    let lost = running.store.recordings().get(gone).await.unwrap();
    assert_eq!(lost.state, RecordingState::Failed);
    let cdr = running.store.cdrs().get(call.unwrap()).await.unwrap();
    assert_eq!(cdr.recordings, [there]);
    running.stop().await;
}

#[tokio::test]
async fn a_recording_that_was_growing_is_interrupted_although_nobody_had_heard_of_it() {
    let (mut growing, mut whole) = (None, None);
    let folder = killed(|live| {
        let begun = story::begin(live);
        growing = Some(story::record(live, begun));
        whole = Some(story::record(live, begun));
    })
    .await;
    let (growing, whole) = (growing.unwrap(), whole.unwrap());
    let recordings = folder.path().join("recordings");
    let mut wav = vec![0_u8; 44 + 32_000];
    let header = offhook_media::container::wav::WavHeader::pcm16(2, 8000);
    wav[..44].copy_from_slice(&header.to_bytes());
    std::fs::write(recordings.join(format!("{whole}.wav")), &wav).unwrap();
    std::fs::write(recordings.join(format!("{growing}.wav.part")), &wav).unwrap();
    // Whoever opened this would wait for ever: what is not asked for is not looked into.
    let foreign = recordings.join(format!("{}.wav", RecordingId::random()));
    let made = std::process::Command::new("mkfifo").arg(&foreign).status();
    assert!(made.unwrap().success());

    let store = Store::open(folder.path()).await.unwrap();
    let live = Live::new(&store);
    let unlisted = crate::recording::announce_recovered(&store, &live).await;
    assert_eq!(unlisted.len(), 1, "the database has not heard of it");
    let (actor, _) = Actor::spawn(None, StoreActor, store.clone()).await.unwrap();
    story::whole(&live);
    assert!(store.settle(PATIENCE).await);
    let end = async |recording| store.recordings().get(recording).await.unwrap().end;
    assert_eq!(end(growing).await, RecordingEnd::Interrupted);
    assert_eq!(end(whole).await, RecordingEnd::Complete);
    actor.stop_and_wait(None, Some(PATIENCE)).await.unwrap();
}

#[tokio::test]
async fn a_store_actor_that_falls_loses_and_doubles_nothing() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let before = story::whole(&running.live);
    let across = story::begin(&running.live);
    let recording = story::record(&running.live, across);
    running.settle().await;
    running.store.cdrs().get(before).await.unwrap();

    running.actor.cast(StoreMsg::Panic).unwrap();
    running.actor.wait(Some(PATIENCE)).await.unwrap();
    let meanwhile = story::whole(&running.live);
    let (actor, _) = Actor::spawn(None, StoreActor, running.store.clone())
        .await
        .unwrap();
    let running = Running { actor, ..running };
    running.settle().await;
    let goes_on = running.store.recordings().get(recording).await.unwrap();
    assert_eq!(goes_on.state, RecordingState::Recording);
    let goes_on = running.store.cdrs().get(across).await;
    assert!(matches!(goes_on, Err(StoreError::NotFound { .. })));

    story::end(&running.live, across);
    running.settle().await;
    for call in [before, across, meanwhile] {
        running.store.cdrs().get(call).await.unwrap();
    }
    let cdr = running.store.cdrs().get(across).await.unwrap();
    assert_eq!(cdr.hangup_cause, HangupCause::NormalClearing);
    assert_eq!(cdr.recordings, [recording]);
    assert_eq!(count(&running.store).await, 3);
    running.stop().await;
}

#[tokio::test]
async fn a_record_that_was_deleted_is_not_brought_back_by_a_restart() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    let recording = story::record(&running.live, call);
    story::end(&running.live, call);
    story::save(&running.live, call, recording);
    running.settle().await;
    running.store.recordings().delete(recording).await.unwrap();
    running.stop().await;

    let running = Running::start(folder.path()).await;
    story::whole(&running.live);
    running.settle().await;
    let gone = running.store.recordings().get(recording).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })), "{gone:?}");
    assert_eq!(running.store.cdrs().get(call).await.unwrap().recordings, []);
    running.stop().await;
}

#[tokio::test]
async fn a_long_call_outlives_the_segments_it_began_in() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let long = story::begin(&running.live);
    let reason = "x".repeat(2_000);
    // More than two segments of other things.
    for round in 0..10_000 {
        running.live.publish(EventKind::DirectoryChanged {
            resource: reason.clone(),
            id: "queue".to_owned(),
        });
        if round % 2_000 == 0 {
            running.settle().await;
        }
    }
    running.settle().await;
    let left = segments(folder.path());
    assert_eq!(left.len(), 1, "{left:?}");

    // And a crash in the middle of it.
    running.store.journal().unwrap().wait_durable().await;
    let crashed = TempDir::new().unwrap();
    copy_folder(folder.path(), crashed.path());
    story::end(&running.live, long);
    running.settle().await;
    let cdr = running.store.cdrs().get(long).await.unwrap();
    assert_eq!(cdr.hangup_cause, HangupCause::NormalClearing);
    running.stop().await;

    let running = Running::start(crashed.path()).await;
    story::whole(&running.live);
    running.settle().await;
    let cdr = running.store.cdrs().get(long).await.unwrap();
    assert_eq!(cdr.hangup_cause, HangupCause::InternalError);
    assert_eq!(
        running.store.timelines().of_call(long).await.unwrap().len(),
        5
    );
    running.stop().await;
}
