//! The checks every request passes before anybody sees it (RFC 3261 section 8.2), and the
//! refusals of those that do not.

use std::borrow::Cow;

use bytes::Bytes;

use super::EndpointConfig;
use super::body;
use crate::sip::header::{ContentType, MaxForwards, MinSe, RAck, SessionExpires, join};
use crate::sip::message::Request;
use crate::sip::method::Method;
use crate::sip::status::phrase;
use crate::sip::{HeaderError, HeaderName};

/// The methods we answer, as the `Allow` header lists them.
pub const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, \
                         REGISTER, SUBSCRIBE, NOTIFY, MESSAGE";

/// How a request is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) status: u16,
    pub(super) reason: Cow<'static, str>,
    pub(super) headers: Vec<(HeaderName, Bytes)>,
}

impl Refusal {
    /// A refusal with the usual phrase.
    pub(super) fn new(status: u16) -> Self {
        Self {
            status,
            reason: phrase(status).into(),
            headers: Vec::new(),
        }
    }

    /// The same with another header.
    pub(super) fn with(mut self, name: HeaderName, value: impl Into<Bytes>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// A 400 that says what is wrong.
    pub(super) fn malformed(reason: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status: 400,
            reason: reason.into(),
            headers: Vec::new(),
        }
    }
}

/// Refuses what cannot be handled, and leaves in `request` the body that can.
///
/// `Max-Forwards: 0` ends an INVITE that would start a call, and a MESSAGE, because both are usually
/// passed on to somebody: we are a back-to-back user agent, which RFC 7332 section 3 holds to the
/// rule for proxies. Every other request ends here anyway and is answered as by any user agent.
pub(super) fn check(request: &mut Request, config: &EndpointConfig) -> Result<(), Refusal> {
    if let Err(error) = request.check() {
        return Err(Refusal::malformed(error.reason()));
    }
    match request.method {
        Method::Ack => {
            // Nobody may answer it, so a body we cannot read is left for its dialog to ignore.
            body::unwrap(request).ok();
            return Ok(());
        }
        Method::Cancel => return Ok(()),
        Method::Invite
        | Method::Bye
        | Method::Options
        | Method::Register
        | Method::Info
        | Method::Update
        | Method::Prack
        | Method::Refer
        | Method::Subscribe
        | Method::Notify
        | Method::Message => {}
        Method::Publish | Method::Other(_) => {
            return Err(Refusal::new(405).with(HeaderName::Allow, ALLOW));
        }
    }
    check_scheme(request)?;
    if request.method == Method::Invite {
        check_invite(request)?;
    }
    if matches!(request.method, Method::Invite | Method::Message) {
        check_hops(request)?;
    }
    check_require(request, &config.supported)?;
    if request.method == Method::Prack {
        check_rack(request)?;
    }
    if matches!(request.method, Method::Invite | Method::Update) {
        check_session_timer(request, config.min_se)?;
    }
    if matches!(
        request.method,
        Method::Invite | Method::Update | Method::Prack
    ) {
        body::unwrap(request)?;
    }
    Ok(())
}

/// A PRACK says what it acknowledges (RFC 3262 section 7.2).
fn check_rack(request: &Request) -> Result<(), Refusal> {
    let Some(value) = request.headers.get(&HeaderName::RAck) else {
        return Err(Refusal::malformed("Missing RAck"));
    };
    match RAck::parse(value) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refusal::malformed(error.reason())),
    }
}

/// A session timer that cannot be read, or is too short for us (RFC 4028 section 9). A peer that
/// does not know the extension would not understand the 422: its interval, which some proxy added,
/// is made longer instead, when it is answered.
fn check_session_timer(request: &Request, min_se: Option<u32>) -> Result<(), Refusal> {
    let Some(min_se) = min_se else {
        return Ok(());
    };
    let headers = &request.headers;
    let malformed = |error: HeaderError| Refusal::malformed(error.reason());
    if let Some(value) = headers.get(&HeaderName::MinSe) {
        MinSe::parse(value).map_err(malformed)?;
    }
    let Some(value) = headers.get(&HeaderName::SessionExpires) else {
        return Ok(());
    };
    let asked = SessionExpires::parse(value).map_err(malformed)?;
    if asked.seconds < min_se && headers.has_token(&HeaderName::Supported, "timer") {
        return Err(Refusal::new(422).with(HeaderName::MinSe, MinSe(min_se).write()));
    }
    Ok(())
}

fn check_scheme(request: &Request) -> Result<(), Refusal> {
    let end = request.uri.iter().position(|byte| *byte == b':');
    let scheme = &request.uri[..end.unwrap_or(0)];
    let known = ["sip", "sips", "tel"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known.as_bytes()));
    if known {
        Ok(())
    } else {
        Err(Refusal::new(416))
    }
}

fn check_invite(request: &Request) -> Result<(), Refusal> {
    let headers = &request.headers;
    let mut contacts = headers.list(&HeaderName::Contact);
    match contacts.next() {
        // RFC 2543 did without it.
        None if headers
            .top_via()
            .is_ok_and(|via| via.unique_branch().is_none()) => {}
        None => return Err(Refusal::malformed("Missing Contact")),
        Some(_) if contacts.next().is_some() => {
            return Err(Refusal::malformed("Repeated Contact"));
        }
        Some(_) => {}
    }
    if headers.has(&HeaderName::Accept) && !headers.list(&HeaderName::Accept).any(takes_sdp) {
        return Err(Refusal::new(406).with(HeaderName::Accept, "application/sdp"));
    }
    Ok(())
}

fn check_hops(request: &Request) -> Result<(), Refusal> {
    let headers = &request.headers;
    let hops = headers.get(&HeaderName::MaxForwards);
    let hops = hops.and_then(|value| MaxForwards::parse(value).ok());
    if hops == Some(MaxForwards(0)) && headers.to_tag().is_none() {
        return Err(Refusal::new(483));
    }
    Ok(())
}

/// Whether an `Accept` range has room for SDP, in which we describe sessions.
#[expect(
    clippy::needless_pass_by_value,
    reason = "what an iterator over a list yields"
)]
fn takes_sdp(range: Bytes) -> bool {
    ContentType::parse(&range).is_ok_and(|range| {
        range.is("application", "sdp") || range.is("application", "*") || range.is("*", "*")
    })
}

fn check_require(request: &Request, supported: &[String]) -> Result<(), Refusal> {
    let unknown: Vec<Bytes> = request
        .headers
        .list(&HeaderName::Require)
        .filter(|option| {
            !supported
                .iter()
                .any(|known| option.eq_ignore_ascii_case(known.as_bytes()))
        })
        .collect();
    if unknown.is_empty() {
        Ok(())
    } else {
        Err(Refusal::new(420).with(HeaderName::Unsupported, join(unknown)))
    }
}
