//! Requests and responses.

use bytes::Bytes;

use super::error::{HeaderError, ParseError};
use super::header_name::HeaderName;
use super::headers::Headers;
use super::method::Method;
use super::{check, parse, write};

/// One SIP message as it came off the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Somebody asks.
    Request(Request),
    /// Somebody answers.
    Response(Response),
}

impl Message {
    /// Reads a message from a datagram, a WebSocket frame or a frame of a
    /// [`StreamParser`](super::stream::StreamParser). Without `Content-Length` the body is all that
    /// follows the headers; bytes behind the body are dropped (RFC 3261 section 18.3).
    ///
    /// # Errors
    /// When no message can be made of `data`. A request that is understood well enough to be
    /// answered comes with the error: see [`ParseError::request`].
    pub fn parse(data: &Bytes) -> Result<Self, ParseError> {
        parse::message(data)
    }

    /// The header rows.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The message on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        match self {
            Self::Request(request) => request.write(),
            Self::Response(response) => response.write(),
        }
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// The Request-URI as it was written.
    pub uri: Bytes,
    /// The header rows, without `Content-Length`.
    pub headers: Headers,
    /// The body, as long as `Content-Length` said.
    pub body: Bytes,
}

impl Request {
    /// A request without headers or body.
    #[must_use]
    pub fn new(method: Method, uri: impl Into<Bytes>) -> Self {
        Self {
            method,
            uri: uri.into(),
            headers: Headers::new(),
            body: Bytes::new(),
        }
    }

    /// Whether the headers every element has to understand are there, once each where only one is
    /// allowed, and readable (RFC 3261 sections 8.1.1 and 8.2). Headers nobody here needs may be
    /// broken. A missing `Max-Forwards` passes: RFC 2543 knew none.
    ///
    /// # Errors
    /// Names the first header that is not; [`HeaderError::reason`] is the phrase for a 400.
    pub fn check(&self) -> Result<(), HeaderError> {
        check::request(self)
    }

    /// The request on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        write::request(self)
    }
}

/// A response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The status code, 100 to 699.
    pub status: u16,
    /// The reason phrase, for people.
    pub reason: Bytes,
    /// The header rows, without `Content-Length`.
    pub headers: Headers,
    /// The body, as long as `Content-Length` said.
    pub body: Bytes,
}

impl Response {
    /// The response with `status` to `request`: `Via`, `From`, `To`, `Call-ID` and `CSeq` are its
    /// own, byte for byte (RFC 3261 section 8.2.6.2). The `To` tag is the caller's to add, with
    /// [`Headers::add_to_tag`], and so is `Record-Route`.
    #[must_use]
    pub fn to(request: &Request, status: u16, reason: &str) -> Self {
        let mut headers = Headers::with_capacity(request.headers.len() + 4);
        for (name, value) in request.headers.iter() {
            if matches!(
                name,
                HeaderName::Via
                    | HeaderName::From
                    | HeaderName::To
                    | HeaderName::CallId
                    | HeaderName::CSeq
            ) {
                headers.push(name.clone(), value.clone());
            }
        }
        let reason = Bytes::copy_from_slice(reason.as_bytes());
        Self {
            status,
            reason,
            headers,
            body: Bytes::new(),
        }
    }

    /// Whether the response leaves the request open: 100 to 199.
    #[must_use]
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// Whether the response grants the request: 200 to 299.
    #[must_use]
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether the response has what it takes to find its transaction: `Via` and `CSeq`, `From`,
    /// `To` and `Call-ID`, each readable.
    ///
    /// # Errors
    /// Names the first header that is not. Such a response is dropped.
    pub fn check(&self) -> Result<(), HeaderError> {
        check::response(self)
    }

    /// The response on the wire.
    #[must_use]
    pub fn write(&self) -> Bytes {
        write::response(self)
    }
}
