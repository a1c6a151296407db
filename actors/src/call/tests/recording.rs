//! What is recorded unasked, from when on, and how often it beeps.

use std::time::Duration;

use offhook_core::LegId;
use offhook_core::directory::Office as Lists;
use offhook_core::recording::{AudioFormat, Layout, OwnStyle, RecordingStart};

use super::fixture::{Fixture, g711, sdp};
use crate::call::{CallCommand, CallError, CallInput, MediaEffect};

const MONO_MP3: OwnStyle = OwnStyle {
    format: Some(AudioFormat::Mp3),
    layout: Some(Layout::Mono),
};

/// 1000 dials 1001, whose talks are recorded.
fn dials_who_is_recorded() -> Fixture {
    dials("1001", |lists| records(lists, "1001"))
}

fn dials(dialled: &str, change: impl FnOnce(&mut Lists)) -> Fixture {
    Fixture::under(g711(), change, dialled, &sdp(6000, "sendrecv"))
}

fn records(lists: &mut Lists, number: &str) {
    let extension = lists.extensions.iter_mut().find(|one| one.number == number);
    let extension = extension.unwrap();
    extension.record = true;
    extension.record_style = MONO_MP3;
}

/// Both sides of each recording that was begun, and what it is like.
fn begun(call: &Fixture) -> Vec<(LegId, Option<LegId>, OwnStyle)> {
    let mut begun = Vec::new();
    for effect in &call.media {
        if let MediaEffect::Record {
            left, right, style, ..
        } = effect
        {
            begun.push((*left, *right, *style));
        }
    }
    begun
}

/// Who came to the right side later.
fn came(call: &Fixture) -> Vec<LegId> {
    let mut came = Vec::new();
    for effect in &call.media {
        if let MediaEffect::RecordRight { right, .. } = effect {
            came.push(*right);
        }
    }
    came
}

fn beeps(call: &Fixture) -> usize {
    let beeps = |effect: &&MediaEffect| matches!(effect, MediaEffect::Beep { .. });
    call.media.iter().filter(beeps).count()
}

#[test]
fn an_extension_is_recorded_as_it_says_whoever_calls() {
    for recorded in ["1000", "1001"] {
        let mut call = dials("1001", |lists| records(lists, recorded));
        let phone = call.last_rung();
        call.phone_rings(phone);
        assert_eq!(begun(&call), [], "nobody talks");
        call.phone_answers(phone);
        let sides = (call.leg(0), Some(call.leg(phone)), MONO_MP3);
        assert_eq!(begun(&call), [sides], "{recorded}");
    }
    let mut call = dials("1001", |_| ());
    let phone = call.last_rung();
    call.phone_answers(phone);
    assert_eq!(begun(&call), []);
}

#[test]
fn a_queue_is_recorded_as_it_says_and_not_as_its_agents_do() {
    let opus = OwnStyle {
        format: Some(AudioFormat::Opus),
        layout: None,
    };
    let mut call = dials("301", |lists| {
        records(lists, "1001");
        lists.queues[0].record_style = opus;
    });
    let (_, phone) = call.queue_rings(call.ids.agent);
    call.phone_answers(phone);
    assert_eq!(begun(&call), [(call.leg(0), Some(call.leg(phone)), opus)]);
}

#[test]
fn a_recording_may_begin_when_it_rings_and_gets_its_other_side_with_the_answer() {
    let mut call = dials_who_is_recorded();
    call.call.recording_rules.start = RecordingStart::Ring;
    let phone = call.last_rung();
    assert_eq!(begun(&call), []);
    call.phone_rings(phone);
    assert_eq!(begun(&call), [(call.leg(0), None, MONO_MP3)]);
    assert_eq!(came(&call), []);
    call.phone_answers(phone);
    assert_eq!(came(&call), [call.leg(phone)]);
    assert_eq!(begun(&call).len(), 1);
    assert!(call.is_recorded());
}

#[test]
fn early_media_is_recorded_from_the_ring_on() {
    let mut call = dials("1001", |lists| records(lists, "1000"));
    call.call.recording_rules.start = RecordingStart::Ring;
    let phone = call.last_rung();
    call.phone_sends_early_media(phone);
    assert_eq!(begun(&call).len(), 1);
    let heard = came(&call).len();
    call.phone_answers(phone);
    assert_eq!(came(&call).len(), heard + 1);
    assert_eq!(begun(&call).len(), 1);
}

#[test]
fn a_recording_from_the_ring_on_ends_when_nobody_answers() {
    let mut call = dials_who_is_recorded();
    call.call.recording_rules.start = RecordingStart::Ring;
    let phone = call.last_rung();
    call.phone_rings(phone);
    assert!(call.is_recorded());
    call.phone_refuses(phone, 486);
    assert!(!call.is_recorded());
    assert_eq!(begun(&call).len(), 1);
}

#[test]
fn both_hear_a_beep_now_and_then_while_they_are_recorded() {
    let mut call = dials_who_is_recorded();
    call.call.recording_rules.beep = Duration::from_secs(15);
    let phone = call.last_rung();
    call.phone_answers(phone);
    call.caller_acknowledges();
    assert_eq!(beeps(&call), 1, "at once");
    call.waits(Duration::from_secs(31));
    assert_eq!(beeps(&call), 3);
    // What is said in a pause is recorded by nobody.
    call.handle(CallInput::Command(CallCommand::PauseRecording));
    call.waits(Duration::from_secs(15));
    assert_eq!(beeps(&call), 3);
    call.handle(CallInput::Command(CallCommand::ResumeRecording));
    call.waits(Duration::from_secs(15));
    assert_eq!(beeps(&call), 4);
    call.handle(CallInput::Command(CallCommand::StopRecording));
    call.waits(Duration::from_secs(60));
    assert_eq!(beeps(&call), 4);
}

#[test]
fn one_leg_alone_is_recorded_when_somebody_wants_that() {
    let (mut call, phone) = Fixture::talking();
    let stranger = CallCommand::RecordLeg(call.leg(99));
    assert_eq!(call.call.permits(&stranger), Err(CallError::NotTalking));
    let wish = CallCommand::RecordLeg(call.leg(phone));
    assert_eq!(call.call.permits(&wish), Ok(()));
    call.handle(CallInput::Command(wish.clone()));
    call.handle(CallInput::Command(wish));
    let mono = OwnStyle {
        layout: Some(Layout::Mono),
        ..OwnStyle::default()
    };
    assert_eq!(begun(&call), [(call.leg(phone), None, mono)]);
    // The other side was not meant.
    call.handle(CallInput::Command(CallCommand::StartRecording));
    assert_eq!(begun(&call).len(), 1);
    assert_eq!(came(&call), []);
}
