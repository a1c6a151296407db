//! `/api/v1/calls`

use axum::response::IntoResponse;
use offhook_actors::alarm;
use offhook_actors::call::{Answering, DialsAs};
use offhook_core::dialplan::{self, Dialled, Notes};
use offhook_core::directory::{Destination, Directory};
use offhook_core::{CallId, ExtensionId, LegId};

use super::prelude::*;
use super::resource::created;
use crate::dto::call::{CallView, LegView, NewCall, NewTransfer, RecordingAction, RecordingWish};
use crate::dto::check::Checks;

const TAG: &str = "Calls";

/// Lists the calls that go on, the oldest first. Agents and users see their own.
#[utoipa::path(
    get, path = "/api/v1/calls", tag = TAG, operation_id = "list_calls",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<CallView>)),
)]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> ApiResult<Json<List<CallView>>> {
    let own = caller.own(&state.directory());
    let calls: Vec<CallView> = state.live().view(|view| {
        let calls = view.calls();
        let mine = calls.filter(|call| caller.sees_all() || own.is_party(call));
        mine.map(CallView::of).collect()
    });
    let key = |call: &CallView| format!("{:024}\n{}", call.started_at.as_nanosecond(), call.id);
    List::page(calls, &query, key, |call| call).map(Json)
}

/// The call, if it goes on and the caller may see it.
fn visible(state: &AppState, caller: &Caller, id: CallId) -> ApiResult<CallView> {
    let own = caller.own(&state.directory());
    let call = state.live().view(|view| {
        let call = view.call(id)?;
        Some((CallView::of(call), own.is_party(call)))
    });
    let (call, is_party) = call.ok_or(ApiError::NotFound("call"))?;
    if caller.sees_all() || is_party {
        Ok(call)
    } else {
        Err(ApiError::Forbidden("this is somebody else's call"))
    }
}

/// Reads a call that goes on. A call that is over is found at `/api/v1/cdrs/{id}`.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}", tag = TAG, operation_id = "read_call",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 200, description = "The call.", body = CallView)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<Json<CallView>> {
    visible(&state, &caller, id).map(Json)
}

/// Places a call: the extension's phone rings, and when it is picked up the number is called.
///
/// Agents and users can place calls from extensions of their own.
#[utoipa::path(
    post, path = "/api/v1/calls", tag = TAG, operation_id = "place_call",
    request_body = NewCall,
    responses((
        status = 201, description = "The extension's phone is being rung.", body = CallView,
        headers(("Location", description = "The call's path.")),
    )),
)]
async fn originate(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(new): ApiJson<NewCall>,
) -> ApiResult<axum::response::Response> {
    let directory = state.directory();
    let mut checks = Checks::default();
    let from = directory.extension_numbered(&new.from);
    match from {
        None => checks.wrong("from", "is not the number of an extension"),
        Some(from) => checks.require(from.enabled, "from", "is a disabled extension"),
    }
    let dialled = Dialled {
        number: &new.to,
        caller: from,
        at: alarm::wall(),
    };
    if let Err(error) = dialplan::from_inside(&directory, dialled, &mut Notes::unread()) {
        checks.wrong("to", error.to_string());
    }
    checks.finish()?;
    let from = from.ok_or(ApiError::Internal)?;
    if !caller.sees_all() && !caller.own(&directory).extensions.contains(&from.id) {
        return Err(ApiError::Forbidden("this is somebody else's extension"));
    }
    let answering = if new.auto_answer {
        Answering::ByItself
    } else {
        Answering::ByHand
    };
    let id = state.floor().originate(from.id, new.to, answering).await?;
    let call = state.live().view(|view| view.call(id).map(CallView::of));
    match call {
        Some(call) => Ok(created("calls", &id, call).into_response()),
        // It was over before we could look: its record says why.
        None => Ok((StatusCode::CREATED, Json(serde_json::json!({ "id": id }))).into_response()),
    }
}

