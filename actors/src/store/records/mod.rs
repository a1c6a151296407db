//! From events to what the database shall hold. This file is pure; [`apply`] reads and writes.

pub(super) mod apply;
mod batch;
mod recover;

use ahash::AHashMap;
use jiff::Timestamp;
use offhook_core::cdr::{Cdr, CdrFold};
use offhook_core::event::{Event, EventKind};
use offhook_core::id::{CallId, LegId, RecordingId};
use offhook_core::recording::RecordingEnd;

/// How many events of one call are kept at most. A caller who waits for hours makes hundreds.
const MAX_TIMELINE: usize = 2000;

/// One thing to write.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) enum Write {
    Cdr(Box<Cdr>),
    Timeline {
        call: CallId,
        /// None while the call goes on.
        ended_at: Option<Timestamp>,
        events: Vec<Event>,
    },
    RecordingStarted {
        recording: RecordingId,
        call: CallId,
        at: Timestamp,
    },
    RecordingSaved {
        recording: RecordingId,
        file: String,
        milliseconds: u64,
        bytes: u64,
        end: RecordingEnd,
        missing_milliseconds: u64,
    },
    /// What is said from then on is left out of it.
    RecordingPaused(RecordingId, Timestamp),
    /// It is heard again.
    RecordingResumed(RecordingId, Timestamp),
    RecordingFailed {
        recording: RecordingId,
        reason: String,
    },
    Event(Event),
}

/// Everything folded so far that has not become a finished row.
#[derive(Debug, Default)]
pub(super) struct Records {
    fold: CdrFold,
    timelines: AHashMap<CallId, Vec<Event>>,
}

/// What a call's timeline says to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    Added,
    /// It was there already: the event is replayed after a restart.
    Known,
    /// The event belongs to no call that goes on.
    Elsewhere,
}

impl Records {
    /// Takes in the next event and adds what to write.
    pub(super) fn apply(&mut self, event: &Event, writes: &mut Vec<Write>) {
        if let EventKind::CallStarted { call, .. } = &event.kind {
            self.timelines.entry(*call).or_default();
        }
        if self.note(event) != Noted::Known {
            self.fold_in(event, writes);
        }
    }

    /// Takes in an event that nobody published: the fate of a recording that a server left behind
    /// when it went down.
    pub(super) fn settle(&mut self, event: &Event, writes: &mut Vec<Write>) {
        self.fold_in(event, writes);
    }

    fn fold_in(&mut self, event: &Event, writes: &mut Vec<Write>) {
        let cdr = self.fold.apply(event);
        if let EventKind::CallEnded { call, .. } = &event.kind {
            self.finish_timeline(*call, event.at, writes);
        }
        writes.extend(write_for(event));
        writes.extend(cdr.map(|cdr| Write::Cdr(Box::new(cdr))));
    }

    /// The timelines of calls that go on, so that they outlive the journal's segments.
    pub(super) fn unfinished(&self) -> Vec<Write> {
        self.timelines
            .iter()
            .map(|(call, events)| Write::Timeline {
                call: *call,
                ended_at: None,
                events: events.clone(),
            })
            .collect()
    }

    /// Ends the calls that began before `first_seq` and go on: the server that held them is gone.
    pub(super) fn interrupt(&mut self, first_seq: u64, writes: &mut Vec<Write>) {
        let began_before = |call: &CallId| {
            let events = self.timelines.get(call);
            events.is_some_and(|events| events.first().is_some_and(|event| event.seq < first_seq))
        };
        let open: Vec<CallId> = self.fold.open_calls().filter(began_before).collect();
        for call in open {
            if let Some(cdr) = self.fold.interrupt(call) {
                self.finish_timeline(call, cdr.ended_at, writes);
                writes.push(Write::Cdr(Box::new(cdr)));
            }
        }
    }

    fn finish_timeline(&mut self, call: CallId, at: Timestamp, writes: &mut Vec<Write>) {
        if let Some(events) = self.timelines.remove(&call) {
            writes.push(Write::Timeline {
                call,
                ended_at: Some(at),
                events,
            });
        }
    }

    /// Adds the event to its call's timeline.
    fn note(&mut self, event: &Event) -> Noted {
        let call = event.kind.call();
        let Some(events) = call.and_then(|call| self.timelines.get_mut(&call)) else {
            return Noted::Elsewhere;
        };
        if events.last().is_some_and(|last| last.seq >= event.seq) {
            return Noted::Known;
        }
        if let Some(leg) = measured_leg(event) {
            // A measurement replaces the one before it; an hour's call makes hundreds.
            events.retain(|known| measured_leg(known) != Some(leg));
        }
        if events.len() >= MAX_TIMELINE {
            // The beginning and the latest say most.
            events.remove(MAX_TIMELINE / 2);
        }
        events.push(event.clone());
        Noted::Added
    }
}

/// The row an event is by itself, if it is one.
fn write_for(event: &Event) -> Option<Write> {
    if let EventKind::RecordingStarted { recording, call } = &event.kind {
        Some(Write::RecordingStarted {
            recording: *recording,
            call: *call,
            at: event.at,
        })
    } else if let EventKind::RecordingSaved {
        recording,
        file,
        milliseconds,
        bytes,
        end,
        missing_milliseconds,
        ..
    } = &event.kind
    {
        Some(Write::RecordingSaved {
            recording: *recording,
            file: file.clone(),
            milliseconds: *milliseconds,
            bytes: *bytes,
            end: *end,
            missing_milliseconds: *missing_milliseconds,
        })
    } else if let EventKind::RecordingPaused { recording, .. } = &event.kind {
        Some(Write::RecordingPaused(*recording, event.at))
    } else if let EventKind::RecordingResumed { recording, .. } = &event.kind {
        Some(Write::RecordingResumed(*recording, event.at))
    } else if let EventKind::RecordingFailed {
        recording, reason, ..
    } = &event.kind
    {
        Some(Write::RecordingFailed {
            recording: *recording,
            reason: reason.clone(),
        })
    } else if event.kind.call().is_none()
        || matches!(event.kind, EventKind::AgentStateChanged { .. })
    {
        Some(Write::Event(event.clone()))
    } else {
        None
    }
}

fn measured_leg(event: &Event) -> Option<LegId> {
    if let EventKind::QualityMeasured { leg, .. } = &event.kind {
        Some(*leg)
    } else {
        None
    }
}
