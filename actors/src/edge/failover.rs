//! Requests that can still go to another server (RFC 3263 section 4.3).
//!
//! A request goes on to its next target, in a new transaction, when the present one refuses with
//! 503, cannot be reached, or shows no sign of life for `sip.failover_after`. Who asked hears only
//! of the last target.
//!
//! An INVITE that was given up for its silence may be answered after all. It is a *stray* then:
//! cancelled as soon as it rings, and acknowledged and hung up if it was answered before that.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ahash::AHashMap;
use offhook_core::sip::Method;
use offhook_core::sip::endpoint::{ClientTxn, TxnFailure};
use offhook_core::sip::invite::Unwanted;
use offhook_core::sip::message::{Request, Response};

use super::route::Route;
use super::standing::{Standing, retry_after};

/// How long a stray's 2xx may be repeated (RFC 3261 section 13.3.1.4).
const REPEATS: Duration = Duration::from_secs(32);

/// What is to be done about a response or its absence.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Who asked is told.
    Deliver,
    /// Nobody is told.
    Swallow,
    /// The request goes to the next target.
    Elsewhere(Box<(Request, Route)>),
    /// A session nobody wants is ended.
    HangUp(Box<Unwanted>),
}

/// A request that is with one of several targets.
#[derive(Debug)]
struct Trying {
    request: Request,
    route: Route,
    /// When silence has lasted too long; `None` once something was heard.
    due: Option<Instant>,
}

/// An INVITE that was given up.
#[derive(Debug)]
struct Stray {
    invite: Request,
    /// When it is forgotten, once it was answered.
    due: Option<Instant>,
}

/// The requests of the signalling task that had a choice.
#[derive(Debug)]
pub(crate) struct Failover {
    patience: Duration,
    trying: AHashMap<ClientTxn, Trying>,
    strays: AHashMap<ClientTxn, Stray>,
    alarms: BTreeSet<(Instant, ClientTxn)>,
}

impl Failover {
    /// `patience` is how long a target may be silent while there is another one.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            patience,
            trying: AHashMap::new(),
            strays: AHashMap::new(),
            alarms: BTreeSet::new(),
        }
    }

    /// A request went out to the current target of its route.
    pub(crate) fn sent(&mut self, now: Instant, txn: ClientTxn, request: Request, route: Route) {
        let due = route.has_more().then_some(now + self.patience);
        self.alarms.extend(due.map(|at| (at, txn)));
        let trying = Trying {
            request,
            route,
            due,
        };
        self.trying.insert(txn, trying);
    }

    /// A response came.
    pub(crate) fn response(
        &mut self,
        now: Instant,
        txn: ClientTxn,
        response: &Response,
        standing: &mut Standing,
    ) -> Verdict {
        if self.strays.contains_key(&txn) {
            return self.stray_response(now, txn, response);
        }
        let Some(trying) = self.trying.get_mut(&txn) else {
            return Verdict::Deliver;
        };
        if let Some(at) = trying.due.take() {
            self.alarms.remove(&(at, txn));
        }
        let (target, call_id) = (trying.route.current(), trying.request.headers.call_id());
        if response.status == 503 {
            if let Some(target) = target {
                standing.penalise(now, target, retry_after(response));
            }
        } else if let (Some(target), Some(call_id)) = (target, call_id) {
            standing.answered(call_id, target);
        }
        if response.is_provisional() {
            return Verdict::Deliver;
        }
        match self.trying.remove(&txn) {
            Some(trying) if response.status == 503 && trying.route.has_more() => trying.elsewhere(),
            Some(_) | None => Verdict::Deliver,
        }
    }

    /// There will be no response. A target that has shown a sign of life had the request, and only
    /// the loss of its connection lets another one have it too.
    pub(crate) fn failed(
        &mut self,
        now: Instant,
        txn: ClientTxn,
        failure: TxnFailure,
        standing: &mut Standing,
    ) -> Verdict {
        if let Some(stray) = self.strays.remove(&txn) {
            unset(&mut self.alarms, stray.due, txn);
            return Verdict::Swallow;
        }
        let Some(trying) = self.trying.remove(&txn) else {
            return Verdict::Deliver;
        };
        unset(&mut self.alarms, trying.due, txn);
        if let Some(target) = trying.route.current() {
            standing.penalise(now, target, None);
        }
        if failure == TxnFailure::Transport && trying.route.has_more() {
            return trying.elsewhere();
        }
        Verdict::Deliver
    }

    /// The next request whose target has been silent for too long: it is to be abandoned, and goes
    /// elsewhere.
    pub(crate) fn poll_overdue(
        &mut self,
        now: Instant,
        standing: &mut Standing,
    ) -> Option<(ClientTxn, Verdict)> {
        while let Some((at, txn)) = self.alarms.first().copied().filter(|(at, _)| *at <= now) {
            self.alarms.remove(&(at, txn));
            self.strays.remove(&txn);
            let Some(trying) = self.trying.remove(&txn) else {
                continue;
            };
            if let Some(target) = trying.route.current() {
                standing.penalise(now, target, None);
            }
            if trying.request.method == Method::Invite {
                let invite = trying.request.clone();
                self.strays.insert(txn, Stray { invite, due: None });
            }
            return Some((txn, trying.elsewhere()));
        }
        None
    }

    /// When [`poll_overdue`](Self::poll_overdue) is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Who asked wants no answer any more: the request goes nowhere else.
    pub(crate) fn cancelled(&mut self, txn: ClientTxn) {
        if let Some(trying) = self.trying.get_mut(&txn) {
            trying.route.stop();
            let due = trying.due.take();
            unset(&mut self.alarms, due, txn);
        }
    }

    fn stray_response(&mut self, now: Instant, txn: ClientTxn, response: &Response) -> Verdict {
        let Some(stray) = self.strays.get_mut(&txn) else {
            return Verdict::Deliver;
        };
        if response.is_provisional() {
            return Verdict::Swallow;
        }
        if !response.is_success() {
            let due = stray.due;
            self.strays.remove(&txn);
            unset(&mut self.alarms, due, txn);
            return Verdict::Swallow;
        }
        let first = stray.due.is_none();
        if first {
            stray.due = Some(now + REPEATS);
            self.alarms.insert((now + REPEATS, txn));
        }
        let Some(mut unwanted) = Unwanted::answered(&stray.invite, response) else {
            return Verdict::Swallow;
        };
        if !first {
            // The BYE repeats itself.
            unwanted.bye = None;
        }
        Verdict::HangUp(Box::new(unwanted))
    }

    /// True when nothing is remembered.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.trying.is_empty() && self.strays.is_empty() && self.alarms.is_empty()
    }
}

impl Trying {
    fn elsewhere(self) -> Verdict {
        Verdict::Elsewhere(Box::new((self.request, self.route)))
    }
}

fn unset(alarms: &mut BTreeSet<(Instant, ClientTxn)>, at: Option<Instant>, txn: ClientTxn) {
    if let Some(at) = at {
        alarms.remove(&(at, txn));
    }
}
