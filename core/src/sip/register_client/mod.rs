//! The client's side of a registration (RFC 3261 section 10.2): what a trunk keeps with its carrier.
//!
//! ```text
//!              2xx                     at 80–95 % of what was granted
//!  Registering ────▶ Registered ──────────────────────────────────────▶ asks again
//!      │                 │ ran out
//!      │ every registrar failed                       401, 407: signs, asks again at once
//!      ▼                 ▼                            423: asks for longer, at once
//!  Unreachable: again after a pause that doubles      403 and the like: Refused, again much later
//! ```
//!
//! Registrars are tried in order; the one that answered is stayed with until it fails. The pauses are
//! those of RFC 5626 section 4.5.

mod answer;
mod failure;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::Bytes;

pub use failure::RegisterFailure;

use crate::id::IdSource;
use crate::sip::HeaderName;
use crate::sip::digest::{Credentials, DigestClient};
use crate::sip::endpoint::TxnFailure;
use crate::sip::header::{CSeq, Expires, NameAddr};
use crate::sip::invite::NextHop;
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::timers::Timers;

/// The pause after a first round in which every registrar failed, before chance.
const BASE: Duration = Duration::from_secs(30);
/// The longest pause, before chance, and the one after a refusal.
const MAX: Duration = Duration::from_secs(1800);
/// The longest registration that is believed in.
const MAX_EXPIRES: u32 = 7 * 86_400;
/// The longest `Retry-After` that is heeded.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// One place to register at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registrar {
    /// Its URI: the Request-URI of every REGISTER.
    pub uri: Bytes,
    /// Our Contact as it is reached from there: `<sip:user@192.0.2.1:5060>`.
    pub contact: Bytes,
}

/// What is registered, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterConfig {
    /// Where, the first choice first. Without any nothing is ever sent.
    pub registrars: Vec<Registrar>,
    /// The address-of-record: `sip:office@carrier.example`.
    pub aor: Bytes,
    /// How long it is asked to last.
    pub expires: Duration,
    /// What answers challenges.
    pub credentials: Option<Credentials>,
    /// Route values every REGISTER visits first.
    pub routes: Vec<Bytes>,
    /// The product name for `User-Agent`.
    pub product: Bytes,
}

/// What is to be done, or has happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RegisterEffect {
    /// Send this; its answer goes to [`RegisterClient::handle`] with the same tag.
    Send {
        /// Names the request.
        tag: u32,
        /// The request. Via is still to be added.
        request: Box<Request>,
        /// Where to.
        next_hop: NextHop,
    },
    /// Registered, for the first time, again, or elsewhere than before.
    Registered {
        /// With whom.
        registrar: Bytes,
    },
    /// Not registered, or not any more.
    Unregistered {
        /// Why.
        failure: RegisterFailure,
    },
}

/// How far a registration is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RegisterState {
    /// Nothing is known yet.
    Registering,
    /// It stands.
    Registered,
    /// The registrar wants none of us: tried again, but much later.
    Refused,
    /// No registrar gave a usable answer.
    Unreachable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum RegisterTimer {
    /// Time to ask, or to ask again.
    Send,
    /// What was granted runs out.
    Expire,
}

