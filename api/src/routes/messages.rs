//! `/api/v1/messages`

use offhook_actors::subscribe::{MessageRefused, OutgoingMessage};

use super::prelude::*;
use crate::dto::check::Checks;
use crate::dto::watch::NewMessage;

/// Sends a text message to every registered phone of an extension.
///
/// Agents and users can send from extensions of their own.
#[utoipa::path(
    post, path = "/api/v1/messages", tag = "Messages", operation_id = "send_message",
    request_body = NewMessage,
    responses((status = 202, description = "It is being delivered.")),
)]
async fn send(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(new): ApiJson<NewMessage>,
) -> ApiResult<StatusCode> {
    let directory = state.directory();
    let mut checks = Checks::default();
    new.check(&mut checks);
    let from = directory.extension_numbered(&new.from);
    match from {
        None => checks.wrong("from", "is not the number of an extension"),
        Some(from) => checks.require(from.enabled, "from", "is a disabled extension"),
    }
    if directory.extension_numbered(&new.to).is_none() {
        checks.wrong("to", "is not the number of an extension");
    }
    checks.finish()?;
    let from = from.ok_or(ApiError::Internal)?;
    if !caller.sees_all() && !caller.own(&directory).extensions.contains(&from.id) {
        return Err(ApiError::Forbidden("this is somebody else's extension"));
    }
    let message = OutgoingMessage {
        from: from.id,
        to: new.to,
        text: new.text,
    };
    match state.floor().subscriptions().send_message(&message) {
        Ok(()) => Ok(StatusCode::ACCEPTED),
        Err(error @ MessageRefused::Unknown) => Err(ApiError::invalid("to", error.to_string())),
        Err(error @ MessageRefused::Offline) => Err(ApiError::Conflict(error.to_string())),
        Err(error @ MessageRefused::TooLong) => Err(ApiError::invalid("text", error.to_string())),
    }
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(send))
}
