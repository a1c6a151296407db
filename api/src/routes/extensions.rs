//! `/api/v1/sip/extensions`

use offhook_actors::store::generate_password;
use offhook_core::ExtensionId;
use offhook_core::directory::Extension;

use super::prelude::*;
use crate::dto::extension::{ExtensionSettings, ExtensionView, PhoneConfig};

impl Resource for Extension {
    type Id = ExtensionId;
    type Settings = ExtensionSettings;
    type View = ExtensionView;

    const PATH: &'static str = "sip/extensions";
    const OWNED: bool = true;

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().extensions
    }

    fn id(&self) -> ExtensionId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.number
    }

    fn settings(&self, _: &Directory) -> ExtensionSettings {
        ExtensionSettings::of(self)
    }

    fn build(
        settings: ExtensionSettings,
        old: Option<&Self>,
        directory: &Directory,
        state: &AppState,
    ) -> ApiResult<Self> {
        let domain = &state.config().sip.domain;
        settings.build(old, directory, domain, generate_password)
    }

    fn view(&self, _: &Directory, state: &AppState) -> ExtensionView {
        let registered = state
            .live()
            .view(|view| view.contacts(&self.number).is_some());
        ExtensionView::of(self, &state.config().sip.domain, registered)
    }

    fn is_own(&self, own: &Own) -> bool {
        own.extensions.contains(&self.id)
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().extensions().create(self).await })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().extensions().update(self).await })
    }

    fn delete(id: ExtensionId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.store().extensions().delete(id).await })
    }
}

office_routes! {
    Extension, ExtensionSettings, ExtensionView,
    tag: "Extensions", words: "extensions", one: "extension", many: "extensions",
    list: "/api/v1/sip/extensions", item: "/api/v1/sip/extensions/{id}", patch: "#/components/schemas/ExtensionPatch",
}

/// What a phone needs to register, the password in clear. Admins only.
#[utoipa::path(
    get, path = "/api/v1/sip/extensions/{id}/config", tag = "Extensions",
    operation_id = "read_extension_config",
    params(("id" = String, Path, description = "The extension's id.")),
    responses((status = 200, description = "The phone's settings.", body = PhoneConfig)),
)]
async fn config(
    State(state): State<AppState>,
    caller: Caller,
    IdPath(id): IdPath<Id>,
) -> ApiResult<Json<PhoneConfig>> {
    caller.needs(Role::Admin)?;
    let directory = state.directory();
    let extension = resource::find::<Extension>(&directory, id)?;
    let config = state.config();
    let transports = [(&config.sip.udp, "udp"), (&config.sip.tcp, "tcp")];
    let transports = transports.iter().filter(|(listen, _)| !listen.is_empty());
    Ok(Json(PhoneConfig {
        extension: extension.number.clone(),
        name: extension.name.clone(),
        username: extension.number.clone(),
        password: extension.password.expose().to_owned(),
        domain: config.sip.domain.clone(),
        realm: config.sip.realm.clone(),
        server: state.sip_address().to_owned(),
        transports: transports.map(|(_, name)| (*name).to_owned()).collect(),
        codecs: config
            .media
            .codecs
            .iter()
            .map(|codec| codec.name().to_owned())
            .collect(),
    }))
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router().routes(routes!(config))
}
