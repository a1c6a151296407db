//! What every routes file uses.

pub(super) use axum::Json;
pub(super) use axum::extract::State;
pub(super) use axum::http::StatusCode;
pub(super) use futures::future::BoxFuture;
pub(super) use offhook_actors::store::StoreError;
pub(super) use offhook_core::directory::{Directory, Role};
pub(super) use utoipa_axum::router::OpenApiRouter;
pub(super) use utoipa_axum::routes;

pub(super) use super::resource::{self, Resource};
pub(super) use crate::auth::{Caller, Own};
pub(super) use crate::dto::list::{List, PageQuery};
pub(super) use crate::error::{ApiError, ApiResult};
pub(super) use crate::extract::{ApiJson, ApiQuery, IdPath, Merge};
pub(super) use crate::state::AppState;
