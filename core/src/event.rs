//! What happened, in the past tense. CDRs, the live view, the event stream, metrics and webhooks are
//! all folds over these; nothing else counts.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::cause::HangupCause;
use crate::directory::{AgentState, Destination};
use crate::fax::FaxTone;
use crate::id::{
    AgentId, AttemptId, CallId, DidId, IvrMenuId, LegId, QueueId, RecordingId, TrunkId,
};
use crate::pii::Pii;
use crate::recording::RecordingEnd;
use crate::sdp::Codec;
use crate::sip::defence::{BanReason, LoginFailure, UnbanReason};
use crate::sip::identity::Privacy;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in this server's event log; grows by one per event.
    pub seq: u64,
    /// When it happened.
    pub at: Timestamp,
    /// What it was.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Which way a leg or call was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The far end called us.
    Inbound,
    /// We called the far end.
    Outbound,
}

/// How a caller left a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueExit {
    /// An agent answered.
    Answered,
    /// The caller hung up first.
    Abandoned,
    /// Waited as long as the queue allows.
    TimedOut,
    /// The queue had no room.
    Full,
    /// Nobody is logged in and the queue does not wait for that.
    NoAgents,
    /// The caller was moved elsewhere by an operator or a transfer.
    Moved,
}

/// How one ringing of one agent ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptOutcome {
    /// The agent answered and was connected to the caller.
    Answered,
    /// The agent's phone rang out.
    NoAnswer,
    /// The agent refused.
    Rejected,
    /// The agent's phone was busy.
    Busy,
    /// The agent's phone could not be reached.
    Unreachable,
    /// Another agent answered first.
    AnsweredElsewhere,
    /// The caller left while the agent was being rung.
    CallerGone,
    /// The agent logged out or went on break while being rung.
    Withdrawn,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A call came to be: somebody called us, or the API asked for a call.
    CallStarted {
        /// The call.
        call: CallId,
        /// Who set it up.
        direction: Direction,
        /// The calling number, as it will be shown.
        from: String,
        /// The display name of the caller, if any.
        from_name: Option<String>,
        /// Whether the called side, and whoever watches it, may be shown either.
        #[serde(default)]
        privacy: Privacy,
        /// The number dialled.
        to: String,
        /// The public number it came in by.
        did: Option<DidId>,
        /// The trunk it came in by.
        trunk: Option<TrunkId>,
        /// The SIP Call-ID of the first leg.
        sip_call_id: String,
    },
    /// The dial plan decided where the call goes next.
    CallRouted {
        /// The call.
        call: CallId,
        /// What was dialled to get there.
        dialled: String,
        /// Where it goes.
        destination: Destination,
    },
    /// Another exchange had sent the call on before it came to us (RFC 7044, RFC 5806).
    CallDiverted {
        /// The call.
        call: CallId,
        /// The number that was dialled first.
        original: String,
    },
    /// A party was sent elsewhere by the one it talked with, or by an operator.
    CallTransferred {
        /// The call.
        call: CallId,
        /// The leg of who did it; none: an operator, or a party that came to take a place elsewhere.
        by: Option<LegId>,
        /// The number it was sent to.
        to: String,
        /// The call in which it took a place; none: it stays in this one.
        into: Option<CallId>,
    },
    /// A party that was sent elsewhere found nobody there: it talks on with who sent it, comes back,
    /// or hears so.
    CallTransferFailed {
        /// The call.
        call: CallId,
        /// The number it was sent to.
        to: String,
        /// Why nobody was there.
        cause: HangupCause,
    },
    /// A phone that was rung sends the caller on (3xx).
    CallForwarded {
        /// The call.
        call: CallId,
        /// The leg of the phone.
        by: LegId,
        /// Its extension.
        extension: String,
        /// The number the caller goes to instead.
        to: String,
    },
    /// Somebody answered a call that rang at another's phone.
    CallPickedUp {
        /// The call.
        call: CallId,
        /// The leg of who answered.
        by: LegId,
        /// The agent there, if the call rang for a queue in which that agent serves and is logged
        /// in.
        agent: Option<AgentId>,
    },
    /// A call was answered: somebody or something of ours accepted the first leg.
    CallAnswered {
        /// The call.
        call: CallId,
    },
    /// A call gained a leg.
    LegAdded {
        /// The leg.
        leg: LegId,
        /// Which way it was set up.
        direction: Direction,
        /// The extension at its far end, if it is one of ours.
        extension: Option<String>,
        /// The far end as shown: number or URI.
        remote: String,
        /// The agent at its far end, if it was rung for one.
        agent: Option<AgentId>,
    },
    /// A leg that a call just gained was one of another call's: a party that was transferred, or one
    /// that takes a place by its own wish.
    LegMoved {
        /// The leg.
        leg: LegId,
        /// What it was called there.
        from: LegId,
    },
    /// The far end of an outbound leg rings.
    LegRinging {
        /// The leg.
        leg: LegId,
    },
    /// The leg was answered.
    LegAnswered {
        /// The leg.
        leg: LegId,
    },
    /// One side put the other on hold.
    LegHeld {
        /// The leg whose party now hears hold music.
        leg: LegId,
    },
    /// The hold ended.
    LegResumed {
        /// The leg whose party talks again.
        leg: LegId,
    },
    /// A call lost a leg.
    LegEnded {
        /// The leg.
        leg: LegId,
        /// Why.
        cause: HangupCause,
    },
    /// The caller reached a menu.
    MenuEntered {
        /// The call.
        call: CallId,
        /// The menu.
        menu: IvrMenuId,
    },
    /// The caller's choice in a menu. The digits are personal data.
    MenuChosen {
        /// The call.
        call: CallId,
        /// The menu.
        menu: IvrMenuId,
        /// What was pressed.
        digits: String,
    },
    /// The caller began to wait.
    CallQueued {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
    },
    /// The caller no longer waits.
    CallDequeued {
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// How the wait ended.
        exit: QueueExit,
    },
    /// An agent was reserved for a call and will be rung.
    AttemptStarted {
        /// The attempt.
        attempt: AttemptId,
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
    },
    /// The ringing of an agent ended.
    AttemptEnded {
        /// The attempt.
        attempt: AttemptId,
        /// The call.
        call: CallId,
        /// The queue.
        queue: QueueId,
        /// The agent.
        agent: AgentId,
        /// How.
        outcome: AttemptOutcome,
    },
    /// Two legs hear each other.
    Bridged {
        /// The call.
        call: CallId,
        /// The one who called.
        caller: LegId,
        /// The one who answered.
        callee: LegId,
        /// The agent who answered, if it is one.
        agent: Option<AgentId>,
    },
    /// A recording began.
    RecordingStarted {
        /// The recording.
        recording: RecordingId,
        /// The call.
        call: CallId,
    },
    /// A recording is safe on disk.
    RecordingSaved {
        /// The recording.
        recording: RecordingId,
        /// The call.
        call: CallId,
        /// Its file, relative to the recordings folder.
        file: String,
        /// Its length.
        milliseconds: u64,
        /// Its size.
        bytes: u64,
        /// How it came to its end.
        #[serde(default)]
        end: RecordingEnd,
        /// Audio that the disk was too slow for, and that is silence in it.
        #[serde(default)]
        missing_milliseconds: u64,
    },
    /// What is said from now on is silence in the recording.
    RecordingPaused {
        /// The recording.
        recording: RecordingId,
        /// The call.
        call: CallId,
    },
    /// It is heard again.
    RecordingResumed {
        /// The recording.
        recording: RecordingId,
        /// The call.
        call: CallId,
    },
    /// The disk is too slow: from here on audio is missing in the recording, until there is room to
    /// go on. The call does not notice.
    RecordingDegraded {
        /// The recording.
        recording: RecordingId,
        /// The call.
        call: CallId,
    },
    /// A recording was removed because it was kept for as long as it was to be.
    RecordingExpired {
        /// The recording.
        recording: RecordingId,
        /// The call.
        call: CallId,
    },
    /// A recording could not be kept.
    RecordingFailed {
        /// The recording.
        recording: RecordingId,
        /// The call.
        call: CallId,
        /// Why, for the operator.
        reason: String,
    },
    /// What one leg's network was like over the last seconds, and at its end.
    QualityMeasured {
        /// The leg.
        leg: LegId,
        /// Packets received so far.
        received: u64,
        /// Packets lost so far, by sequence number.
        lost: u64,
        /// Interarrival jitter in microseconds (RFC 3550 section 6.4.1).
        jitter_micros: u32,
        /// Round-trip time in microseconds, if the far end sends RTCP.
        round_trip_micros: Option<u32>,
        /// The codec the leg speaks.
        #[serde(default)]
        codec: Option<Codec>,
        /// The transmission rating factor of the last seconds (ITU-T G.107), 0 to 100; none if
        /// nothing was due.
        #[serde(default)]
        r_factor: Option<f64>,
        /// The mean opinion score of the last seconds, 1 to 4.5.
        #[serde(default)]
        mos: Option<f64>,
        /// Packets received so far that came too late to be heard, or that would have had to wait
        /// too long and were passed over.
        #[serde(default)]
        late: u64,
        /// The wait in the jitter buffer in microseconds, where there is one.
        #[serde(default)]
        buffered_micros: Option<u32>,
    },
    /// The far end of a leg is a fax: its sound, and that of the leg it is connected to, is left alone
    /// from now on.
    FaxHeard {
        /// The leg.
        leg: LegId,
        /// By what it was recognised.
        tone: FaxTone,
    },
    /// A call is over: its last leg is gone.
    CallEnded {
        /// The call.
        call: CallId,
        /// Why.
        cause: HangupCause,
        /// Which side ended it.
        ended_by: EndedBy,
    },
    /// A call actor failed and was restarted with its last good state.
    CallRecovered {
        /// The call.
        call: CallId,
    },
    /// A queue actor failed and was restarted.
    QueueRecovered {
        /// The queue.
        queue: QueueId,
    },
    /// An agent's state changed.
    AgentStateChanged {
        /// The agent.
        agent: AgentId,
        /// The new state.
        state: AgentState,
        /// The reason given for a break.
        reason: Option<String>,
        /// The call this state belongs to.
        call: Option<CallId>,
    },
    /// A phone registered, or renewed with another contact.
    PhoneRegistered {
        /// The extension number.
        extension: String,
        /// The contact URI.
        contact: String,
    },
    /// A phone is no longer registered.
    PhoneUnregistered {
        /// The extension number.
        extension: String,
        /// The contact URI.
        contact: String,
    },
    /// The number of voice messages waiting for an extension changed.
    MessageSummaryChanged {
        /// The extension number.
        extension: String,
        /// Not heard yet, urgent ones included.
        new: u32,
        /// Heard and kept, urgent ones included.
        old: u32,
        /// Urgent ones among the new.
        urgent_new: u32,
        /// Urgent ones among the old.
        urgent_old: u32,
    },
    /// A text message was taken and is being delivered.
    MessageReceived {
        /// The extension number of the sender.
        from: String,
        /// The extension number it is for.
        to: String,
        /// What it is, as its sender says: `text/plain`.
        content_type: String,
        /// What it says, if it is text.
        text: Option<Pii>,
    },
    /// A trunk is registered with its carrier, anew or with another registrar than before.
    TrunkRegistered {
        /// The trunk.
        trunk: TrunkId,
        /// The registrar's URI.
        registrar: String,
    },
    /// A trunk that was to be registered is not, or not any more.
    TrunkUnregistered {
        /// The trunk.
        trunk: TrunkId,
        /// Why, in words.
        reason: String,
    },
    /// A trunk's carrier answers OPTIONS, for the first time or again.
    TrunkUp {
        /// The trunk.
        trunk: TrunkId,
    },
    /// A trunk's carrier does not answer OPTIONS any more.
    TrunkDown {
        /// The trunk.
        trunk: TrunkId,
        /// Why, in words.
        reason: String,
    },
    /// Somebody's SIP is not listened to for a while.
    SourceBanned {
        /// Who: an address, or a network with its length.
        address: String,
        /// Why.
        reason: BanReason,
        /// Until when.
        until: Timestamp,
    },
    /// A ban has ended.
    SourceUnbanned {
        /// Who: an address, or a network with its length.
        address: String,
        /// Why.
        reason: UnbanReason,
    },
    /// Somebody gave a wrong SIP password. Of those who go on trying only some tries are told.
    LoginFailed {
        /// From where.
        address: String,
        /// The name they claimed, which is personal data.
        user: String,
        /// What was wrong.
        reason: LoginFailure,
    },
    /// The office changed: an operator created, changed or removed something.
    DirectoryChanged {
        /// What kind of thing, as in its REST path: `queues`, `sip/dids`.
        resource: String,
        /// Its id.
        id: String,
    },
}

