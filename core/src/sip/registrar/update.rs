//! What a REGISTER asks for.

use std::time::{Duration, Instant};

use bytes::Bytes;

use super::binding::Binding;
use crate::config::RegistrarConfig;
use crate::sip::endpoint::Path;
use crate::sip::header::{Expires, NameAddr};
use crate::sip::header_name::HeaderName;
use crate::sip::lex;
use crate::sip::message::Request;
use crate::sip::uri::{Scheme, Uri};

/// Why a REGISTER is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A contact cannot be read, or is no `sip:` or `sips:` URI.
    #[error("malformed contact")]
    Contact,
    /// `*` with other contacts, or without `Expires: 0`.
    #[error("misplaced *")]
    Star,
    /// `Path` cannot be read, or names more proxies than a request may visit.
    #[error("malformed path")]
    Path,
    /// The phone wants its flow kept (RFC 5626) and came by a proxy that does not keep flows.
    #[error("first hop lacks outbound support")]
    FirstHop,
    /// `Call-ID` or `CSeq` cannot be read.
    #[error("malformed Call-ID or CSeq")]
    Sequence,
    /// A later REGISTER of the same phone came first.
    #[error("overtaken by a later request")]
    OutOfOrder,
    /// More contacts than one address-of-record may have.
    #[error("too many contacts")]
    TooManyContacts,
    /// A lifetime shorter than the shortest.
    #[error("interval too brief")]
    TooBrief {
        /// The shortest, in seconds, for `Min-Expires`.
        min_expires: u32,
    },
}

impl RegisterError {
    /// The status of the refusal.
    #[must_use]
    pub fn status(self) -> u16 {
        match self {
            Self::Contact | Self::Star | Self::Path | Self::Sequence => 400,
            Self::TooManyContacts => 403,
            Self::TooBrief { .. } => 423,
            Self::FirstHop => 439,
            Self::OutOfOrder => 500,
        }
    }

    /// Its reason phrase.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Contact => "Malformed Contact",
            Self::Star => "Misplaced * In Contact",
            Self::Path => "Malformed Path",
            Self::FirstHop => "First Hop Lacks Outbound Support",
            Self::Sequence => "Malformed CSeq",
            Self::OutOfOrder => "CSeq Out Of Order",
            Self::TooManyContacts => "Too Many Contacts",
            Self::TooBrief { .. } => "Interval Too Brief",
        }
    }
}

/// Proxies on the way to one phone.
const ROUTES: usize = 8;

/// The most they may take, in bytes.
const ROUTES_SIZE: usize = 2048;

/// One REGISTER and the moment it came.
pub(super) struct Update<'a> {
    pub(super) now: Instant,
    pub(super) path: Path,
    pub(super) serial: u64,
    pub(super) limits: &'a RegistrarConfig,
}

/// Where a request stands among those of its phone (RFC 3261 section 10.3, step 7).
struct Sequence {
    call_id: Bytes,
    cseq: u32,
}

impl Sequence {
    fn check(&self, binding: &Binding) -> Result<(), RegisterError> {
        if binding.call_id == self.call_id && self.cseq <= binding.cseq {
            Err(RegisterError::OutOfOrder)
        } else {
            Ok(())
        }
    }
}

impl Update<'_> {
    /// The bindings after this request; `None` when it only asks which there are.
    pub(super) fn apply(
        &self,
        request: &Request,
        old: &[Binding],
    ) -> Result<Option<Vec<Binding>>, RegisterError> {
        let headers = &request.headers;
        let contacts: Vec<Bytes> = headers.list(&HeaderName::Contact).collect();
        if contacts.is_empty() {
            return Ok(None);
        }
        let cseq = headers.cseq().map_err(|_| RegisterError::Sequence)?.number;
        let call_id = headers.call_id().ok_or(RegisterError::Sequence)?;
        let sequence = Sequence {
            call_id: Bytes::copy_from_slice(call_id),
            cseq,
        };
        let expires = headers.get(&HeaderName::Expires);
        if contacts.iter().any(|contact| contact == "*") {
            let all_at_once = expires.and_then(|value| Expires::read(value)) == Some(Expires(0));
            if contacts.len() > 1 || !all_at_once {
                return Err(RegisterError::Star);
            }
            old.iter().try_for_each(|binding| sequence.check(binding))?;
            return Ok(Some(Vec::new()));
        }
        if contacts.len() > self.limits.max_contacts {
            return Err(RegisterError::TooManyContacts);
        }
        let routes = routes(request)?;
        if wants_outbound(request) && !first_hop_keeps_flows(request, &routes) {
            return Err(RegisterError::FirstHop);
        }
        let user_agent = headers.get(&HeaderName::UserAgent);
        let user_agent = user_agent.map(|value| Bytes::copy_from_slice(value));
        let mut new = old.to_vec();
        let ids = self.serial..;
        for (contact, id) in contacts.iter().zip(ids) {
            let made = self.binding(contact, expires, &sequence, id)?;
            let known = new.iter().position(|binding| same_phone(binding, &made));
            if let Some(at) = known {
                // One request may name a contact twice; the last word counts.
                if new[at].updated != self.serial {
                    sequence.check(&new[at])?;
                }
            }
            let ends = made.expires_at <= self.now;
            let made = Binding {
                user_agent: user_agent.clone(),
                routes: routes.clone(),
                ..made
            };
            match known {
                Some(at) if ends => {
                    new.remove(at);
                }
                Some(at) => {
                    new[at] = Binding {
                        id: new[at].id,
                        ..made
                    }
                }
                None if ends => {}
                None => new.push(made),
            }
        }
        self.make_room(&mut new);
        Ok(Some(new))
    }

    fn binding(
        &self,
        contact: &Bytes,
        expires: Option<&Bytes>,
        sequence: &Sequence,
        id: u64,
    ) -> Result<Binding, RegisterError> {
        // A copy, so that the binding does not keep the whole datagram.
        let copy = Bytes::copy_from_slice(contact);
        let contact = NameAddr::parse(&copy, &HeaderName::Contact);
        let contact = contact.map_err(|_| RegisterError::Contact)?;
        let uri = Uri::parse(&contact.uri).map_err(|_| RegisterError::Contact)?;
        if !matches!(uri.scheme(), Scheme::Sip | Scheme::Sips) {
            return Err(RegisterError::Contact);
        }
        let asked = contact.params.get("expires").or_else(|| expires.cloned());
        let lifetime = self.lifetime(asked.as_deref())?;
        Ok(Binding {
            q: q_value(contact.params.get("q").as_deref()),
            uri: contact.uri.clone(),
            contact,
            expires_at: self.now + lifetime,
            path: self.path,
            routes: Vec::new(),
            user_agent: None,
            id,
            updated: self.serial,
            call_id: sequence.call_id.clone(),
            cseq: sequence.cseq,
        })
    }

    /// How long a binding lasts that asks for `asked` seconds; zero ends it. What cannot be read
    /// counts as not asked (RFC 3261 section 20.19).
    fn lifetime(&self, asked: Option<&[u8]>) -> Result<Duration, RegisterError> {
        let limits = self.limits;
        let Some(asked) = asked.and_then(Expires::read) else {
            return Ok(limits.default_expires);
        };
        let asked = asked.duration();
        if !asked.is_zero() && asked < limits.min_expires {
            let shortest = limits.min_expires.as_secs();
            let min_expires = u32::try_from(shortest).unwrap_or(u32::MAX);
            return Err(RegisterError::TooBrief { min_expires });
        }
        Ok(asked.min(limits.max_expires))
    }

    /// Lets the longest unrenewed bindings go when there are too many: a phone that got a new address
    /// without saying good-bye must not lock itself out.
    fn make_room(&self, new: &mut Vec<Binding>) {
        while new.len() > self.limits.max_contacts {
            let oldest = new
                .iter()
                .enumerate()
                .min_by_key(|(_, binding)| binding.updated);
            let Some((at, _)) = oldest else {
                return;
            };
            new.remove(at);
        }
    }
}