/// What a registrar granted.
#[derive(Debug, Clone)]
struct Binding {
    registrar: usize,
    until: Instant,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wish {
    Registered,
    /// Taken back; nothing is tried twice for that.
    Gone,
}

/// Keeps one registration.
#[derive(Debug, Clone)]
pub struct RegisterClient {
    config: RegisterConfig,
    ids: IdSource,
    digest: Option<DigestClient>,
    call_id: String,
    tag: String,
    cseq: u32,
    /// What is asked for, in seconds; a 423 raises it.
    expires: u32,
    /// How often it was raised since something was granted or refused.
    raised: u8,
    /// The registrar that is asked, or was asked last.
    at: usize,
    /// Registrars that failed in this round.
    failed: usize,
    /// Rounds in a row in which all failed.
    rounds: u32,
    /// The least pause a registrar of this round asked for.
    retry_after: Duration,
    pending: Option<u32>,
    next: u32,
    binding: Option<Binding>,
    service_route: Vec<Bytes>,
    state: RegisterState,
    wish: Wish,
    timers: Timers<RegisterTimer>,
    effects: VecDeque<RegisterEffect>,
}

impl RegisterClient {
    /// Begins to register at once.
    #[must_use]
    pub fn new(now: Instant, config: RegisterConfig, mut ids: IdSource) -> Self {
        let expires = u32::try_from(config.expires.as_secs()).unwrap_or(MAX_EXPIRES);
        let mut client = Self {
            digest: config.credentials.clone().map(DigestClient::new),
            call_id: ids.token(),
            tag: ids.token(),
            ids,
            cseq: 0,
            expires: expires.clamp(1, MAX_EXPIRES),
            at: 0,
            failed: 0,
            rounds: 0,
            raised: 0,
            retry_after: Duration::ZERO,
            pending: None,
            next: 0,
            binding: None,
            service_route: Vec::new(),
            state: RegisterState::Registering,
            wish: Wish::Registered,
            timers: Timers::default(),
            effects: VecDeque::new(),
            config,
        };
        client.timers.set(RegisterTimer::Send, now);
        client.handle_timeout(now);
        client
    }

    /// What became of the request with this tag. Answers to others than the last one are late and
    /// change nothing.
    pub fn handle(&mut self, now: Instant, tag: u32, answer: Result<&Response, TxnFailure>) {
        if self.pending != Some(tag) {
            return;
        }
        self.pending = None;
        match answer {
            Ok(response) => self.answered(now, response),
            Err(_) if self.wish == Wish::Gone => {}
            Err(TxnFailure::TimedOut) => self.fail(now, RegisterFailure::Silent),
            Err(TxnFailure::Transport) => self.fail(now, RegisterFailure::Unreachable),
        }
    }

    /// Takes the registration back, once; then [`is_finished`](Self::is_finished).
    pub fn stop(&mut self, _now: Instant) {
        if self.wish == Wish::Gone {
            return;
        }
        self.wish = Wish::Gone;
        self.timers = Timers::default();
        let binding = self.binding.take();
        if let Some(binding) = &binding {
            self.at = binding.registrar;
        }
        // Whoever is being asked may have granted it already.
        if binding.is_some() || self.pending.is_some() {
            self.send();
        }
    }

