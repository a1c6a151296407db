//! What is told of audio that found no room.

use std::time::{Duration, Instant};

use super::*;
use crate::engine::config::EngineConfig;
use crate::engine::leg::LegTap;
use crate::engine::record::recorder::Recorder;
use crate::engine::record::running::{Handed, Running, WriterHandle};
use crate::graph::recording::Recording;
use crate::graph::tap::Side;
use crate::test_time::epoch;

#[test]
fn what_a_slow_writer_has_no_room_for_becomes_one_gap() {
    let (jobs, told) = channel();
    let backlog = Arc::new(Backlog::default());
    let writer = WriterHandle {
        jobs,
        backlog: backlog.clone(),
    };
    let style = wav();
    let recording = RecordingId::random();
    let mut running = Running {
        call: CallId::random(),
        style,
        line: Recording::new(style.layout, style.rate, Keys::Kept, epoch()),
        pending: Vec::new(),
        written: epoch(),
        writer: 0,
        left_out: 0,
        missed: Duration::ZERO,
        legs: 2,
        heard: true,
    };
    let mut hands_over = |samples: usize| {
        running.pending = vec![0; 2 * samples];
        running.hand_over(recording, &writer)
    };
    // 16 MB are four million pairs of samples.
    assert_eq!(hands_over(4 << 20), Handed::Over);
    assert_eq!(hands_over(2000), Handed::NoMore);
    assert_eq!(hands_over(500), Handed::StillNoMore);
    let Ok(Job::Audio(_, waited)) = told.try_recv() else {
        panic!("the audio before");
    };
    assert!(told.try_recv().is_err(), "nothing is told in between");
    backlog.remove(&waited[..(6 << 20)]);
    assert_eq!(hands_over(100), Handed::Over);
    assert!(matches!(told.try_recv(), Ok(Job::Gap(gap, 2500)) if gap == recording));
    assert!(matches!(told.try_recv(), Ok(Job::Audio(_, pcm)) if pcm.len() == 200));
}

#[test]
fn what_a_ring_had_no_room_for_is_missing_and_told_once() {
    let folder = tempfile::tempdir().unwrap();
    let config = EngineConfig {
        recordings: folder.path().to_owned(),
        ..EngineConfig::default()
    };
    let outbox = Outbox::new(Wake::new(Arc::new(|| {})));
    let mut events = EngineEvents {
        rings: Vec::new(),
        outbox: outbox.clone(),
        next: 0,
    };
    let disk = Arc::new(FileSystem);
    let counted = Arc::default();
    let (recorder, commands) = Recorder::new(
        &config,
        disk,
        &outbox,
        &Arc::default(),
        Arc::clone(&counted),
    );
    let recording = RecordingId::random();
    let begin = Begin {
        recording,
        call: CallId::random(),
        style: wav(),
        keys: Keys::Kept,
        seal: None,
        name: file_name(recording, wav(), None),
    };
    let second = Duration::from_secs(1);
    for command in [
        RecorderCommand::Start(Box::new(begin), 1),
        RecorderCommand::LegJoined(recording),
        RecorderCommand::Missed(recording, second),
        RecorderCommand::Missed(recording, second / 2),
        RecorderCommand::LegEnded(recording),
    ] {
        commands.send(command).unwrap();
    }
    let thread = thread::spawn(move || recorder.run(Vec::new()));
    commands.send(RecorderCommand::Shutdown).unwrap();
    thread.join().unwrap();
    let told: Vec<_> = std::iter::from_fn(|| events.pop()).collect();
    let [
        EngineEvent::RecordingDegraded { .. },
        EngineEvent::RecordingSaved {
            missing_milliseconds,
            ..
        },
    ] = told[..]
    else {
        panic!("{told:?}");
    };
    assert_eq!(missing_milliseconds, 1500);
    assert_eq!(counted.load(std::sync::atomic::Ordering::Relaxed), 1);
}

#[test]
fn a_tap_tells_of_the_first_miss_at_once_and_of_the_others_at_its_end() {
    let mut tap = LegTap::new(RecordingId::random(), Side::Left);
    let frame = Duration::from_millis(20);
    assert_eq!(tap.untold(), None);
    assert_eq!(tap.miss(frame), Some(frame));
    assert_eq!(tap.untold(), None);
    assert_eq!(tap.miss(frame), None);
    assert_eq!(tap.miss(frame), None);
    assert_eq!(tap.untold(), Some(2 * frame));
}

/// Made-up time, as far as it goes: what is written lies behind by the delay of the line.
#[test]
fn a_pause_that_is_told_late_says_by_how_much() {
    let at = |milliseconds| -> Instant { epoch() + Duration::from_millis(milliseconds) };
    let mut line = Recording::new(Layout::Mono, RecordingRate::Narrow, Keys::Kept, epoch());
    let mut out = Vec::new();
    line.advance(at(1000), &mut out);
    assert_eq!(out.len(), 700 * 8);
    assert_eq!(line.pause(at(500)), Duration::from_millis(200));
    line.resume(at(800));
    assert_eq!(line.pause(at(900)), Duration::ZERO);
}
