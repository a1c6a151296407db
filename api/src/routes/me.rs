//! `/api/v1/me`

use super::prelude::*;
use crate::dto::account::{Me, OwnExtension, TokenView, UserView};

/// Who the token belongs to, and what it may do.
#[utoipa::path(
    get, path = "/api/v1/me", tag = "Login", operation_id = "read_me",
    responses((status = 200, description = "You.", body = Me)),
)]
async fn me(State(state): State<AppState>, caller: Caller) -> ApiResult<Json<Me>> {
    let directory = state.directory();
    let user = match caller.token.user {
        Some(id) => Some(UserView::of(&state.store().users().get(id).await?)),
        None => None,
    };
    let own = caller.own(&directory);
    let extensions = own.extensions.iter().zip(&own.numbers);
    Ok(Json(Me {
        user,
        role: caller.role().into(),
        token: TokenView::of(&caller.token),
        extensions: extensions
            .map(|(id, number)| OwnExtension {
                id: *id,
                extension: number.clone(),
            })
            .collect(),
        agent_id: own.agent,
    }))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(me))
}
