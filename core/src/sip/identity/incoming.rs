//! What a trusted peer says about its caller, and about whom it calls.

use bytes::Bytes;

use super::{ANONYMOUS, Caller, Privacy};
use crate::directory::{DidSource, Trunk};
use crate::sip::header::NameAddr;
use crate::sip::message::Request;
use crate::sip::uri::Uri;
use crate::sip::{HeaderName, Headers};

/// The caller as a carrier has checked it: `P-Asserted-Identity` (RFC 3325), else
/// `Remote-Party-ID`, else `From`. A caller who wants to stay unknown is, also where the carrier
/// tells us more.
#[must_use]
pub fn incoming(request: &Request, trunk: &Trunk) -> Caller {
    let headers = &request.headers;
    let from = headers.from().ok();
    let party = remote_party(headers);
    let party_hidden = party.as_ref().is_some_and(is_private);
    let asserted = headers
        .list(&HeaderName::PAssertedIdentity)
        .filter_map(|value| NameAddr::parse(&value, &HeaderName::PAssertedIdentity).ok())
        .find(|address| number(address).is_some());
    let checked = asserted.as_ref().and_then(number);
    let known = asserted.or(party).or_else(|| from.clone());
    let caller = known.as_ref().and_then(number);
    let unknown = caller.as_ref().is_none_or(|number| is_anonymous(number));
    if unknown || party_hidden || wants_privacy(headers) {
        return Caller {
            number: ANONYMOUS.to_owned(),
            name: None,
            privacy: Privacy::Hidden,
            asserted: checked
                .filter(|number| !is_anonymous(number))
                .map(|number| trunk.numbers.shown(&number).into()),
        };
    }
    let name_of = |address: &Option<NameAddr>| address.as_ref().and_then(display_name);
    Caller {
        number: trunk.numbers.shown(&caller.unwrap_or_default()),
        name: name_of(&known).or_else(|| name_of(&from)),
        privacy: Privacy::Shown,
        asserted: None,
    }
}

/// Whether a phone of ours asks not to be shown for this call (RFC 3323 section 4.2).
#[must_use]
pub fn privacy_wish(request: &Request) -> Privacy {
    if wants_privacy(&request.headers) {
        Privacy::Hidden
    } else {
        Privacy::Shown
    }
}

/// The number that is called, from where this trunk writes it. Where it is to stand in the
/// Request-URI and that is only the Contact we registered, To has it.
#[must_use]
pub fn called(request: &Request, trunk: &Trunk) -> Option<String> {
    let request_uri = || user(&request.uri);
    let to = || number(&request.headers.to().ok()?);
    match &trunk.inbound.did_source {
        DidSource::RequestUri => match request_uri() {
            Some(user) if user == trunk.contact_user() => to(),
            found => found,
        },
        DidSource::To => to(),
        DidSource::Header(name) => {
            let name = HeaderName::parse(&Bytes::from(name.clone()))?;
            let value = request.headers.get(&name)?;
            let address = NameAddr::parse(value, &name).ok();
            let address = address.as_ref().and_then(number);
            address.or_else(|| bare_digits(value))
        }
    }
}

/// Somebody unknown, as gateways spell it.
fn is_anonymous(user: &str) -> bool {
    ["anonymous", "restricted", "unavailable", "unknown"]
        .iter()
        .any(|word| user.eq_ignore_ascii_case(word))
}

/// Words of `Privacy` that concern the caller's identity; `none` and `session` do not.
fn wants_privacy(headers: &Headers) -> bool {
    let mut values = headers.all(&HeaderName::Privacy);
    values.any(|value| {
        let words = value.split(|byte| b";, ".contains(byte));
        let identity = |word: &[u8]| {
            [&b"id"[..], b"user", b"header"]
                .iter()
                .any(|known| word.eq_ignore_ascii_case(known))
        };
        words.into_iter().any(identity)
    })
}

/// The calling party of `Remote-Party-ID`; the called one may be there as well.
fn remote_party(headers: &Headers) -> Option<NameAddr> {
    let parties = headers.list(&HeaderName::RemotePartyId);
    parties
        .filter_map(|value| NameAddr::parse(&value, &HeaderName::RemotePartyId).ok())
        .find(|party| {
            let role = party.params.get("party");
            let calling = role.is_none_or(|role| role.eq_ignore_ascii_case(b"calling"));
            calling && number(party).is_some()
        })
}

fn is_private(party: &NameAddr) -> bool {
    let privacy = party.params.get("privacy");
    privacy.is_some_and(|privacy| {
        let shown = [&b"off"[..], b"\"off\"", b"none"];
        !shown.iter().any(|word| privacy.eq_ignore_ascii_case(word))
    })
}

fn number(address: &NameAddr) -> Option<String> {
    user(&address.uri)
}

/// The user part, without the parameters that telephone numbers carry there (RFC 3966).
fn user(uri: &Bytes) -> Option<String> {
    let user = Uri::parse(uri).ok()?.user_text()?;
    let plain = user.split(';').next().unwrap_or_default().to_owned();
    (!plain.is_empty()).then_some(plain)
}

fn display_name(address: &NameAddr) -> Option<String> {
    let name = address.display_name()?.trim().to_owned();
    (!name.is_empty()).then_some(name)
}

fn bare_digits(value: &Bytes) -> Option<String> {
    let text = std::str::from_utf8(value).ok()?.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let fits = (1..=20).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
}
