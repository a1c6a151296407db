//! Messages onto the wire.

use std::io::Write;

use bytes::{BufMut, Bytes, BytesMut};

use super::headers::Headers;
use super::lex;
use super::message::{Request, Response};

pub(super) fn request(request: &Request) -> Bytes {
    let mut out = buffer(&request.headers, request.uri.len() + request.body.len());
    out.put_slice(request.method.as_bytes());
    out.put_u8(b' ');
    put_line_part(&mut out, &request.uri);
    out.put_slice(b" SIP/2.0\r\n");
    rest(out, &request.headers, &request.body)
}

pub(super) fn response(response: &Response) -> Bytes {
    let mut out = buffer(
        &response.headers,
        response.reason.len() + response.body.len(),
    );
    out.put_slice(b"SIP/2.0 ");
    put_number(&mut out, usize::from(response.status));
    out.put_u8(b' ');
    put_line_part(&mut out, &response.reason);
    out.put_slice(b"\r\n");
    rest(out, &response.headers, &response.body)
}

fn buffer(headers: &Headers, extra: usize) -> BytesMut {
    let rows = headers
        .iter()
        .map(|(name, value)| name.as_bytes().len() + value.len() + 4);
    BytesMut::with_capacity(rows.sum::<usize>() + extra + 64)
}

fn rest(mut out: BytesMut, headers: &Headers, body: &[u8]) -> Bytes {
    for (name, value) in headers.iter() {
        out.put_slice(name.as_bytes());
        out.put_slice(b": ");
        put_value(&mut out, value);
        out.put_slice(b"\r\n");
    }
    out.put_slice(b"Content-Length: ");
    put_number(&mut out, body.len());
    out.put_slice(b"\r\n\r\n");
    out.put_slice(body);
    out.freeze()
}

fn put_number(out: &mut BytesMut, number: usize) {
    if write!(out.writer(), "{number}").is_err() {
        // A `BytesMut` grows instead of failing.
    }
}

/// A start line has no folds, so every line break in a part of it is a space.
fn put_line_part(out: &mut BytesMut, part: &[u8]) {
    for &byte in part {
        out.put_u8(if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            byte
        });
    }
}

/// A value as it is, except that a line break which is no fold becomes a space: whatever put it
/// there, it must not begin a header of its own, or the body.
fn put_value(out: &mut BytesMut, value: &[u8]) {
    let is_break = |byte: &u8| matches!(byte, b'\r' | b'\n');
    if !value.iter().any(is_break) {
        out.put_slice(value);
        return;
    }
    let mut rest = lex::trim(value);
    while let Some((&byte, after)) = rest.split_first() {
        let fold = match rest {
            [b'\r', b'\n', b' ' | b'\t', ..] => 3,
            [b'\n', b' ' | b'\t', ..] => 2,
            _ => 0,
        };
        if fold > 0 {
            out.put_slice(&rest[..fold]);
            rest = &rest[fold..];
        } else {
            out.put_u8(if is_break(&byte) { b' ' } else { byte });
            rest = after;
        }
    }
}
