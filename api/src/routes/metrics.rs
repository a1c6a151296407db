//! `/metrics`

use axum::http::header;
use axum::response::{IntoResponse, Response};

use super::prelude::*;
use crate::figures;

/// Figures for Prometheus (OpenMetrics text). Needs no token and names nobody: counts only.
#[utoipa::path(
    get, path = "/metrics", tag = "Operation", operation_id = "read_metrics", security(()),
    responses((status = 200, description = "The figures.", body = String,
        content_type = "application/openmetrics-text")),
)]
async fn metrics(State(state): State<AppState>) -> ApiResult<Response> {
    let text = figures::render(&state).map_err(|_| ApiError::Internal)?;
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(header::CONTENT_TYPE, content_type)], text).into_response())
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(metrics))
}