    /// Whether it was taken back and nothing more will happen.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.wish == Wish::Gone && self.pending.is_none() && self.effects.is_empty()
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                RegisterTimer::Send => self.send(),
                RegisterTimer::Expire => {
                    self.binding = None;
                    self.service_route.clear();
                    self.change(RegisterState::Unreachable, RegisterFailure::RanOut);
                }
            }
        }
    }

    /// What is to be done next.
    pub fn poll_effect(&mut self) -> Option<RegisterEffect> {
        self.effects.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// How far it is.
    #[must_use]
    pub fn state(&self) -> RegisterState {
        self.state
    }

    /// The routes calls should take while the registration stands (RFC 3608).
    #[must_use]
    pub fn service_route(&self) -> &[Bytes] {
        &self.service_route
    }

    /// Where it is registered, and until when.
    #[must_use]
    pub fn binding(&self) -> Option<(&Bytes, Instant)> {
        let binding = self.binding.as_ref()?;
        let registrar = self.config.registrars.get(binding.registrar)?;
        Some((&registrar.uri, binding.until))
    }

    /// The registrar that has it, or is being asked and may have it already.
    #[must_use]
    pub fn place(&self) -> Option<&Registrar> {
        let bound = self.binding.as_ref().map(|binding| binding.registrar);
        let asked = self.pending.map(|_| self.at);
        self.config.registrars.get(bound.or(asked)?)
    }

    /// What it registers.
    #[must_use]
    pub fn config(&self) -> &RegisterConfig {
        &self.config
    }

    fn send(&mut self) {
        let Some(registrar) = self.config.registrars.get(self.at).cloned() else {
            return;
        };
        self.cseq += 1;
        let expires = match self.wish {
            Wish::Registered => self.expires,
            Wish::Gone => 0,
        };
        let cseq = CSeq {
            number: self.cseq,
            method: Method::Register,
        };
        let address = NameAddr::new(self.config.aor.clone());
        let mut request = Request::new(Method::Register, registrar.uri.clone());
        let headers = &mut request.headers;
        headers.push(HeaderName::MaxForwards, "70");
        for route in &self.config.routes {
            headers.push(HeaderName::Route, route.clone());
        }
        let from = address.clone().with_tag(&self.tag);
        headers.push(HeaderName::From, from.write());
        headers.push(HeaderName::To, address.write());
        headers.push(HeaderName::CallId, self.call_id.clone());
        headers.push(HeaderName::CSeq, cseq.write());
        headers.push(HeaderName::Contact, registrar.contact);
        headers.push(HeaderName::Expires, Expires(expires).write());
        headers.push(HeaderName::UserAgent, self.config.product.clone());
        if let Some(digest) = &mut self.digest {
            digest.authorize(&mut request, &mut self.ids);
        }
        self.next += 1;
        self.pending = Some(self.next);
        self.effects.push_back(RegisterEffect::Send {
            tag: self.next,
            request: Box::new(request),
            next_hop: NextHop {
                uri: first_hop(&self.config.routes, registrar.uri),
                flow: None,
                address: None,
            },
        });
    }

    /// A registrar failed: the next one is asked, after the last one there is a pause.
    fn fail(&mut self, now: Instant, failure: RegisterFailure) {
        self.failed += 1;
        self.at = (self.at + 1) % self.config.registrars.len().max(1);
        if failure.is_refusal() {
            // Whatever the registrar believed before, it does not any more.
            self.binding = None;
            self.service_route.clear();
            self.timers.stop(RegisterTimer::Expire);
            self.digest = self.config.credentials.clone().map(DigestClient::new);
        }
        if self.failed < self.config.registrars.len() {
            return self.send();
        }
        (self.failed, self.raised) = (0, 0);
        self.rounds = self.rounds.saturating_add(1);
        let doubled = BASE.saturating_mul(1 << self.rounds.min(10));
        let longest = if failure.is_refusal() {
            MAX
        } else {
            doubled.min(MAX)
        };
        let pause = self.part_of(longest, 50, 100).max(self.retry_after);
        self.retry_after = Duration::ZERO;
        self.timers.set(RegisterTimer::Send, now + pause);
        if failure.is_refusal() {
            self.change(RegisterState::Refused, failure);
        } else if self.binding.is_none() {
            self.change(RegisterState::Unreachable, failure);
        }
    }

    fn change(&mut self, state: RegisterState, failure: RegisterFailure) {
        if self.state != state {
            self.state = state;
            self.effects
                .push_back(RegisterEffect::Unregistered { failure });
        }
    }

    /// A random part of a length of time, in percent.
    fn part_of(&mut self, whole: Duration, least: u32, most: u32) -> Duration {
        let steps = u64::from(most - least) * 10;
        let thousandths = u64::from(least) * 10 + self.ids.below(steps + 1);
        let millis = u64::try_from(whole.as_millis()).unwrap_or(u64::MAX / 2000);
        Duration::from_millis(millis.saturating_mul(thousandths) / 1000)
    }
}

/// The URI a request goes to: the first route, else `target`.
pub(super) fn first_hop(routes: &[Bytes], target: Bytes) -> Bytes {
    let first = routes.first();
    let first = first.and_then(|route| NameAddr::parse(route, &HeaderName::Route).ok());
    first.map_or(target, |route| route.uri)
}
