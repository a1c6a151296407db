//! `/api/v1/bans`

use offhook_core::sip::defence::{Ban, show};

use super::prelude::*;
use crate::dto::ban::{BanAddress, BanView, NewBan};

const TAG: &str = "Defence";

/// Lists the sources of SIP that are not listened to, by address. Admins only.
#[utoipa::path(
    get, path = "/api/v1/bans", tag = TAG, operation_id = "list_bans",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<BanView>)),
)]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> ApiResult<Json<List<BanView>>> {
    caller.needs(Role::Admin)?;
    let key = |ban: &Ban| show(ban.network);
    let mut bans = state.floor().guard().bans();
    bans.sort_by_key(key);
    List::page(bans, &query, key, BanView::of).map(Json)
}

/// Bans an address or a network, a trunk's included. A ban it has already is replaced. Admins only.
#[utoipa::path(
    post, path = "/api/v1/bans", tag = TAG, operation_id = "create_ban",
    request_body = NewBan,
    responses((
        status = 201, description = "It is not listened to any more.", body = BanView,
        headers(("Location", description = "Its path.")),
    )),
)]
async fn create(
    State(state): State<AppState>,
    caller: Caller,
    ApiJson(new): ApiJson<NewBan>,
) -> ApiResult<resource::Created<BanView>> {
    caller.needs(Role::Admin)?;
    let (network, length, note) = new.check()?;
    let ban = state.floor().guard().ban(network, length, note);
    let path = show(ban.network).replace('/', "%2F");
    Ok(resource::created("bans", &path, BanView::of(ban)))
}

/// Ends a ban; it does not make a later one longer. Admins only.
#[utoipa::path(
    delete, path = "/api/v1/bans/{address}", tag = TAG, operation_id = "remove_ban",
    params(("address" = String, Path, description = "The address, or the network with `%2F`.")),
    responses((status = 204, description = "It is listened to again.")),
)]
async fn remove(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(BanAddress(network)): IdPath<BanAddress>,
) -> ApiResult<StatusCode> {
    caller.needs(Role::Admin)?;
    if state.floor().guard().unban(network) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NotFound("ban"))
    }
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(remove))
}
