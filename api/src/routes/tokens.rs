//! `/api/v1/tokens`

use offhook_actors::alarm;
use offhook_actors::store::{NewToken, Page};
use offhook_core::TokenId;

use super::prelude::*;
use super::resource::{Created, created};
use crate::dto::account::{CreatedToken, TokenSettings, TokenView};
use crate::dto::check::Checks;
use crate::dto::list::limit;

const TAG: &str = "Tokens";

/// Lists tokens, without their secrets. Those who are no admins see their own user's.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = TAG, operation_id = "list_tokens",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<TokenView>)),
)]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> ApiResult<Json<List<TokenView>>> {
    let page = Page {
        cursor: query.cursor,
        limit: limit(query.limit)?,
    };
    let listing = state.store().tokens().list(&page).await?;
    let mine = listing.items.iter().filter(|token| may_see(&caller, token));
    Ok(Json(List {
        items: mine.map(TokenView::of).collect(),
        next_cursor: listing.next_cursor,
    }))
}

fn may_see(caller: &Caller, token: &offhook_actors::store::Token) -> bool {
    let own = token.user.is_some() && token.user == caller.token.user;
    caller.role().covers(Role::Admin) || own || token.id == caller.token.id
}

/// Makes a token of the same user. Its secret is in the answer, and never shown again.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = TAG, operation_id = "create_token",
    request_body = TokenSettings,
    responses((
        status = 201, description = "The token with its secret.", body = CreatedToken,
        headers(("Location", description = "Its path.")),
    )),
)]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(settings): ApiJson<TokenSettings>,
) -> ApiResult<Created<CreatedToken>> {
    let mut checks = Checks::default();
    checks.name("name", &settings.name);
    let past = settings.expires_at.is_some_and(|end| end <= alarm::wall());
    checks.require(!past, "expires_at", "must be in the future");
    // A token cannot outlive or outrank the one that made it.
    let limit = caller.token.expires_at;
    let outlives = limit.is_some_and(|limit| settings.expires_at.is_none_or(|end| end > limit));
    checks.require(
        !outlives,
        "expires_at",
        "must not be later than this token's own",
    );
    checks.finish()?;
    let role: Role = settings.role.into();
    if !caller.role().covers(role) {
        return Err(ApiError::Forbidden(
            "a token cannot make one that may do more",
        ));
    }
    let new = NewToken {
        name: settings.name,
        role,
        user: caller.token.user,
        expires_at: settings.expires_at,
    };
    let (token, secret) = state.store().tokens().create(new).await?;
    tracing::info!(token = %token.id, role = role.as_str(), by = %caller.token.id, "a token was made");
    let view = CreatedToken {
        view: TokenView::of(&token),
        token: secret.expose().to_owned(),
    };
    Ok(created("tokens", &token.id, view))
}

/// Reads a token, without its secret.
#[utoipa::path(
    get, path = "/api/v1/tokens/{id}", tag = TAG, operation_id = "read_token",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The token.", body = TokenView)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<TokenId>,
) -> ApiResult<Json<TokenView>> {
    let token = state.store().tokens().get(id).await?;
    if !may_see(&caller, &token) {
        return Err(ApiError::Forbidden("this is somebody else's token"));
    }
    Ok(Json(TokenView::of(&token)))
}

/// Revokes a token: it stops to work at once.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{id}", tag = TAG, operation_id = "revoke_token",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<TokenId>,
) -> ApiResult<StatusCode> {
    let token = state.store().tokens().get(id).await?;
    if !may_see(&caller, &token) {
        return Err(ApiError::Forbidden("this is somebody else's token"));
    }
    state.store().tokens().delete(id).await?;
    tracing::info!(token = %id, by = %caller.token.id, "a token was revoked");
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, revoke))
}
