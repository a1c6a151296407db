//! From bytes to messages, and what can be wrong with them.

use std::fmt;

use bytes::Bytes;

use super::headers::{HeaderName, Headers};
use super::lex;
use super::message::{Message, Request, Response};
use super::method::Method;
use super::uri::Uri;

/// The longest message, in bytes. A datagram cannot be longer.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// The longest start line and header section together, in bytes.
pub const MAX_HEAD: usize = 32 * 1024;
/// The most header rows of a message.
pub const MAX_HEADERS: usize = 256;
/// The longest Request-URI, in bytes.
pub const MAX_URI: usize = 2 * 1024;

/// Why bytes are no usable message, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// What is wrong.
    pub kind: ParseErrorKind,
    /// The index in the data where it was noticed.
    pub at: usize,
    request: Option<Box<Request>>,
}

/// What can be wrong with a message as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParseErrorKind {
    /// Nothing but line breaks: a keep-alive.
    Empty,
    /// Longer than [`MAX_MESSAGE`] or [`MAX_HEAD`].
    TooLarge,
    /// The first line is neither a request's nor a response's.
    StartLine,
    /// The first line is a request's with misplaced white space.
    RequestLine,
    /// The Request-URI cannot be read, or carries headers.
    RequestUri,
    /// The Request-URI is longer than [`MAX_URI`].
    UriTooLong,
    /// Another version than SIP/2.0.
    Version,
    /// A header line without a name or a colon.
    HeaderLine,
    /// More than [`MAX_HEADERS`] rows.
    TooManyHeaders,
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
            ParseErrorKind::TooLarge | ParseErrorKind::TooManyHeaders => 513,
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

/// What the first line says.
enum StartLine {
    Request { method: Method, uri: Bytes },
    Response { status: u16, reason: Bytes },
}

/// The first thing that was wrong. Parsing goes on behind it, to learn enough for an answer.
struct Defect(Option<(ParseErrorKind, usize)>);

impl Defect {
    fn note(&mut self, kind: ParseErrorKind, at: usize) {
        self.0.get_or_insert((kind, at));
    }
}

fn fatal<T>(kind: ParseErrorKind, at: usize) -> Result<T, ParseError> {
    Err(ParseError {
        kind,
        at,
        request: None,
    })
}

pub(super) fn message(data: &Bytes) -> Result<Message, ParseError> {
    let breaks = data
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    if breaks == data.len() {
        return fatal(ParseErrorKind::Empty, 0);
    }
    let mut defect = Defect(None);
    if data.len() > MAX_MESSAGE {
        defect.note(ParseErrorKind::TooLarge, MAX_MESSAGE);
    }
    let mut lines = Lines {
        data,
        at: breaks,
        end: data.len().min(MAX_HEAD),
    };
    let Some((at, line)) = lines.next_line(Folding::Refuse) else {
        return fatal(ParseErrorKind::Empty, 0);
    };
    let start = start_line(data, at, line, &mut defect)?;
    let (headers, length) = header_section(&mut lines, &mut defect);
    let body = data.slice(lines.at..);
    let body = match length {
        Some(length) if length > body.len() => {
            defect.note(ParseErrorKind::BodyTooShort, lines.at);
            body
        }
        Some(length) => body.slice(..length),
        None => body,
    };
    match (start, defect.0) {
        (StartLine::Request { method, uri }, None) => Ok(Message::Request(Request {
            method,
            uri,
            headers,
            body,
        })),
        (StartLine::Request { method, uri }, Some((kind, at))) => {
            let request = Request {
                method,
                uri,
                headers,
                body: Bytes::new(),
            };
            Err(ParseError {
                kind,
                at,
                request: Some(Box::new(request)),
            })
        }
        (StartLine::Response { status, reason }, None) => Ok(Message::Response(Response {
            status,
            reason,
            headers,
            body,
        })),
        (StartLine::Response { .. }, Some((kind, at))) => fatal(kind, at),
    }
}

