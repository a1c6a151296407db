//! The paths: one file per resource, each with a `router()` whose handlers describe themselves.

/// The six routes of a kind of thing an office is made of; see [`resource`].
macro_rules! office_routes {
    (
        $resource:ty, $settings:ty, $view:ty,
        tag: $tag:literal, words: $words:literal, one: $one:literal, many: $many:literal,
        list: $list:literal, item: $item:literal, patch: $patch:literal $(,)?
    ) => {
        type Id = <$resource as Resource>::Id;

        #[utoipa::path(
            get, path = $list, tag = $tag,
            summary = concat!("Lists ", $words, "."),
            operation_id = concat!("list_", $many),
            params(PageQuery),
            responses((status = 200, description = "A page of the list.", body = List<$view>)),
        )]
        async fn list(
            State(state): State<AppState>,
            caller: Caller,
            ApiQuery(query): ApiQuery<PageQuery>,
        ) -> ApiResult<Json<List<$view>>> {
            resource::list::<$resource>(&state, &caller, &query)
        }

        #[utoipa::path(
            post, path = $list, tag = $tag,
            summary = concat!("Creates one of the ", $words, ". Admins only."),
            operation_id = concat!("create_", $one),
            request_body = $settings,
            responses((
                status = 201, description = "It was created.", body = $view,
                headers(("Location", description = "Its path.")),
            )),
        )]
        async fn create(
            State(state): State<AppState>,
            caller: Caller,
            ApiJson(settings): ApiJson<$settings>,
        ) -> ApiResult<resource::Created<$view>> {
            resource::create::<$resource>(&state, &caller, settings).await
        }

        #[utoipa::path(
            get, path = $item, tag = $tag,
            summary = concat!("Reads one of the ", $words, "."),
            operation_id = concat!("read_", $one),
            params(("id" = String, Path, description = "Its id.")),
            responses((status = 200, description = "It.", body = $view)),
        )]
        async fn read(
            State(state): State<AppState>,
            caller: Caller,
            IdPath(id): IdPath<Id>,
        ) -> ApiResult<Json<$view>> {
            resource::read::<$resource>(&state, &caller, id)
        }

        #[utoipa::path(
            put, path = $item, tag = $tag,
            summary = concat!("Replaces all settings of one of the ", $words, ". Admins only."),
            operation_id = concat!("replace_", $one),
            params(("id" = String, Path, description = "Its id.")),
            request_body = $settings,
            responses((status = 200, description = "As it is now.", body = $view)),
        )]
        async fn replace(
            State(state): State<AppState>,
            caller: Caller,
            IdPath(id): IdPath<Id>,
            ApiJson(settings): ApiJson<$settings>,
        ) -> ApiResult<Json<$view>> {
            resource::replace::<$resource>(&state, &caller, id, settings).await
        }

        #[utoipa::path(
            patch, path = $item, tag = $tag,
            summary = concat!("Changes some settings of one of the ", $words, ": those that are in the body, ",
            "by merge patch (RFC 7396). Admins only."),
            operation_id = concat!("change_", $one),
            params(("id" = String, Path, description = "Its id.")),
            request_body(content = ref($patch)),
            responses((status = 200, description = "As it is now.", body = $view)),
        )]
        async fn change(
            State(state): State<AppState>,
            caller: Caller,
            IdPath(id): IdPath<Id>,
            patch: Merge,
        ) -> ApiResult<Json<$view>> {
            resource::change::<$resource>(&state, &caller, id, patch).await
        }

        #[utoipa::path(
            delete, path = $item, tag = $tag,
            summary = concat!("Removes one of the ", $words, ". Admins only; refused while it is in use."),
            operation_id = concat!("remove_", $one),
            params(("id" = String, Path, description = "Its id.")),
            responses((status = 204, description = "It is gone.")),
        )]
        async fn remove(
            State(state): State<AppState>,
            caller: Caller,
            IdPath(id): IdPath<Id>,
        ) -> ApiResult<StatusCode> {
            resource::remove::<$resource>(&state, &caller, id).await
        }

        fn office_router() -> OpenApiRouter<AppState> {
            OpenApiRouter::new()
                .routes(routes!(list, create))
                .routes(routes!(read, replace, change, remove))
        }
    };
}

mod agents;
mod bans;
mod blf_lists;
mod calls;
mod cdrs;
mod dids;
mod events;
mod extensions;
mod health;
mod ivr_menus;
mod login;
mod me;
mod message_summary;
mod messages;
mod metrics;
mod music_classes;
mod outbound_routes;
mod prelude;
mod queues;
mod recordings;
mod registrations;
mod resource;
mod route_trace;
mod sip;
mod sounds;
mod tokens;
mod trunks;
mod users;

use utoipa_axum::router::OpenApiRouter;

use crate::state::AppState;

/// Every path of the API with its description.
pub(crate) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .merge(health::router())
        .merge(metrics::router())
        .merge(login::router())
        .merge(me::router())
        .merge(extensions::router())
        .merge(message_summary::router())
        .merge(blf_lists::router())
        .merge(messages::router())
        .merge(dids::router())
        .merge(trunks::router())
        .merge(outbound_routes::router())
        .merge(route_trace::router())
        .merge(registrations::router())
        .merge(queues::router())
        .merge(agents::router())
        .merge(ivr_menus::router())
        .merge(music_classes::router())
        .merge(sounds::router())
        .merge(calls::router())
        .merge(sip::router())
        .merge(bans::router())
        .merge(recordings::router())
        .merge(cdrs::router())
        .merge(events::router())
        .merge(tokens::router())
        .merge(users::router())
}
