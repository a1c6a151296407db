//! `/api/v1/cdrs`

use axum::http::{HeaderMap, HeaderName, header};
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use offhook_actors::store::{CdrFilter, Page};
use offhook_core::cdr::Cdr;
use offhook_core::{AgentId, CallId, QueueId};
use serde::Deserialize;
use utoipa::ToSchema;

use super::prelude::*;
use crate::dto::cdr::{CdrView, DispositionDto, to_csv};
use crate::dto::event::EventView;
use crate::dto::list;
use crate::error::FieldError;

const TAG: &str = "Call records";

/// Records in one CSV at most, unless `limit` says less. More is had with `cursor`.
const CSV_LIMIT: u32 = 10_000;

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    /// As JSON.
    Json,
    /// As CSV.
    Csv,
}

/// Which records are wanted; everything given must fit.
#[derive(Debug, Clone, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct CdrQuery {
    /// The calling number, whole.
    from: Option<String>,
    /// The number dialled, whole.
    to: Option<String>,
    /// Either of the two, whole.
    number: Option<String>,
    /// The id of the last queue the caller waited in.
    #[param(value_type = Option<String>)]
    queue: Option<QueueId>,
    /// The id of the agent who answered.
    #[param(value_type = Option<String>)]
    agent: Option<AgentId>,
    /// How the call went.
    disposition: Option<DispositionDto>,
    /// Calls that began at this time or later.
    since: Option<Timestamp>,
    /// Calls that began before this time.
    until: Option<Timestamp>,
    /// How many at most, 1 to 500; 100 unless said. In CSV up to 10000.
    limit: Option<u32>,
    /// The `next_cursor` of the page before; in CSV the `X-Next-Cursor` header.
    cursor: Option<String>,
    /// `csv` for CSV; `Accept: text/csv` does the same.
    format: Option<Format>,
}

/// What the caller may see: supervisors everything, agents what they answered.
fn own_agent(state: &AppState, caller: &Caller) -> ApiResult<Option<AgentId>> {
    if caller.sees_all() {
        return Ok(None);
    }
    caller.needs(Role::Agent)?;
    let own = caller.own(&state.directory()).agent;
    own.map(Some)
        .ok_or(ApiError::Forbidden("this token belongs to no agent"))
}

/// Lists call records, the latest first, as JSON or CSV. Agents see the calls they answered.
#[utoipa::path(
    get, path = "/api/v1/cdrs", tag = TAG, operation_id = "list_call_records",
    params(CdrQuery),
    responses((
        status = 200, description = "A page of the list.",
        content((List<CdrView> = "application/json"), (String = "text/csv")),
    )),
)]
async fn list_records(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    ApiQuery(query): ApiQuery<CdrQuery>,
) -> ApiResult<Response> {
    let own = own_agent(&state, &caller)?;
    if own.is_some() && query.agent.is_some() && query.agent != own {
        return Err(ApiError::Forbidden("these are another agent's calls"));
    }
    let csv =
        query.format == Some(Format::Csv) || (query.format.is_none() && prefers_csv(&headers));
    let filter = CdrFilter {
        since: query.since,
        until: query.until,
        disposition: query.disposition.map(Into::into),
        queue: query.queue,
        agent: own.or(query.agent),
        from: query.from,
        to: query.to,
        number: query.number,
        ..CdrFilter::default()
    };
    if csv {
        return as_csv(&state, &filter, query.limit, query.cursor).await;
    }
    let page = Page {
        cursor: query.cursor,
        limit: list::limit(query.limit)?,
    };
    let listing = state.store().cdrs().list(&filter, &page).await?;
    let items = listing.items.iter().map(CdrView::of).collect();
    Ok(Json(List {
        items,
        next_cursor: listing.next_cursor,
    })
    .into_response())
}

fn prefers_csv(headers: &HeaderMap) -> bool {
    let accept = headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok());
    let first = accept.and_then(|accept| accept.split([',', ';']).next());
    first.is_some_and(|first| first.trim().eq_ignore_ascii_case("text/csv"))
}

async fn as_csv(
    state: &AppState,
    filter: &CdrFilter,
    limit: Option<u32>,
    mut cursor: Option<String>,
) -> ApiResult<Response> {
    let limit = limit.unwrap_or(CSV_LIMIT);
    if !(1..=CSV_LIMIT).contains(&limit) {
        let detail = "must be 1 to 10000";
        return Err(ApiError::BadQuery(vec![FieldError::new("limit", detail)]));
    }
    let limit = limit as usize;
    let mut records: Vec<Cdr> = Vec::new();
    while records.len() < limit {
        let left = (limit - records.len()).min(Page::MAX_LIMIT as usize);
        let page = Page {
            cursor,
            limit: u32::try_from(left).unwrap_or(Page::MAX_LIMIT),
        };
        let listing = state.store().cdrs().list(filter, &page).await?;
        records.extend(listing.items);
        cursor = listing.next_cursor;
        if cursor.is_none() {
            break;
        }
    }
    let mut response = to_csv(&records).into_response();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = value.parse() {
            headers.insert(name, value);
        }
    };
    set(
        header::CONTENT_TYPE,
        "text/csv; charset=utf-8; header=present",
    );
    set(
        header::CONTENT_DISPOSITION,
        "attachment; filename=\"calls.csv\"",
    );
    if let Some(cursor) = cursor {
        set(HeaderName::from_static("x-next-cursor"), &cursor);
    }
    Ok(response)
}

/// Reads the record of a call that is over.
#[utoipa::path(
    get, path = "/api/v1/cdrs/{id}", tag = TAG, operation_id = "read_call_record",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 200, description = "The record.", body = CdrView)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<Json<CdrView>> {
    let own = own_agent(&state, &caller)?;
    let cdr = state.store().cdrs().get(id).await?;
    let is_own =
        |agent| cdr.agent == Some(agent) || cdr.legs.iter().any(|leg| leg.agent == Some(agent));
    if own.is_some_and(|agent| !is_own(agent)) {
        return Err(ApiError::Forbidden("this is somebody else's call"));
    }
    Ok(Json(CdrView::of(&cdr)))
}

/// The events of a call that is over, in order. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/cdrs/{id}/events", tag = TAG, operation_id = "list_call_events",
    params(("id" = String, Path, description = "The call's id.")),
    responses((status = 200, description = "All events.", body = List<EventView>)),
)]
async fn timeline(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<CallId>,
) -> ApiResult<Json<List<EventView>>> {
    caller.needs(Role::Supervisor)?;
    let events = state.store().timelines().of_call(id).await?;
    Ok(Json(List::whole(
        events.iter().map(EventView::of).collect(),
    )))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list_records))
        .routes(routes!(read))
        .routes(routes!(timeline))
}