fn start_line(
    data: &Bytes,
    at: usize,
    line: &[u8],
    defect: &mut Defect,
) -> Result<StartLine, ParseError> {
    if line
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
    {
        return status_line(data, at, line);
    }
    let trimmed = lex::trim(line);
    let mut parts = trimmed.splitn(2, |byte| *byte == b' ');
    let method = parts.next().unwrap_or_default();
    let rest = parts.next().unwrap_or_default();
    let Some(gap) = rest.iter().rposition(|byte| *byte == b' ') else {
        return fatal(ParseErrorKind::StartLine, at);
    };
    let (uri, version) = (&rest[..gap], &rest[gap + 1..]);
    let Some(method) = Method::parse(&lex::share(data, method)) else {
        return fatal(ParseErrorKind::StartLine, at);
    };
    if !version
        .get(..4)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"SIP/"))
    {
        return fatal(ParseErrorKind::StartLine, lex::offset(data, version));
    }
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        defect.note(ParseErrorKind::Version, lex::offset(data, version));
    }
    if trimmed.len() != line.len() || uri.contains(&b' ') {
        defect.note(ParseErrorKind::RequestLine, lex::offset(data, uri));
    }
    let at = lex::offset(data, uri);
    let uri = lex::share(data, uri);
    if uri.len() > MAX_URI {
        defect.note(ParseErrorKind::UriTooLong, at + MAX_URI);
    }
    // A Request-URI carries no headers (RFC 3261 section 19.1.1, table 1).
    if !Uri::parse(&uri).is_ok_and(|uri| uri.headers().is_empty()) {
        defect.note(ParseErrorKind::RequestUri, at);
    }
    Ok(StartLine::Request { method, uri })
}

fn status_line(data: &Bytes, at: usize, line: &[u8]) -> Result<StartLine, ParseError> {
    let mut parts = line.splitn(3, |byte| *byte == b' ');
    let version = parts.next().unwrap_or_default();
    if !version.eq_ignore_ascii_case(b"SIP/2.0") {
        return fatal(ParseErrorKind::Version, at);
    }
    let code = parts.next().unwrap_or_default();
    let status = lex::number(code, 699).and_then(|code| u16::try_from(code).ok());
    let Some(status) = status.filter(|status| code.len() == 3 && *status >= 100) else {
        return fatal(ParseErrorKind::StartLine, at + version.len());
    };
    let reason = lex::share(data, parts.next().unwrap_or_default());
    Ok(StartLine::Response { status, reason })
}

/// Reads rows up to the empty line, and the `Content-Length` among them.
fn header_section(lines: &mut Lines<'_>, defect: &mut Defect) -> (Headers, Option<usize>) {
    let data = lines.data;
    let mut headers = Headers::with_capacity(16);
    let mut length = None;
    loop {
        let Some((at, line)) = lines.next_line(Folding::Join) else {
            let kind = if lines.end < data.len() {
                ParseErrorKind::TooLarge
            } else {
                ParseErrorKind::Truncated
            };
            defect.note(kind, lines.at);
            return (headers, length);
        };
        if line.is_empty() {
            return (headers, length);
        }
        let Some((name, value)) = row(data, line) else {
            defect.note(ParseErrorKind::HeaderLine, at);
            continue;
        };
        if name == HeaderName::ContentLength {
            let number = lex::number(value, u64::from(u32::MAX));
            let number = number.and_then(|number| usize::try_from(number).ok());
            if number.is_none() || length.is_some_and(|length| Some(length) != number) {
                defect.note(ParseErrorKind::ContentLength, at);
            }
            length = length.or(number);
        } else if headers.len() == MAX_HEADERS {
            defect.note(ParseErrorKind::TooManyHeaders, at);
        } else {
            headers.push(name, lex::share(data, value));
        }
    }
}

/// The name and value of one header line.
fn row<'a>(data: &Bytes, line: &'a [u8]) -> Option<(HeaderName, &'a [u8])> {
    let colon = memchr::memchr(b':', line)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    if name.first().copied().is_none_or(lex::is_lws) {
        return None;
    }
    let name = HeaderName::parse(&lex::share(data, lex::trim(name)))?;
    Some((name, lex::trim(value)))
}

/// The lines of the head, ended by CRLF or by LF alone.
struct Lines<'a> {
    data: &'a Bytes,
    at: usize,
    end: usize,
}

/// Whether a line that begins with white space belongs to the one before (RFC 3261 section 7.3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folding {
    Join,
    Refuse,
}

impl<'a> Lines<'a> {
    /// Where the next line begins, and the line without its end. `None` when it has no end.
    fn next_line(&mut self, folding: Folding) -> Option<(usize, &'a [u8])> {
        let start = self.at;
        let mut from = start;
        loop {
            let end = from + memchr::memchr(b'\n', self.data.get(from..self.end)?)?;
            let line = &self.data[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            from = end + 1;
            let folded = matches!(self.data.get(from), Some(b' ' | b'\t')) && !line.is_empty();
            if folding == Folding::Refuse || !folded {
                self.at = from;
                return Some((start, line));
            }
        }
    }
}
