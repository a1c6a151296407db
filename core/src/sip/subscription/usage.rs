//! The machine of one subscription.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::asked::{Asked, Terms, refusal};
use super::document::{Document, Versions};
use super::message::{EndReason, NotifyTag, Opening, SubscriptionEffect, SubscriptionInput};
use super::package::Package;
use crate::sip::HeaderName;
use crate::sip::dialog::{Dialog, DialogError, DialogKey};
use crate::sip::endpoint::{ServerTxn, TxnFailure};
use crate::sip::header::{Event, RetryAfter, SubscriptionState};
use crate::sip::invite::{LocalParty, NextHop};
use crate::sip::message::{Request, Response};
use crate::sip::method::Method;
use crate::sip::status::phrase;
use crate::timers::Timers;

/// NOTIFYs in a row that may be refused for the moment before the subscription is given up.
const TRIES: u8 = 3;

/// How long to wait after such a refusal that does not say.
const PAUSE: Duration = Duration::from_secs(5);

/// The longest wait a watcher may ask for.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// After how long a NOTIFY counts as lost of which nothing was heard: twice what its transaction
/// lasts, so that it only happens when somebody forgot to tell.
const LOST: Duration = Duration::from_secs(64);

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Active,
    /// The last NOTIFY has yet to go out.
    Ending(EndReason),
    /// It is out.
    Leaving,
    Over,
}

/// What the watcher has to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Pending {
    Nothing,
    /// A change, as soon as the package allows it.
    Change,
    /// The whole state, now.
    Everything,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Clock {
    Expiry,
    /// The package's rate allows the next change.
    Quiet,
    /// The watcher is asked again after a refusal.
    Pause,
    /// Nobody told what became of a NOTIFY.
    Answer,
}

/// One watcher's subscription. See the [module](super).
#[derive(Debug, Clone)]
pub struct Subscription {
    dialog: Dialog,
    event: Event,
    package: Package,
    terms: Terms,
    local: LocalParty,
    stage: Stage,
    expires_at: Instant,
    /// Whether what is watched is a list.
    list: bool,
    /// What the watcher was told last. Shared between copies: a list is long.
    told: Option<Arc<Document>>,
    versions: Versions,
    pending: Pending,
    outstanding: Option<NotifyTag>,
    notifies: u64,
    refused: u8,
    timers: Timers<Clock>,
    effects: VecDeque<SubscriptionEffect>,
}

impl Subscription {
    /// Grants a SUBSCRIBE outside of any dialog: answers it and wants the first state. A subscription
    /// for no time tells the state once and is over.
    ///
    /// # Errors
    /// When no dialog can be made of the request.
    pub fn accept(now: Instant, request: &Request, opening: Opening) -> Result<Self, DialogError> {
        let Opening {
            txn,
            asked,
            terms,
            local,
            local_tag,
            list,
        } = opening;
        let mut subscription = Self {
            dialog: Dialog::uas(request, &local_tag, 1)?,
            event: asked.event,
            package: asked.package,
            terms,
            local,
            stage: Stage::Active,
            expires_at: now,
            versions: Versions::new(&local_tag),
            list,
            told: None,
            pending: Pending::Everything,
            outstanding: None,
            notifies: 0,
            refused: 0,
            timers: Timers::default(),
            effects: VecDeque::new(),
        };
        subscription.grant(now, txn, request, asked.expires);
        Ok(subscription)
    }

    /// What finds its dialog.
    #[must_use]
    pub fn key(&self) -> &DialogKey {
        self.dialog.key()
    }

    /// What is watched about the resource.
    #[must_use]
    pub fn package(&self) -> Package {
        self.package
    }

    /// Where the watcher wants its NOTIFYs.
    #[must_use]
    pub fn target(&self) -> &Bytes {
        self.dialog.target()
    }

