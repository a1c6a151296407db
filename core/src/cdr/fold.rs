//! Events in, records out.

use std::collections::VecDeque;

use ahash::{AHashMap, AHashSet};

use crate::cause::HangupCause;
use crate::cdr::Cdr;
use crate::cdr::open_call::OpenCall;
use crate::event::{EndedBy, Event, EventKind};
use crate::id::{CallId, RecordingId};

/// Finished calls whose recordings are still being written, remembered at most. Recordings are
/// saved within milliseconds of the call's end, so this is far more than a busy hour needs.
const MAX_SETTLING: usize = 4096;

/// Folds the events of all calls into a record per finished call.
#[derive(Debug, Clone, Default)]
pub struct CdrFold {
    open: AHashMap<CallId, OpenCall>,
    settling: AHashMap<CallId, Settling>,
    /// The order in which calls began to settle, for forgetting the oldest.
    settling_order: VecDeque<CallId>,
}

/// A finished call with recordings of which nobody has said yet whether they are safe.
#[derive(Debug, Clone)]
struct Settling {
    cdr: Cdr,
    unsettled: AHashSet<RecordingId>,
}

impl CdrFold {
    /// A fold that has seen nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in one event. Returns a record when it is finished, and the corrected record once more
    /// when one of its recordings turns out to have failed after the call's end.
    ///
    /// Events of a call whose start was not seen, or that has ended, are ignored.
    pub fn apply(&mut self, event: &Event) -> Option<Cdr> {
        let call = event.kind.call()?;
        let Some(open) = self.open.get_mut(&call) else {
            return self.apply_to_closed(call, event);
        };
        if let EventKind::CallEnded {
            cause, ended_by, ..
        } = &event.kind
        {
            return self.finish(call, event, *cause, *ended_by);
        }
        open.apply(event);
        None
    }

    fn apply_to_closed(&mut self, call: CallId, event: &Event) -> Option<Cdr> {
        if let Some(started) = OpenCall::start(event) {
            self.open.insert(call, started);
            None
        } else if let EventKind::RecordingSaved { recording, .. } = &event.kind {
            self.settle(call, *recording, RecordingFate::Saved)
        } else if let EventKind::RecordingFailed { recording, .. } = &event.kind {
            self.settle(call, *recording, RecordingFate::Lost)
        } else {
            None
        }
    }

    /// The calls that have begun and not ended, in no order.
    pub fn open_calls(&self) -> impl Iterator<Item = CallId> + '_ {
        self.open.keys().copied()
    }

    /// Whether this call has begun and not ended.
    #[must_use]
    pub fn is_open(&self, call: CallId) -> bool {
        self.open.contains_key(&call)
    }

    /// The record of a call that was cut off because the whole server went down: it ended when last
    /// heard of. None if no such call is open.
    pub fn interrupt(&mut self, call: CallId) -> Option<Cdr> {
        let open = self.open.remove(&call)?;
        let at = open.last_heard_of();
        Some(open.finish(at, HangupCause::InternalError, EndedBy::System))
    }

    fn finish(
        &mut self,
        call: CallId,
        event: &Event,
        cause: HangupCause,
        by: EndedBy,
    ) -> Option<Cdr> {
        let open = self.open.remove(&call)?;
        let unsettled = open.unsettled_recordings();
        let cdr = open.finish(event.at, cause, by);
        if !unsettled.is_empty() {
            self.remember(cdr.clone(), unsettled);
        }
        Some(cdr)
    }

    fn remember(&mut self, cdr: Cdr, unsettled: AHashSet<RecordingId>) {
        self.settling_order.push_back(cdr.id);
        self.settling.insert(cdr.id, Settling { cdr, unsettled });
        while self.settling_order.len() > MAX_SETTLING {
            if let Some(oldest) = self.settling_order.pop_front() {
                self.settling.remove(&oldest);
            }
        }
    }

    fn settle(&mut self, call: CallId, recording: RecordingId, fate: RecordingFate) -> Option<Cdr> {
        let settling = self.settling.get_mut(&call)?;
        if !settling.unsettled.remove(&recording) {
            return None;
        }
        let corrected = match fate {
            RecordingFate::Saved => None,
            RecordingFate::Lost => {
                settling.cdr.recordings.retain(|kept| *kept != recording);
                Some(settling.cdr.clone())
            }
        };
        if settling.unsettled.is_empty() {
            self.settling.remove(&call);
            self.settling_order.retain(|waiting| *waiting != call);
        }
        corrected
    }
}

#[derive(Clone, Copy)]
enum RecordingFate {
    Saved,
    Lost,
}
