//! `/api/v1/sip/trunks`

use offhook_core::TrunkId;
use offhook_core::directory::Trunk;

use super::prelude::*;
use crate::dto::trunk::{TrunkSettings, TrunkView};

impl Resource for Trunk {
    type Id = TrunkId;
    type Settings = TrunkSettings;
    type View = TrunkView;

    const PATH: &'static str = "sip/trunks";

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().trunks
    }

    fn id(&self) -> TrunkId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.name
    }

    fn settings(&self, _: &Directory) -> TrunkSettings {
        TrunkSettings::of(self)
    }

    fn build(
        settings: TrunkSettings,
        old: Option<&Self>,
        directory: &Directory,
        _: &AppState,
    ) -> ApiResult<Self> {
        settings.build(old, directory)
    }

    fn view(&self, _: &Directory, state: &AppState) -> TrunkView {
        TrunkView::of(self, state.floor().trunk(self.id))
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().trunks().create(self).await })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().trunks().update(self).await })
    }

    fn delete(id: TrunkId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.store().trunks().delete(id).await })
    }
}

office_routes! {
    Trunk, TrunkSettings, TrunkView,
    tag: "Trunks", words: "trunks", one: "trunk", many: "trunks",
    list: "/api/v1/sip/trunks", item: "/api/v1/sip/trunks/{id}", patch: "#/components/schemas/TrunkPatch",
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router()
}
