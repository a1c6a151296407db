//! What every request passes: its id and span, the time limit, the catching of panics, and the
//! headers that keep browsers from guessing.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use offhook_core::IdSource;
use tracing::Instrument;

use crate::error::ApiError;
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Everything comes from here, nothing is embedded elsewhere, no script stands in a page.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' data:; media-src 'self'; connect-src 'self'; base-uri 'none'; \
     form-action 'none'; frame-ancestors 'none'";

/// How long an upload may take: the largest by a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(15 * 60);

/// Whether the body may take long to arrive, and what it holds to be looked at.
fn is_upload(request: &Request) -> bool {
    request.method() == Method::POST && request.uri().path().ends_with("/sounds")
}

/// Wraps a request. The span names method and path only: a query can hold a token.
pub(crate) async fn guard(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let span = tracing::info_span!(
        "request",
        id = %id,
        method = %request.method(),
        path = request.uri().path()
    );
    let limit = match is_upload(&request) {
        true => UPLOAD_TIMEOUT,
        false => state.config().http.request_timeout,
    };
    let mut response = answer(request, next, limit).instrument(span).await;
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, value);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_POLICY),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

async fn answer(request: Request, next: Next, limit: Duration) -> Response {
    // The limit is on the time to the answer's head: streams go on for as long as they like.
    let work = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limit, work).await {
        Ok(Ok(response)) => {
            let status = response.status();
            if status.is_server_error() {
                tracing::warn!(status = status.as_u16(), "answered");
            } else {
                tracing::debug!(status = status.as_u16(), "answered");
            }
            response
        }
        Ok(Err(_)) => {
            tracing::error!("a request handler panicked");
            ApiError::Internal.into_response()
        }
        Err(_) => {
            tracing::warn!("a request was not answered in time");
            ApiError::Unavailable("this took too long".into()).into_response()
        }
    }
}

/// The id a proxy gave the request, if it is a plain one, or a new one.
fn request_id(request: &Request) -> String {
    let given = request.headers().get(&REQUEST_ID);
    let given = given.and_then(|value| value.to_str().ok());
    let plain = |id: &&str| {
        (1..=64).contains(&id.len())
            && id
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    match given.filter(plain) {
        Some(id) => id.to_owned(),
        None => IdSource::from_entropy().token(),
    }
}
