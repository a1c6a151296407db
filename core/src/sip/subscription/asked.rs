//! What a SUBSCRIBE asks for.

use std::time::Duration;

use bytes::Bytes;

use super::package::{ALLOW_EVENTS, Package};
use crate::sip::HeaderName;
use crate::sip::header::{ContentType, Event, Expires};
use crate::sip::message::{Request, Response};
use crate::sip::status::phrase;

/// How long subscriptions may last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// A shorter one is refused with 423.
    pub min_expires: Duration,
    /// How long one lasts that does not say.
    pub default_expires: Duration,
    /// A longer one is shortened to this.
    pub max_expires: Duration,
}

/// A SUBSCRIBE that can be granted as far as its own words go. Who sends it, and whether what it
/// wants to watch exists, is the caller's to judge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// The kind of state.
    pub package: Package,
    /// `Event` as it was written.
    pub event: Event,
    /// For how long; zero ends a subscription, or fetches the state once.
    pub expires: Duration,
}

impl Asked {
    /// Reads a SUBSCRIBE.
    ///
    /// # Errors
    /// The refusal: 489 for a package we do not have (RFC 6665 section 4.2.1.1 with section 8.3.2),
    /// 400 for a broken header, 423 for too short a time, 406 when the watcher does not take the
    /// package's documents.
    pub fn read(request: &Request, terms: &Terms) -> Result<Self, Box<Response>> {
        let headers = &request.headers;
        let Some(event) = headers.get(&HeaderName::Event) else {
            return Err(bad_event(request));
        };
        let event =
            Event::parse(event).map_err(|error| refusal(request, 400, &error.reason(), None))?;
        let package = Package::of(&event).ok_or_else(|| bad_event(request))?;
        let expires = match headers.get(&HeaderName::Expires) {
            None => terms.default_expires,
            Some(value) => Expires::parse(value)
                .map_err(|error| refusal(request, 400, &error.reason(), None))?
                .duration(),
        };
        if !expires.is_zero() && expires < terms.min_expires {
            let least = terms.min_expires.as_secs().to_string();
            let row = (HeaderName::MinExpires, least.into());
            return Err(refusal(request, 423, phrase(423), Some(row)));
        }
        if !accepts(request, package) {
            let (kind, subtype) = package.content_type();
            let row = (HeaderName::Accept, format!("{kind}/{subtype}").into());
            return Err(refusal(request, 406, phrase(406), Some(row)));
        }
        Ok(Self {
            package,
            event,
            expires: expires.min(terms.max_expires),
        })
    }

    /// Whether the sender of `request` may be given the state of a list. It must say so in
    /// `Supported` (RFC 4662 section 4.4).
    ///
    /// # Errors
    /// 421 when it does not; 489 for packages without lists.
    pub fn check_list(&self, request: &Request) -> Result<(), Box<Response>> {
        if !self.package.allows_lists() {
            return Err(bad_event(request));
        }
        let says = |name| request.headers.has_token(&name, "eventlist");
        if says(HeaderName::Supported) || says(HeaderName::Require) {
            return Ok(());
        }
        let row = (HeaderName::Require, Bytes::from_static(b"eventlist"));
        Err(refusal(request, 421, phrase(421), Some(row)))
    }
}

/// The refusal of an event package nobody here has: 489 with `Allow-Events`.
#[must_use]
pub fn bad_event(request: &Request) -> Box<Response> {
    let row = (HeaderName::AllowEvents, ALLOW_EVENTS.into());
    refusal(request, 489, phrase(489), Some(row))
}

pub(super) fn refusal(
    request: &Request,
    status: u16,
    reason: &str,
    row: Option<(HeaderName, Bytes)>,
) -> Box<Response> {
    let mut response = Response::to(request, status, reason);
    if let Some((name, value)) = row {
        response.headers.push(name, value);
    }
    Box::new(response)
}

/// Without `Accept` the package's own type is meant (RFC 6665 section 3.1.3).
fn accepts(request: &Request, package: Package) -> bool {
    let headers = &request.headers;
    if !headers.has(&HeaderName::Accept) {
        return true;
    }
    let (kind, subtype) = package.content_type();
    let fits = |range: Bytes| {
        ContentType::parse(&range)
            .is_ok_and(|range| range.is(kind, subtype) || range.is(kind, "*") || range.is("*", "*"))
    };
    headers.list(&HeaderName::Accept).any(fits)
}
