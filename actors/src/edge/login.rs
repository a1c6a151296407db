//! Proof of who sends a request.

use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use offhook_core::Directory;
use offhook_core::config::SipConfig;
use offhook_core::sip::digest::{Authenticator, Role, Verdict};
use offhook_core::sip::message::{Request, Response};
use offhook_core::sip::status::phrase;

use super::ban::Bans;
use super::stats::Counters;

/// Asks for passwords, and keeps those away who guess.
///
/// Nothing here tells a stranger which extensions exist: whoever has no credentials is asked for
/// them, and whoever has wrong ones is refused with 403, whether the name is known or not.
#[derive(Debug)]
pub(crate) struct Login {
    authenticator: Authenticator,
    bans: Bans,
}

impl Login {
    /// Guards the realm of `config`, with a secret that lives as long as this.
    pub(crate) fn new(now: Instant, config: &SipConfig) -> Self {
        let guard = Authenticator::new(now, &config.realm, Role::Endpoint, rand::random());
        Self {
            authenticator: guard.offering(&config.digest_algorithms),
            bans: Bans::default(),
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
        if self.bans.is_banned(now, source) {
            return Err(forbidden(request));
        }
        let password = |name: &str| {
            let extension = directory.extension_numbered(name)?;
            let usable = extension.enabled && !extension.password.expose().is_empty();
            usable.then(|| extension.password.clone())
        };
        match self.authenticator.verify(now, request, password) {
            Verdict::Accepted { username } => Ok(username),
            Verdict::Challenge { stale } => Err(Box::new(
                self.authenticator.challenge_response(now, request, stale),
            )),
            Verdict::Refused { username, reason } => {
                counters.failed_logins.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(%source, user = username.as_str(), ?reason, "login refused");
                if self.bans.record(now, source) {
                    counters.bans.fetch_add(1, Ordering::Relaxed);
                    tracing::warn!(%source, "too many wrong passwords: address banned for a while");
                }
                Err(forbidden(request))
            }
        }
    }
}

/// The refusal that tells nothing.
pub(crate) fn forbidden(request: &Request) -> Box<Response> {
    Box::new(Response::to(request, 403, phrase(403)))
}
