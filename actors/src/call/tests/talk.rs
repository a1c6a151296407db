use offhook_core::HangupCause;
use offhook_core::event::{EndedBy, EventKind};
use offhook_media::engine::Source;

use super::fixture::Fixture;
use crate::call::{CallCommand, CallError, CallInput, MediaEffect, MediaInput};

fn music() -> Source {
    Source::HoldMusic("default".into())
}

#[test]
fn the_callers_hold_button_plays_music_to_the_other_side() {
    for direction in ["sendonly", "inactive"] {
        let (mut call, phone) = Fixture::talking();
        call.caller_reoffers(direction);
        assert_eq!(call.statuses.last(), Some(&200));
        assert_eq!(call.last_source(phone), Some(&music()), "{direction}");
        assert_eq!(call.last_source(0), Some(&Source::Silence));
        assert!(call.events.contains(&EventKind::LegHeld {
            leg: call.leg(phone)
        }));
        call.caller_reoffers("sendrecv");
        assert_eq!(call.bridges(), 2);
        assert!(call.events.contains(&EventKind::LegResumed {
            leg: call.leg(phone)
        }));
    }
}

#[test]
fn a_phone_holds_by_its_answer_to_an_offer_it_asked_for() {
    let (mut call, phone) = Fixture::talking();
    call.caller_asks_for_offer(Some("sendonly"));
    assert_eq!(call.last_source(phone), Some(&music()));
    call.caller_asks_for_offer(Some("sendrecv"));
    assert_eq!(call.bridges(), 2);
}

#[test]
fn an_offer_that_is_never_answered_is_forgotten() {
    let (mut call, phone) = Fixture::talking();
    call.caller_asks_for_offer(None);
    call.caller_reoffers("sendonly");
    assert_eq!(
        call.statuses.last(),
        Some(&200),
        "no glare with what is over"
    );
    assert_eq!(call.last_source(phone), Some(&music()));
}

#[test]
fn who_answers_a_caller_on_hold_hears_music() {
    let mut call = Fixture::from_staff("301");
    call.caller_acknowledges();
    call.caller_reoffers("sendonly");
    let (_, phone) = call.queue_rings(call.ids.agent);
    call.phone_answers(phone);
    let heard = call.last_source(phone);
    assert!(matches!(heard, Some(Source::HoldMusic(_))), "{heard:?}");
    call.caller_reoffers("sendrecv");
    assert_eq!(call.bridges(), 2);
}

#[test]
fn a_late_offer_that_is_never_answered_ends_the_call() {
    let mut call = Fixture::with_offer("*43", &bytes::Bytes::new());
    call.caller_acknowledges();
    assert_eq!(call.ended(), Some(HangupCause::ProtocolError));
    assert_eq!(call.sent_to(0), ["BYE"]);
    call.leaves_nothing();
}

#[test]
fn an_operator_holds_the_caller_and_lets_them_talk_again() {
    let (mut call, _) = Fixture::talking();
    call.handle(CallInput::Command(CallCommand::Hold));
    assert_eq!(call.last_source(0), Some(&music()));
    call.handle(CallInput::Command(CallCommand::Hold));
    let held = |event: &&EventKind| matches!(event, EventKind::LegHeld { .. });
    assert_eq!(call.events.iter().filter(held).count(), 1, "twice is once");
    call.handle(CallInput::Command(CallCommand::Unhold));
    assert_eq!(call.bridges(), 2);
}

#[test]
fn whom_two_hold_is_taken_back_when_the_second_lets_go() {
    let (mut call, phone) = Fixture::talking();
    call.phone_reoffers(phone, "sendonly");
    call.handle(CallInput::Command(CallCommand::Hold));
    let held = EventKind::LegHeld { leg: call.leg(0) };
    let resumed = EventKind::LegResumed { leg: call.leg(0) };
    let count = |call: &Fixture, wanted| call.events.iter().filter(|e| *e == wanted).count();
    assert_eq!(count(&call, &held), 1, "once held is held");
    call.phone_reoffers(phone, "sendrecv");
    assert_eq!(count(&call, &resumed), 0, "the operator still holds");
    assert_eq!(call.last_source(0), Some(&music()));
    call.handle(CallInput::Command(CallCommand::Unhold));
    assert_eq!(count(&call, &resumed), 1);
    assert_eq!(call.bridges(), 2);
}

#[test]
fn both_must_let_go_before_they_talk_again() {
    let (mut call, _) = Fixture::talking();
    call.handle(CallInput::Command(CallCommand::Hold));
    call.caller_reoffers("sendonly");
    call.handle(CallInput::Command(CallCommand::Unhold));
    assert_eq!(call.bridges(), 1);
    call.caller_reoffers("sendrecv");
    assert_eq!(call.bridges(), 2);
}

