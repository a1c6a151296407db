//! Recordings over the wire.

use jiff::Timestamp;
use offhook_actors::store::{Pause, Recording, RecordingState};
use offhook_core::recording::{AudioFormat, Layout, OwnStyle, RecordingEnd};
use offhook_core::{AgentId, CallId, QueueId, RecordingId};
use offhook_media::container::encoder::can_encode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::dto::check::Checks;

/// What kind of file a recording becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingFormat)]
pub enum FormatDto {
    /// Linear samples of 16 bits.
    Wav,
    /// MPEG layer III at a constant bit rate.
    Mp3,
    /// Opus in an Ogg file.
    Opus,
}

impl From<AudioFormat> for FormatDto {
    fn from(format: AudioFormat) -> Self {
        match format {
            AudioFormat::Wav => Self::Wav,
            AudioFormat::Mp3 => Self::Mp3,
            AudioFormat::Opus => Self::Opus,
        }
    }
}

impl From<FormatDto> for AudioFormat {
    fn from(format: FormatDto) -> Self {
        match format {
            FormatDto::Wav => Self::Wav,
            FormatDto::Mp3 => Self::Mp3,
            FormatDto::Opus => Self::Opus,
        }
    }
}

/// What somebody's recordings are like, where that is said of them.
pub(super) fn own_style(
    format: Option<FormatDto>,
    stereo: Option<bool>,
    checks: &mut Checks,
) -> OwnStyle {
    let format = format.map(AudioFormat::from);
    checks.require(
        format.is_none_or(can_encode),
        "record_format",
        "cannot be made by this build of the server",
    );
    let layout = |stereo| if stereo { Layout::Stereo } else { Layout::Mono };
    OwnStyle {
        format,
        layout: stereo.map(layout),
    }
}

/// Whether each party has a channel, where that is said.
pub(super) fn stereo(style: OwnStyle) -> Option<bool> {
    style.layout.map(|layout| layout == Layout::Stereo)
}

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
    /// It was removed, having been kept for as long as the office keeps recordings.
    Expired,
}

impl From<RecordingState> for RecordingStateDto {
    fn from(state: RecordingState) -> Self {
        match state {
            RecordingState::Recording => Self::Recording,
            RecordingState::Saved => Self::Saved,
            RecordingState::Failed => Self::Failed,
            RecordingState::Expired => Self::Expired,
        }
    }
}

impl From<RecordingStateDto> for RecordingState {
    fn from(state: RecordingStateDto) -> Self {
        match state {
            RecordingStateDto::Recording => Self::Recording,
            RecordingStateDto::Saved => Self::Saved,
            RecordingStateDto::Failed => Self::Failed,
            RecordingStateDto::Expired => Self::Expired,
        }
    }
}

/// How a recording came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RecordingEnd)]
pub enum RecordingEndDto {
    /// As was wanted.
    Complete,
    /// The server went down; what was recorded by then is here.
    Interrupted,
    /// The disk took no more; what was recorded by then is here.
    CutShort,
}

impl From<RecordingEnd> for RecordingEndDto {
    fn from(end: RecordingEnd) -> Self {
        match end {
            RecordingEnd::Complete => Self::Complete,
            RecordingEnd::Interrupted => Self::Interrupted,
            RecordingEnd::CutShort => Self::CutShort,
        }
    }
}

/// A pause of a recording, in seconds since it began. What was said then is silence in it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[schema(as = RecordingPause)]
pub struct PauseView {
    /// When it began.
    pub from: f64,
    /// When it ended; none if it did not before the recording.
    pub until: Option<f64>,
}

/// The outline of a recording, for drawing it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = RecordingPeaks)]
pub struct PeaksView {
    /// Channels, 1 or 2: the caller left, the callee right.
    pub channels: u8,
    /// How long one peak is, in seconds.
    pub seconds: f64,
    /// For each peak the lowest and the highest sample of each channel, -128 to 127: low and high of
    /// the left, then of the right.
    pub values: Vec<i8>,
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
    /// Its format, once saved: `wav`, `mp3` or `opus`.
    #[schema(value_type = Option<String>, example = "wav")]
    pub format: Option<AudioFormat>,
    /// Whether its file is encrypted.
    pub encrypted: bool,
    /// How it came to its end.
    pub ended: RecordingEndDto,
    /// Seconds that the disk was too slow for, and that are silence in it.
    pub missing_seconds: f64,
    /// When it was paused.
    pub pauses: Vec<PauseView>,
}

impl RecordingView {
    /// How a recording is shown.
    #[must_use]
    pub fn of(recording: &Recording) -> Self {
        Self {
            id: recording.id,
            call_id: recording.call,
            state: recording.state.into(),
            started_at: recording.started_at,
            queue: recording.queue,
            agent: recording.agent,
            seconds: seconds(recording.milliseconds),
            bytes: recording.bytes,
            failure: recording.failure.clone(),
            format: recording.format(),
            encrypted: recording.is_sealed(),
            ended: recording.end.into(),
            missing_seconds: seconds(recording.missing_milliseconds),
            pauses: recording.pauses.iter().map(PauseView::of).collect(),
        }
    }
}

impl PauseView {
    fn of(pause: &Pause) -> Self {
        Self {
            from: seconds(pause.from),
            until: pause.until.map(seconds),
        }
    }
}

fn seconds(milliseconds: u64) -> f64 {
    f64::from(u32::try_from(milliseconds).unwrap_or(u32::MAX)) / 1000.0
}
