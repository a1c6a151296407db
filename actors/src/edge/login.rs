//! Proof of who sends a request.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use offhook_core::Directory;
use offhook_core::config::SipConfig;
use offhook_core::sip::defence::LoginFailure;
use offhook_core::sip::digest::{Authenticator, Refusal, Role, Verdict};
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::status::phrase;

use super::stats::Counters;
use crate::defence::Guard;

/// Asks for passwords.
///
/// Nothing here tells a stranger which extensions exist: whoever has no credentials is asked for
/// them, and whoever has wrong ones is refused with 403, whether the name is known or not, after
/// the same work. The [`Guard`] is told who guesses.
#[derive(Debug)]
pub(crate) struct Login {
    authenticator: Authenticator,
    guard: Guard,
}

impl Login {
    /// Guards the realm of `config`, with a secret that lives as long as this.
    pub(crate) fn new(now: Instant, config: &SipConfig, guard: Guard) -> Self {
        let door = Authenticator::new(now, &config.realm, Role::Endpoint, rand::random());
        Self {
            authenticator: door.offering(&config.digest_algorithms),
            guard,
        }
    }

    /// The extension whose password `request` proves to know; else the response that asks for a
    /// proof or refuses.
    pub(crate) fn prove(
        &mut self,
        now: Instant,
        directory: &Directory,
        counters: &Counters,
        request: &Request,
        source: IpAddr,
    ) -> Result<String, Box<Response>> {
        if let Some(user) = self.locked(request, source) {
            self.failed(counters, source, &user, LoginFailure::Locked);
            return Err(forbidden(request));
        }
        let password = |name: &str| {
            let extension = directory.extension_numbered(name)?;
            let usable = extension.enabled && !extension.password.expose().is_empty();
            usable.then(|| extension.password.clone())
        };
        match self.authenticator.verify(now, source, request, password) {
            Verdict::Accepted { username } => {
                self.guard.logged_in(source, &username);
                Ok(username)
            }
            Verdict::Challenge { stale } => Err(Box::new(
                self.authenticator
                    .challenge_response(now, source, request, stale),
            )),
            Verdict::Refused { username, reason } => {
                self.failed(counters, source, &username, failure(reason));
                Err(forbidden(request))
            }
        }
    }

    /// The name a request would prove, if it may not be tried from there at present.
    fn locked(&self, request: &Request, source: IpAddr) -> Option<String> {
        let user = self.authenticator.claimant(request)?;
        self.guard.is_locked(source, &user).then_some(user)
    }

    /// Counts and tells a login that failed.
    pub(crate) fn failed(
        &self,
        counters: &Counters,
        source: IpAddr,
        user: &str,
        failure: LoginFailure,
    ) {
        counters.failed_logins.fetch_add(1, Ordering::Relaxed);
        self.guard.login_failed(source, user, failure);
    }
}

fn failure(refusal: Refusal) -> LoginFailure {
    match refusal {
        Refusal::UnknownUser => LoginFailure::UnknownUser,
        Refusal::WrongPassword => LoginFailure::WrongPassword,
        Refusal::WrongUri | Refusal::Malformed | _ => LoginFailure::BadProof,
    }
}

/// The refusal that tells nothing.
pub(crate) fn forbidden(request: &Request) -> Box<Response> {
    Box::new(Response::to(request, 403, phrase(403)))
}
