//! Finding the session description in a body, wherever it is.

use bytes::Bytes;

use super::check::Refusal;
use crate::sip::header::{ContentType, Params};
use crate::sip::lex;
use crate::sip::message::Request;
use crate::sip::{HeaderName, Headers};

/// Leaves `application/sdp` or nothing as the body. An SDP part of a `multipart/mixed` or
/// `multipart/alternative` body takes its place; a body that is marked optional is dropped.
pub(super) fn unwrap(request: &mut Request) -> Result<(), Refusal> {
    if request.body.is_empty() {
        return Ok(());
    }
    let headers = &request.headers;
    let encoded = headers
        .list(&HeaderName::ContentEncoding)
        .any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Refusal::new(415).with(HeaderName::AcceptEncoding, "identity"));
    }
    let Some(value) = headers.get(&HeaderName::ContentType) else {
        return Err(Refusal::malformed("Missing Content-Type"));
    };
    ContentType::parse(value).map_err(|error| Refusal::malformed(error.reason()))?;
    match sdp(headers, &request.body) {
        Some(sdp) => {
            request.body = sdp;
            request
                .headers
                .set(HeaderName::ContentType, "application/sdp");
        }
        None if is_optional(request) => {
            request.body = Bytes::new();
            request.headers.remove(&HeaderName::ContentType);
        }
        None => return Err(Refusal::new(415).with(HeaderName::Accept, "application/sdp")),
    }
    Ok(())
}

/// The session description in a body: the whole of it, or the first part that is one.
pub(crate) fn sdp(headers: &Headers, body: &Bytes) -> Option<Bytes> {
    if body.is_empty() {
        return None;
    }
    let kind = ContentType::parse(headers.get(&HeaderName::ContentType)?).ok()?;
    if kind.is("application", "sdp") {
        return Some(body.clone());
    }
    if kind.is("multipart", "mixed") || kind.is("multipart", "alternative") {
        let boundary = kind.params.text("boundary").unwrap_or_default();
        return sdp_part(body, &boundary);
    }
    None
}

/// `Content-Disposition: …;handling=optional` (RFC 3204 section 6).
fn is_optional(request: &Request) -> bool {
    let Some(value) = request.headers.get(&HeaderName::ContentDisposition) else {
        return false;
    };
    let start = value.iter().position(|byte| *byte == b';');
    let params = Params::parse(&value.slice(start.unwrap_or(value.len())..));
    params.is_ok_and(|params| {
        params
            .get("handling")
            .is_some_and(|handling| handling.eq_ignore_ascii_case(b"optional"))
    })
}

/// The first part between lines of `--boundary` (RFC 2046 section 5.1) that is SDP.
fn sdp_part(body: &Bytes, boundary: &[u8]) -> Option<Bytes> {
    if boundary.is_empty() || boundary.len() > 70 {
        return None;
    }
    let delimiter = [b"--", boundary].concat();
    let marks: Vec<usize> = memchr::memmem::find_iter(body, &delimiter)
        .filter(|at| *at == 0 || body[at - 1] == b'\n')
        .collect();
    marks.windows(2).find_map(|mark| {
        let part = body.get(mark[0] + delimiter.len()..mark[1])?;
        let part = &part[memchr::memchr(b'\n', part)? + 1..];
        let (head, content) = split_head(part)?;
        let content = content.strip_suffix(b"\n").unwrap_or(content);
        let content = content.strip_suffix(b"\r").unwrap_or(content);
        is_sdp(head).then(|| lex::share(body, content))
    })
}

/// A part's headers and content, at the first empty line.
fn split_head(part: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut start = 0;
    loop {
        let end = start + memchr::memchr(b'\n', &part[start..])?;
        if lex::trim(&part[start..end]).is_empty() {
            return Some((&part[..start], &part[end + 1..]));
        }
        start = end + 1;
    }
}

fn is_sdp(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').any(|line| {
        let Some(colon) = memchr::memchr(b':', line) else {
            return false;
        };
        let value = Bytes::copy_from_slice(lex::trim(&line[colon + 1..]));
        lex::trim(&line[..colon]).eq_ignore_ascii_case(b"content-type")
            && ContentType::parse(&value).is_ok_and(|kind| kind.is("application", "sdp"))
    })
}
