//! The proxies that asked to stay on the path of a dialog (RFC 3261 section 12.1).

use bytes::Bytes;

use crate::sip::header::NameAddr;
use crate::sip::message::Request;
use crate::sip::{HeaderName, Headers};

/// Route values in the order a request of ours must visit them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RouteSet {
    routes: Vec<Bytes>,
}

impl RouteSet {
    /// Routes given beforehand, such as an outbound proxy.
    pub(crate) fn given(routes: Vec<Bytes>) -> Self {
        Self { routes }
    }

    /// What the side that was called learns from the request: Record-Route as it stands.
    pub(crate) fn as_recorded(headers: &Headers) -> Self {
        Self {
            routes: headers.list(&HeaderName::RecordRoute).collect(),
        }
    }

    /// What the side that called learns from the response: Record-Route backwards.
    pub(crate) fn reversed(headers: &Headers) -> Self {
        let mut set = Self::as_recorded(headers);
        set.routes.reverse();
        set
    }

    /// Writes Request-URI and Route of a request to `target` (section 12.2.1.1). A first route
    /// without `lr` is a strict router: it wants itself in the Request-URI, and the target last.
    pub(crate) fn apply(&self, request: &mut Request, target: &Bytes) {
        let Some(first) = self.routes.first() else {
            request.uri = target.clone();
            return;
        };
        match strict_uri(first) {
            None => {
                request.uri = target.clone();
                for route in &self.routes {
                    request.headers.push(HeaderName::Route, route.clone());
                }
            }
            Some(uri) => {
                request.uri = uri;
                for route in self.routes.iter().skip(1) {
                    request.headers.push(HeaderName::Route, route.clone());
                }
                let last = [b"<", &target[..], b">"].concat();
                request.headers.push(HeaderName::Route, last);
            }
        }
    }

    /// Where a request to `target` goes first.
    pub(crate) fn next_hop(&self, target: &Bytes) -> Bytes {
        let first = self.routes.first().and_then(uri_of);
        first.unwrap_or_else(|| target.clone())
    }
}

fn uri_of(route: &Bytes) -> Option<Bytes> {
    let address = NameAddr::parse(route, &HeaderName::Route).ok()?;
    Some(address.uri)
}

/// The URI of a route that is not a loose router, without what a Request-URI may not carry.
fn strict_uri(route: &Bytes) -> Option<Bytes> {
    let uri = uri_of(route)?;
    let loose = uri
        .split(|byte| *byte == b';')
        .skip(1)
        .map(|param| param.split(|byte| matches!(byte, b'=' | b'?')).next())
        .any(|name| name.is_some_and(|name| name.eq_ignore_ascii_case(b"lr")));
    let end = uri.iter().position(|byte| *byte == b'?');
    (!loose).then(|| uri.slice(..end.unwrap_or(uri.len())))
}
