//! `/api/v1/events`

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::HeaderMap;
use axum::response::Response;

use super::prelude::*;
use crate::auth::StreamCaller;
use crate::dto::event::EventView;
use crate::live::{EventQuery, Follower, serve_socket, stream_events};

/// Everything that happens, as it happens: as WebSocket if the request asks to upgrade, as
/// server-sent events otherwise.
///
/// Agents and users see what concerns their own agent, phones and calls. A follower that is too slow
/// gets `{"type": "lost", "lost": N}` and is closed: connect again and read the lists anew.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "Events", operation_id = "follow_events",
    params(
        EventQuery,
        ("Last-Event-ID" = Option<u64>, Header, description = "As `since`."),
    ),
    responses(
        (status = 101, description = "A WebSocket; each text message is an event."),
        (status = 200, description = "Server-sent events.", body = EventView,
            content_type = "text/event-stream"),
    ),
)]
async fn follow(
    State(state): State<AppState>,
    StreamCaller(caller): StreamCaller,
    ApiQuery(query): ApiQuery<EventQuery>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> ApiResult<Response> {
    query.check()?;
    let header = headers
        .get("last-event-id")
        .and_then(|value| value.to_str().ok());
    let since = query.since.or_else(|| header?.parse().ok());
    let follower = Follower::new(&state, caller, query, since)?;
    match upgrade {
        Ok(upgrade) => Ok(upgrade
            .max_message_size(4096)
            .on_upgrade(move |socket| serve_socket(socket, follower))),
        Err(_) => Ok(stream_events(follower)),
    }
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(follow))
}
