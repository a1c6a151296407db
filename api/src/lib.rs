//! The HTTP API, the command line and the binary of Offhook.
//!
//! [`router`] makes the whole API of an [`AppState`], so that tests need neither port nor process.
//! Handlers describe themselves (utoipa), and `/openapi.json` and the docs page are made from that;
//! there is no second description to keep in step.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`state`] | what handlers can reach |
//! | [`error`] | what goes wrong, as problem details (RFC 9457) |
//! | [`extract`] | bodies, queries and ids, refused with the field's name |
//! | [`auth`] | tokens, roles, and who fails to log in too often |
//! | `routes`, [`dto`] | a pair per resource: paths, and what goes over the wire |
//! | `live` | the event stream as WebSocket and SSE |
//! | [`cli`] | arguments, start, drain |

pub mod auth;
pub mod cli;
mod docs;
mod download;
pub mod dto;
pub mod error;
pub mod extract;
mod figures;
mod floor;
mod guard;
mod listener;
mod live;
mod openapi;
mod range;
mod recording_file;
mod routes;
pub mod state;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;

use crate::error::ApiError;
use crate::state::AppState;

/// The whole API.
pub fn router(state: AppState) -> Router {
    let (routes, description) = routes::router().split_for_parts();
    let description = openapi::complete(&description);
    routes
        .merge(docs::router(&description))
        .fallback(async || ApiError::NoSuchPath)
        .method_not_allowed_fallback(async || ApiError::MethodNotAllowed)
        .layer(DefaultBodyLimit::max(state.config().http.max_body_size))
        .layer(from_fn_with_state(state.clone(), guard::guard))
        .with_state(state)
}

/// The OpenAPI document of [`router`].
#[must_use]
pub fn openapi() -> serde_json::Value {
    let (_, description) = routes::router().split_for_parts();
    openapi::complete(&description)
}
