//! `/api/v1/recordings`

use std::path::PathBuf;

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use offhook_actors::store::{Page, Recording, RecordingFilter, RecordingState};
use offhook_core::recording::AudioFormat;
use offhook_core::{AgentId, CallId, QueueId, RecordingId};
use offhook_media::container::peaks::{PER_SECOND, PeaksFile};
use offhook_media::engine::peaks_path;
use serde::Deserialize;

use super::prelude::*;
use crate::auth::StreamCaller;
use crate::dto::list;
use crate::dto::recording::{PeaksView, RecordingStateDto, RecordingView};
use crate::range::{ByteRange, parse_range};
use crate::recording_file::RecordingFile;

const TAG: &str = "Recordings";

/// Which recordings are wanted; everything given must fit.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RecordingQuery {
    /// Of this call.
    #[param(value_type = Option<String>)]
    call: Option<CallId>,
    /// From this queue.
    #[param(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// With this agent.
    #[param(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// In this state.
    state: Option<RecordingStateDto>,
    /// Begun at this time or later.
    since: Option<Timestamp>,
    /// Begun before this time.
    until: Option<Timestamp>,
    /// How many at most, 1 to 500; 100 unless said.
    limit: Option<u32>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Lists recordings, the latest first. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/recordings", tag = TAG, operation_id = "list_recordings",
    params(RecordingQuery),
    responses((status = 200, description = "A page of the list.", body = List<RecordingView>)),
)]
async fn list_recordings(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<RecordingQuery>,
) -> ApiResult<Json<List<RecordingView>>> {
    caller.needs(Role::Supervisor)?;
    let filter = RecordingFilter {
        call: query.call,
        queue: query.queue,
        agent: query.agent,
        state: query.state.map(Into::into),
        since: query.since,
        until: query.until,
    };
    let page = Page {
        cursor: query.cursor,
        limit: list::limit(query.limit)?,
    };
    let listing = state.store().recordings().list(&filter, &page).await?;
    let items = listing.items.iter().map(RecordingView::of).collect();
    Ok(Json(List {
        items,
        next_cursor: listing.next_cursor,
    }))
}

/// Reads what is known about a recording. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/recordings/{id}", tag = TAG, operation_id = "read_recording",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The recording.", body = RecordingView)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<RecordingId>,
) -> ApiResult<Json<RecordingView>> {
    caller.needs(Role::Supervisor)?;
    let recording = state.store().recordings().get(id).await?;
    Ok(Json(RecordingView::of(&recording)))
}

/// Removes a recording and its file. Admins only; refused while it goes on.
#[utoipa::path(
    delete, path = "/api/v1/recordings/{id}", tag = TAG, operation_id = "remove_recording",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<RecordingId>,
) -> ApiResult<StatusCode> {
    caller.needs(Role::Admin)?;
    state.store().recordings().delete(id).await?;
    tracing::info!(recording = %id, by = %caller.token.id, "a recording was removed");
    Ok(StatusCode::NO_CONTENT)
}

/// The sound of a recording, in its format; in stereo the caller is left and the callee right.
/// Encrypted ones are opened on the way. Supervisors only.
///
/// Takes single byte ranges (RFC 9110 section 14), so that players can seek. Audio elements cannot
/// send headers: the token may stand in `access_token`.
#[utoipa::path(
    get, path = "/api/v1/recordings/{id}/audio", tag = TAG, operation_id = "hear_recording",
    params(
        ("id" = String, Path, description = "Its id."),
        ("access_token" = Option<String>, Query, description = "The token, if not in a header."),
        ("Range" = Option<String>, Header, description = "Which bytes.", example = "bytes=0-43"),
    ),
    responses(
        (status = 200, description = "All of it.", body = Vec<u8>, content_type = "audio/wav"),
        (status = 206, description = "The bytes asked for.", body = Vec<u8>, content_type = "audio/wav"),
    ),
)]
async fn audio(
    State(state): State<AppState>,
    StreamCaller(caller): StreamCaller,
    IdPath(id): IdPath<RecordingId>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    caller.needs(Role::Supervisor)?;
    let recording = state.store().recordings().get(id).await?;
    let (sound, format) = open(&state, &recording).await?;
    let length = sound.length();
    if length != recording.bytes {
        // What is there is heard all the same: it may be all that is left.
        let written = recording.bytes;
        tracing::error!(recording = %id, written, length, "a recording is not as long as it was written");
    }
    let etag = format!("\"{id}-{length}\"");
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let fresh = headers
        .get(header::IF_RANGE)
        .is_none_or(|value| value.as_bytes() == etag.as_bytes());
    let (status, part) = match range
        .filter(|_| fresh)
        .map(|range| parse_range(range, length))
    {
        None | Some(Ok(None)) => (StatusCode::OK, ByteRange { first: 0, length }),
        Some(Ok(Some(part))) => (StatusCode::PARTIAL_CONTENT, part),
        Some(Err(_)) => return Err(ApiError::RangeNotSatisfiable(length)),
    };
    let body = sound.stream(part);
    let mut response = (status, body).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static(format.media_type()),
    );
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.length));
    let mut set = |name, text: String| {
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(name, value);
        }
    };
    set(header::ETAG, etag);
    set(
        header::CONTENT_DISPOSITION,
        format!("inline; filename=\"{id}.{}\"", format.extension()),
    );
    if status == StatusCode::PARTIAL_CONTENT {
        let last = part.first + part.length.saturating_sub(1);
        set(
            header::CONTENT_RANGE,
            format!("bytes {}-{last}/{length}", part.first),
        );
    }
    Ok(response)
}

