//! The landing page and the docs page. All of it is in the binary; nothing is fetched from
//! elsewhere, and no script stands in a page.

use axum::Router;
use axum::body::Bytes;
use axum::http::header;
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use serde_json::Value;

use crate::state::AppState;

const LANDING: &str = include_str!("landing.html");
const PAGE: &str = include_str!("docs.html");
const STYLE: &str = include_str!("docs.css");
const SCRIPT: &str = include_str!("docs.js");

/// `/`, `/docs`, its style and script, and `/openapi.json`.
pub(crate) fn router(description: &Value) -> Router<AppState> {
    let description = Bytes::from(description.to_string());
    Router::new()
        .route("/", get(async || Html(LANDING)))
        .route("/docs", get(async || Html(PAGE)))
        .route(
            "/docs/docs.css",
            get(async || text("text/css; charset=utf-8", STYLE)),
        )
        .route(
            "/docs/docs.js",
            get(async || text("text/javascript; charset=utf-8", SCRIPT)),
        )
        .route(
            "/openapi.json",
            get(async move || ([(header::CONTENT_TYPE, "application/json")], description)),
        )
}

fn text(content_type: &'static str, body: &'static str) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, content_type)], body)
}