    /// True when nothing more is to be sent or expected.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<SubscriptionEffect> {
        self.effects.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.next()
    }

    /// Something happened.
    pub fn handle(&mut self, now: Instant, input: SubscriptionInput) {
        match input {
            SubscriptionInput::Subscribe {
                txn,
                request,
                local,
            } => self.subscribed(now, txn, &request, local),
            SubscriptionInput::Answered { tag, answer } => {
                if self.outstanding == Some(tag) {
                    self.outstanding = None;
                    self.timers.stop(Clock::Answer);
                    self.answered(now, answer);
                }
            }
        }
    }

    /// The state may not be any more what the watcher was told.
    pub fn mark(&mut self) {
        if self.stage == Stage::Active && self.pending == Pending::Nothing {
            self.pending = Pending::Change;
        }
    }

    /// Whether the watcher is to be told the state now: [`tell`](Self::tell) wants it. False while
    /// there is no news, and while there is some that may not be told yet.
    #[must_use]
    pub fn wants_state(&self) -> bool {
        if self.outstanding.is_some() || self.timers.deadline(Clock::Pause).is_some() {
            return false;
        }
        match self.stage {
            Stage::Active => match self.pending {
                Pending::Nothing => false,
                Pending::Change => self.timers.deadline(Clock::Quiet).is_none(),
                Pending::Everything => true,
            },
            Stage::Ending(_) => true,
            Stage::Leaving | Stage::Over => false,
        }
    }

    /// The state is this now. What [wants no state](Self::wants_state) is not changed by it.
    pub fn tell(&mut self, now: Instant, document: Document) {
        if !self.wants_state() {
            return;
        }
        match self.stage {
            // It changed and changed back.
            Stage::Active
                if self.pending == Pending::Change && self.told.as_deref() == Some(&document) =>
            {
                self.pending = Pending::Nothing;
            }
            Stage::Active => {
                let left = self.expires_at.saturating_duration_since(now);
                self.notify(now, &SubscriptionState::active(left), document);
            }
            Stage::Ending(reason) => {
                self.stage = Stage::Leaving;
                self.pending = Pending::Everything;
                self.notify(now, &reason.state(), document);
            }
            Stage::Leaving | Stage::Over => {}
        }
    }

    /// Tells the whole state once more: a watcher that has forgotten the subscription says so.
    pub fn remind(&mut self) {
        if self.stage == Stage::Active {
            self.pending = Pending::Everything;
        }
    }

    /// Ends it from our side.
    pub fn end(&mut self, reason: EndReason) {
        if self.stage == Stage::Active {
            self.stage = Stage::Ending(reason);
            self.timers.stop(Clock::Expiry);
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(clock) = self.timers.pop_due(now) {
            match clock {
                Clock::Expiry => self.end(EndReason::Timeout),
                Clock::Answer => {
                    self.outstanding = None;
                    self.answered(now, Err(TxnFailure::TimedOut));
                }
                Clock::Quiet | Clock::Pause => {}
            }
        }
    }

    fn subscribed(&mut self, now: Instant, txn: ServerTxn, request: &Request, local: LocalParty) {
        if !self.dialog.is_with(request.headers.from_tag().as_ref()) {
            return self.respond(txn, *refusal(request, 481, phrase(481), None));
        }
        if self.dialog.handle_request(request).is_err() {
            // RFC 3261 section 12.2.2.
            return self.respond(txn, *refusal(request, 500, phrase(500), None));
        }
        let asked = match Asked::read(request, &self.terms) {
            Ok(asked) => asked,
            Err(response) => return self.respond(txn, *response),
        };
        let same = asked.package == self.package && asked.event.id() == self.event.id();
        if !same || self.stage != Stage::Active {
            return self.respond(txn, *refusal(request, 481, phrase(481), None));
        }
        self.dialog.refresh_target(&request.headers);
        self.local = local;
        self.timers.stop(Clock::Pause);
        self.refused = 0;
        self.pending = Pending::Everything;
        self.grant(now, txn, request, asked.expires);
    }

    /// Answers a SUBSCRIBE with 200. A NOTIFY follows in any case (RFC 6665 section 4.2.1.2).
    fn grant(&mut self, now: Instant, txn: ServerTxn, request: &Request, expires: Duration) {
        let mut response = Response::to(request, 200, phrase(200));
        let headers = &mut response.headers;
        headers.add_to_tag(&String::from_utf8_lossy(&self.dialog.key().local_tag));
        for route in request.headers.all(&HeaderName::RecordRoute) {
            headers.push(HeaderName::RecordRoute, route.clone());
        }
        headers.push(HeaderName::Contact, self.local.contact.clone());
        headers.push(HeaderName::Expires, expires.as_secs().to_string());
        if self.list {
            headers.push(HeaderName::Require, "eventlist");
        }
        self.respond(txn, response);
        self.expires_at = now + expires;
        if expires.is_zero() {
            self.stage = Stage::Ending(EndReason::Timeout);
            self.timers.stop(Clock::Expiry);
        } else {
            self.timers.set(Clock::Expiry, self.expires_at);
        }
    }

    /// RFC 6665 section 4.2.2 with RFC 5057 section 5: some answers end the dialog, others only say
    /// that the watcher is busy.
    fn answered(&mut self, now: Instant, answer: Result<Response, TxnFailure>) {
        let pause = match answer {
            Ok(response) if response.is_success() => {
                self.dialog.refresh_target(&response.headers);
                self.refused = 0;
                None
            }
            Ok(response) => match pause_of(&response) {
                Some(pause) => Some(pause),
                None => return self.finish(),
            },
            // Signalling fell, or the connection did: the watcher may be back in a moment.
            Err(TxnFailure::Transport) => Some(PAUSE),
            Err(TxnFailure::TimedOut) => return self.finish(),
        };
        if self.stage == Stage::Leaving {
            return self.finish();
        }
        if let Some(pause) = pause {
            self.refused += 1;
            if self.refused >= TRIES {
                return self.finish();
            }
            self.pending = Pending::Everything;
            self.timers.set(Clock::Pause, now + pause);
        }
    }

    fn finish(&mut self) {
        self.stage = Stage::Over;
        self.timers.retain(|_| false);
    }

    fn notify(&mut self, now: Instant, state: &SubscriptionState, document: Document) {
        let known = self.told.take();
        let known = known.filter(|_| self.pending == Pending::Change);
        let body = document.write(&mut self.versions, known.as_deref());
        self.told = Some(Arc::new(document));
        self.pending = Pending::Nothing;
        let mut request = self.dialog.request(Method::Notify);
        let headers = &mut request.headers;
        headers.push(HeaderName::Contact, self.local.contact.clone());
        headers.push(HeaderName::Event, self.event.echo());
        headers.push(HeaderName::SubscriptionState, state.write());
        if self.list {
            headers.push(HeaderName::Require, "eventlist");
        }
        headers.push(HeaderName::UserAgent, self.local.product.clone());
        headers.push(HeaderName::ContentType, body.content_type);
        request.body = body.bytes;
        self.notifies += 1;
        let tag = NotifyTag(self.notifies);
        self.outstanding = Some(tag);
        self.timers.set(Clock::Answer, now + LOST);
        self.timers
            .set(Clock::Quiet, now + self.package.min_interval());
        self.effects.push_back(SubscriptionEffect::Notify {
            tag,
            next_hop: NextHop {
                uri: self.dialog.next_hop(),
                flow: self.local.flow,
                address: self.local.address,
            },
            request,
        });
    }

    fn respond(&mut self, txn: ServerTxn, response: Response) {
        self.effects
            .push_back(SubscriptionEffect::Respond { txn, response });
    }
}

/// After how long a NOTIFY that was refused so may be sent again; `None` when it may not.
fn pause_of(response: &Response) -> Option<Duration> {
    let asked = response.headers.get(&HeaderName::RetryAfter);
    let asked = asked.and_then(|value| RetryAfter::parse(value).ok());
    let passes = matches!(response.status, 486 | 491 | 500 | 503 | 504);
    let pause = asked.map(RetryAfter::duration);
    pause
        .or_else(|| passes.then_some(PAUSE))
        .map(|pause| pause.clamp(Duration::from_secs(1), LONGEST_PAUSE))
}
