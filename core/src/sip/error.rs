//! What can be wrong with a message or a header.

use std::fmt;

use super::header_name::HeaderName;
use super::message::Request;

/// Why bytes are no usable message, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The index in the data where it was noticed.
    pub at: usize,
    pub(super) request: Option<Box<Request>>,
}

/// What can be wrong with a message as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing but line breaks: a keep-alive.
    Empty,
    /// Longer than [`MAX_MESSAGE`](super::parse::MAX_MESSAGE) or [`MAX_HEAD`](super::parse::MAX_HEAD).
    TooLarge,
    /// The first line is neither a request's nor a response's.
    StartLine,
    /// The first line is a request's with misplaced white space.
    RequestLine,
    /// The Request-URI cannot be read, or carries headers.
    RequestUri,
    /// The Request-URI is longer than [`MAX_URI`](super::parse::MAX_URI).
    UriTooLong,
    /// Another version than SIP/2.0.
    Version,
    /// A header line without a name or a colon.
    HeaderLine,
    /// More than [`MAX_HEADERS`](super::parse::MAX_HEADERS) rows.
    TooManyHeaders,
    /// A header row longer than [`MAX_ROW`](super::parse::MAX_ROW).
    RowTooLong,
    /// `Content-Length` is no number, too large a number, or two different numbers.
    ContentLength,
    /// The body is shorter than `Content-Length` says.
    BodyTooShort,
    /// The empty line behind the headers is missing.
    Truncated,
}

impl ParseError {
    /// The request this would have been, if enough of it was understood to answer it: the method,
    /// and every header row that is one. Its body is empty.
    #[must_use]
    pub fn request(&self) -> Option<&Request> {
        self.request.as_deref()
    }

    /// The status that refuses the request.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self.kind {
            ParseErrorKind::Version => 505,
            ParseErrorKind::UriTooLong => 414,
            ParseErrorKind::TooLarge
            | ParseErrorKind::TooManyHeaders
            | ParseErrorKind::RowTooLong => 513,
            ParseErrorKind::Empty
            | ParseErrorKind::StartLine
            | ParseErrorKind::RequestLine
            | ParseErrorKind::RequestUri
            | ParseErrorKind::HeaderLine
            | ParseErrorKind::ContentLength
            | ParseErrorKind::BodyTooShort
            | ParseErrorKind::Truncated => 400,
        }
    }

    /// The reason phrase that goes with [`status`](Self::status).
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self.kind {
            ParseErrorKind::Empty => "Empty Message",
            ParseErrorKind::TooLarge => "Message Too Large",
            ParseErrorKind::StartLine => "Malformed Start Line",
            ParseErrorKind::RequestLine => "Malformed Request Line",
            ParseErrorKind::RequestUri => "Malformed Request-URI",
            ParseErrorKind::UriTooLong => "Request-URI Too Long",
            ParseErrorKind::Version => "Version Not Supported",
            ParseErrorKind::HeaderLine => "Malformed Header Line",
            ParseErrorKind::TooManyHeaders => "Too Many Headers",
            ParseErrorKind::RowTooLong => "Header Too Long",
            ParseErrorKind::ContentLength => "Malformed Content-Length",
            ParseErrorKind::BodyTooShort => "Body Shorter Than Content-Length",
            ParseErrorKind::Truncated => "Missing Empty Line",
        }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.reason(), self.at)
    }
}

impl std::error::Error for ParseError {}

/// Why a header is unusable, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderError {
    /// The header.
    pub header: HeaderName,
    /// The index in its value where the trouble was noticed.
    pub at: usize,
    /// What is wrong.
    pub kind: HeaderErrorKind,
}

/// What can be wrong with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum HeaderErrorKind {
    /// It is not there.
    Missing,
    /// It is there twice and must not be.
    Repeated,
    /// Its value is empty.
    Empty,
    /// A quoted string has no end, or something stands where nothing may.
    Syntax,
    /// A parameter has no name or a broken value.
    Parameter,
    /// An address has no URI, or one that cannot be read.
    Uri,
    /// A host or port cannot be read.
    Host,
    /// A number is none, or out of bounds.
    Number,
    /// The method is not the request's.
    Method,
    /// Not SIP/2.0.
    Version,
}

impl HeaderError {
    /// The reason phrase for a 400, naming the header.
    #[must_use]
    pub fn reason(&self) -> String {
        let word = match self.kind {
            HeaderErrorKind::Missing => "Missing",
            HeaderErrorKind::Repeated => "Repeated",
            HeaderErrorKind::Empty => "Empty",
            HeaderErrorKind::Method => "Mismatched",
            HeaderErrorKind::Syntax
            | HeaderErrorKind::Parameter
            | HeaderErrorKind::Uri
            | HeaderErrorKind::Host
            | HeaderErrorKind::Number
            | HeaderErrorKind::Version => "Malformed",
        };
        format!("{word} {}", self.header)
    }
}

impl fmt::Display for HeaderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} header ({:?} at byte {})",
            self.reason(),
            self.kind,
            self.at
        )
    }
}

impl std::error::Error for HeaderError {}