/// Ends a call.
#[utoipa::path(
    delete, path = "/api/v1/calls/{id}", tag = TAG, operation_id = "hang_up_call",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 204, description = "The call is being ended.")),
)]
async fn hang_up(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<StatusCode> {
    visible(&state, &caller, id)?;
    state.floor().hang_up(id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Puts the caller on hold: they hear hold music.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/hold", tag = TAG, operation_id = "hold_call",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 200, description = "The call as it is now.", body = CallView)),
)]
async fn hold(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<Json<CallView>> {
    visible(&state, &caller, id)?;
    state.floor().hold(id).await?;
    visible(&state, &caller, id).map(Json)
}

/// Ends the hold.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/unhold", tag = TAG, operation_id = "unhold_call",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 200, description = "The call as it is now.", body = CallView)),
)]
async fn unhold(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<Json<CallView>> {
    visible(&state, &caller, id)?;
    state.floor().unhold(id).await?;
    visible(&state, &caller, id).map(Json)
}

/// Who supervises transfers as the office, everybody else as their own phone in this call would.
fn transfers_as(caller: &Caller, directory: &Directory, call: &CallView) -> ApiResult<DialsAs> {
    if caller.sees_all() {
        return Ok(DialsAs::Office);
    }
    let own = caller.own(directory).extensions;
    let in_call = |id: &&ExtensionId| {
        let number = directory.extension(**id).map(|extension| &extension.number);
        let at = |leg: &LegView| number.is_some() && leg.extension.as_ref() == number;
        call.legs.iter().any(at)
    };
    let extension = own.iter().find(in_call);
    extension
        .map(|id| DialsAs::Extension(*id))
        .ok_or(ApiError::Forbidden("none of your phones is in this call"))
}

/// Sends one party of a conversation elsewhere. The other one is let go when it has arrived; when
/// nobody is there, the two talk on. Agents and users reach what their own phone in this call may
/// dial.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/transfer", tag = TAG, operation_id = "transfer_call",
    params(("id" = String, Path, description = "The call's id.")),
    request_body = NewTransfer,
    responses((status = 200, description = "The call as it is now.", body = CallView)),
)]
async fn transfer(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
    ApiJson(wish): ApiJson<NewTransfer>,
) -> ApiResult<Json<CallView>> {
    let call = visible(&state, &caller, id)?;
    let mut checks = Checks::default();
    let directory = state.directory();
    let dials_as = transfers_as(&caller, &directory, &call)?;
    let dialled = Dialled {
        number: &wish.to,
        caller: match dials_as {
            DialsAs::Office => None,
            DialsAs::Extension(extension) => directory.extension(extension),
        },
        at: alarm::wall(),
    };
    match dialplan::from_inside(&directory, dialled, &mut Notes::unread()) {
        Ok(Destination::AgentLogin | Destination::AgentLogout | Destination::HangUp) => {
            checks.wrong("to", "means whoever dials it");
        }
        Ok(_) => {}
        Err(error) => checks.wrong("to", error.to_string()),
    }
    let leg = wish.leg.as_ref().map(|leg| leg.parse::<LegId>().ok());
    let known = |leg: &LegId| call.legs.iter().any(|known| known.id == *leg);
    if leg
        .as_ref()
        .is_some_and(|leg| !leg.as_ref().is_some_and(known))
    {
        checks.wrong("leg", "is no leg of this call");
    }
    checks.finish()?;
    let leg = leg.flatten();
    state.floor().transfer(id, wish.to, leg, dials_as).await?;
    visible(&state, &caller, id).map(Json)
}

/// Begins to record a conversation. Recording one that is being recorded is no error.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/record", tag = TAG, operation_id = "record_call",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 200, description = "The call as it is now.", body = CallView)),
)]
async fn record(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<Json<CallView>> {
    visible(&state, &caller, id)?;
    state.floor().record(id, None).await?;
    visible(&state, &caller, id).map(Json)
}

/// Ends the recording of a conversation, which goes on. No error if none is in progress.
#[utoipa::path(
    delete, path = "/api/v1/calls/{id}/record", tag = TAG, operation_id = "stop_recording_call",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 200, description = "The call as it is now.", body = CallView)),
)]
async fn stop_recording(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<Json<CallView>> {
    visible(&state, &caller, id)?;
    state.floor().stop_recording(id).await?;
    visible(&state, &caller, id).map(Json)
}

/// Starts, stops, pauses or resumes the recording of a conversation. While it is paused what is said
/// is silence in it, and its times stay true.
#[utoipa::path(
    post, path = "/api/v1/calls/{id}/recording", tag = TAG, operation_id = "change_recording_call",
    params(("id" = String, Path, description = "The call's id.")),
    request_body = RecordingWish,
    responses((status = 200, description = "The call as it is now.", body = CallView)),
)]
async fn change_recording(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
    ApiJson(wish): ApiJson<RecordingWish>,
) -> ApiResult<Json<CallView>> {
    let call = visible(&state, &caller, id)?;
    let floor = state.floor();
    match wish.action {
        RecordingAction::Start => floor.record(id, wish.leg).await?,
        RecordingAction::Stop => floor.stop_recording(id).await?,
        RecordingAction::Pause | RecordingAction::Resume if call.recordings.is_empty() => {
            return Err(ApiError::Conflict("the call is not being recorded".into()));
        }
        RecordingAction::Pause => floor.pause_recording(id).await?,
        RecordingAction::Resume => floor.resume_recording(id).await?,
    }
    tracing::info!(call = %id, action = ?wish.action, by = %caller.token.id, "a recording was changed");
    visible(&state, &caller, id).map(Json)
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, originate))
        .routes(routes!(read, hang_up))
        .routes(routes!(hold))
        .routes(routes!(unhold))
        .routes(routes!(transfer))
        .routes(routes!(record, stop_recording))
        .routes(routes!(change_recording))
}
