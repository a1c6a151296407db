//! Tests of the wire layer on whole messages.

mod messages;
mod round_trip;
mod stream;
mod torture;
mod transfer_headers;

use bytes::Bytes;

use super::{Message, ParseError, Request, Response};

/// `text` as it would be on the wire: every line ended by CRLF.
fn wire(text: &str) -> Bytes {
    text.replace('\n', "\r\n").into()
}

fn request(text: &str) -> Request {
    match Message::parse(&wire(text)) {
        Ok(Message::Request(request)) => request,
        other => panic!("not a request: {other:?}"),
    }
}

fn response(text: &str) -> Response {
    match Message::parse(&wire(text)) {
        Ok(Message::Response(response)) => response,
        other => panic!("not a response: {other:?}"),
    }
}

fn parse_error(text: &str) -> ParseError {
    Message::parse(&wire(text)).unwrap_err()
}

/// An OPTIONS with everything it needs, and `extra` lines before the empty one.
fn options(extra: &str) -> String {
    let end = if extra.is_empty() { "" } else { "\n" };
    format!(
        "OPTIONS sip:bob@example.com SIP/2.0\n\
         Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKa\n\
         From: <sip:alice@example.com>;tag=1\n\
         To: <sip:bob@example.com>\n\
         Call-ID: a@192.0.2.1\n\
         CSeq: 1 OPTIONS\n\
         {extra}{end}"
    )
}
