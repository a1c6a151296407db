//! Files over HTTP, whole or in part.

use std::io::SeekFrom;
use std::path::Path;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::error::{ApiError, ApiResult};
use crate::range::{ByteRange, parse_range};

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// Answers with a file that never changes under its name, or the single range of it that was asked
/// for (RFC 9110 section 14).
pub(crate) async fn file(
    path: &Path,
    content_type: &'static str,
    name: &str,
    asked: &HeaderMap,
) -> ApiResult<Response> {
    let failed = |error: std::io::Error| {
        tracing::warn!(path = %path.display(), %error, "a file cannot be read");
        ApiError::Unavailable("the file cannot be read".into())
    };
    let mut file = tokio::fs::File::open(path).await.map_err(failed)?;
    let length = file.metadata().await.map_err(failed)?.len();
    let range = asked
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok());
    let (status, part) = match range.map(|range| parse_range(range, length)) {
        None | Some(Ok(None)) => (StatusCode::OK, ByteRange { first: 0, length }),
        Some(Ok(Some(part))) => (StatusCode::PARTIAL_CONTENT, part),
        Some(Err(_)) => return Err(ApiError::RangeNotSatisfiable(length)),
    };
    file.seek(SeekFrom::Start(part.first))
        .await
        .map_err(failed)?;
    let stream = ReaderStream::with_capacity(file.take(part.length), CHUNK);
    let mut response = (status, Body::from_stream(stream)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(part.length));
    let disposition = format!("inline; filename=\"{name}\"");
    if let Ok(value) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, value);
    }
    if status == StatusCode::PARTIAL_CONTENT {
        let last = part.first + part.length.saturating_sub(1);
        let range = format!("bytes {}-{last}/{length}", part.first);
        if let Ok(value) = HeaderValue::try_from(range) {
            headers.insert(header::CONTENT_RANGE, value);
        }
    }
    Ok(response)
}
