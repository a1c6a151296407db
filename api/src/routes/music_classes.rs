//! `/api/v1/music-classes`

use offhook_core::MusicClassId;
use offhook_core::directory::MusicClass;

use super::prelude::*;
use crate::dto::sound::{MusicClassSettings, MusicClassView};

impl Resource for MusicClass {
    type Id = MusicClassId;
    type Settings = MusicClassSettings;
    type View = MusicClassView;

    const PATH: &'static str = "music-classes";

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().music_classes
    }

    fn id(&self) -> MusicClassId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.name
    }

    fn settings(&self, _: &Directory) -> MusicClassSettings {
        MusicClassSettings::of(self)
    }

    fn build(
        settings: MusicClassSettings,
        old: Option<&Self>,
        directory: &Directory,
        _: &AppState,
    ) -> ApiResult<Self> {
        settings.build(old, directory)
    }

    fn view(&self, directory: &Directory, _: &AppState) -> MusicClassView {
        MusicClassView::of(self, directory)
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            state.store().music_classes().create(self).await?;
            state.floor().library().sync().await;
            Ok(())
        })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async {
            state.store().music_classes().update(self).await?;
            state.floor().library().sync().await;
            Ok(())
        })
    }

    fn delete(id: MusicClassId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.floor().library().remove_class(id).await })
    }
}

office_routes! {
    MusicClass, MusicClassSettings, MusicClassView,
    tag: "Sounds", words: "classes of hold music", one: "music_class", many: "music_classes",
    list: "/api/v1/music-classes", item: "/api/v1/music-classes/{id}",
    patch: "#/components/schemas/MusicClassPatch",
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router()
}
