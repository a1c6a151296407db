//! `/api/v1/outbound-routes`

use offhook_core::OutboundRouteId;
use offhook_core::directory::OutboundRoute;

use super::prelude::*;
use crate::dto::outbound_route::{OutboundRouteSettings, OutboundRouteView};

impl Resource for OutboundRoute {
    type Id = OutboundRouteId;
    type Settings = OutboundRouteSettings;
    type View = OutboundRouteView;

    const PATH: &'static str = "outbound-routes";

    fn all(directory: &Directory) -> &[Self] {
        &directory.office().outbound_routes
    }

    fn id(&self) -> OutboundRouteId {
        self.id
    }

    fn sort_key(&self) -> &str {
        &self.name
    }

    fn settings(&self, _: &Directory) -> OutboundRouteSettings {
        OutboundRouteSettings::of(self)
    }

    fn build(
        settings: OutboundRouteSettings,
        old: Option<&Self>,
        directory: &Directory,
        _: &AppState,
    ) -> ApiResult<Self> {
        settings.build(old, directory)
    }

    fn view(&self, directory: &Directory, _: &AppState) -> OutboundRouteView {
        OutboundRouteView::of(self, directory)
    }

    fn insert<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().outbound_routes().create(self).await })
    }

    fn update<'a>(&'a self, state: &'a AppState) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async { state.store().outbound_routes().update(self).await })
    }

    fn delete(id: OutboundRouteId, state: &AppState) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move { state.store().outbound_routes().delete(id).await })
    }
}

office_routes! {
    OutboundRoute, OutboundRouteSettings, OutboundRouteView,
    tag: "Outbound routes", words: "outbound routes", one: "outbound_route",
    many: "outbound_routes",
    list: "/api/v1/outbound-routes", item: "/api/v1/outbound-routes/{id}",
    patch: "#/components/schemas/OutboundRoutePatch",
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    office_router()
}
