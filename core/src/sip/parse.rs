//! From bytes to messages.

use bytes::Bytes;

use super::error::{ParseError, ParseErrorKind};
use super::header_name::HeaderName;
use super::headers::Headers;
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
/// The longest header row, in bytes, folds included.
pub const MAX_ROW: usize = 8 * 1024;
/// The longest Request-URI, in bytes.
pub const MAX_URI: usize = 2 * 1024;

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
        let long = data.len() > MAX_HEAD;
        let kind = if long {
            ParseErrorKind::TooLarge
        } else {
            ParseErrorKind::Truncated
        };
        return fatal(kind, breaks);
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
    let Some(method) = Method::parse_in(data, method) else {
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
        if line.len() > MAX_ROW {
            defect.note(ParseErrorKind::RowTooLong, at);
            continue;
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
    let name = HeaderName::parse_in(data, lex::trim(name))?;
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
