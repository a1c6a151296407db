//! From published events to records that can be read.

use offhook_core::EventKind;
use offhook_core::cdr::Disposition;
use offhook_core::directory::AgentState;
use offhook_core::id::{AgentId, QueueId};
use offhook_core::recording::RecordingEnd;

use super::*;
use crate::store::records::{Records, Write};

async fn all(store: &Store) -> Vec<offhook_core::cdr::Cdr> {
    let filter = CdrFilter::default();
    store
        .cdrs()
        .list(&filter, &Page::first())
        .await
        .unwrap()
        .items
}

#[tokio::test]
async fn a_record_can_be_read_soon_after_the_call() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::whole(&running.live);
    // The promise is one second; a loaded build machine gets some more.
    assert!(running.store.settle(Duration::from_secs(5)).await);
    let cdr = running.store.cdrs().get(call).await.unwrap();
    assert_eq!(cdr.disposition, Disposition::Answered);
    let timeline = running.store.timelines().of_call(call).await.unwrap();
    assert_eq!(timeline.len(), 6);
    assert!(matches!(timeline[5].kind, EventKind::CallEnded { .. }));
    assert!(running.store.health().is_good());
    assert_eq!(running.store.health().pending_events, 0);
    running.stop().await;
}

#[tokio::test]
async fn records_are_found_by_what_is_known_of_them() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let calls: Vec<_> = (0..5).map(|_| story::whole(&running.live)).collect();
    running.settle().await;
    let cdrs = running.store.cdrs();
    let newest = all(&running.store).await;
    let order: Vec<_> = newest.iter().map(|cdr| cdr.id).collect();
    assert_eq!(order, calls.iter().rev().copied().collect::<Vec<_>>());

    let third = cdrs.get(calls[2]).await.unwrap();
    let only_third = [
        CdrFilter {
            queue: third.queue,
            ..CdrFilter::default()
        },
        CdrFilter {
            agent: third.agent,
            ..CdrFilter::default()
        },
        CdrFilter {
            since: Some(third.started_at),
            until: Some(newest[1].started_at),
            ..CdrFilter::default()
        },
    ];
    for filter in only_third {
        let found = cdrs.list(&filter, &Page::first()).await.unwrap().items;
        assert_eq!(found, std::slice::from_ref(&third), "{filter:?}");
        assert_eq!(cdrs.count(&filter).await.unwrap(), 1);
    }
    for filter in [
        CdrFilter {
            number: Some("+4934556643378".to_owned()),
            disposition: Some(Disposition::Answered),
            ..CdrFilter::default()
        },
        CdrFilter {
            from: Some("+491761234567".to_owned()),
            to: Some("+4934556643378".to_owned()),
            ..CdrFilter::default()
        },
    ] {
        assert_eq!(cdrs.count(&filter).await.unwrap(), 5, "{filter:?}");
    }
    let none = CdrFilter {
        disposition: Some(Disposition::Abandoned),
        ..CdrFilter::default()
    };
    assert_eq!(cdrs.count(&none).await.unwrap(), 0);

    let mut page = Page {
        cursor: None,
        limit: 2,
    };
    let mut paged = Vec::new();
    loop {
        let listing = cdrs.list(&CdrFilter::default(), &page).await.unwrap();
        paged.extend(listing.items);
        page.cursor = listing.next_cursor;
        if page.cursor.is_none() {
            break;
        }
    }
    assert_eq!(paged, newest);
    running.stop().await;
}

#[tokio::test]
async fn a_recording_is_listed_saved_and_removed() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    let recording = story::record(&running.live, call);
    running.settle().await;
    let recordings = running.store.recordings();
    let found = recordings.get(recording).await.unwrap();
    assert_eq!(found.state, RecordingState::Recording);
    let busy = recordings.delete(recording).await;
    assert!(matches!(busy, Err(StoreError::InUse { .. })), "{busy:?}");

    story::end(&running.live, call);
    story::save(&running.live, call, recording);
    running.settle().await;
    let found = recordings.get(recording).await.unwrap();
    assert_eq!(found.state, RecordingState::Saved);
    let cdr = running.store.cdrs().get(call).await.unwrap();
    assert_eq!(cdr.recordings, [recording]);
    assert_eq!((found.queue, found.agent), (cdr.queue, cdr.agent));
    let path = recordings.path(&found).unwrap();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, "audio").unwrap();
    let filter = RecordingFilter {
        agent: found.agent,
        ..RecordingFilter::default()
    };
    let listed = recordings.list(&filter, &Page::first()).await.unwrap();
    assert_eq!(listed.items, [found]);

    recordings.delete(recording).await.unwrap();
    assert!(!path.exists());
    assert_eq!(running.store.cdrs().get(call).await.unwrap().recordings, []);
    let gone = recordings.get(recording).await;
    assert!(matches!(gone, Err(StoreError::NotFound { .. })));
    running.stop().await;
}

