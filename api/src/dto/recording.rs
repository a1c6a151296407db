//! Recordings over the wire.

use jiff::Timestamp;
use offhook_actors::store::{Recording, RecordingState};
use offhook_core::{AgentId, CallId, QueueId, RecordingId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How far a recording has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingState)]
pub enum RecordingStateDto {
    /// The conversation goes on.
    Recording,
    /// It is safe on disk and can be heard.
    Saved,
    /// It could not be kept.
    Failed,
}

impl From<RecordingState> for RecordingStateDto {
    fn from(state: RecordingState) -> Self {
        match state {
            RecordingState::Recording => Self::Recording,
            RecordingState::Saved => Self::Saved,
            RecordingState::Failed => Self::Failed,
        }
    }
}

impl From<RecordingStateDto> for RecordingState {
    fn from(state: RecordingStateDto) -> Self {
        match state {
            RecordingStateDto::Recording => Self::Recording,
            RecordingStateDto::Saved => Self::Saved,
            RecordingStateDto::Failed => Self::Failed,
        }
    }
}

/// A recorded conversation.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Recording)]
pub struct RecordingView {
    /// Its id.
    #[schema(value_type = String, example = "rec_1f0vj2dhkq6jl0n1o2ml5d6ng4")]
    pub id: RecordingId,
    /// The call it is of.
    #[schema(value_type = String)]
    pub call_id: CallId,
    /// How far it has come.
    pub state: RecordingStateDto,
    /// When it began.
    pub started_at: Timestamp,
    /// The queue the caller came through; known once the call has ended.
    #[schema(value_type = Option<String>)]
    pub queue: Option<QueueId>,
    /// The agent who answered; known once the call has ended.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// Its length in seconds, once saved.
    pub seconds: f64,
    /// Its size, once saved.
    pub bytes: u64,
    /// Why it could not be kept.
    pub failure: Option<String>,
}

impl RecordingView {
    /// How a recording is shown.
    #[must_use]
    pub fn of(recording: &Recording) -> Self {
        let milliseconds = u32::try_from(recording.milliseconds).unwrap_or(u32::MAX);
        Self {
            id: recording.id,
            call_id: recording.call,
            state: recording.state.into(),
            started_at: recording.started_at,
            queue: recording.queue,
            agent: recording.agent,
            seconds: f64::from(milliseconds) / 1000.0,
            bytes: recording.bytes,
            failure: recording.failure.clone(),
        }
    }
}
