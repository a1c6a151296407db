//! What handlers take: JSON bodies, queries and path ids, each refused with a problem that names the
//! field.

use std::fmt;
use std::str::FromStr;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use serde::de::DeserializeOwned;

use crate::error::{ApiError, FieldError};

/// A JSON body. Refused: not said to be JSON (415), too large (413), not JSON (400), wrong types,
/// unknown or missing fields (422).
#[derive(Debug, Clone, Copy)]
pub struct ApiJson<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for ApiJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = json_body(request, state).await?;
        from_json(&body).map(Self)
    }
}

/// A JSON body kept as it is, for merging into something else (RFC 7396).
#[derive(Debug, Clone)]
pub struct Merge(pub serde_json::Map<String, serde_json::Value>);

impl<S: Send + Sync> FromRequest<S> for Merge {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let body = json_body(request, state).await?;
        from_json(&body).map(Self)
    }
}

async fn json_body<S: Send + Sync>(request: Request, state: &S) -> Result<Bytes, ApiError> {
    if !is_json(request.headers()) {
        return Err(ApiError::UnsupportedMediaType);
    }
    Bytes::from_request(request, state)
        .await
        .map_err(|rejection| match rejection.into_response().status() {
            StatusCode::PAYLOAD_TOO_LARGE => ApiError::TooLarge,
            _ => ApiError::BrokenBody,
        })
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let Some(essence) = content_type.and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = essence.split(';').next().unwrap_or_default().trim();
    let essence = essence.to_ascii_lowercase();
    essence == "application/json"
        || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn from_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let deserializer = &mut serde_json::Deserializer::from_slice(body);
    let value = serde_path_to_error::deserialize(&mut *deserializer).map_err(|error| {
        use serde_json::error::Category;
        match error.inner().classify() {
            Category::Syntax | Category::Eof | Category::Io => {
                ApiError::NotJson(error.inner().to_string())
            }
            Category::Data => ApiError::Invalid(vec![field_error(&error)]),
        }
    })?;
    deserializer
        .end()
        .map_err(|error| ApiError::NotJson(error.to_string()))?;
    Ok(value)
}

/// Turns a JSON value into its type, as a body would be.
///
/// # Errors
/// [`ApiError::Invalid`] with the field.
pub fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, ApiError> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| ApiError::Invalid(vec![field_error(&error)]))
}

/// Serde says "unknown field `x`" and "missing field `x`" at the object; the field is what counts.
fn field_error(error: &serde_path_to_error::Error<serde_json::Error>) -> FieldError {
    let path = error.path().to_string();
    let path = path.trim_start_matches('.');
    let message = error.inner().to_string();
    let message = message.split(" at line ").next().unwrap_or(&message);
    for (prefix, detail) in [("missing field `", "is missing"), ("unknown field `", "")] {
        let Some((field, rest)) = message
            .strip_prefix(prefix)
            .and_then(|rest| rest.split_once('`'))
        else {
            continue;
        };
        let parent = path.strip_suffix(field).unwrap_or(path);
        let parent = parent.trim_end_matches('.');
        let full = match parent {
            "" => field.to_owned(),
            _ => format!("{parent}.{field}"),
        };
        let detail = match detail {
            "" => format!(
                "is not a field here{}",
                rest.replacen(", expected", "; there are", 1)
            ),
            _ => detail.to_owned(),
        };
        return FieldError::new(full, detail);
    }
    let field = if path.is_empty() { "body" } else { path };
    FieldError::new(field, message)
}

/// A query string. Refused with 400: wrong types, unknown parameters where the type denies them.
#[derive(Debug, Clone, Copy)]
pub struct ApiQuery<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for ApiQuery<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let query = parts.uri.query().unwrap_or_default();
        let deserializer =
            serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
        serde_path_to_error::deserialize(deserializer)
            .map(Self)
            .map_err(|error| {
                let path = error.path().to_string();
                let said = error.inner().to_string();
                let named = said.split('`').nth(1).map(str::to_owned);
                let field = match path.trim_start_matches('.') {
                    "" => named.unwrap_or_else(|| "query".to_owned()),
                    path => path.to_owned(),
                };
                ApiError::BadQuery(vec![FieldError::new(field, said)])
            })
    }
}

