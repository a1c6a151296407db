//! `/api/v1/users`

use offhook_actors::alarm;
use offhook_actors::store::{Page, User};
use offhook_core::UserId;
use offhook_core::pii::Secret;

use super::prelude::*;
use super::resource::{Created, created, merged};
use crate::dto::account::{UserSettings, UserView};
use crate::dto::list::limit;

const TAG: &str = "Users";

/// Lists users. Admins only.
#[utoipa::path(
    get, path = "/api/v1/users", tag = TAG, operation_id = "list_users",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<UserView>)),
)]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> ApiResult<Json<List<UserView>>> {
    caller.needs(Role::Admin)?;
    let page = Page {
        cursor: query.cursor,
        limit: limit(query.limit)?,
    };
    let listing = state.store().users().list(&page).await?;
    Ok(Json(List {
        items: listing.items.iter().map(UserView::of).collect(),
        next_cursor: listing.next_cursor,
    }))
}

/// Adds a user. Admins only.
#[utoipa::path(
    post, path = "/api/v1/users", tag = TAG, operation_id = "create_user",
    request_body = UserSettings,
    responses((
        status = 201, description = "The user.", body = UserView,
        headers(("Location", description = "Its path.")),
    )),
)]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(settings): ApiJson<UserSettings>,
) -> ApiResult<Created<UserView>> {
    caller.needs(Role::Admin)?;
    let user = settings.build(None, alarm::wall())?;
    let password = Secret::new(settings.password.unwrap_or_default());
    let users = state.store().users();
    users
        .create(&user, &password)
        .await
        .map_err(by_wire_names)?;
    state.changed("users", &user.id);
    Ok(created("users", &user.id, UserView::of(&user)))
}

/// The login name is `name` in the database and `user` here.
fn by_wire_names(error: StoreError) -> ApiError {
    if let StoreError::Conflict { field: "name" } = error {
        ApiError::duplicate("user", "is another user's login name")
    } else {
        error.into()
    }
}

/// Reads a user. Admins only.
#[utoipa::path(
    get, path = "/api/v1/users/{id}", tag = TAG, operation_id = "read_user",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 200, description = "The user.", body = UserView)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
) -> ApiResult<Json<UserView>> {
    caller.needs(Role::Admin)?;
    Ok(Json(UserView::of(&state.store().users().get(id).await?)))
}

/// Replaces all settings of a user; the password stays if it is not given. Admins only.
#[utoipa::path(
    put, path = "/api/v1/users/{id}", tag = TAG, operation_id = "replace_user",
    params(("id" = String, Path, description = "Its id.")),
    request_body = UserSettings,
    responses((status = 200, description = "As it is now.", body = UserView)),
)]
async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
    ApiJson(settings): ApiJson<UserSettings>,
) -> ApiResult<Json<UserView>> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    let old = state.store().users().get(id).await?;
    store(&state, &caller, &old, settings).await
}

/// Changes some settings of a user: those that are in the body, by merge patch (RFC 7396). Admins
/// only.
#[utoipa::path(
    patch, path = "/api/v1/users/{id}", tag = TAG, operation_id = "change_user",
    params(("id" = String, Path, description = "Its id.")),
    request_body(content = ref("#/components/schemas/UserPatch")),
    responses((status = 200, description = "As it is now.", body = UserView)),
)]
async fn change(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
    patch: Merge,
) -> ApiResult<Json<UserView>> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    let old = state.store().users().get(id).await?;
    let settings = merged(&UserSettings::of(&old), patch)?;
    store(&state, &caller, &old, settings).await
}

async fn store(
    state: &AppState,
    caller: &Caller,
    old: &User,
    settings: UserSettings,
) -> ApiResult<Json<UserView>> {
    let user = settings.build(Some(old), old.created_at)?;
    let myself = caller.token.user == Some(user.id);
    if myself && (user.role != Role::Admin || !user.enabled) {
        return Err(ApiError::Conflict(
            "you cannot take your own rights away; let another admin do it".into(),
        ));
    }
    let users = state.store().users();
    users.update(&user).await.map_err(by_wire_names)?;
    if let Some(password) = settings.password {
        users.set_password(user.id, &Secret::new(password)).await?;
    }
    state.changed("users", &user.id);
    Ok(Json(UserView::of(&user)))
}

/// Removes a user and their tokens. Admins only; refused while an extension or agent is theirs.
#[utoipa::path(
    delete, path = "/api/v1/users/{id}", tag = TAG, operation_id = "remove_user",
    params(("id" = String, Path, description = "Its id.")),
    responses((status = 204, description = "The user is gone.")),
)]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<UserId>,
) -> ApiResult<StatusCode> {
    caller.needs(Role::Admin)?;
    if caller.token.user == Some(id) {
        return Err(ApiError::Conflict("you cannot remove yourself".into()));
    }
    state.store().users().delete(id).await?;
    state.changed("users", &id);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, replace, change, remove))
}
