//! What goes wrong over HTTP, as problem details (RFC 9457).

use axum::Json;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use utoipa::ToSchema;

/// What every handler returns when it cannot do what was asked.
pub type ApiResult<T> = Result<T, ApiError>;

/// Why a request was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ApiError {
    /// No token, or one that is not valid (any more).
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// The token's role does not allow this.
    #[error("{0}")]
    Forbidden(&'static str),
    /// The path leads nowhere.
    #[error("there is nothing at this path")]
    NoSuchPath,
    /// Nothing has this id.
    #[error("there is no {0} with this id")]
    NotFound(&'static str),
    /// The path exists, for other methods.
    #[error("this path does not take this method; the Allow header lists those it takes")]
    MethodNotAllowed,
    /// The body is not JSON at all.
    #[error("the body is not valid JSON: {0}")]
    NotJson(String),
    /// The body is not said to be JSON.
    #[error("the body must be sent as application/json")]
    UnsupportedMediaType,
    /// The body is too large.
    #[error("the body is larger than this server accepts")]
    TooLarge,
    /// The body did not arrive whole.
    #[error("the body did not arrive whole")]
    BrokenBody,
    /// The path or query holds something that cannot be understood.
    #[error("{}", summary(.0))]
    BadQuery(Vec<FieldError>),
    /// Values of the body that cannot be.
    #[error("{}", summary(.0))]
    Invalid(Vec<FieldError>),
    /// Something else has this value already.
    #[error("{} {}", .0.field, .0.detail)]
    Duplicate(FieldError),
    /// It cannot be done as things are.
    #[error("{0}")]
    Conflict(String),
    /// The requested bytes lie outside of what there is.
    #[error("the range lies outside of the {0} bytes there are")]
    RangeNotSatisfiable(u64),
    /// Too many failed logins from there; in so many seconds it may try again.
    #[error("too many failed logins; try again in {0} seconds")]
    TooManyFailures(u64),
    /// Too many of these at once.
    #[error("{0}")]
    Busy(&'static str),
    /// There is no room for it, on the disk or by the limits.
    #[error("{0}")]
    NoSpace(String),
    /// Something this needs does not work at present.
    #[error("{0}")]
    Unavailable(String),
    /// A fault of ours. What it was is in the log, under the request's id.
    #[error("something went wrong here; the log has more under this request's id")]
    Internal,
}

/// What is wrong with one field of a body or query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FieldError {
    /// The field, dotted for nested ones: `overflow.destination_id`, `agents[2].level`.
    #[schema(example = "extension")]
    pub field: String,
    /// What is wrong with it.
    #[schema(example = "must not be empty")]
    pub detail: String,
}

impl FieldError {
    /// What is wrong with a field.
    pub fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

/// The body of every error (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// What kind of problem, as a reference to its description.
    #[serde(rename = "type")]
    #[schema(example = "/docs#problem-invalid")]
    pub kind: String,
    /// The kind in words.
    #[schema(example = "Invalid values")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422)]
    pub status: u16,
    /// What is wrong this time.
    #[schema(example = "extension: must not be empty")]
    pub detail: String,
    /// The fields that are wrong; left out when it is not about fields.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FieldError>,
}

fn summary(errors: &[FieldError]) -> String {
    let said: Vec<_> = errors
        .iter()
        .map(|error| format!("{}: {}", error.field, error.detail))
        .collect();
    said.join("; ")
}

impl ApiError {
    /// One wrong field of a body.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid(vec![FieldError::new(field, detail)])
    }

    /// A value that something else has.
    pub fn duplicate(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Duplicate(FieldError::new(field, detail))
    }

    /// The HTTP status, the kind's short name, and its title.
    #[must_use]
    pub fn kind(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthenticated(_) => {
                (StatusCode::UNAUTHORIZED, "unauthenticated", "Not logged in")
            }
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "forbidden", "Not allowed"),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "no-such-path", "No such path"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "not-found", "Not found"),
            Self::MethodNotAllowed => (
                StatusCode::METHOD_NOT_ALLOWED,
                "method-not-allowed",
                "Method not allowed",
            ),
            Self::NotJson(_) | Self::BrokenBody => {
                (StatusCode::BAD_REQUEST, "not-json", "Not JSON")
            }
            Self::UnsupportedMediaType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "Unsupported media type",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "too-large", "Too large"),
            Self::BadQuery(_) => (StatusCode::BAD_REQUEST, "bad-query", "Bad query"),
            Self::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "invalid",
                "Invalid values",
            ),
            Self::Duplicate(_) => (StatusCode::CONFLICT, "duplicate", "Already taken"),
            Self::Conflict(_) => (StatusCode::CONFLICT, "conflict", "Not possible now"),
            Self::RangeNotSatisfiable(_) => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                "range-not-satisfiable",
                "Range not satisfiable",
            ),
            Self::TooManyFailures(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "too-many-failures",
                "Too many failed logins",
            ),
            Self::NoSpace(_) => (StatusCode::INSUFFICIENT_STORAGE, "no-space", "No room"),
            Self::Busy(_) => (StatusCode::SERVICE_UNAVAILABLE, "busy", "Busy"),
            Self::Unavailable(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "unavailable",
                "Unavailable",
            ),
            Self::Internal => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                "Internal error",
            ),
        }
    }

    /// The body that says all this.
    #[must_use]
    pub fn problem(&self) -> Problem {
        let (status, kind, title) = self.kind();
        let errors = if let Self::BadQuery(errors) | Self::Invalid(errors) = self {
            errors.clone()
        } else if let Self::Duplicate(error) = self {
            vec![error.clone()]
        } else {
            Vec::new()
        };
        Problem {
            kind: format!("/docs#problem-{kind}"),
            title: title.to_owned(),
            status: status.as_u16(),
            detail: self.to_string(),
            errors,
        }
    }
}