#[test]
fn a_wish_that_cannot_be_met_is_refused() {
    let mut call = Fixture::from_staff("1001");
    assert_eq!(
        call.call.permits(&CallCommand::Hold),
        Err(CallError::NotTalking)
    );
    assert_eq!(
        call.call.permits(&CallCommand::StartRecording),
        Err(CallError::NotTalking)
    );
    let hang_up = CallCommand::HangUp(HangupCause::Administrative);
    assert_eq!(call.call.permits(&hang_up), Ok(()));
    call.handle(CallInput::Command(hang_up.clone()));
    assert_eq!(call.call.permits(&hang_up), Err(CallError::NotFound));
}

#[test]
fn a_recording_can_be_started_and_stopped_once() {
    let (mut call, _) = Fixture::talking();
    for _ in 0..2 {
        call.handle(CallInput::Command(CallCommand::StartRecording));
    }
    for _ in 0..2 {
        call.handle(CallInput::Command(CallCommand::StopRecording));
    }
    let records = call
        .media
        .iter()
        .filter(|e| matches!(e, MediaEffect::Record { .. }))
        .count();
    let stops = call
        .media
        .iter()
        .filter(|e| matches!(e, MediaEffect::StopRecording(_)))
        .count();
    assert_eq!((records, stops), (1, 1));
}

#[test]
fn a_recording_that_ended_by_itself_can_be_started_again() {
    let (mut call, _) = Fixture::talking();
    let started = |call: &Fixture| {
        let mut started = Vec::new();
        for effect in &call.media {
            if let MediaEffect::Record { recording, .. } = effect {
                started.push(*recording);
            }
        }
        started
    };
    let start = || CallInput::Command(CallCommand::StartRecording);
    call.handle(start());
    let failed = started(&call)[0];
    call.handle(CallInput::RecordingOver(failed));
    call.handle(start());
    assert_eq!(started(&call).len(), 2);
    // The end of one that was stopped is not that of the one after it.
    call.handle(CallInput::RecordingOver(failed));
    call.handle(start());
    assert_eq!(started(&call).len(), 2);
    call.handle(CallInput::Command(CallCommand::StopRecording));
    assert!(!call.is_recorded());
}

#[test]
fn a_recording_is_paused_and_resumed_once() {
    let (mut call, _) = Fixture::talking();
    let told = |call: &Fixture| {
        let what = |event: &EventKind| {
            let paused = matches!(event, EventKind::RecordingPaused { .. }).then_some("paused");
            paused.or(matches!(event, EventKind::RecordingResumed { .. }).then_some("resumed"))
        };
        call.events.iter().filter_map(what).collect::<Vec<_>>()
    };
    let wants = |call: &mut Fixture, command: &CallCommand| {
        call.handle(CallInput::Command(command.clone()));
        call.handle(CallInput::Command(command.clone()));
    };
    // What does not run cannot be paused, nor resumed.
    wants(&mut call, &CallCommand::PauseRecording);
    wants(&mut call, &CallCommand::ResumeRecording);
    wants(&mut call, &CallCommand::StartRecording);
    wants(&mut call, &CallCommand::ResumeRecording);
    assert!(call.is_recorded() && !call.is_paused());
    assert!(told(&call).is_empty());

    wants(&mut call, &CallCommand::PauseRecording);
    assert!(call.is_recorded() && call.is_paused());
    wants(&mut call, &CallCommand::ResumeRecording);
    assert!(!call.is_paused());
    assert_eq!(told(&call), ["paused", "resumed"]);

    // A pause ends with its recording: the next one is begun by somebody who wants to keep it.
    wants(&mut call, &CallCommand::PauseRecording);
    wants(&mut call, &CallCommand::StopRecording);
    assert!(!call.is_recorded());
    wants(&mut call, &CallCommand::StartRecording);
    assert!(call.is_recorded() && !call.is_paused());
}

#[test]
fn silence_on_the_line_ends_the_call() {
    let (mut call, phone) = Fixture::talking();
    let leg = call.leg(phone);
    call.handle(CallInput::Media(MediaInput::RtpTimeout { leg }));
    assert_eq!(call.ended(), Some(HangupCause::MediaTimeout));
    assert!(call.events.iter().any(|event| matches!(
        event,
        EventKind::CallEnded {
            ended_by: EndedBy::System,
            ..
        }
    )));
    call.leaves_nothing();
}

#[test]
fn a_call_without_an_offer_gets_ours_in_the_answer() {
    let mut call = Fixture::with_offer("*43", &bytes::Bytes::new());
    assert_eq!(call.statuses, [200]);
    let set = |call: &Fixture| {
        call.media
            .iter()
            .filter(|e| matches!(e, MediaEffect::SetRemote(..)))
            .count()
    };
    assert_eq!(set(&call), 0);
    call.caller_acknowledges_with_answer();
    assert_eq!(set(&call), 1);
}

#[test]
fn the_echo_test_speaks_first_and_then_echoes() {
    let mut call = Fixture::from_staff("*43");
    assert_eq!(call.played(), ["call/echo-test"]);
    call.prompt_ends();
    assert_eq!(call.last_source(0), Some(&Source::Echo));
}
