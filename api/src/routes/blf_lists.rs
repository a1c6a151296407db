//! `/api/v1/blf-lists`

use axum::extract::Path;
use offhook_core::directory::WatchList;

use super::prelude::*;
use crate::dto::watch::{BlfList, BlfListSettings};

const TAG: &str = "BLF lists";

/// Lists the lists of extensions that phones can watch by one subscription.
#[utoipa::path(
    get, path = "/api/v1/blf-lists", tag = TAG, operation_id = "list_blf_lists",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<BlfList>)),
)]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> ApiResult<Json<List<BlfList>>> {
    caller.needs(Role::Supervisor)?;
    let directory = state.directory();
    let all = state.store().blf_lists().all().await?;
    let key = |list: &WatchList| list.name.clone();
    List::page(all, &query, key, |list| BlfList::of(&list, &directory)).map(Json)
}

/// Reads a list.
#[utoipa::path(
    get, path = "/api/v1/blf-lists/{name}", tag = TAG, operation_id = "read_blf_list",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 200, description = "It.", body = BlfList)),
)]
async fn read(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<Json<BlfList>> {
    caller.needs(Role::Supervisor)?;
    let all = state.store().blf_lists().all().await?;
    let found = all.iter().find(|list| list.name == name);
    let found = found.ok_or(ApiError::NotFound("BLF list"))?;
    Ok(Json(BlfList::of(found, &state.directory())))
}

/// Makes a list, or replaces it. Phones that watch it are told to subscribe again. Admins only.
#[utoipa::path(
    put, path = "/api/v1/blf-lists/{name}", tag = TAG, operation_id = "replace_blf_list",
    params(("name" = String, Path, description = "Its name: small letters, digits, - and _.")),
    request_body = BlfListSettings,
    responses((status = 200, description = "As it is now.", body = BlfList)),
)]
async fn replace(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
    ApiJson(settings): ApiJson<BlfListSettings>,
) -> ApiResult<Json<BlfList>> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    let directory = state.directory();
    let list = settings.build(name, &directory)?;
    state.store().blf_lists().set(&list).await?;
    let view = BlfList::of(&list, &directory);
    state.changed("blf-lists", &list.name);
    state.floor().subscriptions().set_list(list);
    Ok(Json(view))
}

/// Removes a list. Phones that watch it are told that it is no more. Admins only.
#[utoipa::path(
    delete, path = "/api/v1/blf-lists/{name}", tag = TAG, operation_id = "remove_blf_list",
    params(("name" = String, Path, description = "Its name.")),
    responses((status = 204, description = "It is gone.")),
)]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    Path(name): Path<String>,
) -> ApiResult<StatusCode> {
    caller.needs(Role::Admin)?;
    let _editing = state.edit().await;
    state.store().blf_lists().delete(&name).await?;
    state.changed("blf-lists", &name);
    state.floor().subscriptions().remove_list(&name);
    Ok(StatusCode::NO_CONTENT)
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(read, replace, remove))
}
