//! `/api/v1/ivr-menus`

use offhook_core::IvrMenuId;
use offhook_core::directory::IvrMenu;

use super::prelude::*;
use crate::dto::ivr_menu::{IvrMenuSettings, IvrMenuView};

impl Resource for IvrMenu {
    type Id = IvrMenuId;
    type Settings = IvrMenuSettings;
    type View = IvrMenuView;

    const PATH: &'static str = "ivr-menus";

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().ivr_menus
    }

    fn id(&self) -> IvrMenuId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.name
    }

    fn settings(&self, _: &Directory) -> IvrMenuSettings {
        IvrMenuSettings::of(self)
    }

    fn build(
        settings: IvrMenuSettings,
        old: Option<&Self>,
        directory: &Directory,
        _: &AppState,
    ) -> ApiResult<Self> {
        settings.build(old, directory)
    }

    fn view(&self, _: &Directory, _: &AppState) -> IvrMenuView {
        IvrMenuView::of(self)
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().ivr_menus().create(self).await })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().ivr_menus().update(self).await })
    }

    fn delete(id: IvrMenuId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.store().ivr_menus().delete(id).await })
    }
}

office_routes! {
    IvrMenu, IvrMenuSettings, IvrMenuView,
    tag: "Menus", words: "menus", one: "ivr_menu", many: "ivr_menus",
    list: "/api/v1/ivr-menus", item: "/api/v1/ivr-menus/{id}", patch: "#/components/schemas/IvrMenuPatch",
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router()
}
