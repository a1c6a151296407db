//! What is known about a call that has not ended.

use ahash::AHashSet;
use jiff::Timestamp;

use crate::cause::HangupCause;
use crate::cdr::moves::Moves;
use crate::cdr::{Cdr, CdrLeg, Disposition, Quality, seconds_between, share};
use crate::directory::Destination;
use crate::event::{EndedBy, Event, EventKind, QueueExit};
use crate::id::{LegId, QueueId, RecordingId};

/// A call in the making of its record.
#[derive(Debug, Clone)]
pub(super) struct OpenCall {
    /// The record so far. What only the end decides holds its neutral value.
    cdr: Cdr,
    /// The wait in progress.
    wait: Option<(QueueId, Timestamp)>,
    /// How the last finished wait ended.
    last_exit: Option<QueueExit>,
    waited_millis: u64,
    /// Where the dial plan sent it last.
    destination: Option<Destination>,
    moves: Moves,
    /// Recordings of which nobody has said yet whether they are safe.
    unsettled: AHashSet<RecordingId>,
    last_event: Timestamp,
}

impl OpenCall {
    /// From the event with which a call begins; none for any other.
    pub(super) fn start(event: &Event) -> Option<Self> {
        let EventKind::CallStarted {
            call,
            direction,
            from,
            from_name,
            to,
            did,
            trunk,
            sip_call_id,
            privacy: _,
        } = &event.kind
        else {
            return None;
        };
        let cdr = Cdr {
            id: *call,
            direction: *direction,
            from: from.clone(),
            from_name: from_name.clone(),
            to: to.clone(),
            did: *did,
            trunk: *trunk,
            sip_call_id: sip_call_id.clone(),
            started_at: event.at,
            accepted_at: None,
            answered_at: None,
            ended_at: event.at,
            disposition: Disposition::Failed,
            queue: None,
            agent: None,
            wait_seconds: 0.0,
            talk_seconds: 0.0,
            hangup_cause: HangupCause::InternalError,
            ended_by: EndedBy::System,
            recordings: Vec::new(),
            quality: None,
            transferred_to: None,
            transferred_by: None,
            forwarded_by: None,
            linked_call: None,
            legs: Vec::new(),
        };
        Some(Self {
            cdr,
            wait: None,
            last_exit: None,
            waited_millis: 0,
            destination: None,
            moves: Moves::default(),
            unsettled: AHashSet::new(),
            last_event: event.at,
        })
    }

    /// When this call was last heard of.
    pub(super) fn last_heard_of(&self) -> Timestamp {
        self.last_event
    }

    /// Recordings of which nobody has said yet whether they are safe.
    pub(super) fn unsettled_recordings(&self) -> AHashSet<RecordingId> {
        self.unsettled.clone()
    }

