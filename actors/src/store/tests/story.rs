//! Calls as actors would tell them.

use offhook_core::EventKind;
use offhook_core::cause::HangupCause;
use offhook_core::event::{Direction, EndedBy, QueueExit};
use offhook_core::id::{AgentId, CallId, LegId, QueueId, RecordingId};
use offhook_core::recording::RecordingEnd;

use crate::live::Live;

/// Everything that happens in a call from its start to its end.
pub(super) fn kinds(call: CallId) -> Vec<EventKind> {
    let (queue, agent) = (QueueId::random(), AgentId::random());
    vec![
        EventKind::CallStarted {
            call,
            direction: Direction::Inbound,
            from: "+491761234567".to_owned(),
            from_name: Some("Erika".to_owned()),
            privacy: offhook_core::sip::identity::Privacy::Shown,
            to: "+4934556643378".to_owned(),
            did: None,
            trunk: None,
            sip_call_id: "f00@127.0.0.1".to_owned(),
        },
        EventKind::CallAnswered { call },
        EventKind::CallQueued { call, queue },
        EventKind::CallDequeued {
            call,
            queue,
            exit: QueueExit::Answered,
        },
        EventKind::Bridged {
            call,
            caller: LegId::new(call, 0),
            callee: LegId::new(call, 1),
            agent: Some(agent),
        },
        EventKind::CallEnded {
            call,
            cause: HangupCause::NormalClearing,
            ended_by: EndedBy::Caller,
        },
    ]
}

/// A call from its start until an agent has answered.
pub(super) fn begin(live: &Live) -> CallId {
    let call = CallId::random();
    for kind in kinds(call).into_iter().take(5) {
        live.publish(kind);
    }
    call
}

pub(super) fn end(live: &Live, call: CallId) {
    for kind in kinds(call).into_iter().skip(5) {
        live.publish(kind);
    }
}

/// A whole call.
pub(super) fn whole(live: &Live) -> CallId {
    let call = begin(live);
    end(live, call);
    call
}

pub(super) fn record(live: &Live, call: CallId) -> RecordingId {
    let recording = RecordingId::random();
    live.publish(EventKind::RecordingStarted { recording, call });
    recording
}

pub(super) fn save(live: &Live, call: CallId, recording: RecordingId) {
    live.publish(EventKind::RecordingSaved {
        recording,
        call,
        file: format!("2026/{recording}.wav"),
        milliseconds: 1_000,
        bytes: 32_044,
        end: RecordingEnd::Complete,
        missing_milliseconds: 0,
    });
}