/// Who ended a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The party that called.
    Caller,
    /// The party that was called.
    Callee,
    /// Offhook: a menu, a limit, an operator or a fault.
    System,
}

impl EventKind {
    /// Every word [`name`](Self::name) can give.
    pub const NAMES: &[&str] = &[
        "call_started",
        "call_routed",
        "call_diverted",
        "call_transferred",
        "call_transfer_failed",
        "call_forwarded",
        "call_picked_up",
        "call_answered",
        "leg_added",
        "leg_moved",
        "leg_ringing",
        "leg_answered",
        "leg_held",
        "leg_resumed",
        "leg_ended",
        "menu_entered",
        "menu_chosen",
        "call_queued",
        "call_dequeued",
        "attempt_started",
        "attempt_ended",
        "bridged",
        "recording_started",
        "recording_saved",
        "recording_paused",
        "recording_resumed",
        "recording_degraded",
        "recording_expired",
        "recording_failed",
        "quality_measured",
        "call_ended",
        "call_recovered",
        "queue_recovered",
        "agent_state_changed",
        "phone_registered",
        "phone_unregistered",
        "message_summary_changed",
        "message_received",
        "trunk_registered",
        "trunk_unregistered",
        "trunk_up",
        "trunk_down",
        "source_banned",
        "source_unbanned",
        "login_failed",
        "directory_changed",
    ];