    /// Takes in an event of this call, other than its start and end.
    pub(super) fn apply(&mut self, event: &Event) {
        let at = event.at;
        self.last_event = self.last_event.max(at);
        match &event.kind {
            EventKind::CallRouted { destination, .. } => {
                self.destination = Some(destination.clone());
            }
            EventKind::CallAnswered { .. } => {
                self.cdr.accepted_at.get_or_insert(at);
            }
            EventKind::CallQueued { queue, .. } => {
                self.cdr.queue = Some(*queue);
                // A queue that was restarted is told its callers again: two waits without a gap.
                self.end_wait(at);
                self.wait = Some((*queue, at));
            }
            EventKind::CallDequeued { queue, exit, .. } => {
                self.cdr.queue = Some(*queue);
                self.end_wait(at);
                self.last_exit = Some(*exit);
            }
            EventKind::Bridged { agent, .. } => {
                self.end_wait(at);
                self.cdr.answered_at.get_or_insert(at);
                self.cdr.agent = self.cdr.agent.or(*agent);
            }
            EventKind::RecordingStarted { recording, .. } => {
                self.cdr.recordings.push(*recording);
                self.unsettled.insert(*recording);
            }
            EventKind::RecordingSaved { recording, .. } => {
                self.unsettled.remove(recording);
            }
            EventKind::RecordingFailed { recording, .. } => {
                self.unsettled.remove(recording);
                self.cdr.recordings.retain(|kept| kept != recording);
            }
            EventKind::CallTransferred { .. }
            | EventKind::CallTransferFailed { .. }
            | EventKind::CallForwarded { .. }
            | EventKind::CallPickedUp { .. }
            | EventKind::LegMoved { .. } => self.moves.apply(&mut self.cdr, &event.kind),
            EventKind::LegAdded { .. }
            | EventKind::LegAnswered { .. }
            | EventKind::LegEnded { .. }
            | EventKind::QualityMeasured { .. }
            | EventKind::FaxHeard { .. } => self.apply_to_leg(event),
            EventKind::CallStarted { .. }
            | EventKind::CallEnded { .. }
            | EventKind::RecordingPaused { .. }
            | EventKind::RecordingResumed { .. }
            | EventKind::RecordingDegraded { .. }
            | EventKind::RecordingExpired { .. }
            | EventKind::LegRinging { .. }
            | EventKind::LegHeld { .. }
            | EventKind::LegResumed { .. }
            | EventKind::CallDiverted { .. }
            | EventKind::MenuEntered { .. }
            | EventKind::MenuChosen { .. }
            | EventKind::AttemptStarted { .. }
            | EventKind::AttemptEnded { .. }
            | EventKind::CallRecovered { .. }
            | EventKind::QueueRecovered { .. }
            | EventKind::AgentStateChanged { .. }
            | EventKind::PhoneRegistered { .. }
            | EventKind::PhoneUnregistered { .. }
            | EventKind::MessageSummaryChanged { .. }
            | EventKind::MessageReceived { .. }
            | EventKind::TrunkRegistered { .. }
            | EventKind::TrunkUnregistered { .. }
            | EventKind::TrunkUp { .. }
            | EventKind::TrunkDown { .. }
            | EventKind::SourceBanned { .. }
            | EventKind::SourceUnbanned { .. }
            | EventKind::LoginFailed { .. }
            | EventKind::DirectoryChanged { .. } => {}
        }
    }

