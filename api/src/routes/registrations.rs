//! `/api/v1/sip/registrations`

use offhook_actors::registrar::Registered;

use super::prelude::*;
use crate::dto::registration::RegistrationView;

/// Lists the phones that are registered now, one entry per contact. Supervisors only.
#[utoipa::path(
    get, path = "/api/v1/sip/registrations", tag = "Extensions",
    operation_id = "list_registrations",
    params(PageQuery),
    responses((status = 200, description = "A page of the list.", body = List<RegistrationView>)),
)]
async fn list(
    State(state): State<AppState>,
    caller: Caller,
    ApiQuery(query): ApiQuery<PageQuery>,
) -> ApiResult<Json<List<RegistrationView>>> {
    caller.needs(Role::Supervisor)?;
    let directory = state.directory();
    let all = state.floor().registrations();
    let key = |phone: &Registered| format!("{}\n{}", phone.extension, phone.contact);
    let view = |phone| RegistrationView::of(phone, &directory);
    List::page(all, &query, key, view).map(Json)
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}
