//! `/api/v1/login`

use std::time::Duration;

use offhook_actors::alarm;
use offhook_actors::store::NewToken;
use offhook_core::pii::Secret;

use super::prelude::*;
use crate::auth::Source;
use crate::dto::account::{CreatedToken, Login, TokenView};

/// How long a token made by a login works: one shift, with the hours around it.
const LOGIN_LASTS: Duration = Duration::from_secs(12 * 3600);

/// Trades a login name and password for a token that works for twelve hours. Removing the token
/// logs out.
#[utoipa::path(
    post, path = "/api/v1/login", tag = "Login", operation_id = "log_in",
    security(()),
    request_body = Login,
    responses((status = 201, description = "The token.", body = CreatedToken)),
)]
async fn login(
    State(state): State<AppState>,
    Source(source): Source,
    ApiJson(login): ApiJson<Login>,
) -> ApiResult<(StatusCode, Json<CreatedToken>)> {
    let now = alarm::now();
    if let Some(left) = state.failures().blocked(now, source) {
        return Err(ApiError::TooManyFailures(left.as_secs() + 1));
    }
    let password = Secret::new(login.password);
    let user = state
        .store()
        .users()
        .authenticate(&login.user, &password)
        .await?;
    let Some(user) = user else {
        state.failures().failed(now, source);
        return Err(ApiError::Unauthenticated("user or password is wrong"));
    };
    let new = NewToken {
        name: format!("login of {}", user.name),
        role: user.role,
        user: Some(user.id),
        expires_at: alarm::wall().checked_add(LOGIN_LASTS).ok(),
    };
    let (token, secret) = state.store().tokens().create(new).await?;
    let created = CreatedToken {
        view: TokenView::of(&token),
        token: secret.expose().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(created)))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(login))
}
