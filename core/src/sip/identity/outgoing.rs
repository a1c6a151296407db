//! What a carrier is told about a caller.

use bytes::Bytes;

use super::{ANONYMOUS, Privacy};
use crate::directory::{
    CallerIdMethod, ForeignCallers, HiddenCallers, IdentityHeader, NumberDisplay, Trunk,
};
use crate::sip::HeaderName;
use crate::sip::header::NameAddr;
use crate::sip::uri;

/// Where a caller comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallerOrigin<'a> {
    /// One of our extensions, with its public number if it has one.
    Inside(Option<&'a str>),
    /// A caller from outside, who is sent out again.
    Outside,
}

/// Who calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Calling<'a> {
    /// The number, internal or public.
    pub number: &'a str,
    /// The display name.
    pub name: Option<&'a str>,
    /// Whether the caller wants to stay unknown.
    pub privacy: Privacy,
    /// What a carrier asserted of a hidden caller.
    pub asserted: Option<&'a str>,
    /// Where the caller comes from.
    pub origin: CallerOrigin<'a>,
}

/// How a call presents its caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The From header: a name-addr without tag.
    pub from: Bytes,
    /// Further headers.
    pub headers: Vec<(HeaderName, Bytes)>,
}

/// How a caller is presented to a trunk's carrier; `domain` is the host part of our addresses there.
///
/// | method | From | beside it |
/// | --- | --- | --- |
/// | static | the trunk's number | – |
/// | asserted | the trunk's number | P-Asserted- or P-Preferred-Identity: the caller's |
/// | remote party | the trunk's number | Remote-Party-ID: the caller's |
/// | from | the caller's number | – |
/// | from and asserted | the caller's number | P-Asserted- or P-Preferred-Identity: the caller's |
///
/// A hidden caller has an anonymous From and `Privacy: id`. Of the other headers the carrier gets what
/// it is trusted with (RFC 3325 sections 5 and 7):
///
/// | `hidden` | a caller of ours | one from outside, where those are shown as they are |
/// | --- | --- | --- |
/// | own | as above | the trunk's number instead of the caller's |
/// | all | as above | the number another carrier asserted |
/// | none | nothing | nothing |
#[must_use]
pub fn present(caller: &Calling<'_>, trunk: &Trunk, domain: &str) -> Presented {
    let method = trunk.caller.method;
    let hidden = caller.privacy == Privacy::Hidden || trunk.caller.display == NumberDisplay::Block;
    let told = !hidden || trunk.caller.hidden != HiddenCallers::None;
    let real = real_number(caller, trunk);
    let number = if method.in_from() {
        real.clone().unwrap_or_else(|| own_number(caller, trunk))
    } else {
        own_number(caller, trunk)
    };
    let from = if hidden {
        anonymous()
    } else {
        from_header(&number, caller.name, domain)
    };
    let mut headers = Vec::new();
    if let Some(real) = real.filter(|_| told) {
        let name = caller.name.filter(|_| !hidden);
        let address = from_header(&real, name, domain);
        if method.asserts() {
            let header = match trunk.caller.header {
                IdentityHeader::Asserted => HeaderName::PAssertedIdentity,
                IdentityHeader::Preferred => HeaderName::PPreferredIdentity,
            };
            headers.push((header, address));
        } else if method == CallerIdMethod::RemotePartyId {
            let shown: &[u8] = if hidden { b"full" } else { b"off" };
            let params: &[u8] = b";party=calling;screen=yes;privacy=";
            let value = [&address[..], params, shown].concat();
            headers.push((HeaderName::RemotePartyId, value.into()));
        }
    }
    if hidden {
        headers.push((HeaderName::Privacy, Bytes::from_static(b"id")));
    }
    Presented { from, headers }
}

/// A From header as phones are shown it: anonymous for a hidden caller.
#[must_use]
pub fn from_header(number: &str, name: Option<&str>, domain: &str) -> Bytes {
    if number == ANONYMOUS {
        return anonymous();
    }
    let address = NameAddr::new(uri::sip(Some(number), domain, None));
    match name {
        Some(name) => address.with_display(name).write(),
        None => address.write(),
    }
}

/// RFC 3323 section 4.1.1.3.
fn anonymous() -> Bytes {
    Bytes::from_static(b"\"Anonymous\" <sip:anonymous@anonymous.invalid>")
}

/// The number that tells the carrier who really calls, if it may be told one.
fn real_number(caller: &Calling<'_>, trunk: &Trunk) -> Option<String> {
    let own = trunk.caller_id.as_deref();
    let number = match caller.origin {
        // An internal number means nothing outside, unless nothing else is known: another exchange
        // may know our extensions. It belongs to no place, whatever it looks like.
        CallerOrigin::Inside(None) if own.is_none() => {
            return Some(caller.number.to_owned()).filter(|number| number != ANONYMOUS);
        }
        CallerOrigin::Inside(public) => public.or(own),
        CallerOrigin::Outside if trunk.caller.foreign == ForeignCallers::AsTheyAre => {
            match trunk.caller.hidden {
                HiddenCallers::All => caller.asserted.or(Some(caller.number)),
                HiddenCallers::Own | HiddenCallers::None => Some(caller.number),
            }
        }
        CallerOrigin::Outside => own,
    };
    let number = number.filter(|number| *number != ANONYMOUS).or(own)?;
    Some(trunk.numbers.calling(number))
}

/// The number of the trunk itself.
fn own_number(caller: &Calling<'_>, trunk: &Trunk) -> String {
    if let Some(own) = &trunk.caller_id {
        return trunk.numbers.calling(own);
    }
    let account = trunk.username.as_ref().filter(|_| trunk.mode.registers());
    match (account, caller.origin) {
        (Some(account), _) => account.clone(),
        (None, CallerOrigin::Inside(_)) => caller.number.to_owned(),
        (None, CallerOrigin::Outside) if trunk.caller.foreign == ForeignCallers::AsOurs => {
            ANONYMOUS.to_owned()
        }
        (None, CallerOrigin::Outside) => trunk.numbers.calling(caller.number),
    }
}