/// The `{id}` of a path. What is no id of this kind cannot be found: 404.
#[derive(Debug, Clone, Copy)]
pub struct IdPath<T>(pub T);

impl<S: Send + Sync, T: Named> FromRequestParts<S> for IdPath<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let missing = ApiError::NotFound(T::NAME);
        let Ok(Path(text)) = Path::<String>::from_request_parts(parts, state).await else {
            return Err(missing);
        };
        text.parse().map(Self).map_err(|_| missing)
    }
}

/// The two ids of a path such as `/queues/{id}/agents/{agent_id}`.
#[derive(Debug, Clone, Copy)]
pub struct IdPair<A, B>(pub A, pub B);

impl<S: Send + Sync, A: Named, B: Named> FromRequestParts<S> for IdPair<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Ok(Path((first, second))) = path else {
            return Err(ApiError::NotFound(A::NAME));
        };
        let first = first.parse().map_err(|_| ApiError::NotFound(A::NAME))?;
        let second = second.parse().map_err(|_| ApiError::NotFound(B::NAME))?;
        Ok(Self(first, second))
    }
}

/// An id that knows what it is the id of.
pub trait Named: FromStr + fmt::Display + Copy + Send {
    /// The thing, in words: "queue".
    const NAME: &'static str;
}

macro_rules! named {
    ($($id:ident = $name:literal),* $(,)?) => {$(
        impl Named for offhook_core::$id {
            const NAME: &'static str = $name;
        }
    )*};
}

named! {
    ExtensionId = "extension",
    DidId = "DID",
    TrunkId = "trunk",
    OutboundRouteId = "outbound route",
    QueueId = "queue",
    AgentId = "agent",
    IvrMenuId = "menu",
    CallId = "call",
    RecordingId = "recording",
    TokenId = "token",
    UserId = "user",
    MusicClassId = "music class",
    SoundId = "sound",
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        level: u32,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        name: String,
        agents: Vec<Inner>,
    }

    fn refused(json: &str) -> (String, String) {
        let error = from_json::<Outer>(json.as_bytes()).unwrap_err();
        let ApiError::Invalid(errors) = error else {
            panic!("{error}");
        };
        (errors[0].field.clone(), errors[0].detail.clone())
    }

    #[test]
    fn a_wrong_type_is_named_with_its_path() {
        let (field, detail) = refused(r#"{"name":"a","agents":[{"level":1},{"level":"x"}]}"#);
        assert_eq!(field, "agents[1].level");
        assert_eq!(detail, "invalid type: string \"x\", expected u32");
    }

    #[test]
    fn a_missing_and_an_unknown_field_are_named() {
        let (field, detail) = refused(r#"{"name":"a"}"#);
        assert_eq!((&*field, &*detail), ("agents", "is missing"));
        let (field, detail) = refused(r#"{"name":"a","agents":[{"level":1,"tier":2}]}"#);
        assert_eq!(
            (&*field, &*detail),
            ("agents[0].tier", "is not a field here; there are `level`")
        );
        let (field, _) = refused(r#"{"nam":"a","agents":[]}"#);
        assert_eq!(field, "nam");
        let (field, _) = refused("[]");
        assert_eq!(field, "body");
    }

    #[test]
    fn what_is_not_json_is_said_to_be_so() {
        for bad in [
            "",
            "{",
            "{\"name\":",
            "nonsense",
            "{\"name\":\"a\",\"agents\":[]} x",
        ] {
            let error = from_json::<Outer>(bad.as_bytes()).unwrap_err();
            assert!(matches!(error, ApiError::NotJson(_)), "{bad}: {error}");
        }
    }
}
