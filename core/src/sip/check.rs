//! Which header makes a message unusable.

use super::error::{HeaderError, HeaderErrorKind};
use super::header::{MaxForwards, NameAddr};
use super::header_name::HeaderName;
use super::headers::Headers;
use super::message::{Request, Response};
use super::method::Method;

/// Headers of which there is exactly one (RFC 3261 section 8.1.1).
const ONCE: [HeaderName; 4] = [
    HeaderName::From,
    HeaderName::To,
    HeaderName::CallId,
    HeaderName::CSeq,
];

/// Headers of which there is at most one, among those somebody here reads.
const AT_MOST_ONCE: [HeaderName; 3] = [
    HeaderName::MaxForwards,
    HeaderName::ContentType,
    HeaderName::Expires,
];

/// Headers that hold addresses requests are routed by.
const ADDRESSES: [HeaderName; 4] = [
    HeaderName::Route,
    HeaderName::RecordRoute,
    HeaderName::ReferTo,
    HeaderName::Contact,
];

pub(super) fn request(request: &Request) -> Result<(), HeaderError> {
    let headers = &request.headers;
    shared(headers)?;
    if headers.cseq()?.method != request.method {
        return error(HeaderName::CSeq, HeaderErrorKind::Method);
    }
    for name in AT_MOST_ONCE {
        if headers.all(&name).nth(1).is_some() {
            return error(name, HeaderErrorKind::Repeated);
        }
    }
    if let Some(value) = headers.get(&HeaderName::MaxForwards) {
        MaxForwards::parse(value)?;
    }
    for name in ADDRESSES {
        let star = name == HeaderName::Contact && request.method == Method::Register;
        for item in headers.list(&name) {
            if !(star && item == "*") {
                NameAddr::parse(&item, &name)?.typed_uri(&name)?;
            }
        }
    }
    Ok(())
}

pub(super) fn response(response: &Response) -> Result<(), HeaderError> {
    shared(&response.headers)
}

/// What requests and responses have in common.
fn shared(headers: &Headers) -> Result<(), HeaderError> {
    // The hops below the topmost are for those who wrote them.
    headers.top_via()?;
    for name in ONCE {
        let mut rows = headers.all(&name);
        match rows.next() {
            None => return error(name.clone(), HeaderErrorKind::Missing),
            Some(value) if value.is_empty() => {
                return error(name.clone(), HeaderErrorKind::Empty);
            }
            Some(_) if rows.next().is_some() => {
                return error(name.clone(), HeaderErrorKind::Repeated);
            }
            Some(_) => {}
        }
    }
    headers.from()?.typed_uri(&HeaderName::From)?;
    headers.to()?.typed_uri(&HeaderName::To)?;
    headers.cseq()?;
    Ok(())
}

fn error(header: HeaderName, kind: HeaderErrorKind) -> Result<(), HeaderError> {
    Err(HeaderError {
        header,
        at: 0,
        kind,
    })
}