    /// The finished record.
    pub(super) fn finish(mut self, at: Timestamp, cause: HangupCause, by: EndedBy) -> Cdr {
        let left_waiting = self.wait.is_some();
        self.end_wait(at);
        if self.cdr.answered_at.is_none() && self.wanted_offhook_itself() {
            self.cdr.answered_at = self.cdr.accepted_at;
        }
        let mut cdr = self.cdr;
        cdr.ended_at = at;
        cdr.hangup_cause = cause;
        cdr.ended_by = by;
        #[expect(
            clippy::cast_precision_loss,
            reason = "the milliseconds of a call stay far below 2^52"
        )]
        let wait_seconds = self.waited_millis as f64 / 1000.0;
        cdr.wait_seconds = wait_seconds;
        cdr.talk_seconds = cdr
            .answered_at
            .map_or(0.0, |from| seconds_between(from, at));
        cdr.quality = cdr
            .legs
            .iter()
            .filter_map(|leg| leg.quality)
            .reduce(Quality::worse);
        cdr.disposition = match (cdr.answered_at, self.last_exit) {
            (Some(_), _) => Disposition::Answered,
            (None, _) if left_waiting => left_queue(cause),
            (None, Some(QueueExit::Abandoned)) => left_queue(cause),
            (None, Some(QueueExit::Full)) => unless_failed(cause, Disposition::Busy),
            (None, Some(QueueExit::TimedOut | QueueExit::NoAgents)) => {
                unless_failed(cause, Disposition::NoAnswer)
            }
            (None, Some(QueueExit::Answered | QueueExit::Moved) | None) => {
                Disposition::unanswered(cause)
            }
        };
        cdr
    }

    /// Whether the caller dialled a service that Offhook itself is.
    fn wanted_offhook_itself(&self) -> bool {
        match &self.destination {
            Some(Destination::Echo | Destination::AgentLogin | Destination::AgentLogout) => true,
            Some(
                Destination::Extension(_)
                | Destination::Queue(_)
                | Destination::IvrMenu(_)
                | Destination::External(_)
                | Destination::HangUp,
            )
            | None => false,
        }
    }

    fn end_wait(&mut self, at: Timestamp) {
        if let Some((_, since)) = self.wait.take() {
            let millis = at.duration_since(since).as_millis().max(0);
            self.waited_millis += u64::try_from(millis).unwrap_or(0);
        }
    }

    fn apply_to_leg(&mut self, event: &Event) {
        let at = event.at;
        if let EventKind::LegAdded { .. } = &event.kind {
            self.add_leg(event);
        } else if let EventKind::LegAnswered { leg } = &event.kind {
            if let Some(leg) = self.leg(*leg) {
                leg.answered_at.get_or_insert(at);
            }
        } else if let EventKind::LegEnded { leg, cause } = &event.kind {
            if let Some(leg) = self.leg(*leg) {
                leg.ended_at.get_or_insert(at);
                leg.cause.get_or_insert(*cause);
            }
        } else if let EventKind::FaxHeard { leg, tone } = &event.kind {
            if let Some(leg) = self.leg(*leg) {
                leg.fax.get_or_insert(*tone);
            }
        } else if let EventKind::QualityMeasured {
            leg,
            received,
            lost,
            jitter_micros,
            round_trip_micros,
            codec,
            r_factor: _,
            mos,
            late,
            buffered_micros,
        } = &event.kind
            && let Some(leg) = self.leg(*leg)
        {
            let measured = Quality {
                codec: *codec,
                late_percent: share(*late, *received),
                buffered_ms: buffered_micros.map(|micros| f64::from(micros) / 1000.0),
                ..Quality::measured(*received, *lost, *jitter_micros, *round_trip_micros)
            };
            let so_far = leg.quality.unwrap_or(measured);
            leg.quality = Some(so_far.later(measured).scored(*mos));
        }
    }

    fn leg(&mut self, id: LegId) -> Option<&mut CdrLeg> {
        self.cdr.legs.iter_mut().rev().find(|leg| leg.id == id)
    }

    fn add_leg(&mut self, event: &Event) {
        let EventKind::LegAdded {
            leg,
            direction,
            extension,
            remote,
            agent,
        } = &event.kind
        else {
            return;
        };
        if self.leg(*leg).is_some() {
            return;
        }
        if self.cdr.legs.len() >= Cdr::MAX_LEGS {
            let gone = |leg: &CdrLeg| leg.ended_at.is_some() && leg.answered_at.is_none();
            let oldest = self.cdr.legs.iter().position(gone).unwrap_or(1);
            self.cdr.legs.remove(oldest);
        }
        self.cdr.legs.push(CdrLeg {
            id: *leg,
            direction: *direction,
            extension: extension.clone(),
            remote: remote.clone(),
            agent: *agent,
            started_at: event.at,
            answered_at: None,
            ended_at: None,
            cause: None,
            quality: None,
            fax: None,
        });
    }
}

/// What a call came to that ended while its caller waited in a queue: abandoned, unless it was us
/// who ended it.
fn left_queue(cause: HangupCause) -> Disposition {
    match cause {
        HangupCause::Administrative | HangupCause::InternalError | HangupCause::Congestion => {
            Disposition::unanswered(cause)
        }
        HangupCause::NormalClearing
        | HangupCause::OriginatorCancel
        | HangupCause::AnsweredElsewhere
        | HangupCause::Transferred
        | HangupCause::UnallocatedNumber
        | HangupCause::UserBusy
        | HangupCause::NoUserResponse
        | HangupCause::NoAnswer
        | HangupCause::SubscriberAbsent
        | HangupCause::CallRejected
        | HangupCause::InvalidNumber
        | HangupCause::NotAllowed
        | HangupCause::OutsideHours
        | HangupCause::NoCommonCodec
        | HangupCause::NetworkOutOfOrder
        | HangupCause::ProtocolError
        | HangupCause::RecoveryOnTimerExpiry
        | HangupCause::MediaTimeout => Disposition::Abandoned,
        HangupCause::QueueTimeout => Disposition::NoAnswer,
    }
}

/// What an unanswered call came to, with `instead` for a failure: the queue's refusal, not a fault,
/// is why it went nowhere.
fn unless_failed(cause: HangupCause, instead: Disposition) -> Disposition {
    let disposition = Disposition::unanswered(cause);
    if disposition == Disposition::Failed {
        instead
    } else {
        disposition
    }
}