/// What `Path` says, in its order, which is that of the Route of a request to the phone (RFC 3327
/// section 5.3). Copies, so that a binding does not keep the whole datagram.
fn routes(request: &Request) -> Result<Vec<Bytes>, RegisterError> {
    let mut routes = Vec::new();
    let mut size = 0;
    for value in request.headers.list(&HeaderName::Path) {
        let address = NameAddr::parse(&value, &HeaderName::Path);
        let address = address.map_err(|_| RegisterError::Path)?;
        let uri = Uri::parse(&address.uri).map_err(|_| RegisterError::Path)?;
        size += value.len();
        let routable = matches!(uri.scheme(), Scheme::Sip | Scheme::Sips);
        if !routable || routes.len() == ROUTES || size > ROUTES_SIZE {
            return Err(RegisterError::Path);
        }
        routes.push(Bytes::copy_from_slice(&value));
    }
    Ok(routes)
}

/// Whether a phone asks for its flow to be kept (RFC 5626 section 4.2.1): it says so, and names
/// itself and the flow.
pub(super) fn wants_outbound(request: &Request) -> bool {
    let headers = &request.headers;
    let named = |contact: Bytes| {
        NameAddr::parse(&contact, &HeaderName::Contact)
            .is_ok_and(|contact| Binding::instance(&contact).is_some())
    };
    headers.has_token(&HeaderName::Supported, "outbound")
        && headers.list(&HeaderName::Contact).any(named)
}

/// Whether the hop next to the phone keeps its flow: it is we, or the last proxy of the path, which
/// says so by `ob` (RFC 5626 section 6).
fn first_hop_keeps_flows(request: &Request, routes: &[Bytes]) -> bool {
    if request.headers.list(&HeaderName::Via).nth(1).is_none() {
        return true;
    }
    let last = routes
        .last()
        .map(|value| NameAddr::parse(value, &HeaderName::Path));
    let uri = last.and_then(|address| Uri::parse(&address.ok()?.uri).ok());
    uri.is_some_and(|uri| uri.has_param("ob"))
}

fn same_phone(binding: &Binding, made: &Binding) -> bool {
    let instance = Binding::instance(&made.contact);
    if instance.is_some() && instance == Binding::instance(&binding.contact) {
        return true;
    }
    same_uri(&binding.uri, &made.uri)
}

pub(super) fn same_uri(one: &Bytes, two: &Bytes) -> bool {
    match (Uri::parse(one), Uri::parse(two)) {
        (Ok(one), Ok(two)) => one.is_equivalent(&two),
        _ => false,
    }
}

/// `0`, `0.75`, `1.0` in thousandths (RFC 3261 section 25.1); 1 where nothing sensible is written.
fn q_value(text: Option<&[u8]>) -> u16 {
    const WHOLE: u16 = 1000;
    let Some(text) = text else {
        return WHOLE;
    };
    let (units, decimals) = match memchr::memchr(b'.', text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, &[][..]),
    };
    let mut thousandths = [b'0'; 3];
    for (digit, written) in thousandths.iter_mut().zip(decimals) {
        *digit = *written;
    }
    let fraction = lex::number(&thousandths, 999).and_then(|value| u16::try_from(value).ok());
    match (units, fraction) {
        (b"0" | b"", Some(fraction)) => fraction,
        _ => WHOLE,
    }
}
