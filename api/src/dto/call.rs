//! Calls that go on, over the wire.

use jiff::Timestamp;
use offhook_core::event::Direction;
use offhook_core::live::{CallState, LegState, LiveCall, LiveLeg};
use offhook_core::{AgentId, CallId, DidId, IvrMenuId, LegId, QueueId, RecordingId, TrunkId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Which way a leg or call was set up, seen from this server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Direction)]
pub enum DirectionDto {
    /// The far end called us.
    Inbound,
    /// We called the far end.
    Outbound,
}

impl From<Direction> for DirectionDto {
    fn from(direction: Direction) -> Self {
        match direction {
            Direction::Inbound => Self::Inbound,
            Direction::Outbound => Self::Outbound,
        }
    }
}

/// What a call is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CallState)]
pub enum CallStateDto {
    /// Nothing rings yet.
    Starting,
    /// A callee's phone rings.
    Ringing,
    /// The caller is in a menu.
    InMenu,
    /// The caller waits in a queue.
    Waiting,
    /// Answered by this server, neither in a menu nor in a queue.
    Answered,
    /// Two parties talk.
    Connected,
    /// Two parties are joined, and one is on hold.
    OnHold,
}

impl From<CallState> for CallStateDto {
    fn from(state: CallState) -> Self {
        match state {
            CallState::Starting => Self::Starting,
            CallState::Ringing => Self::Ringing,
            CallState::InMenu => Self::InMenu,
            CallState::Waiting => Self::Waiting,
            CallState::Answered => Self::Answered,
            CallState::Connected => Self::Connected,
            CallState::OnHold => Self::OnHold,
        }
    }
}

/// What a leg is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = LegState)]
pub enum LegStateDto {
    /// Not ringing yet.
    Starting,
    /// Its phone rings.
    Ringing,
    /// Answered.
    Answered,
    /// Answered, and its party hears hold music.
    Held,
}

impl From<LegState> for LegStateDto {
    fn from(state: LegState) -> Self {
        match state {
            LegState::Starting => Self::Starting,
            LegState::Ringing => Self::Ringing,
            LegState::Answered => Self::Answered,
            LegState::Held => Self::Held,
        }
    }
}

/// One party's part in a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Leg)]
pub struct LegView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: LegId,
    /// What it is doing.
    pub state: LegStateDto,
    /// Since when.
    pub since: Timestamp,
    /// Which way it was set up.
    pub direction: DirectionDto,
    /// The extension at its far end, if it is one of ours.
    pub extension: Option<String>,
    /// The far end as shown: number or URI.
    pub remote: String,
    /// The agent at its far end, if it was rung for one.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
}

impl LegView {
    fn of(leg: &LiveLeg) -> Self {
        Self {
            id: leg.id,
            state: leg.state.into(),
            since: leg.since,
            direction: leg.direction.into(),
            extension: leg.extension.clone(),
            remote: leg.remote.clone(),
            agent: leg.agent,
        }
    }
}

/// A call that goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = Call)]
pub struct CallView {
    /// Its id.
    #[schema(value_type = String, example = "call_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: CallId,
    /// What it is doing.
    pub state: CallStateDto,
    /// Who set it up.
    pub direction: DirectionDto,
    /// The calling number.
    pub from: String,
    /// The caller's display name, if any.
    pub from_name: Option<String>,
    /// The number dialled.
    pub to: String,
    /// The public number it came in by.
    #[schema(value_type = Option<String>)]
    pub did: Option<DidId>,
    /// The trunk it came in by.
    #[schema(value_type = Option<String>)]
    pub trunk: Option<TrunkId>,
    /// The last queue its caller entered, also after having left it.
    #[schema(value_type = Option<String>)]
    pub queue: Option<QueueId>,
    /// Since when the caller waits; null if not waiting.
    pub waiting_since: Option<Timestamp>,
    /// The menu its caller is in.
    #[schema(value_type = Option<String>)]
    pub menu: Option<IvrMenuId>,
    /// The agent who answered last.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// When it began.
    pub started_at: Timestamp,
    /// When two parties talked first.
    pub answered_at: Option<Timestamp>,
    /// Recordings in progress.
    #[schema(value_type = Vec<String>)]
    pub recordings: Vec<RecordingId>,
    /// Those of them that are paused.
    #[schema(value_type = Vec<String>)]
    pub paused_recordings: Vec<RecordingId>,
    /// The SIP Call-ID of the first leg.
    pub sip_call_id: String,
    /// Its legs in the order they came.
    pub legs: Vec<LegView>,
}

impl CallView {
    /// How a call is shown.
    #[must_use]
    pub fn of(call: &LiveCall) -> Self {
        Self {
            id: call.id,
            state: call.state().into(),
            direction: call.direction.into(),
            from: call.from.clone(),
            from_name: call.from_name.clone(),
            to: call.to.clone(),
            did: call.did,
            trunk: call.trunk,
            queue: call.queue,
            waiting_since: call.waiting.map(|waiting| waiting.since),
            menu: call.menu,
            agent: call.agent,
            started_at: call.started_at,
            answered_at: call.answered_at,
            recordings: call.recording.clone(),
            paused_recordings: call.paused.clone(),
            sip_call_id: call.sip_call_id.clone(),
            legs: call.legs.iter().map(LegView::of).collect(),
        }
    }
}

/// A call to be placed: the extension's phone rings first, then the number is called.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewCall {
    /// The number of the extension that calls.
    #[schema(example = "1000")]
    pub from: String,
    /// What it calls: an extension, a queue, a feature code or a number outside.
    #[schema(example = "1001")]
    pub to: String,
    /// True: the extension's phone picks up by itself, if it is set up for that.
    #[serde(default)]
    pub auto_answer: bool,
}

/// A party of a call to be sent elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewTransfer {
    /// Where: an extension, a queue, a menu, the echo test or a number outside.
    #[schema(example = "1002")]
    pub to: String,
    /// The leg of who is sent there; the caller's when not said.
    #[serde(default)]
    pub leg: Option<String>,
}

/// The id of something that was begun.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Begun {
    /// Its id.
    pub id: String,
}

/// What is to become of a call's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingAction {
    /// Begin one, if none runs.
    Start,
    /// End it. The call goes on.
    Stop,
    /// Leave out what is said from now on; the recording goes on in silence.
    Pause,
    /// Let be heard again what is said.
    Resume,
}

/// A wish about a call's recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RecordingWish {
    /// What is to be done.
    pub action: RecordingAction,
    /// When one is to begin: what is said at this leg alone; both parties if it is not said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub leg: Option<LegId>,
}