/// The outline of a recording, for drawing it: at most `points` peaks. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/recordings/{id}/peaks", tag = TAG, operation_id = "recording_peaks",
    params(("id" = String, Path, description = "Its id."), PeaksQuery),
    responses((status = 200, description = "The peaks.", body = PeaksView)),
)]
async fn peaks(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<RecordingId>,
    ApiQuery(query): ApiQuery<PeaksQuery>,
) -> ApiResult<Json<PeaksView>> {
    caller.needs(Role::Supervisor)?;
    let recording = state.store().recordings().get(id).await?;
    let path = path_of(&state, &recording)?;
    let key = state.store().recordings().key(&recording).await?;
    let bytes = {
        let file = RecordingFile::open(&peaks_path(&path), key, state.indices()).await?;
        file.read().await?
    };
    let most = query.points.unwrap_or(DEFAULT_POINTS).clamp(1, MOST_POINTS);
    let all = PeaksFile::parse(&bytes).ok_or(ApiError::NotFound("peaks of this recording"))?;
    let block = 2 * usize::from(all.channels);
    let reduced = all.reduced(usize::try_from(most).unwrap_or(1));
    let together = all
        .values
        .len()
        .div_ceil(block)
        .div_ceil(usize::try_from(most).unwrap_or(1))
        .max(1);
    let together = f64::from(u32::try_from(together).unwrap_or(u32::MAX));
    Ok(Json(PeaksView {
        channels: reduced.channels,
        seconds: together / f64::from(PER_SECOND),
        values: reduced.values,
    }))
}

/// Peaks that are given when nobody says how many.
const DEFAULT_POINTS: u32 = 1000;

/// Most peaks that are given at once: an hour's worth.
const MOST_POINTS: u32 = 180_000;

/// How much of a drawing is wanted.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct PeaksQuery {
    /// How many peaks at most; 1,000 unless said.
    points: Option<u32>,
}

/// Where the sound of a recording lies, if there is any.
fn path_of(state: &AppState, recording: &Recording) -> ApiResult<PathBuf> {
    match recording.state {
        RecordingState::Saved => {}
        RecordingState::Recording => {
            return Err(ApiError::Conflict(
                "the conversation is still being recorded".into(),
            ));
        }
        RecordingState::Failed => {
            let why = recording
                .failure
                .as_deref()
                .unwrap_or("it could not be kept");
            return Err(ApiError::Conflict(format!("there is no sound: {why}")));
        }
        RecordingState::Expired => {
            return Err(ApiError::Conflict(
                "there is no sound: it was kept long enough and removed".into(),
            ));
        }
    }
    let path = state.store().recordings().path(recording);
    path.ok_or(ApiError::NotFound("sound of this recording"))
}

async fn open(state: &AppState, recording: &Recording) -> ApiResult<(RecordingFile, AudioFormat)> {
    let path = path_of(state, recording)?;
    let key = state.store().recordings().key(recording).await?;
    let sound = RecordingFile::open(&path, key, state.indices()).await?;
    Ok((sound, recording.format().unwrap_or_default()))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_recordings))
        .routes(routes!(read, remove))
        .routes(routes!(audio))
        .routes(routes!(peaks))
}
