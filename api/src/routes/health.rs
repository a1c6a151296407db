//! `/healthz` and `/readyz`

use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::prelude::*;

/// Whether the process lives.
#[derive(Debug, Serialize, ToSchema)]
struct Health {
    /// `ok`.
    status: &'static str,
    /// The version of this server.
    version: &'static str,
}

/// Whether calls can be taken.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    /// Whether calls can be taken and nothing needs an operator.
    ready: bool,
    /// What is wrong, a sentence each.
    problems: Vec<String>,
}

/// Answers as long as the process lives.
#[utoipa::path(
    get, path = "/healthz", tag = "Operation", operation_id = "check_health", security(()),
    responses((status = 200, description = "It lives.", body = Health)),
)]
async fn healthz() -> Json<Health> {
    Json(Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
    })
}

/// Whether everything works: the database can be written, the media engine runs, new calls are
/// taken. Says what does not.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation", operation_id = "check_readiness", security(()),
    responses(
        (status = 200, description = "Everything works.", body = Readiness),
        (status = 503, description = "Something does not.", body = Readiness),
    ),
)]
async fn readyz(State(state): State<AppState>) -> Response {
    let mut problems = state.floor().troubles();
    let store = state.store().health();
    problems.extend(store.database);
    problems.extend(
        store
            .journal
            .map(|what| format!("the journal cannot be written: {what}")),
    );
    let ready = problems.is_empty();
    let status = if ready {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(Readiness { ready, problems })).into_response()
}

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(healthz))
        .routes(routes!(readyz))
}
