//! Who may begin a call, and who may register.
//!
//! | From is | source is trusted by | Request-URI is | then |
//! | --- | --- | --- | --- |
//! | an enabled extension | – | – | password of that extension, else 401 or 403 |
//! | anybody else | a trunk | a DID, or the trunk has a default destination | a call by that trunk |
//! | anybody else | a trunk | anything else | 404 |
//! | anybody else | nobody | – | 401, and 403 whatever is answered |
//!
//! A trunk is known by the name in its TLS certificate, by the Contact it was given when we
//! registered, or by its address, in this order.
//!
//! An extension with a list of countries is refused from all others, once its password was right:
//! before that nothing is told of it.

use std::sync::Arc;
use std::time::Instant;

use offhook_core::Directory;
use offhook_core::dialplan;
use offhook_core::directory::{Extension, Trunk};
use offhook_core::sip::Uri;
use offhook_core::sip::defence::LoginFailure;
use offhook_core::sip::endpoint::Path;
use offhook_core::sip::header::NameAddr;
use offhook_core::sip::identity::{self, Caller};
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::status::phrase;

use super::login::{Login, forbidden};
use super::stats::Counters;
use crate::call::{Origin, Party};
use crate::defence::Countries;

/// A call that may begin.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Admitted {
    pub(crate) origin: Origin,
    pub(crate) from: Party,
    pub(crate) dialled: String,
}

/// Decides about one request.
pub(crate) struct Admission<'a> {
    pub(crate) login: &'a mut Login,
    pub(crate) directory: &'a Directory,
    pub(crate) counters: &'a Counters,
    pub(crate) countries: Option<&'a Countries>,
    pub(crate) now: Instant,
    pub(crate) path: Path,
    /// The names in the verified certificate of whoever sends this.
    pub(crate) names: Option<Arc<[String]>>,
}

impl Admission<'_> {
    /// Whether an INVITE outside of any dialog begins a call; `Err` is what it is answered with.
    pub(crate) fn invite(&mut self, request: &Request) -> Result<Admitted, Box<Response>> {
        let from = request.headers.from().map_err(|_| refusal(request, 400))?;
        let caller = user(&from).unwrap_or_default();
        let dialled = Uri::parse(&request.uri)
            .ok()
            .and_then(|uri| uri.user_text());
        let dialled = dialled.unwrap_or_default();
        let extension = self.directory.extension_numbered(&caller);
        if let Some(extension) = extension.filter(|extension| extension.enabled) {
            if self.prove(request)? != extension.number {
                return Err(forbidden(request));
            }
            let origin = Origin::Extension(extension.id);
            return Ok(Admitted {
                origin,
                from: party_of(extension, &from, request),
                dialled,
            });
        }
        let Some(trunk) = self.trunk(&dialled) else {
            self.prove(request)?;
            return Err(forbidden(request));
        };
        let dialled = identity::called(request, trunk).unwrap_or_default();
        if dialplan::inbound(self.directory, trunk, &dialled).is_err() {
            return Err(refusal(request, 404));
        }
        Ok(Admitted {
            origin: Origin::Trunk(trunk.id),
            from: trunk_party(request, trunk),
            dialled,
        })
    }

    /// The trunk a request is from, by whom it proves to be, whom it calls, and where it is.
    fn trunk(&self, user: &str) -> Option<&Trunk> {
        let named = self.names.as_deref();
        let named = named.and_then(|names| self.directory.trunk_named(names));
        named
            .or_else(|| self.directory.trunk_registered_as(user))
            .or_else(|| self.directory.trunk_trusting(self.path.peer.ip()))
    }

    /// The extension a REGISTER is for, if it may be registered by whoever sends this.
    pub(crate) fn register(&mut self, request: &Request) -> Result<String, Box<Response>> {
        let to = request.headers.to().map_err(|_| refusal(request, 400))?;
        let from = request.headers.from().map_err(|_| refusal(request, 400))?;
        let proved = self.prove(request)?;
        let is_own = |address: &NameAddr| user(address).is_some_and(|user| user == proved);
        if is_own(&to) && is_own(&from) {
            Ok(proved)
        } else {
            Err(forbidden(request))
        }
    }

    /// The extension that sends a request outside of calls, if it is one and proves it. Trunks may
    /// not.
    pub(crate) fn sender(&mut self, request: &Request) -> Result<String, Box<Response>> {
        let from = request.headers.from().map_err(|_| refusal(request, 400))?;
        let name = user(&from).unwrap_or_default();
        let extension = self.directory.extension_numbered(&name);
        let is_known = extension.is_some_and(|extension| extension.enabled);
        let source = self.path.peer.ip();
        if !is_known && self.directory.trunk_trusting(source).is_some() {
            return Err(forbidden(request));
        }
        let proved = self.prove(request)?;
        if proved == name {
            Ok(proved)
        } else {
            Err(forbidden(request))
        }
    }

    /// Whether a request in the dialog of an extension's phone, from where that phone was not heard
    /// from before, is the extension's all the same; `Err` is what it is answered with.
    pub(crate) fn peer(&mut self, request: &Request, number: &str) -> Result<(), Box<Response>> {
        if self.prove(request)? == number {
            Ok(())
        } else {
            Err(forbidden(request))
        }
    }

    fn prove(&mut self, request: &Request) -> Result<String, Box<Response>> {
        let source = self.path.peer.ip();
        let proved = self
            .login
            .prove(self.now, self.directory, self.counters, request, source)?;
        let extension = self.directory.extension_numbered(&proved);
        let allowed = extension.map_or(&[][..], |extension| &extension.countries);
        if self
            .countries
            .is_none_or(|countries| countries.admit(allowed, source))
        {
            return Ok(proved);
        }
        let failure = LoginFailure::Country;
        self.login.failed(self.counters, source, &proved, failure);
        Err(forbidden(request))
    }
}

/// A refusal without further headers.
pub(crate) fn refusal(request: &Request, status: u16) -> Box<Response> {
    Box::new(Response::to(request, status, phrase(status)))
}

fn user(address: &NameAddr) -> Option<String> {
    Uri::parse(&address.uri).ok()?.user_text()
}

/// Our own name for an extension counts before the one its phone was set to.
fn party_of(extension: &Extension, from: &NameAddr, request: &Request) -> Party {
    let own = Some(extension.name.clone()).filter(|name| !name.is_empty());
    Party {
        number: extension.number.clone(),
        name: own.or_else(|| name(from)),
        privacy: identity::privacy_wish(request),
        asserted: None,
    }
}

fn trunk_party(request: &Request, trunk: &Trunk) -> Party {
    let Caller {
        number,
        name,
        privacy,
        asserted,
    } = identity::incoming(request, trunk);
    Party {
        number,
        name,
        privacy,
        asserted,
    }
}

fn name(address: &NameAddr) -> Option<String> {
    address
        .display_name()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
}