#[tokio::test]
async fn a_recording_that_failed_late_leaves_the_record() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let call = story::begin(&running.live);
    let recording = story::record(&running.live, call);
    story::end(&running.live, call);
    running.live.publish(EventKind::RecordingFailed {
        recording,
        call,
        reason: "disk full".to_owned(),
    });
    running.settle().await;
    assert_eq!(running.store.cdrs().get(call).await.unwrap().recordings, []);
    let found = running.store.recordings().get(recording).await.unwrap();
    assert_eq!(found.state, RecordingState::Failed);
    assert_eq!(found.failure.as_deref(), Some("disk full"));
    running.stop().await;
}

#[test]
fn a_file_name_cannot_lead_out_of_the_recordings_folder() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (_folder, store) = runtime.block_on(fresh());
    let mut recording = Recording {
        id: RecordingId::random(),
        call: offhook_core::CallId::random(),
        state: RecordingState::Saved,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        queue: None,
        agent: None,
        file: Some("2026/a.wav".to_owned()),
        milliseconds: 0,
        bytes: 0,
        failure: None,
        end: RecordingEnd::Complete,
        missing_milliseconds: 0,
        pauses: Vec::new(),
        sealed_key: None,
    };
    assert!(store.recordings().path(&recording).is_some());
    for bad in ["../secret.key", "/etc/passwd", "2026/../../secret.key"] {
        recording.file = Some(bad.to_owned());
        assert_eq!(store.recordings().path(&recording), None, "{bad}");
    }
}

#[test]
fn events_that_are_read_twice_count_once() {
    let call = offhook_core::CallId::random();
    let mut events = Vec::new();
    for (seq, kind) in (1..).zip(story::kinds(call)) {
        // A second apart, so that a wait counted twice would show.
        let at = jiff::Timestamp::from_second(1_790_000_000 + seq).unwrap();
        let seq = u64::try_from(seq).unwrap();
        events.push(offhook_core::Event { seq, at, kind });
    }
    let mut read = Records::default();
    let mut writes = Vec::new();
    for event in &events {
        read.apply(event, &mut writes);
    }
    let [Write::Timeline { .. }, Write::Cdr(once)] = &writes[..] else {
        panic!("{writes:?}");
    };
    assert_eq!(once.wait_seconds, 1.0);

    let mut again = Records::default();
    let mut writes = Vec::new();
    for event in events[..5].iter().chain(&events[1..]) {
        again.apply(event, &mut writes);
    }
    let Write::Cdr(twice) = &writes[1] else {
        panic!("{writes:?}");
    };
    assert_eq!(twice, once);
}

#[tokio::test]
async fn an_agents_day_can_be_read_back() {
    let folder = TempDir::new().unwrap();
    let running = Running::start(folder.path()).await;
    let agent = AgentId::random();
    let mut published = Vec::new();
    for state in [
        AgentState::Ready,
        AgentState::OnBreak,
        AgentState::LoggedOut,
    ] {
        let event = running.live.publish(EventKind::AgentStateChanged {
            agent,
            state,
            reason: None,
            call: None,
        });
        published.push((*event).clone());
    }
    running.live.publish(EventKind::QueueRecovered {
        queue: QueueId::random(),
    });
    running.settle().await;
    let since = jiff::Timestamp::UNIX_EPOCH;
    let read = running
        .store
        .timelines()
        .of_agent(agent, since, 100)
        .await
        .unwrap();
    assert_eq!(read, published);
    running.stop().await;
}
