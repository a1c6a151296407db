//! `/api/v1/calls/{id}/sip`, `/api/v1/sip/stats`

use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use offhook_core::CallId;
use offhook_core::sip::trace::ladder;

use super::prelude::*;
use crate::dto::sip::{SipStatsView, SipTraceView, TraceFormat, TraceQuery};

/// Reads the SIP messages of a call that goes on, or of one of the latest that are over: a list, or
/// with `format=ladder` or `Accept: text/plain` a drawing. Credentials and keys are hidden, numbers
/// are not. Supervisors only; who reads it is logged.
#[utoipa::path(
    get, path = "/api/v1/calls/{id}/sip", tag = "Calls", operation_id = "read_call_sip",
    params(("id" = String, Path, description = "The call's id."), TraceQuery),
    responses(
        (status = 200, description = "The messages.", content(
            (SipTraceView = "application/json"),
            (String = "text/plain"),
        )),
    ),
)]
async fn trace(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
    ApiQuery(query): ApiQuery<TraceQuery>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    caller.needs(Role::Supervisor)?;
    let trace = state.floor().sip_trace(id);
    let trace = trace.ok_or(ApiError::NotFound("trace of a call"))?;
    tracing::info!(call = %id, token = %caller.token.id, "the SIP messages of a call are read");
    let accepts_text = headers
        .get(header::ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.starts_with("text/plain"));
    let drawn = match query.format {
        Some(format) => format == TraceFormat::Ladder,
        None => accepts_text,
    };
    if drawn {
        return Ok(ladder(&trace).into_response());
    }
    Ok(Json(SipTraceView::of(id, &trace)).into_response())
}

/// Reads what was counted of signalling since the server started. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/sip/stats", tag = "Operation", operation_id = "read_sip_stats",
    responses((status = 200, description = "The figures.", body = SipStatsView)),
)]
async fn stats(State(state): State<AppState>, caller: Caller) -> ApiResult<Json<SipStatsView>> {
    caller.needs(Role::Supervisor)?;
    let floor = state.floor();
    let (traffic, edge) = floor.sip_figures();
    let defence = floor.guard().stats();
    Ok(Json(SipStatsView::of(&traffic, &edge, &defence)))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(trace))
        .routes(routes!(stats))
}
