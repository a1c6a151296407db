//! `/api/v1/sip/dids`

use offhook_core::DidId;
use offhook_core::directory::Did;

use super::prelude::*;
use crate::dto::did::{DidSettings, DidView};

impl Resource for Did {
    type Id = DidId;
    type Settings = DidSettings;
    type View = DidView;

    const PATH: &'static str = "sip/dids";

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().dids
    }

    fn id(&self) -> DidId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.number
    }

    fn settings(&self, _: &Directory) -> DidSettings {
        DidSettings::of(self)
    }

    fn build(
        settings: DidSettings,
        old: Option<&Self>,
        directory: &Directory,
        _: &AppState,
    ) -> ApiResult<Self> {
        settings.build(old, directory)
    }

    fn view(&self, _: &Directory, _: &AppState) -> DidView {
        DidView::of(self)
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().dids().create(self).await })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().dids().update(self).await })
    }

    fn delete(id: DidId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.store().dids().delete(id).await })
    }
}

office_routes! {
    Did, DidSettings, DidView,
    tag: "DIDs", words: "DIDs", one: "did", many: "dids",
    list: "/api/v1/sip/dids", item: "/api/v1/sip/dids/{id}", patch: "#/components/schemas/DidPatch",
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router()
}
