//! `/api/v1/sip/registrations`

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
    let all: Vec<(String, String)> = state.live().view(|view| {
        let phones = view.phones();
        let contacts = phones.flat_map(|(number, contacts)| {
            let number = number.to_owned();
            contacts
                .iter()
                .map(move |contact| (number.clone(), contact.clone()))
        });
        contacts.collect()
    });
    let key = |(number, contact): &(String, String)| format!("{number}\n{contact}");
    let view = |(extension, contact): (String, String)| RegistrationView {
        extension_id: directory
            .extension_numbered(&extension)
            .map(|found| found.id),
        extension,
        contact,
    };
    List::page(all, &query, key, view).map(Json)
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list))
}