impl ApiError {
    /// The header that belongs to the status, where one does.
    fn header(&self) -> Option<(HeaderName, String)> {
        if let Self::Unauthenticated(_) = self {
            Some((header::WWW_AUTHENTICATE, "Bearer realm=\"offhook\"".into()))
        } else if let Self::TooManyFailures(seconds) = self {
            Some((header::RETRY_AFTER, seconds.to_string()))
        } else if let Self::Busy(_) | Self::Unavailable(_) = self {
            Some((header::RETRY_AFTER, "5".into()))
        } else if let Self::RangeNotSatisfiable(length) = self {
            Some((header::CONTENT_RANGE, format!("bytes */{length}")))
        } else {
            None
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let (status, ..) = self.kind();
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if let Some((name, value)) = self.header()
            && let Ok(value) = HeaderValue::try_from(value)
        {
            headers.insert(name, value);
        }
        response
    }
}

/// Every kind of problem with its meaning, for the docs page.
pub(crate) const KINDS: &[(&str, u16, &str)] = &[
    (
        "unauthenticated",
        401,
        "No bearer token, or one that is wrong, expired or revoked.",
    ),
    (
        "forbidden",
        403,
        "The token's role does not allow this, or it is somebody else's.",
    ),
    ("no-such-path", 404, "The path leads nowhere."),
    ("not-found", 404, "Nothing has this id (any more)."),
    (
        "method-not-allowed",
        405,
        "The path takes other methods; see the Allow header.",
    ),
    (
        "duplicate",
        409,
        "Another thing has this value already; errors names the field.",
    ),
    (
        "conflict",
        409,
        "Not possible as things are: the call is over, the thing is in use.",
    ),
    (
        "too-large",
        413,
        "The body is larger than the server accepts.",
    ),
    ("unsupported-media-type", 415, "Send application/json."),
    (
        "range-not-satisfiable",
        416,
        "The recording is shorter than the range asked for.",
    ),
    (
        "not-json",
        400,
        "The body is not JSON; the detail says where it stops being so.",
    ),
    (
        "bad-query",
        400,
        "A query parameter or path cannot be understood; errors names it.",
    ),
    (
        "invalid",
        422,
        "Values that cannot be; errors names every field.",
    ),
    (
        "too-many-failures",
        429,
        "Too many failed logins from this address; see Retry-After.",
    ),
    (
        "internal",
        500,
        "A fault of the server; its log has more under the request's id.",
    ),
    (
        "no-space",
        507,
        "The disk is full, or all sounds together are larger than allowed; nothing was kept.",
    ),
    ("busy", 503, "A limit is reached; see Retry-After."),
    (
        "unavailable",
        503,
        "The database or another part does not work at present.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_each_wrong_field() {
        let error = ApiError::Invalid(vec![
            FieldError::new("extension", "must not be empty"),
            FieldError::new("name", "must not be empty"),
        ]);
        let json = serde_json::to_value(error.problem()).unwrap();
        assert_eq!(json["status"], 422);
        assert_eq!(json["errors"][1]["field"], "name");
        assert_eq!(
            json["detail"],
            "extension: must not be empty; name: must not be empty"
        );
    }

    #[test]
    fn a_refused_login_says_how_to_log_in() {
        let response = ApiError::Unauthenticated("send a token").into_response();
        assert_eq!(response.status(), 401);
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "application/problem+json"
        );
    }

    #[test]
    fn every_kind_is_described_under_its_status() {
        let all = [
            ApiError::Unauthenticated(""),
            ApiError::Forbidden(""),
            ApiError::NoSuchPath,
            ApiError::NotFound(""),
            ApiError::MethodNotAllowed,
            ApiError::NotJson(String::new()),
            ApiError::UnsupportedMediaType,
            ApiError::TooLarge,
            ApiError::BrokenBody,
            ApiError::BadQuery(Vec::new()),
            ApiError::Invalid(Vec::new()),
            ApiError::duplicate("", ""),
            ApiError::Conflict(String::new()),
            ApiError::RangeNotSatisfiable(0),
            ApiError::TooManyFailures(1),
            ApiError::NoSpace(String::new()),
            ApiError::Busy(""),
            ApiError::Unavailable(String::new()),
            ApiError::Internal,
        ];
        for error in all {
            let (status, kind, _) = error.kind();
            let known = |entry: &&(&str, u16, &str)| entry.0 == kind && entry.1 == status.as_u16();
            assert!(KINDS.iter().any(|entry| known(&entry)), "{kind}");
        }
    }
}
