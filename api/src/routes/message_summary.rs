//! `/api/v1/sip/extensions/{id}/message-summary`

use offhook_core::ExtensionId;
use offhook_core::directory::Extension;

use super::prelude::*;
use crate::dto::watch::MessageSummary;

const TAG: &str = "Extensions";

/// Reads how many voice messages wait for an extension.
#[utoipa::path(
    get, path = "/api/v1/sip/extensions/{id}/message-summary", tag = TAG,
    operation_id = "read_message_summary",
    params(("id" = String, Path, description = "The extension's id.")),
    responses((status = 200, description = "The messages.", body = MessageSummary)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<ExtensionId>,
) -> ApiResult<Json<MessageSummary>> {
    let directory = state.directory();
    resource::readable::<Extension>(&directory, &caller, id)?;
    let waiting = state.floor().subscriptions().waiting(id);
    Ok(Json(MessageSummary::of(waiting)))
}

/// Sets how many voice messages wait for an extension: its phones show it. For a voicemail that is
/// not a part of this server. Admins only.
#[utoipa::path(
    put, path = "/api/v1/sip/extensions/{id}/message-summary", tag = TAG,
    operation_id = "replace_message_summary",
    params(("id" = String, Path, description = "The extension's id.")),
    request_body = MessageSummary,
    responses((status = 200, description = "As it is now.", body = MessageSummary)),
)]
async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<ExtensionId>,
    ApiJson(summary): ApiJson<MessageSummary>,
) -> ApiResult<Json<MessageSummary>> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    resource::find::<Extension>(&state.directory(), id)?;
    let waiting = summary.read()?;
    state.store().waiting_messages().set(id, &waiting).await?;
    state.floor().subscriptions().set_waiting(id, waiting);
    Ok(Json(MessageSummary::of(waiting)))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(read, replace))
}