    /// The word for this kind of event: its `type` on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::CallStarted { .. } => "call_started",
            Self::CallRouted { .. } => "call_routed",
            Self::CallDiverted { .. } => "call_diverted",
            Self::CallTransferred { .. } => "call_transferred",
            Self::CallTransferFailed { .. } => "call_transfer_failed",
            Self::CallForwarded { .. } => "call_forwarded",
            Self::CallPickedUp { .. } => "call_picked_up",
            Self::LegMoved { .. } => "leg_moved",
            Self::CallAnswered { .. } => "call_answered",
            Self::LegAdded { .. } => "leg_added",
            Self::LegRinging { .. } => "leg_ringing",
            Self::LegAnswered { .. } => "leg_answered",
            Self::LegHeld { .. } => "leg_held",
            Self::LegResumed { .. } => "leg_resumed",
            Self::LegEnded { .. } => "leg_ended",
            Self::MenuEntered { .. } => "menu_entered",
            Self::MenuChosen { .. } => "menu_chosen",
            Self::CallQueued { .. } => "call_queued",
            Self::CallDequeued { .. } => "call_dequeued",
            Self::AttemptStarted { .. } => "attempt_started",
            Self::AttemptEnded { .. } => "attempt_ended",
            Self::Bridged { .. } => "bridged",
            Self::RecordingStarted { .. } => "recording_started",
            Self::RecordingSaved { .. } => "recording_saved",
            Self::RecordingPaused { .. } => "recording_paused",
            Self::RecordingResumed { .. } => "recording_resumed",
            Self::RecordingDegraded { .. } => "recording_degraded",
            Self::RecordingExpired { .. } => "recording_expired",
            Self::RecordingFailed { .. } => "recording_failed",
            Self::QualityMeasured { .. } => "quality_measured",
            Self::FaxHeard { .. } => "fax_heard",
            Self::CallEnded { .. } => "call_ended",
            Self::CallRecovered { .. } => "call_recovered",
            Self::QueueRecovered { .. } => "queue_recovered",
            Self::AgentStateChanged { .. } => "agent_state_changed",
            Self::PhoneRegistered { .. } => "phone_registered",
            Self::PhoneUnregistered { .. } => "phone_unregistered",
            Self::MessageSummaryChanged { .. } => "message_summary_changed",
            Self::MessageReceived { .. } => "message_received",
            Self::TrunkRegistered { .. } => "trunk_registered",
            Self::TrunkUnregistered { .. } => "trunk_unregistered",
            Self::TrunkUp { .. } => "trunk_up",
            Self::TrunkDown { .. } => "trunk_down",
            Self::SourceBanned { .. } => "source_banned",
            Self::SourceUnbanned { .. } => "source_unbanned",
            Self::LoginFailed { .. } => "login_failed",
            Self::DirectoryChanged { .. } => "directory_changed",
        }
    }

    /// The call this event belongs to, if any.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        match *self {
            Self::CallStarted { call, .. }
            | Self::CallRouted { call, .. }
            | Self::CallDiverted { call, .. }
            | Self::CallTransferred { call, .. }
            | Self::CallTransferFailed { call, .. }
            | Self::CallForwarded { call, .. }
            | Self::CallPickedUp { call, .. }
            | Self::CallAnswered { call }
            | Self::MenuEntered { call, .. }
            | Self::MenuChosen { call, .. }
            | Self::CallQueued { call, .. }
            | Self::CallDequeued { call, .. }
            | Self::AttemptStarted { call, .. }
            | Self::AttemptEnded { call, .. }
            | Self::Bridged { call, .. }
            | Self::RecordingStarted { call, .. }
            | Self::RecordingSaved { call, .. }
            | Self::RecordingPaused { call, .. }
            | Self::RecordingResumed { call, .. }
            | Self::RecordingDegraded { call, .. }
            | Self::RecordingExpired { call, .. }
            | Self::RecordingFailed { call, .. }
            | Self::CallEnded { call, .. }
            | Self::CallRecovered { call } => Some(call),
            Self::LegAdded { leg, .. }
            | Self::LegMoved { leg, .. }
            | Self::LegRinging { leg }
            | Self::LegAnswered { leg }
            | Self::LegHeld { leg }
            | Self::LegResumed { leg }
            | Self::LegEnded { leg, .. }
            | Self::QualityMeasured { leg, .. }
            | Self::FaxHeard { leg, .. } => Some(leg.call),
            Self::AgentStateChanged { call, .. } => call,
            Self::QueueRecovered { .. }
            | Self::PhoneRegistered { .. }
            | Self::PhoneUnregistered { .. }
            | Self::MessageSummaryChanged { .. }
            | Self::MessageReceived { .. }
            | Self::TrunkRegistered { .. }
            | Self::TrunkUnregistered { .. }
            | Self::TrunkUp { .. }
            | Self::TrunkDown { .. }
            | Self::SourceBanned { .. }
            | Self::SourceUnbanned { .. }
            | Self::LoginFailed { .. }
            | Self::DirectoryChanged { .. } => None,
        }
    }

    /// The queue this event is about, if it is about one.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an event is about no queue unless it says so"
    )]
    pub fn queue(&self) -> Option<QueueId> {
        match *self {
            Self::CallQueued { queue, .. }
            | Self::CallDequeued { queue, .. }
            | Self::AttemptStarted { queue, .. }
            | Self::AttemptEnded { queue, .. }
            | Self::QueueRecovered { queue } => Some(queue),
            Self::CallRouted {
                destination: Destination::Queue(queue),
                ..
            } => Some(queue),
            _ => None,
        }
    }

    /// The agent this event is about, if it is about one.
    #[must_use]
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "an event is about no agent unless it says so"
    )]
    pub fn agent(&self) -> Option<AgentId> {
        match *self {
            Self::AttemptStarted { agent, .. }
            | Self::AttemptEnded { agent, .. }
            | Self::AgentStateChanged { agent, .. } => Some(agent),
            Self::LegAdded { agent, .. }
            | Self::Bridged { agent, .. }
            | Self::CallPickedUp { agent, .. } => agent,
            _ => None,
        }
    }
}
